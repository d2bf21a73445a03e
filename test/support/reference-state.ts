import { createHash } from 'node:crypto';

// The state of a ledger as docs/formats/state-proof.md has it, word for word and slow: everything is made anew each time.

export type Entries = ReadonlyMap<string, Uint8Array>;

const sha256 = (...parts: readonly (Uint8Array | string)[]): Buffer => {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(part);
  return hash.digest();
};
const two = (value: number): Uint8Array => Uint8Array.of(value >> 8, value & 255);
const bitOf = (key: string, bit: number): number =>
  ((Buffer.from(`${key}\0`)[Math.floor(bit / 8)] ?? 0) >> (7 - (bit % 8))) % 2;

const rootOf = (entries: readonly (readonly [string, Uint8Array])[]): Buffer => {
  const [first, last] = [entries[0]!, entries.at(-1)!];
  if (first === last) return sha256(Uint8Array.of(0x10), two(first[0].length), first[0], sha256(first[1]));
  let bit = 0;
  while (bitOf(first[0], bit) === bitOf(last[0], bit)) bit += 1;
  const side = (wanted: number): Buffer => rootOf(entries.filter(([key]) => bitOf(key, bit) === wanted));
  return sha256(Uint8Array.of(0x11), two(bit), side(0), side(1));
};

export const referenceRoot = (entries: Entries): Uint8Array =>
  new Uint8Array(
    entries.size === 0
      ? sha256(Uint8Array.of(0x12))
      : rootOf([...entries].sort(([one], [other]) => Buffer.compare(Buffer.from(one), Buffer.from(other)))),
  );
