import { decode } from '@ipld/dag-cbor';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeCbor, encodeCbor } from '../../../main/base/index.ts';
import { fromHex, toHex } from '../../support/vectors.ts';

const REFUSED = Symbol('refused');
const attempt = (read: () => unknown): unknown => {
  try {
    return read();
  } catch {
    return REFUSED;
  }
};

describe('decodeCbor', () => {
  it.each([
    ['an integer in more bytes than it needs', '1801'],
    ['an integer in two bytes too many', '190001'],
    ['a length in more bytes than it needs', '580100'],
    ['keys out of order', 'a2616201616100'],
    ['a longer key first', 'a262616101616200'],
    ['a key twice', 'a2616100616101'],
    ['a list of unknown length', '9f01ff'],
    ['a map of unknown length', 'bf616101ff'],
    ['bytes of unknown length', '5f4100ff'],
    ['text of unknown length', '7f6161ff'],
    ['undefined', 'f7'],
    ['a simple value', 'e0'],
    ['a break', 'ff'],
    ['a float of 16 bits', 'f93e00'],
    ['a float of 32 bits', 'fa3fc00000'],
    ['a float that is an integer', 'fb3ff0000000000000'],
    ['a float that is minus zero', 'fb8000000000000000'],
    ['not a number', 'fb7ff8000000000000'],
    ['infinity', 'fb7ff0000000000000'],
    ['a date', 'c11a514b67b0'],
    ['a big number', 'c249010000000000000000'],
    ['a key that is a number', 'a10001'],
    ['text that is not UTF-8', '61ff'],
    ['text with half a character', '63eda080'],
    ['a link', 'd82a58250001711220' + '00'.repeat(32)],
    ['a map of more entries than there are bytes', 'bb000fffffffffffff'],
    ['a negative integer in more bytes than it needs', '3800'],
    ['a list that is cut short', '8201'],
    ['bytes that are cut short', '4401'],
    ['bytes behind the value', '0000'],
    ['nothing', ''],
    ['a reserved length', '1c'],
  ])('refuses %s', (_, hex) => {
    expect(() => decodeCbor(fromHex(hex))).toThrow(/./);
  });

  it('does not fall over lists in lists', () => {
    expect(() => decodeCbor(new Uint8Array(1_000_000).fill(0x81))).toThrow('too deep');
    const deep = new Uint8Array(65).fill(0x81);
    deep[64] = 0;
    expect(toHex(encodeCbor(decodeCbor(deep)))).toBe(toHex(deep));
    expect(() => decodeCbor(new Uint8Array([0x81, ...deep]))).toThrow('too deep');
  });

  it.each([
    ['text that begins with a byte order mark', '\uFEFFlog("hello")'],
    ['keys of any length', { b: 1, aa: 2, c: 3, '': 4, ü: 5, 'a key of more than twenty-three letters': 6 }],
    ['numbers at every border', [0, 23, 24, 255, 256, 65_535, 65_536, 2 ** 32 - 1, 2 ** 32, Number.MAX_SAFE_INTEGER]],
    ['negative numbers', [-1, -24, -25, -256, -257, -65_537, -(2 ** 32), -(2 ** 32) - 1, Number.MIN_SAFE_INTEGER]],
    ['numbers that are exact as bigint only', [2n ** 53n, 2n ** 64n - 1n, -(2n ** 53n), -(2n ** 64n)]],
    ['floats', [0.5, -1.25, 1e300, 2 ** 60, Number.MIN_VALUE]],
  ])('reads back %s', (_, value) => {
    expect(decodeCbor(encodeCbor(value))).toEqual(value);
  });

  it('gives bytes of their own', () => {
    const encoded = encodeCbor([new Uint8Array([1, 2])]);
    const [bytes] = decodeCbor(encoded) as [Uint8Array];
    encoded.fill(0);
    expect(bytes).toEqual(new Uint8Array([1, 2]));
    expect(bytes.buffer.byteLength).toBe(2);
  });

  it('reads a map’s __proto__ as a key like any other', () => {
    const encoded = fromHex('a2616101695f5f70726f746f5f5fa16170f5');
    const value = decodeCbor(encoded) as Record<string, unknown>;
    expect(Object.keys(value)).toEqual(['a', '__proto__']);
    expect(value['p']).toBeUndefined();
    expect(Object.getPrototypeOf(value)).toBe(Object.prototype);
    expect(toHex(encodeCbor(value))).toBe(toHex(encoded));
  });

  it('reads what encodeCbor writes', () => {
    const values = fc.letrec<{ value: unknown }>((tie) => ({
      value: fc.oneof(
        { depthSize: 'small' },
        fc.string({ unit: 'grapheme' }),
        fc.maxSafeInteger(),
        fc.bigInt({ min: 2n ** 53n, max: 2n ** 64n - 1n }),
        fc.boolean(),
        fc.constant(null),
        fc.uint8Array(),
        fc.array(tie('value'), { maxLength: 4 }),
        fc.dictionary(fc.string(), tie('value'), { maxKeys: 4, noNullPrototype: true }),
      ),
    })).value;
    fc.assert(
      fc.property(values, (value) => {
        const encoded = encodeCbor(value);
        expect(toHex(encodeCbor(decodeCbor(encoded)))).toBe(toHex(encoded));
      }),
    );
  });

  it.each([
    ['a million empty lists', 0x80, 2 ** 20],
    ['millions of empty maps', 0xa0, 2 ** 24],
  ])('refuses %s, each of which is one byte and takes a hundred in memory', (_name, item, count) => {
    const listOf = (length: number): Uint8Array => {
      const bytes = new Uint8Array(5 + length).fill(item);
      bytes[0] = 0x9a;
      new DataView(bytes.buffer).setUint32(1, length);
      return bytes;
    };
    expect(() => decodeCbor(listOf(count))).toThrow('too many values');
    expect(decodeCbor(listOf(2 ** 20 - 1))).toHaveLength(2 ** 20 - 1);
  });

  it('takes of any bytes only those that encodeCbor would write', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 24 }), (bytes) => {
        // The library's decoder, held to the bytes that the library itself would write.
        const other = attempt(() => {
          const value = decode<unknown>(bytes);
          return toHex(encodeCbor(value)) === toHex(bytes) ? value : REFUSED;
        });
        expect(attempt(() => decodeCbor(bytes))).toEqual(other);
      }),
      { numRuns: 20_000 },
    );
  });
});
