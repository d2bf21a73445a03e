import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createOutputBuffer, LINE_CHARACTERS_MAX, OUTPUT_LINES_MAX } from '../../../../renderer/state/job-output.ts';

const id = 'job-0000000000000001';
const chunk = (offset: number, bytes: Uint8Array, stream: 'stdout' | 'stderr' = 'stdout') => ({
  id,
  stream,
  offset,
  data: Buffer.from(bytes).toString('base64'),
});
const textChunk = (offset: number, text: string, stream: 'stdout' | 'stderr' = 'stdout') =>
  chunk(offset, Buffer.from(text), stream);

describe('createOutputBuffer', () => {
  it('says the same however the bytes are cut', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: 'grapheme', maxLength: 200 }),
        fc.array(fc.integer({ min: 1, max: 7 }), { minLength: 1 }),
        (text, sizes) => {
          const bytes = Buffer.from(text);
          const buffer = createOutputBuffer();
          for (let at = 0, turn = 0; at < bytes.length; turn += 1) {
            const size = sizes[turn % sizes.length]!;
            expect(buffer.add(chunk(at, bytes.subarray(at, at + size)))).toBe(true);
            at += size;
          }
          const lines = text.split('\n');
          if (lines.at(-1) === '') lines.pop();
          expect(buffer.lines().map((line) => line.text)).toEqual(lines);
          expect(buffer.nextOffset).toBe(bytes.length);
        },
      ),
    );
  });

  it('takes no byte twice and says when some are missing', () => {
    const buffer = createOutputBuffer();
    expect(buffer.add(textChunk(0, 'one\n'))).toBe(true);
    expect(buffer.add(textChunk(0, 'one\n'))).toBe(true);
    expect(buffer.add(textChunk(2, 'e\ntwo\n'))).toBe(true);
    expect(buffer.add(textChunk(100, 'late\n'))).toBe(false);
    expect(buffer.lines().map((line) => line.text)).toEqual(['one', 'two']);
  });

  it('keeps the two streams apart', () => {
    const buffer = createOutputBuffer();
    buffer.add(textChunk(0, 'half'));
    buffer.add(textChunk(4, 'wrong\n', 'stderr'));
    buffer.add(textChunk(10, ' line\n'));
    expect(buffer.lines().map(({ stream, text }) => `${stream} ${text}`)).toEqual(['stderr wrong', 'stdout half line']);
  });

  it('is bounded in lines and in the length of a line', () => {
    const buffer = createOutputBuffer();
    let offset = 0;
    for (let line = 0; line < OUTPUT_LINES_MAX * 3; line += 1) {
      const text = `${line}\n`;
      buffer.add(textChunk(offset, text));
      offset += text.length;
    }
    expect(buffer.lines().length).toBeLessThan(OUTPUT_LINES_MAX * 1.25);
    expect(buffer.lines().at(-1)?.text).toBe(String(OUTPUT_LINES_MAX * 3 - 1));
    expect(buffer.dropped + buffer.lines().length).toBe(OUTPUT_LINES_MAX * 3);
    buffer.add(textChunk(offset, 'x'.repeat(LINE_CHARACTERS_MAX * 2 + 5)));
    expect(Math.max(...buffer.lines().map((line) => line.text.length))).toBeLessThanOrEqual(LINE_CHARACTERS_MAX);
  });
});
