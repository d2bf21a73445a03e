import { isNodeError, type JobId, messageOf } from '../../../base/index.ts';
import { readMessage, request, writeMessage } from '../../../transport/stoq/index.ts';
import type { Leases, Link, Links } from '../../leases/index.ts';
import type { JobPipe, WorkEntry, WorkFolder } from '../drivers/interface.ts';
import { workRefused } from '../errors.ts';
import {
  ANSWER_BYTES_MAX,
  ASK_MS,
  ENTRIES_MAX,
  JOB_PORT_PROTOCOL,
  JOB_PROTOCOL,
  PIECE_BYTES_MAX,
  PORT_OPENING_BYTES_MAX,
} from './constants.ts';
import { RemoteJobError, saidThere } from './errors.ts';
import type { Seat } from './order-facts.ts';
import { pipeOf } from './pipes.ts';
import {
  decodeJobAnswer,
  encodeJobQuestion,
  encodePortOpening,
  type FarState,
  type JobAnswer,
  type JobWords,
  type Prepare,
} from './protocol.ts';

export type FarQuestion = JobWords;

/** One job at its lender, as its borrower talks to it. Every call may be repeated. */
export interface FarJob {
  link(signal?: AbortSignal): Promise<Link>;
  /** @returns hashes of what the lender lacks */
  prepare(prepare: Prepare): Promise<readonly string[]>;
  /** What is answered with nothing but that it was done. */
  tell(question: FarQuestion, deadlineMs?: number): Promise<void>;
  state(since: number, waitMs: number): Promise<FarState>;
  output(offset: number): Promise<Extract<JobAnswer, { kind: 'output' }>>;
  collect(): Promise<Extract<JobAnswer, { kind: 'collected' }>>;
  readonly work: WorkFolder;
  connect(port: number): Promise<JobPipe>;
}
export interface FarJobComponents {
  leases: Pick<Leases, 'borrowed'>;
  links: Pick<Links, 'open'>;
  signal: AbortSignal;
}

const broken = (): RemoteJobError =>
  new RemoteJobError(
    { code: 'REFUSED_THERE', there: 'LENDER_BROKEN' },
    'The node that has the job answered what this protocol does not know; send the job to another one.',
  );
const refusedThere = ({ code, sentence }: { code: string; sentence: string }): RemoteJobError =>
  new RemoteJobError(
    { code: 'REFUSED_THERE', there: code },
    sentence === '' ? 'The node that has the job refused it and did not say why.' : sentence,
  );

/** @throws by every method: {RemoteJobError} `REFUSED_THERE` with the lender's code; {StreamError} {PeerError} {LeaseError} */
export const createFarJob = ({ leases, links, signal }: FarJobComponents, seat: Seat, job: JobId): FarJob => {
  const { lease, peerId, route } = seat;
  const link: FarJob['link'] = async (other) => {
    const both = other === undefined ? signal : AbortSignal.any([signal, other]);
    try {
      return await leases.borrowed(lease).link({ signal: both });
    } catch (error) {
      // A lease that is over has no link of its own any more; its lender keeps what came of the job for a minute.
      if (!isNodeError(error) || error.code !== 'NOT_RUNNING' || route === 'anonymous' || signal.aborted) throw error;
      return await links.open({ peer: peerId, route: 'direct' }, { signal: both });
    }
  };
  const ask = async (question: FarQuestion, deadlineMs = ASK_MS): Promise<JobAnswer> => {
    const answer = decodeJobAnswer(
      await request(await link(), JOB_PROTOCOL, encodeJobQuestion({ ...question, lease, job }), {
        bytesMax: ANSWER_BYTES_MAX,
        deadlineMs,
        signal,
      }),
    );
    if (answer.kind === 'refused') throw refusedThere(answer);
    return answer;
  };
  const askFor = async <K extends JobAnswer['kind']>(
    kind: K,
    question: FarQuestion,
    deadlineMs?: number,
  ): Promise<Extract<JobAnswer, { kind: K }>> => {
    const answer = await ask(question, deadlineMs);
    if (answer.kind !== kind) throw broken();
    return answer as Extract<JobAnswer, { kind: K }>;
  };
  const tell = async (question: FarQuestion, deadlineMs?: number): Promise<void> => {
    await askFor('ok', question, deadlineMs);
  };
  return {
    link,
    tell,
    prepare: async (prepare) => (await askFor('prepared', { kind: 'prepare', ...prepare })).missing,
    state: (since, waitMs) => askFor('state', { kind: 'state', since, waitMs }, ASK_MS + waitMs),
    output: (offset) => askFor('output', { kind: 'output', offset }),
    collect: () => askFor('collected', { kind: 'collect' }, 2 * ASK_MS),
    work: {
      list: async () => {
        const all: WorkEntry[] = [];
        for (;;) {
          const { entries, more } = await askFor('entries', { kind: 'list', after: all.length }, 2 * ASK_MS);
          all.push(...entries);
          if (!more) return all;
          if (entries.length === 0 || all.length >= ENTRIES_MAX) throw broken();
        }
      },
      read: async (path, offset, bytesMax) => {
        const wanted = Math.min(bytesMax, PIECE_BYTES_MAX);
        const { data } = await askFor('bytes', { kind: 'read', path, offset, bytesMax: wanted }).catch(
          (error: unknown) => {
            // A file that went away between list and read: whoever copies takes it in the next round, as of a folder here.
            const said = saidThere(error);
            throw said === 'WORK_REFUSED' || said === 'FILE_MISSING' ? workRefused(path, messageOf(error)) : error;
          },
        );
        if (data.length > wanted) throw broken();
        return data;
      },
      write: async (path, offset, bytes) => {
        for (let at = 0; at < bytes.length; at += PIECE_BYTES_MAX)
          await tell({ kind: 'write', path, offset: offset + at, data: bytes.subarray(at, at + PIECE_BYTES_MAX) });
      },
      truncate: (path, bytes, executable) => tell({ kind: 'truncate', path, bytes, executable }),
      makeFolder: (path) => tell({ kind: 'folder', path }),
      remove: (path) => tell({ kind: 'remove', path }),
    },
    connect: async (port) => {
      const stream = await (await link()).openStream(JOB_PORT_PROTOCOL, { signal });
      try {
        await writeMessage(stream, encodePortOpening({ lease, job, port }));
        const message = await readMessage(stream, { bytesMax: PORT_OPENING_BYTES_MAX });
        if (message === null) throw broken();
        const answer = decodeJobAnswer(message);
        if (answer.kind === 'refused') throw refusedThere(answer);
        if (answer.kind !== 'ok') throw broken();
        return pipeOf(stream);
      } catch (error) {
        stream.reset();
        throw error;
      }
    },
  };
};
