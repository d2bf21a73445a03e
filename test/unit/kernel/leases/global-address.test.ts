import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  formatGlobalAddress,
  globalAddressBytes,
  globalAddressOf,
  parseGlobalAddress,
} from '../../../../main/kernel/leases/global-address.ts';
import { globalAddress } from '../../../../preload/contract/index.ts';
import { fromHex, readVectors, toHex } from '../../../support/vectors.ts';

interface Vectors {
  derived: { ed25519: string; falcon1024: string; asset: string; hashed: string; bytes: string; text: string };
  texts: { written: string; text: string; bytes: string }[];
  refused: string[];
}
const vectors = readVectors<Vectors>('lease-formats', 'address.json');
const addressBytes = fc
  .array(
    fc.oneof({ weight: 2, arbitrary: fc.constant(0) }, { weight: 1, arbitrary: fc.integer({ max: 255, min: 0 }) }),
    {
      minLength: 15,
      maxLength: 15,
    },
  )
  .map((rest) => Uint8Array.of(0xfd, ...rest));

describe('a global address', () => {
  it('is the hash of keys and asset, as published', () => {
    const { ed25519, falcon1024, asset, hashed, bytes, text } = vectors.derived;
    const keys = { ed25519: fromHex(ed25519), falcon1024: fromHex(falcon1024) };
    const address = globalAddressOf(keys, asset);
    expect(address).toBe(text);
    expect(toHex(globalAddressBytes(address))).toBe(bytes);
    expect(bytes).toBe(`fd${hashed.slice(0, 30)}`);
    expect(globalAddress.safeParse(address).success).toBe(true);
  });

  it('is another for another asset and for other keys', () => {
    const { ed25519, falcon1024, asset } = vectors.derived;
    const keys = { ed25519: fromHex(ed25519), falcon1024: fromHex(falcon1024) };
    const [falcon, ...rest] = keys.falcon1024;
    const all = [
      globalAddressOf(keys, asset),
      globalAddressOf(keys, `${asset}a`),
      globalAddressOf({ ...keys, falcon1024: Uint8Array.of((falcon ?? 0) ^ 1, ...rest) }, asset),
    ];
    expect(new Set(all).size).toBe(3);
  });

  it('reads every way of writing it and writes one', () => {
    for (const { written, text, bytes } of vectors.texts) {
      expect(parseGlobalAddress(written), written).toBe(text);
      expect(formatGlobalAddress(fromHex(bytes))).toBe(text);
    }
    for (const text of vectors.refused) expect(parseGlobalAddress(text), text).toBeNull();
  });

  it('is written as the platform writes it, and read again', () => {
    fc.assert(
      fc.property(addressBytes, (bytes) => {
        const text = formatGlobalAddress(bytes);
        const full = Array.from({ length: 8 }, (_, n) => toHex(bytes.subarray(2 * n, 2 * n + 2))).join(':');
        // WHATWG's serializer follows RFC 5952 where there is no IPv4 in it.
        expect(`[${text}]`).toBe(new URL(`http://[${full}]`).hostname);
        expect(parseGlobalAddress(full)).toBe(text);
        expect(globalAddressBytes(text)).toEqual(bytes);
      }),
      { numRuns: 500 },
    );
  });

  it('takes nothing that the platform would not read as an address', () => {
    const text = fc.oneof(
      fc.string({ maxLength: 45 }),
      fc
        .array(fc.constantFrom('fd00', 'FD1', ':', '::', '0', 'f', 'ffff', '10000', '.', '%', ' '), { maxLength: 18 })
        .map((all) => all.join('')),
    );
    fc.assert(
      fc.property(text, (written) => {
        const address = parseGlobalAddress(written);
        if (address === null) return;
        expect(new URL(`http://[${written}]`).hostname).toBe(`[${address}]`);
      }),
      { numRuns: 2000 },
    );
  });
});
