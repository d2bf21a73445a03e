import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { sha256 } from '../../../../../main/base/index.ts';
import { verifyWork } from '../../../../../main/kernel/proof/index.ts';
import {
  FIELD,
  decodeWorkProof,
  encodeWorkProof,
  encodeWorkStatement,
} from '../../../../../main/kernel/proof/work/format.ts';
import { drawRows, leftRows, rightMatrix, seedOf } from '../../../../../main/kernel/proof/work/generate-streams.ts';
import { workChallenge, workContext } from '../../../../support/proof-work.ts';
import { forge, productOf } from './forge.ts';

interface Vector {
  name: string;
  rows: number;
  openings: number;
  challengeOf: string;
  challengeHashHex: string;
  seedHex: string;
  leftFirstEntries: number[];
  leftRow1FirstEntries: number[];
  rightFirstEntries: number[];
  productFirstEntries: number[];
  rootHex: string;
  statementHex: string;
  openedRows: number[];
  proofSha256Hex: string;
  proofHex: string;
}
const vectors = JSON.parse(
  readFileSync(new URL('../../../../vectors/proof-work/proofs.json', import.meta.url), 'utf8'),
) as Vector[];
const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
const entries = (bytes: Uint8Array, count: number): number[] =>
  Array.from({ length: count }, (_, index) => Buffer.from(bytes).readUInt16LE(index * 2) % FIELD);

describe('vectors of the proof of work', () => {
  it('are there', () => {
    expect(vectors.length).toBeGreaterThan(1);
  });

  it.each(vectors)('$name', (vector) => {
    const challengeHash = sha256(Buffer.from(vector.challengeOf));
    expect(hex(challengeHash)).toBe(vector.challengeHashHex);
    const seed = seedOf(challengeHash);
    expect(hex(seed)).toBe(vector.seedHex);
    expect(entries(leftRows(seed, 0, 1), 4)).toEqual(vector.leftFirstEntries);
    expect(entries(leftRows(seed, 1, 1), 4)).toEqual(vector.leftRow1FirstEntries);
    expect(entries(rightMatrix(seed), 4)).toEqual(vector.rightFirstEntries);
    expect(entries(productOf(seed, 1), 4)).toEqual(vector.productFirstEntries);
    const { proof, statement } = forge(challengeHash, vector);
    expect(hex(statement.root)).toBe(vector.rootHex);
    expect(hex(encodeWorkStatement(statement))).toBe(vector.statementHex);
    expect(drawRows(statement)).toEqual(vector.openedRows);
    expect(hex(proof)).toBe(vector.proofHex);
    expect(hex(sha256(proof))).toBe(vector.proofSha256Hex);
    expect(encodeWorkProof(decodeWorkProof(proof))).toEqual(new Uint8Array(proof));
    expect(verifyWork(proof, workContext(workChallenge(1), { challengeHash }))).toMatchObject({ passed: true });
  });
});
