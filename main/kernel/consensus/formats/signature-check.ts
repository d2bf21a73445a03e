import { sha256, type WorkerPool } from '../../../base/index.ts';
import type { Domain } from '../../../base/crypto/index.ts';
import type { SignedTransaction } from '../../blocks/index.ts';
import { ConsensusError } from '../errors.ts';
import type { SignatureCheck } from '../interface.ts';
import type { OpenedTransaction } from '../tasks.ts';
import { hexOf } from './reader.ts';
import { proposalRecord, voteRecord } from './signing.ts';

/** Records of one run: some 40 ms, so that no thread is taken for long, and far more than the message costs. */
const BATCH_MAX = 16;
/** Bytes of one run: a transaction may be large. */
const BATCH_BYTES_MAX = 2 * 1024 * 1024;
const WAITING_MAX = 16_384;
const REMEMBERED_MAX = 8192;
/** Transactions that were found to hold are kept up to so many bytes: each comes alone first, and later in a block. */
const REMEMBERED_BYTES_MAX = 16 * 1024 * 1024;

/** What held before, least recently used first. What did not is not kept: rubbish would push out what is good. */
const createMemory = <T>(bytesMax: number, countMax: number) => {
  const held = new Map<string, { value: T; bytes: number }>();
  let bytes = 0;
  return {
    get: (name: string): T | undefined => {
      const found = held.get(name);
      if (found === undefined) return undefined;
      held.delete(name);
      held.set(name, found);
      return found.value;
    },
    add: (name: string, value: T, size: number): void => {
      if (size > bytesMax / 4 || held.has(name)) return;
      held.set(name, { value, bytes: size });
      bytes += size;
      for (const [oldest, one] of held) {
        if (held.size <= countMax && bytes <= bytesMax) return;
        held.delete(oldest);
        bytes -= one.bytes;
      }
    },
  };
};

interface Waiting<T> {
  record: Uint8Array;
  name: string;
  answer: PromiseWithResolvers<T>;
}

/**
 * Collects what waits while threads are busy and hands it to them many at a time; in the order asked. One that is under way is
 * not checked twice.
 */
const createBatches = <T>(
  workers: WorkerPool,
  check: (records: readonly Uint8Array[]) => Promise<readonly T[]>,
  held: (value: T) => boolean,
  memory: ReturnType<typeof createMemory<T>>,
) => {
  const waiting: Waiting<T>[] = [];
  const under = new Map<string, Promise<T>>();
  let running = 0;
  let isScheduled = false;

  const runOne = async (batch: readonly Waiting<T>[]): Promise<void> => {
    try {
      const answers = await check(batch.map(({ record }) => record));
      batch.forEach(({ record, name, answer }, i) => {
        const value = answers[i]!;
        if (held(value)) memory.add(name, value, record.length + 128);
        answer.resolve(value);
      });
    } catch (error) {
      for (const { answer } of batch) answer.reject(error);
    } finally {
      for (const { name } of batch) under.delete(name);
      running -= 1;
      dispatch();
    }
  };
  const dispatch = (): void => {
    isScheduled = false;
    while (waiting.length > 0 && running < workers.size) {
      // Shared out evenly while all that waits fits into one run of each thread.
      const share = Math.min(BATCH_MAX, Math.ceil(waiting.length / (workers.size - running)));
      let count = 0;
      for (let bytes = 0; count < share && (count === 0 || bytes < BATCH_BYTES_MAX); count++)
        bytes += waiting[count]!.record.length;
      running += 1;
      void runOne(waiting.splice(0, count));
    }
  };
  return (record: Uint8Array): Promise<T> => {
    const name = hexOf(sha256(record));
    const known = memory.get(name);
    if (known !== undefined) return Promise.resolve(known);
    const found = under.get(name);
    if (found !== undefined) return found;
    if (waiting.length >= WAITING_MAX)
      return Promise.reject(
        new ConsensusError(
          { code: 'BUSY', limit: WAITING_MAX },
          `${WAITING_MAX} signatures wait for their check already; try again when this node has caught up.`,
        ),
      );
    const answer = Promise.withResolvers<T>();
    waiting.push({ record, name, answer });
    under.set(name, answer.promise);
    // After whoever asks has asked for all of its records.
    if (!isScheduled) {
      isScheduled = true;
      queueMicrotask(dispatch);
    }
    return answer.promise;
  };
};

/**
 * Checks signatures in threads, what waits meanwhile together. What held once is remembered by its hash, so that the precommits of
 * a commit that came one by one cost nothing when they come again in a block.
 */
export const createSignatureCheck = (workers: WorkerPool): SignatureCheck => {
  const recordCheck = (domain: Domain) =>
    createBatches<boolean>(
      workers,
      (records) => workers.run('consensus.verifyRecords', { domain, records }),
      (value) => value,
      createMemory(REMEMBERED_MAX * 4096, REMEMBERED_MAX),
    );
  const votes = recordCheck('consensus-vote');
  const proposals = recordCheck('consensus-proposal');
  const transactions = createBatches<OpenedTransaction | null>(
    workers,
    (records) => workers.run('consensus.openTransactions', records),
    (value) => value !== null,
    createMemory(REMEMBERED_BYTES_MAX, REMEMBERED_MAX),
  );
  return {
    votes: (items) =>
      Promise.all(items.map(({ keys, content, signature }) => votes(voteRecord(keys, content, signature)))),
    proposal: (keys, content, signature) => proposals(proposalRecord(keys, content, signature)),
    transactions: (encoded) =>
      Promise.all(
        encoded.map(async (one): Promise<SignedTransaction | null> => {
          const opened = await transactions(one);
          return opened === null ? null : { ...opened, encoded: one };
        }),
      ),
  };
};
