import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  type AssetId,
  type Outside,
  type Store,
  type WorkerPool,
  createStore,
  createSystemOutside,
  createWorkerPool,
} from '../../../../main/base/index.ts';
import type { DerivedKeys } from '../../../../main/base/crypto/index.ts';
import { type Chain, type Draft, createChain } from '../../../../main/kernel/blocks/index.ts';
import type { BlockSummary, ChainVerification } from '../../../../preload/contract/index.ts';
import {
  TestKeys,
  blocksWorkerPath,
  noteModule,
  smallProof,
  smallVerifier,
  testAsset,
} from '../../../support/chain.ts';
import { createSilentLogger } from '../../../support/silent-logger.ts';

/** A real chain on a real store with real keys and threads; only its proofs are small. */
export interface ChainBench {
  outside: Outside;
  folder: string;
  databasePath: string;
  store: Store;
  workers: WorkerPool;
  keys: TestKeys;
  chain: Chain;
  /** One block with these drafts around a small proof of an asset. */
  append(drafts: readonly Draft[], asset?: AssetId, opening?: Uint8Array | null): Promise<BlockSummary>;
  /** So many blocks, each a note of one of three assets. */
  grow(count: number): Promise<void>;
  /** Verifies to the end. */
  verified(): Promise<Extract<ChainVerification, { status: 'done' }>>;
  /** Closes store and chain and opens them again, as a restart does. */
  restart(): Promise<void>;
  close(): Promise<void>;
}

export const note = (asset: AssetId | null, text: string): Draft => ({ kind: 'note.written', asset, data: { text } });

export const openChainBench = async (
  derived: DerivedKeys,
  init: { folder?: string; outside?: Outside; workers?: WorkerPool; store?: Store } = {},
): Promise<ChainBench> => {
  const outside = init.outside ?? createSystemOutside();
  const logger = createSilentLogger();
  const folder = init.folder ?? mkdtempSync(join(tmpdir(), 'hypermesh-chain-'));
  const databasePath = join(folder, 'hypermesh.db');
  const workers =
    init.workers ??
    createWorkerPool({ logger, metrics: null, clock: outside.clock }, { workerPath: blocksWorkerPath, size: 2 });
  const keys = new TestKeys(derived, workers);
  const openStore = (): Promise<Store> =>
    createStore({ logger, metrics: null, clock: outside.clock }, { path: databasePath });
  const openChain = async (store: Store): Promise<Chain> => {
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
    return chain;
  };
  const store = init.store ?? (await openStore());
  const bench: ChainBench = {
    outside,
    folder,
    databasePath,
    store,
    workers,
    keys,
    chain: await openChain(store),
    append: async (drafts, asset = testAsset(1), opening = null) => {
      const { proof, attachments } = smallProof(outside, keys, bench.chain.tip()!, asset, opening);
      return bench.chain.append(drafts, proof, attachments);
    },
    grow: async (count) => {
      if (bench.chain.tip() === null) await bench.chain.begin();
      for (let i = 0; i < count; i++) {
        const asset = testAsset(i % 3);
        await bench.append([note(asset, `note ${i}`)], asset);
      }
    },
    verified: () =>
      new Promise((resolve, reject) => {
        const stop = bench.chain.on('verificationChanged', (verification) => {
          if (verification.status === 'running') return;
          stop();
          if (verification.status === 'done') resolve(verification);
          else reject(new Error(`the verification ended as ${verification.status}`));
        });
        bench.chain.verify();
      }),
    restart: async () => {
      await bench.chain.stop();
      await bench.store.close();
      bench.store = await openStore();
      bench.chain = await openChain(bench.store);
    },
    close: async () => {
      await bench.chain.stop();
      await bench.store.close();
      if (init.workers === undefined) await workers.close();
      if (init.folder === undefined) rmSync(folder, { recursive: true, force: true });
    },
  };
  return bench;
};
