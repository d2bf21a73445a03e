import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { createCaesarApp, draftTransaction, feeOfDraft, groupEconomy } from '../../main/apps/caesar/index.ts';
import { createStore, createSystemOutside, createWorkerPool, Emitter } from '../../main/base/index.ts';
import { signRecord } from '../../main/base/crypto/index.ts';
import {
  createSignatureCheck,
  createTurns,
  createVoteSigner,
  type Genesis,
  networkOf,
  type Replica,
} from '../../main/kernel/consensus/index.ts';
import { createReplica } from '../../main/kernel/consensus/replica/index.ts';
import { loadLedgerTree } from '../../main/kernel/consensus/state/index.ts';
import { createReplicaStore } from '../../main/kernel/consensus/store/index.ts';
import { createLedgerNetwork } from '../support/ledger/ledger-network.ts';
import { createSilentLogger } from '../support/silent-logger.ts';
import { makePeer, type TestPeer } from '../support/stoq/make-peer.ts';
import type { Figure } from './figure.ts';

/** What a block may have at most, and no main thread may be held for. */
const BLOCK_BYTES = 4 * 1024 * 1024;
const HELD_MS_MAX = 50;
/** As many as fill a block at 3.4 KiB each; no account may have more than 64 that wait. */
const PAYERS = 20;
const EACH = 60;
const STEP_MS_MAX = 240_000;

const until = async (what: string, condition: () => boolean): Promise<void> => {
  const endsMs = performance.now() + STEP_MS_MAX;
  while (!condition()) {
    if (performance.now() > endsMs) throw new Error(`${what} took longer than ${STEP_MS_MAX / 1000} s`);
    await new Promise((resolve) => {
      setTimeout(resolve, 5);
    });
  }
};

interface Held {
  /** Longest turn of the event loop, in ms of this thread's processor time: what others do on this machine does not count. */
  busyMs: number;
  /** The latest that a timer of this thread came. */
  lateMs: number;
}
const heldWhile = async (work: () => Promise<unknown>): Promise<Held> => {
  const busy = (): number => {
    const { user, system } = process.threadCpuUsage();
    return (user + system) / 1000;
  };
  const delays = monitorEventLoopDelay({ resolution: 1 });
  let busyMs = 0;
  let lastMs = busy();
  let isRunning = true;
  const tick = (): void => {
    const nowMs = busy();
    busyMs = Math.max(busyMs, nowMs - lastMs);
    lastMs = nowMs;
    if (isRunning) setImmediate(tick);
  };
  setImmediate(tick);
  delays.enable();
  await work();
  delays.disable();
  isRunning = false;
  tick();
  return { busyMs, lateMs: delays.max / 1e6 };
};
const figuresOf = (what: string, { busyMs, lateMs }: Held): Figure[] =>
  [
    { name: `${what}: longest turn of the main thread`, value: busyMs, reached: busyMs < HELD_MS_MAX },
    // Threads that check signatures, and whatever else runs here, take the processor away as well.
    { name: `${what}: latest timer of the main thread`, value: lateMs },
  ].map((figure) => ({
    ...figure,
    unit: 'ms',
    peer: { name: 'what is allowed', value: HELD_MS_MAX },
    ratio: figure.value / HELD_MS_MAX,
    target: `< ${HELD_MS_MAX} ms`,
  }));

