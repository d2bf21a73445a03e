import { type Clock, isNodeError, sha256 } from '../../../base/index.ts';
import type { SignedTransaction } from '../../blocks/index.ts';
import { ConsensusError } from '../errors.ts';
import { hexOf } from '../formats/reader.ts';
import type { SignatureCheck } from '../interface.ts';
import type { ConsensusMetrics } from '../metrics.ts';
import type { Steps, Turns } from '../turns.ts';
import {
  CHECK_BATCH_BYTES,
  CHECK_BATCH_COUNT,
  INTAKE_BYTES_MAX,
  INTAKE_COUNT_MAX,
  PEER_TRANSACTIONS_BURST,
  PEER_TRANSACTIONS_PER_SECOND,
  POOL_BYTES_MAX,
  SEEN_MAX,
} from './constants.ts';
import { type Bucket, createBucket, createSeen } from './limits.ts';
import type { Pool, PoolVerdict } from './pool.ts';

/** Transactions on their way into the pool: seen once, not too many, signatures checked in threads many at a time. */
export interface Intake {
  /** Of a peer. What is too much is dropped; it comes again. */
  offer(peer: string, encoded: readonly Uint8Array[]): void;
  /** Of this node. @throws {ConsensusError} `TRANSACTION_REFUSED` | `POOL_FULL` */
  submit(encoded: Uint8Array): Promise<SignedTransaction>;
  forget(peer: string): void;
}
export interface IntakeComponents {
  clock: Clock;
  check: Pick<SignatureCheck, 'transactions'>;
  pool: Pool;
  turns: Turns;
  stopped: AbortSignal;
  metrics: ConsensusMetrics | null;
  /** Newly among the waiting ones. @param from - null: this node */
  taken(transactions: readonly SignedTransaction[], from: string | null): void;
  offend(peer: string, what: 'forged' | 'spam', detail: string): void;
  /** Largest transaction that a block can hold now. */
  bytesMax(): number;
}
interface Offered {
  peer: string;
  name: string;
  encoded: Uint8Array;
}
/** Of so many that came too fast, one offence. */
const DROPPED_PER_OFFENCE = 2_000;

export const createIntake = (components: IntakeComponents): Intake => {
  const { clock, check, pool, turns, stopped, metrics, taken, offend, bytesMax } = components;
  const queue: Offered[] = [];
  const seen = createSeen(SEEN_MAX);
  const peers = new Map<string, { bucket: Bucket; dropped: number }>();
  let queuedBytes = 0;
  let isRunning = false;

  const peerOf = (peer: string): { bucket: Bucket; dropped: number } => {
    let state = peers.get(peer);
    if (state === undefined)
      peers.set(
        peer,
        (state = { bucket: createBucket(clock, PEER_TRANSACTIONS_PER_SECOND, PEER_TRANSACTIONS_BURST), dropped: 0 }),
      );
    return state;
  };
  const drop = (peer: string, kind: string): void => {
    metrics?.dropped.inc(1, { kind });
    const state = peerOf(peer);
    state.dropped += 1;
    if (state.dropped % DROPPED_PER_OFFENCE === 0)
      offend(peer, 'spam', `sent ${state.dropped} transactions more than anybody may`);
  };

  const nextBatch = (): Offered[] => {
    const batch: Offered[] = [];
    let bytes = 0;
    while (batch.length < CHECK_BATCH_COUNT && bytes < CHECK_BATCH_BYTES) {
      const next = queue.shift();
      if (next === undefined) break;
      bytes += next.encoded.length;
      batch.push(next);
    }
    queuedBytes -= bytes;
    return batch;
  };
  /** Puts them into the pool; many behind each other take some ms each. @returns the new ones of each peer */
  const putSteps = function* (
    batch: readonly Offered[],
    opened: readonly (SignedTransaction | null)[],
  ): Steps<ReadonlyMap<string, readonly SignedTransaction[]>> {
    const fresh = new Map<string, SignedTransaction[]>();
    for (const [place, { peer, name }] of batch.entries()) {
      const signed = opened[place] ?? null;
      if (signed === null) {
        metrics?.transactions.inc(1, { outcome: 'forged' });
        offend(peer, 'forged', 'sent a transaction whose signatures do not hold');
        continue;
      }
      const verdict = pool.add(signed);
      metrics?.transactions.inc(1, { outcome: verdict.taken ? 'taken' : 'refused' });
      if (verdict.taken) {
        const list = fresh.get(peer) ?? [];
        list.push(signed);
        fresh.set(peer, list);
      } else if (!verdict.known && verdict.full) {
        // It may fit later, when there is room or those before it have come.
        seen.delete(name);
      }
      yield;
    }
    return fresh;
  };
  const run = async (): Promise<void> => {
    if (isRunning) return;
    isRunning = true;
    try {
      while (queue.length > 0) {
        const batch = nextBatch();
        const opened = await check.transactions(batch.map(({ encoded }) => encoded)).catch((error: unknown) => {
          // The threads are busy, or gone with the node: they come again.
          if (!isNodeError(error)) throw error;
          return null;
        });
        if (opened === null) {
          for (const { name } of batch) seen.delete(name);
          metrics?.dropped.inc(batch.length, { kind: 'busy' });
          continue;
        }
        const fresh = await turns.run(putSteps(batch, opened), stopped);
        for (const [peer, transactions] of fresh) taken(transactions, peer);
      }
    } catch (error) {
      if (!stopped.aborted) throw error;
    } finally {
      isRunning = false;
    }
  };

  const refusal = (verdict: Extract<PoolVerdict, { taken: false; known: false }>): ConsensusError =>
    verdict.code === 'POOL_FULL'
      ? new ConsensusError({ code: 'POOL_FULL', limit: POOL_BYTES_MAX }, verdict.reason)
      : new ConsensusError(
          { code: 'TRANSACTION_REFUSED', refusal: verdict.code, reason: verdict.reason },
          `The network would not take this transaction: ${verdict.reason} (${verdict.code})`,
        );
  const refuse = (code: string, reason: string): ConsensusError =>
    refusal({ taken: false, known: false, code, reason, full: false });

  return {
    offer: (peer, encoded) => {
      const { bucket } = peerOf(peer);
      for (const one of encoded) {
        if (one.length > bytesMax()) {
          offend(peer, 'forged', 'sent a transaction that no block can hold');
          continue;
        }
        if (!bucket.take(1)) {
          drop(peer, 'transaction');
          continue;
        }
        const name = hexOf(sha256(one));
        if (pool.has(name) || seen.has(name)) continue;
        if (queue.length >= INTAKE_COUNT_MAX || queuedBytes + one.length > INTAKE_BYTES_MAX) {
          drop(peer, 'transaction');
          continue;
        }
        seen.add(name);
        queue.push({ peer, name, encoded: one });
        queuedBytes += one.length;
      }
      void run();
    },
    submit: async (encoded) => {
      if (encoded.length > bytesMax())
        throw refuse('TRANSACTION_TOO_LARGE', `No block can hold it: at most ${bytesMax()} bytes fit.`);
      const [signed = null] = await check.transactions([encoded]);
      if (signed === null)
        throw refuse('SIGNATURE_INVALID', 'It is not in its one form, or its signatures do not hold.');
      const name = hexOf(signed.hash);
      const verdict = pool.add(signed);
      if (!verdict.taken && !verdict.known) throw refusal(verdict);
      seen.add(name);
      if (verdict.taken) {
        metrics?.transactions.inc(1, { outcome: 'submitted' });
        taken([signed], null);
      }
      return signed;
    },
    forget: (peer) => {
      peers.delete(peer);
    },
  };
};
