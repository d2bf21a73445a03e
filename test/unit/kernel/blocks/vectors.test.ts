import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { createSystemOutside, createWorkerPool, sha256 } from '../../../../main/base/index.ts';
import { kemDecapsulate, merkleRoot } from '../../../../main/base/crypto/index.ts';
import { bodyLeaves, decodeBody, encodeBody } from '../../../../main/kernel/blocks/format/body.ts';
import { openHeader } from '../../../../main/kernel/blocks/format/header.ts';
import { decodeSealed, openSealed, unwrapContentKey } from '../../../../main/kernel/blocks/format/sealed.ts';
import { decodeStoredBlock, encodeStoredBlock } from '../../../../main/kernel/blocks/format/stored-block.ts';
import { openTransaction } from '../../../../main/kernel/blocks/format/transaction.ts';
import { verifyChainFile } from '../../../../main/kernel/blocks/index.ts';
import { stateLeaf } from '../../../../main/kernel/blocks/state-tree.ts';
import { blocksWorkerPath, noteModule, smallVerifier } from '../../../support/chain.ts';
import { createSilentLogger } from '../../../support/silent-logger.ts';

const vectors = join(import.meta.dirname, '../../../vectors');
interface Vector {
  stored: string;
  headerPayload: string;
  hash: string;
  height: number;
  merkleRoot: string;
  stateRoot: string;
  contentKey: string;
  bodySha256: string;
  bodyBytes: number;
  compressedBytes: number;
  paddingBytes: number;
  transactions: { hash: string; kind: string; asset: string | null; previous: string | null; atMs: number }[];
  updates: { key: string; value: string | null }[];
  attachments: string[];
  leaves: string[];
}
const known = JSON.parse(readFileSync(join(vectors, 'block', 'blocks.json'), 'utf8')) as {
  network: string;
  kemSecretKey: string;
  blocks: Vector[];
  state: { key: string; value: string; leaf: string }[];
};
const bytes = (hex: string): Uint8Array => new Uint8Array(Buffer.from(hex, 'hex'));
const hex = (of: Uint8Array): string => Buffer.from(of).toString('hex');

describe('blocks.json', () => {
  it('is there', () => {
    expect(known.blocks.map(({ height }) => height)).toEqual([0, 1, 2]);
  });

  it.each(known.blocks)('opens at height $height to what it says', async (vector) => {
    const stored = decodeStoredBlock(bytes(vector.stored));
    expect(hex(encodeStoredBlock(stored))).toBe(vector.stored);
    const { header, payload, hash } = openHeader(stored.header);
    expect([hex(payload), hex(hash), hex(header.network)]).toEqual([vector.headerPayload, vector.hash, known.network]);
    expect(header.previous && hex(header.previous)).toBe(known.blocks[vector.height - 1]?.hash ?? null);
    const sealed = decodeSealed(stored.sealed!);
    const key = await unwrapContentKey(sealed, payload, async (text) =>
      kemDecapsulate(bytes(known.kemSecretKey), text),
    );
    expect(hex(key)).toBe(vector.contentKey);
    const opened = openSealed(sealed, payload, key);
    expect([hex(sha256(opened.body)), opened.body.length, opened.compressedBytes, opened.paddingBytes]).toEqual([
      vector.bodySha256,
      vector.bodyBytes,
      vector.compressedBytes,
      vector.paddingBytes,
    ]);
    const body = decodeBody(opened.body);
    expect(hex(encodeBody(body))).toBe(hex(opened.body));
    expect(bodyLeaves(body).map(hex)).toEqual(vector.leaves);
    expect(hex(merkleRoot(bodyLeaves(body)))).toBe(vector.merkleRoot);
    expect(body.attachments.map(hex)).toEqual(vector.attachments);
    expect(body.updates.map(({ key: name, value }) => ({ key: name, value: value && hex(value) }))).toEqual(
      vector.updates,
    );
    expect(
      body.transactions.map((encoded) => {
        const signed = openTransaction(encoded);
        const { kind, asset, previous, atMs } = signed.transaction;
        return { hash: hex(signed.hash), kind, asset, previous: previous && hex(previous), atMs };
      }),
    ).toEqual(vector.transactions);
  });

  it('leads to its state', () => {
    const leaves = known.state.map(({ key, value }) => stateLeaf(key, bytes(value)));
    expect(leaves.map(hex)).toEqual(known.state.map(({ leaf }) => leaf));
    expect(hex(merkleRoot(leaves))).toBe(known.blocks.at(-1)!.stateRoot);
  });
});

it('holds as files', async () => {
  const { clock } = createSystemOutside();
  const workers = createWorkerPool(
    { logger: createSilentLogger(), metrics: null, clock },
    { workerPath: blocksWorkerPath, size: 1 },
  );
  const check = (name: string): ReturnType<typeof verifyChainFile> =>
    verifyChainFile(
      { clock, workers, modules: [noteModule], verifyProof: smallVerifier },
      join(vectors, 'block-file', name),
    );
  try {
    expect(await check('chain.hmchain')).toMatchObject({
      holds: true,
      blocks: 3,
      headersOnly: 0,
      transactions: 4,
      proofs: 2,
    });
    expect(await check('part.hmchain')).toMatchObject({
      holds: true,
      blocks: 2,
      headersOnly: 1,
      transactions: 1,
      proofs: 1,
    });
    expect(await check('sealed.hmchain')).toMatchObject({
      holds: true,
      blocks: 3,
      headersOnly: 3,
      transactions: 0,
      proofs: 0,
    });
  } finally {
    await workers.close();
  }
});
