import { describe, expect, it } from 'vitest';
import { createStyle, formatFields, formatTable, printable, wrap } from '../../../../main/api/cli/table.ts';
import { viewGrid } from '../../../../main/api/cli/views.ts';

const plain = createStyle({ colour: false, columns: 40, nowMs: 0 });

describe('a table', () => {
  it('aligns columns, numbers to the right', () => {
    expect(
      formatTable(
        [{ title: 'A' }, { title: 'N', right: true }],
        [
          ['x', '5'],
          ['long', '1000'],
        ],
        plain,
      ),
    ).toBe('A        N\nx        5\nlong  1000\n');
  });
  it('shrinks what may shrink to the width of the terminal, and nothing else', () => {
    const text = formatTable(
      [{ title: 'ID' }, { title: 'NAME', shrinksTo: 5 }],
      [['0123456789', 'x'.repeat(60)]],
      plain,
    );
    expect(Math.max(...text.split('\n').map((line) => line.length))).toBe(40);
    expect(text).toContain('0123456789  xxx');
    expect(text).toContain('…');
  });
  it('measures text without its colours', () => {
    const colourful = createStyle({ colour: true, columns: 40, nowMs: 0 });
    const [, one, two] = formatTable(
      [{ title: 'A' }, { title: 'B' }],
      [
        [colourful.good('ok'), 'x'],
        ['four', 'y'],
      ],
      colourful,
    ).split('\n');
    expect(one?.replaceAll(/\x1b\[\d+m/g, '')).toBe('ok    x');
    expect(two).toBe('four  y');
  });
  it('lets no text from elsewhere move the cursor', () => {
    expect(printable('a\x1b[2Jb\u202ec\nd')).toBe('a?[2Jb?c d');
  });
  it('wraps at words, set in', () => {
    expect(wrap('one two three', 9, 2)).toBe('one two\n  three');
    expect(
      formatFields(
        [
          ['A', 'b'],
          ['Long', 'c'],
        ],
        plain,
      ),
    ).toBe('A     b\nLong  c\n');
  });
});

describe('a week grid', () => {
  it('has a row per day and fits 80 columns', () => {
    const grid = Array.from({ length: 168 }, (_, index) => (index === 0 ? 0 : index === 1 ? 100 : 42));
    const lines = viewGrid(grid, createStyle({ colour: false, columns: 80, nowMs: 0 }))
      .trimEnd()
      .split('\n');
    expect(lines).toHaveLength(8);
    expect(lines[1]).toMatch(/^Mon {3}· ██ 42 42/);
    for (const line of lines) expect(line.length).toBeLessThanOrEqual(80);
  });
});
