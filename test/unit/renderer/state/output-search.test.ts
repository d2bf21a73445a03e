import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { windowOfLines } from '../../../../renderer/components/window-of-lines.ts';
import type { OutputLine } from '../../../../renderer/state/job-output.ts';
import { createOutputSearch, piecesOf } from '../../../../renderer/state/output-search.ts';

const linesOf = (texts: readonly string[]): OutputLine[] =>
  texts.map((text, index) => ({ number: index + 1, stream: 'stdout', text }));

describe('createOutputSearch', () => {
  it('finds the same in a list that grew as in one that is searched anew', () => {
    fc.assert(
      fc.property(
        fc.array(fc.stringMatching(/^[abA.]{0,4}$/), { maxLength: 40 }),
        fc.stringMatching(/^[abA.]{1,2}$/),
        fc.array(fc.nat(40), { maxLength: 6 }),
        (texts, query, cuts) => {
          const all = linesOf(texts);
          const search = createOutputSearch();
          for (const cut of cuts.toSorted((a, b) => a - b)) {
            const part = all.slice(0, cut);
            // The last line is still being written.
            const last = part.at(-1);
            search('both', last === undefined ? part : [...part.slice(0, -1), { ...last, text: '' }], query);
          }
          const plain = all.flatMap(({ text }, index) =>
            text.toLowerCase().includes(query.toLowerCase()) ? [index] : [],
          );
          expect(search('both', all, query)).toEqual(plain);
        },
      ),
    );
  });
  it('begins anew for another stream, and once lines were dropped', () => {
    const search = createOutputSearch();
    const lines = linesOf(['a', 'b', 'a', 'b', 'a']);
    expect(search('both', lines, 'a')).toEqual([0, 2, 4]);
    expect(search('stderr', lines.slice(0, 3), 'a')).toEqual([0, 2]);
    expect(search('both', lines, 'a')).toEqual([0, 2, 4]);
    expect(search('both', lines.slice(1), 'a')).toEqual([1, 3]);
    expect(search('both', lines, '')).toEqual([]);
  });
});

describe('piecesOf', () => {
  it('cuts at every hit and loses nothing', () => {
    expect(piecesOf('An error, ERROR.', 'error')).toEqual(['An ', 'error', ', ', 'ERROR', '.']);
    expect(piecesOf('1+1 = 2', '+')).toEqual(['1', '+', '1 = 2']);
    fc.assert(
      fc.property(fc.string(), fc.string(), (text, query) => {
        expect(piecesOf(text, query).join('')).toBe(text);
      }),
    );
  });
});

describe('windowOfLines', () => {
  it('draws what can be seen, never more than a few screenfuls, and keeps the height', () => {
    fc.assert(
      fc.property(fc.nat(200_000), fc.nat(4_000_000), fc.integer({ min: 0, max: 2000 }), (count, scrollPx, viewPx) => {
        const { from, to, abovePx, belowPx } = windowOfLines(count, 18, scrollPx, viewPx);
        expect(to - from).toBeLessThanOrEqual(Math.ceil((viewPx || 720) / 18) + 40);
        expect(abovePx + (to - from) * 18 + belowPx).toBe(count * 18);
        const first = Math.floor(scrollPx / 18);
        expect(first >= count || (from <= first && first < Math.max(to, from + 1))).toBe(true);
      }),
    );
  });
});
