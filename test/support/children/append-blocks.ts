import { readFileSync } from 'node:fs';
import { createStore } from '../../../main/base/store/create-store.ts';
import { createSystemOutside } from '../../../main/base/system-outside.ts';
import type { WorkerPool } from '../../../main/base/workers/interface.ts';
import { decodeCbor } from '../../../main/base/codec.ts';
import type { DerivedKeys } from '../../../main/base/crypto/index.ts';
import { createChain } from '../../../main/kernel/blocks/create-chain.ts';
import { blockTasks } from '../../../main/kernel/blocks/tasks.ts';
import { TestKeys, noteModule, smallProof, smallVerifier, testAsset } from '../chain.ts';
import { createSilentLogger } from '../silent-logger.ts';

// Opens a chain, verifies all of it, says so, and then appends blocks as fast as it can, acknowledging each on stdout,
// until it is killed. Arguments: the database and a file with keys. Tasks run right here: no thread has to start first.
const [path, keysPath] = process.argv.slice(2) as [string, string];
const outside = createSystemOutside();
const logger = createSilentLogger();
const say = (line: object): void => void process.stdout.write(`${JSON.stringify(line)}\n`);

const workers: WorkerPool = {
  size: 1,
  run: async (task, input) => (await blockTasks[task]!(input, { report: () => undefined })) as never,
  close: async () => undefined,
};
const keys = new TestKeys(decodeCbor(readFileSync(keysPath)) as DerivedKeys);
const store = await createStore({ logger, metrics: null, clock: outside.clock }, { path });
const chain = createChain({
  outside,
  logger,
  metrics: null,
  store,
  workers,
  keys,
  modules: [noteModule],
  verifyProof: smallVerifier,
});
await chain.start();
const { promise: verified, resolve } = Promise.withResolvers<void>();
chain.on('verificationChanged', (verification) => {
  if (verification.status === 'running') return;
  const hashes = chain.list(undefined, 500).then((blocks) => blocks.map(({ hash }) => hash));
  void hashes.then((all) => {
    say({ verification, head: chain.head(), hashes: all });
    resolve();
  });
});
if (chain.tip() === null) {
  const { height, hash } = await chain.begin();
  say({ stored: height, hash: Buffer.from(hash).toString('hex') });
}
chain.verify();
await verified;
for (let i = 0; ; i++) {
  const asset = testAsset(i % 2);
  const { proof, attachments } = smallProof(
    outside,
    keys,
    chain.tip()!,
    asset,
    i % 4 === 0 ? outside.random.bytes(30_000) : null,
  );
  const { height, hash } = await chain.append(
    [{ kind: 'note.written', asset, data: { text: `note ${i}` } }],
    proof,
    attachments,
  );
  say({ stored: height, hash });
}
