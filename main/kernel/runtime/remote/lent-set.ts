import { createHash } from 'node:crypto';
import type { JobId } from '../../../base/index.ts';
import type { PeerId } from '../../../transport/stoq/index.ts';
import type { LeaseId, LentLease, Link } from '../../leases/index.ts';
import { MODULE_BYTES_MAX } from '../constants.ts';
import {
  CONTAINER_CONTENT_BYTES_MAX,
  CONTAINER_CONTENT_BYTES_MIN,
  CONTENT_PER_MEMORY,
  SANDBOX_CONTENT_BYTES_MAX,
  SLOT_BYTES,
  STDIN_BYTES_MAX,
} from './constants.ts';
import { contentOf, type LentJob, refsOf } from './lent-job.ts';
import { decodeJobQuestion, encodeJobQuestion, type JobAnswer, type JobQuestion, type Prepare } from './protocol.ts';

/** A lease whose jobs run here. */
export interface LentSet {
  readonly lease: LentLease;
  readonly kind: 'container' | 'cpu';
  readonly jobs: Map<JobId, LentJob>;
  /** What each was prepared with: how long it is, and its hash. */
  readonly words: Map<JobId, { bytes: number; sha256: string }>;
  /** Names that were ever given, so that a lease cannot fill the memory with jobs that ended. */
  ever: number;
  part: number;
  /** Of the borrower, as it was last seen; null for one without a name. */
  peerId: PeerId | null;
  /** Whoever showed on these that it is the borrower: asked again once the lease is over. */
  readonly links: WeakSet<Link>;
  over: boolean;
  cancelClear: () => void;
  sentBytes: number;
  receivedBytes: number;
}

/** Says no more: who guesses ids must not learn which of them are somebody's. */
export const NOT_YOURS: JobAnswer = {
  kind: 'refused',
  code: 'NOT_YOURS',
  sentence: 'No lease with this id runs for you here; it may have ended. Borrow again.',
};
export const NO_JOB: JobAnswer = {
  kind: 'refused',
  code: 'JOB_UNKNOWN',
  sentence: 'There is no job of this name in the lease; prepare it first.',
};
export const refused = (code: string, sentence: string): JobAnswer => ({ kind: 'refused', code, sentence });
/** What can be asked of a lease that is over, until its content is removed. */
export const AFTERWARDS: ReadonlySet<JobQuestion['kind']> = new Set(['state', 'output', 'collect', 'forget', 'stop']);

/** Nothing is ended by it: how long is told for whoever plans by it. */
export const FINISHING = { reason: 'The node finishes what runs and takes no new work.', noticeMs: 600_000 };

export const isBorrower = (set: LentSet, link: Link): boolean =>
  set.links.has(link) ||
  (!set.lease.anonymous && link.party.kind === 'peer' && link.party.keyId === set.lease.borrower);

/** What a lease may bring: four times the memory that it stands for. */
export const contentBytesMax = ({ kind, lease }: LentSet): number =>
  kind === 'cpu'
    ? SANDBOX_CONTENT_BYTES_MAX
    : Math.min(
        CONTAINER_CONTENT_BYTES_MAX,
        Math.max(CONTAINER_CONTENT_BYTES_MIN, lease.amount * SLOT_BYTES * CONTENT_PER_MEMORY),
      );
export const encodePrepared = (prepare: Prepare, of: { lease: LeaseId; job: JobId }): Uint8Array =>
  encodeJobQuestion({ kind: 'prepare', ...of, ...prepare });
export const preparedOf = (encoded: Uint8Array): Prepare => {
  const question = decodeJobQuestion(encoded);
  if (question.kind !== 'prepare') throw new Error('a row of a lent job is no prepared job');
  return question;
};
export const wordsOf = (encoded: Uint8Array): { bytes: number; sha256: string } => ({
  bytes: encoded.length,
  sha256: createHash('sha256').update(encoded).digest('hex'),
});
/** @returns why a job cannot be taken, whatever the lease has room for; null where it can */
export const problemOf = (prepare: Prepare): JobAnswer | null => {
  const { spec, module, stdin } = prepare;
  // What is lent is processor and memory: a card is the owner's, and all of a card at that.
  if (spec.kind === 'container' && spec.gpu)
    return refused('GPU_NOT_LENT', 'Graphics cards are not lent with containers; ask for none.');
  // These two are held in memory whole, the rest never is.
  if ((module?.bytes ?? 0) > MODULE_BYTES_MAX || (stdin?.bytes ?? 0) > STDIN_BYTES_MAX)
    return refused(
      'CONTENT_TOO_LARGE',
      `A module has ${MODULE_BYTES_MAX} bytes at most and an input ${STDIN_BYTES_MAX}; send the rest as files.`,
    );
  const came = contentOf(prepare);
  if (refsOf(prepare).some(({ sha256, bytes }) => came.get(sha256) !== bytes))
    return refused('MODULE_INVALID', 'The same content is named with two sizes; name it with the one that it has.');
  return null;
};

/** Asks a job what is asked of nobody but it. */
export const answerOf = async (
  job: LentJob,
  question: Exclude<JobQuestion, { kind: 'prepare' | 'start' | 'forget' }>,
): Promise<JobAnswer> => {
  switch (question.kind) {
    case 'begin':
      await job.begin();
      return { kind: 'ok' };
    case 'state':
      return { kind: 'state', ...(await job.state(question.since, question.waitMs)) };
    case 'output':
      return await job.output(question.offset);
    case 'stop':
      await job.stop();
      return { kind: 'ok' };
    case 'collect':
      return { kind: 'collected', ...(await job.collect()) };
    case 'handOver':
      await job.handOver(question.to, question.graceMs);
      return { kind: 'ok' };
    case 'resume':
      await job.resume();
      return { kind: 'ok' };
    case 'list':
      return { kind: 'entries', ...(await job.list(question.after)) };
    case 'read':
      return {
        kind: 'bytes',
        data: await (await job.work()).read(question.path, question.offset, question.bytesMax),
      };
    case 'write':
      await (await job.work()).write(question.path, question.offset, question.data);
      return { kind: 'ok' };
    case 'truncate':
      await (await job.work()).truncate(question.path, question.bytes, question.executable);
      return { kind: 'ok' };
    case 'folder':
      await (await job.work()).makeFolder(question.path);
      return { kind: 'ok' };
    case 'remove':
      await (await job.work()).remove(question.path);
      return { kind: 'ok' };
  }
};
