import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { encodeCbor } from '../../../../../main/base/index.ts';
import type { StateUpdate } from '../../../../../main/kernel/blocks/index.ts';
import { createLedgerTree, readSnapshot, verifyStateProof } from '../../../../../main/kernel/consensus/state/index.ts';
import { referenceRoot } from '../../../../support/reference-state.ts';

interface Vector {
  name: string;
  entries?: [key: string, value: string][];
  filled?: [key: string, byte: number, count: number][];
  root: string;
  proofs: { key: string; value: string | null; proof: string | null; proofSha256: string; proofBytes: number }[];
  snapshots: {
    bytes: number;
    manifest: string | null;
    manifestSha256: string;
    chunks: (string | null)[];
    chunksSha256: string[];
  }[];
}
const folder = join(import.meta.dirname, '../../../../vectors/state-proof');
const file = readFileSync(join(folder, 'states.json'));
const vectors = JSON.parse(file.toString()) as Vector[];
const bytes = (hex: string): Uint8Array => new Uint8Array(Buffer.from(hex, 'hex'));
const hex = (of: Uint8Array): string => Buffer.from(of).toString('hex');
const sha256 = (of: Uint8Array): string => createHash('sha256').update(of).digest('hex');

it('reads the file that its page names', () => {
  expect(readFileSync(join(folder, 'README.md'), 'utf8')).toContain(sha256(file));
  expect(vectors.map(({ name }) => name)).toEqual(['empty', 'one', 'three', 'accounts', 'nested', 'large']);
});

it.each(vectors)('makes of $name what another implementation makes of it', (vector) => {
  const entries = new Map<string, Uint8Array>([
    ...(vector.entries ?? []).map(([key, value]) => [key, bytes(value)] as const),
    ...(vector.filled ?? []).map(([key, byte, count]) => [key, encodeCbor(new Uint8Array(count).fill(byte))] as const),
  ]);
  const tree = createLedgerTree(entries);
  const root = tree.root();
  expect(hex(root)).toBe(vector.root);
  expect(hex(referenceRoot(entries))).toBe(vector.root);

  for (const { key, value, proof, proofSha256, proofBytes } of vector.proofs) {
    const made = tree.prove(key);
    expect([key, made.length, sha256(made)]).toEqual([key, proofBytes, proofSha256]);
    expect(proof ?? hex(made)).toBe(hex(made));
    const shown = verifyStateProof(root, key, made);
    expect(shown === null ? null : hex(shown)).toBe(value);
  }

  for (const expected of vector.snapshots) {
    const snapshot = tree.snapshot(expected.bytes);
    expect(sha256(snapshot.manifest)).toBe(expected.manifestSha256);
    expect(expected.manifest ?? hex(snapshot.manifest)).toBe(hex(snapshot.manifest));
    const chunks = Array.from({ length: snapshot.chunks }, (_, i) => snapshot.chunk(i));
    expect(chunks.map(sha256)).toEqual(expected.chunksSha256);
    expect(expected.chunks.map((chunk, i) => chunk ?? hex(chunks[i]!))).toEqual(chunks.map(hex));
    const reader = readSnapshot(snapshot.manifest, root);
    const taken: StateUpdate[] = chunks.flatMap((chunk, i) => [...reader.take(i, chunk)]);
    expect(reader.missing).toEqual([]);
    expect(hex(createLedgerTree(taken.map(({ key, value }) => [key, value!])).root())).toBe(vector.root);
  }
});
