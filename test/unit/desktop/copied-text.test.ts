import { describe, expect, it } from 'vitest';
import { createCopiedText } from '../../../main/desktop/copied-text.ts';
import { COPIED_TEXT_LENGTH_MAX, COPIED_TEXT_MS } from '../../../main/desktop/constants.ts';
import { createManualClock } from '../../support/manual-clock.ts';

const world = () => {
  const clock = createManualClock();
  let content = '';
  let reads = 0;
  const copied = createCopiedText(clock, {
    readText: () => {
      reads += 1;
      return content;
    },
    clear: () => {
      content = '';
    },
  });
  return {
    clock,
    copied,
    put: (text: string) => {
      content = text;
    },
    content: () => content,
    reads: () => reads,
  };
};

describe('what the page copied', () => {
  it('is taken out after a minute', async () => {
    const { clock, copied, put, content } = world();
    put('caes1abc');
    copied.forget('caes1abc');
    await clock.advance(COPIED_TEXT_MS - 1);
    expect(content()).toBe('caes1abc');
    await clock.advance(1);
    expect(content()).toBe('');
    expect(clock.pendingCount).toBe(0);
  });

  it('is left where something else is there by then', async () => {
    const { clock, copied, put, content } = world();
    copied.forget('caes1abc');
    put('a letter');
    await clock.advance(COPIED_TEXT_MS);
    expect(content()).toBe('a letter');
  });

  it('begins its minute again with the next text, and only that one is taken out', async () => {
    const { clock, copied, put, content, reads } = world();
    copied.forget('first');
    await clock.advance(COPIED_TEXT_MS / 2);
    put('second');
    copied.forget('second');
    await clock.advance(COPIED_TEXT_MS / 2);
    expect([content(), reads()]).toEqual(['second', 0]);
    await clock.advance(COPIED_TEXT_MS / 2);
    expect([content(), reads()]).toEqual(['', 1]);
  });

  it('is taken out at once when the program ends, and nothing is looked at where nothing was copied', () => {
    const { clock, copied, put, content, reads } = world();
    copied.close();
    expect(reads()).toBe(0);
    put('caes1abc');
    copied.forget('caes1abc');
    copied.close();
    expect([content(), clock.pendingCount]).toEqual(['', 0]);
  });

  it('is a text of a bounded length, whatever a page sends', () => {
    const { clock, copied } = world();
    for (const wrong of [undefined, null, 7, {}, '', 'x'.repeat(COPIED_TEXT_LENGTH_MAX + 1)]) copied.forget(wrong);
    expect(clock.pendingCount).toBe(0);
  });
});
