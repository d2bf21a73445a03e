import { describe, expect, it } from 'vitest';
import { chainOf, takenBytes } from '../../../../../main/kernel/runtime/images/taken-bytes.ts';

const image = (id: string, bytes: number, sharedBytes: number, layers: readonly string[]) => ({
  id,
  bytes,
  sharedBytes,
  chain: chainOf(layers),
});

describe('what images take together', () => {
  it('counts what they stand on once', () => {
    expect(takenBytes([])).toBe(0);
    expect(takenBytes([image('a', 110, 100, ['base', 'x']), image('b', 120, 100, ['base', 'y'])])).toBe(130);
    // With one of the owner's alone: it would be there without us, and counts all the same.
    expect(takenBytes([image('a', 110, 100, ['base', 'x'])])).toBe(110);
  });

  it('is not told less by pairs that share equally many bytes', () => {
    const pairs = Array.from({ length: 10 }, (_, pair) => [
      image(`${pair} a`, 101, 100, [`base ${pair}`, 'a']),
      image(`${pair} b`, 101, 100, [`base ${pair}`, 'b']),
    ]).flat();
    expect(takenBytes(pairs)).toBe(10 * 102);
    // Nor by a small layer that all of them begin with.
    const hidden = pairs.map(({ id }, at) => image(id, 102, 101, ['small', `base ${Math.floor(at / 2)}`, id]));
    expect(takenBytes(hidden)).toBe(10 * 103);
  });
});
