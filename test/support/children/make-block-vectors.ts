import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createStore, sha256 } from '../../../main/base/index.ts';
import { createChain } from '../../../main/kernel/blocks/create-chain.ts';
import { decodeBody, bodyLeaves } from '../../../main/kernel/blocks/format/body.ts';
import { openHeader } from '../../../main/kernel/blocks/format/header.ts';
import { decodeSealed, openSealed, unwrapContentKey } from '../../../main/kernel/blocks/format/sealed.ts';
import { encodeStoredBlock } from '../../../main/kernel/blocks/format/stored-block.ts';
import { openTransaction } from '../../../main/kernel/blocks/format/transaction.ts';
import { stateLeaf } from '../../../main/kernel/blocks/state-tree.ts';
import { blockTasks } from '../../../main/kernel/blocks/tasks.ts';
import { TestKeys, noteModule, smallProof, smallVerifier, testAsset, testKeys } from '../chain.ts';
import { createManualClock } from '../manual-clock.ts';
import { createSeededRandom } from '../seeded-random.ts';
import { createSilentLogger } from '../silent-logger.ts';

// Makes the vectors of blocks anew: a chain of three blocks, taken apart, and the same chain as a file. Run by hand when a
// format gets a new version; signatures are salted, so the bytes differ each time. Argument: the folder test/vectors.
const vectors = process.argv[2]!;
const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
const folder = mkdtempSync(join(tmpdir(), 'hypermesh-vectors-'));
const clock = createManualClock({ nowMs: Date.UTC(2026, 0, 5) });
const outside = { clock, random: createSeededRandom(1) };
const logger = createSilentLogger();
const store = await createStore({ logger, metrics: null, clock }, { path: join(folder, 'chain.db') });
const keys = new TestKeys(testKeys(1));
const chain = createChain({
  outside,
  logger,
  metrics: null,
  store,
  workers: {
    size: 1,
    run: async (task, input) => (await blockTasks[task]!(input, { report: () => undefined })) as never,
    close: async () => undefined,
  },
  keys,
  modules: [noteModule],
  verifyProof: smallVerifier,
});
await chain.start();
await chain.begin();
const asset = testAsset(1);
const texts = [['first', 'second'], ['third']];
for (const [i, notes] of texts.entries()) {
  await clock.advance(60_000);
  const opening = i === 0 ? new TextEncoder().encode('an opening that a proof names') : null;
  const { proof, attachments } = smallProof(outside, keys, chain.tip()!, asset, opening);
  await chain.append(
    notes.map((text) => ({ kind: 'note.written', asset, data: { text } })),
    proof,
    attachments,
  );
}
await chain.export({ from: 0, readable: true }, join(vectors, 'block-file', 'chain.hmchain'));
await chain.export({ from: 2, readable: true }, join(vectors, 'block-file', 'part.hmchain'));
await chain.export({ from: 0, readable: false }, join(vectors, 'block-file', 'sealed.hmchain'));

const rows = await store.all<{ header: Uint8Array; sealed: Uint8Array }>(
  'vectors.blocks',
  'SELECT header, sealed FROM blocks ORDER BY height',
);
const blocks = await Promise.all(
  rows.map(async ({ header, sealed }) => {
    const read = openHeader(header);
    const parts = decodeSealed(sealed);
    const contentKey = await unwrapContentKey(parts, read.payload, (text) => keys.node()!.opener.decapsulate(text));
    const opened = openSealed(parts, read.payload, contentKey);
    const body = decodeBody(opened.body);
    return {
      stored: hex(encodeStoredBlock({ header, sealed })),
      headerPayload: hex(read.payload),
      hash: hex(read.hash),
      height: read.header.height,
      timeMs: read.header.timeMs,
      merkleRoot: hex(read.header.merkleRoot),
      stateRoot: hex(read.header.stateRoot),
      difficulty: read.header.difficulty.toString(),
      proposer: hex(read.header.proposer),
      contentKey: hex(contentKey),
      bodySha256: hex(sha256(opened.body)),
      bodyBytes: opened.body.length,
      compressedBytes: opened.compressedBytes,
      paddingBytes: opened.paddingBytes,
      transactions: body.transactions.map((encoded) => {
        const { hash, transaction } = openTransaction(encoded);
        return {
          hash: hex(hash),
          kind: transaction.kind,
          asset: transaction.asset,
          previous: transaction.previous && hex(transaction.previous),
          atMs: transaction.atMs,
        };
      }),
      updates: body.updates.map(({ key, value }) => ({ key, value: value && hex(value) })),
      attachments: body.attachments.map(hex),
      leaves: bodyLeaves(body).map(hex),
    };
  }),
);
const state = [...chain.state().entries('')].map(([key, value]) => ({
  key,
  value: hex(value),
  leaf: hex(stateLeaf(key, value)),
}));
writeFileSync(
  join(vectors, 'block', 'blocks.json'),
  `${JSON.stringify({ network: hex(chain.tip()!.network), kemSecretKey: hex(keys.derived.kem.secret), kemPublicKey: hex(keys.derived.kem.public), blocks, state }, null, 2)}\n`,
);
await chain.stop();
await store.close();
rmSync(folder, { recursive: true, force: true });