/** One full block of transfers on nodes with real signatures, threads and databases: put into the pool, agreed on, and followed. */
export const benchLedgerTurns = async (): Promise<Figure[]> => {
  const folder = mkdtempSync(join(tmpdir(), 'hypermesh-bench-'));
  const outside = createSystemOutside();
  const logger = createSilentLogger();
  const { clock } = outside;
  const workers = createWorkerPool(
    { logger, metrics: null, clock },
    { workerPath: join(import.meta.dirname, '../../main/worker.ts') },
  );
  const validator = makePeer(9_700);
  const payers = Array.from({ length: PAYERS }, (_, i) => makePeer(9_701 + i));
  const economy = groupEconomy(
    [validator, ...payers].map(({ signer }, i) => ({
      account: signer.keyIdBytes,
      node: i === 0 ? signer.keyIdBytes : null,
      admin: i === 0,
    })),
    { feePerByte: 1n },
  );
  const genesis: Genesis = {
    version: 1,
    name: 'bench',
    nonce: new Uint8Array(32),
    createdAtMs: clock.nowMs() - 1_000,
    validators: [{ id: validator.signer.keyIdBytes, keys: validator.signer.keys, power: 10 }],
    params: {
      blockBytesMax: BLOCK_BYTES,
      transactionsMax: 4_096,
      heartbeatMs: 3_600_000,
      proposeMs: 60_000,
      voteMs: 60_000,
      growMs: 1_000,
      commitMs: 0,
      clockAheadMs: 60_000,
      evidenceBlocksMax: 1_000,
    },
    app: economy,
  };
  const network = networkOf(genesis);
  const mesh = createLedgerNetwork(clock);
  const stops: (() => Promise<void>)[] = [];
  const start = async (name: string, peer: TestPeer | null): Promise<{ replica: Replica; unlock(): void }> => {
    const store = await createStore(
      { logger, metrics: null, clock },
      {
        path: join(folder, `${name}.db`),
        workerPath: join(import.meta.dirname, '../../main/base/store/worker.ts'),
      },
    );
    const changes = new Emitter<{ changed: null }>();
    let isLocked = true;
    const voter = peer === null ? null : createVoteSigner(peer.signer);
    const replica = createReplica(
      {
        outside,
        logger,
        metrics: null,
        store: createReplicaStore({ store, clock }, { network }),
        network: mesh.join(name),
        // Of its own: neither knows what the other has checked.
        check: createSignatureCheck(workers),
        app: createCaesarApp({ workers }),
        keys: { on: (event, listener) => changes.on(event, listener), voter: () => (isLocked ? null : voter) },
        createTree: loadLedgerTree,
        turns: createTurns(outside),
      },
      { genesis },
    );
    stops.push(async () => {
      await replica.stop();
      await store.close();
    });
    await replica.start();
    return {
      replica,
      unlock: () => {
        isLocked = false;
        changes.emit('changed', null);
      },
    };
  };
  try {
    const signed = payers.flatMap(({ signer, keys }, payer) =>
      Array.from({ length: EACH }, (_, nonce) => {
        // Never to the payer itself, which no ledger takes.
        const fields = {
          to: payers[(payer + 1 + (nonce % (PAYERS - 1))) % PAYERS]!.signer.keyIdBytes,
          amount: 1_000n,
          memo: '',
        };
        const fee = feeOfDraft('account.transfer', fields, economy.params);
        const payload = draftTransaction('account.transfer', fields, { network, nonce, fee, atMs: clock.nowMs() });
        return signRecord(signer.keys, keys.node.secret, 'transaction', payload);
      }),
    );
    const first = await start('first', validator);
    const taken = await heldWhile(() => Promise.all(signed.map((one) => first.replica.submit(one))));
    const made = await heldWhile(async () => {
      first.unlock();
      await until('the block', () => first.replica.status().height > 0);
    });
    const block = await first.replica.block(1);
    const count = block?.transactions.length ?? 0;
    if (count < signed.length / 2) throw new Error(`the block has ${count} of ${signed.length} transactions`);
    const shown = await heldWhile(() => first.replica.block(1));
    const followed = await heldWhile(async () => {
      const { replica } = await start('second', null);
      await until('catching up', () => replica.status().height > 0);
    });
    const size = `block of ${((block?.encoded.length ?? 0) / 2 ** 20).toFixed(1)} MiB with ${count} transfers`;
    return [
      ...figuresOf(`${signed.length} transfers put among those that wait`, taken),
      ...figuresOf(`${size}, made and carried out`, made),
      ...figuresOf(`${size}, fetched and carried out`, followed),
      ...figuresOf(`${size}, shown`, shown),
    ];
  } finally {
    for (const stop of stops) await stop();
    await workers.close();
    rmSync(folder, { recursive: true, force: true });
  }
};
