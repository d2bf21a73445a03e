import { isNodeError, type JobId, messageOf, type Startable } from '../../../base/index.ts';
import { readMessage, respond, type Stream, writeMessage } from '../../../transport/stoq/index.ts';
import type { ResourceKind } from '../../../../preload/contract/index.ts';
import {
  LeaseFormatError,
  type LeaseId,
  type LeaseProvider,
  type Leases,
  type LentLease,
  type Link,
  type Links,
  type ProvidedLease,
} from '../../leases/index.ts';
import type { ContentExchange } from '../content/interface.ts';
import type { JobNetwork } from '../drivers/interface.ts';
import type { Runtime } from '../interface.ts';
import {
  COLLECT_GRACE_MS,
  jobPortProtocol,
  jobProtocol,
  LEASE_JOBS_EVER_MAX,
  LEASE_JOBS_MAX,
  LEASE_WORDS_BYTES_MAX,
  PORT_OPENING_BYTES_MAX,
  PORT_OPENING_MS,
  QUESTION_BYTES_MAX,
} from './constants.ts';
import { contentOf, createLentJob, lentHolderOf, type LentJob, type LentJobParts } from './lent-job.ts';
import {
  AFTERWARDS,
  answerOf,
  contentBytesMax,
  encodePrepared,
  FINISHING,
  isBorrower,
  type LentSet,
  NO_JOB,
  NOT_YOURS,
  preparedOf,
  problemOf,
  refused,
  wordsOf,
} from './lent-set.ts';
import type { RemoteJobMetrics } from './metrics.ts';
import { splicePipe } from './pipes.ts';
import {
  decodeJobQuestion,
  decodePortOpening,
  encodeJobAnswer,
  type JobAnswer,
  type JobQuestion,
  type Prepare,
} from './protocol.ts';
import { resourceFor } from './sent-spec.ts';

export interface JobLenderComponents extends LentJobParts {
  metrics: RemoteJobMetrics | null;
  leases: Pick<Leases, 'authorize' | 'get' | 'on'>;
  links: Pick<Links, 'handle'>;
  exchange: Pick<ContentExchange, 'addGate'>;
  runtime: LentJobParts['runtime'] & Pick<Runtime, 'on' | 'list' | 'onNotice' | 'queue'>;
  /** Whether this node can run such jobs now. */
  ready: (kind: 'container' | 'cpu') => boolean;
  /** The way out of a lease's jobs by its terms; null: none. */
  network: (lease: LentLease) => JobNetwork | null;
}
/** Lends processor time and containers: offers its protocol from `start` on. */
export interface JobLender extends Startable {
  readonly providers: readonly LeaseProvider[];
}

export const createJobLender = (components: JobLenderComponents): JobLender => {
  const { outside, metrics, leases, links, runtime, exchange, rows, ready, network } = components;
  const logger = components.logger.child('lent-jobs');
  const sets = new Map<LeaseId, LentSet>();
  const byLocal = new Map<JobId, LentJob>();
  /** Leases of an earlier run whose jobs wait for them, by the lease's id. */
  const waiting = new Set<LeaseId>();
  const endings: (() => void)[] = [];
  let stopping = false;
  let finishing = false;

  const tellLive = (): void => {
    let live = 0;
    for (const { jobs } of sets.values()) for (const job of jobs.values()) if (job.live) live += 1;
    metrics?.live.set(live, { side: 'lent' });
  };
  const background = (what: string, work: Promise<unknown>): void => {
    work.catch((error: unknown) => {
      logger.warn(what, { error: messageOf(error) });
    });
  };
  /** Whoever lets the node finish wants it empty: borrowers whose jobs can go on elsewhere take them there. */
  const tellFinishing = (): void => {
    const now = runtime.queue().mode === 'finish';
    if (now === finishing) return;
    finishing = now;
    for (const { jobs } of sets.values())
      for (const job of jobs.values()) if (job.live) job.notice(now ? FINISHING : null);
  };
  const setFor = (link: Link, id: LeaseId): LentSet | null => {
    const set = sets.get(id);
    if (set === undefined) return null;
    if (set.over) return isBorrower(set, link) ? set : null;
    try {
      leases.authorize(link, id);
      set.links.add(link);
      if (!set.lease.anonymous && link.party.kind === 'peer') set.peerId = link.party.peerId;
      return set;
    } catch (error) {
      if (!isNodeError(error)) throw error;
      return null;
    }
  };

  const jobOf = (
    set: LentSet,
    job: JobId,
    { prepared, encoded }: { prepared: Prepare; encoded: Uint8Array },
  ): LentJob => {
    const { lease } = set;
    const made = createLentJob(
      { ...components, logger },
      {
        lease,
        job,
        prepared,
        peerId: () => set.peerId,
        network: prepared.spec.kind === 'container' && prepared.spec.network === 'exit' ? network(lease) : null,
        free: () => lease.amount - [...set.jobs.values()].reduce((sum, { amount }) => sum + amount, 0),
        part: () => set.part,
        named: (local) => byLocal.set(local, made),
      },
    );
    set.jobs.set(job, made);
    set.words.set(job, wordsOf(encoded));
    set.ever += 1;
    return made;
  };
  const onPrepare = async (set: LentSet, question: Extract<JobQuestion, { kind: 'prepare' }>): Promise<JobAnswer> => {
    const { lease, job } = question;
    const encoded = encodePrepared(question, { lease, job });
    const known = set.jobs.get(job);
    if (known !== undefined) {
      if (set.words.get(job)?.sha256 !== wordsOf(encoded).sha256)
        return refused('JOB_CONFLICT', 'A job of this name was prepared with other words; give it another name.');
      return { kind: 'prepared', missing: await known.missing() };
    }
    const kind = resourceFor(question.spec);
    if (kind !== set.kind)
      return refused('KIND_WRONG', `Such a job needs a lease of the kind ${kind}, and this is one of ${set.kind}.`);
    if ((question.module === null) !== (kind === 'container'))
      return refused('MODULE_INVALID', 'A job in a sandbox comes with its module, one in a container without.');
    const problem = problemOf(question);
    if (problem !== null) {
      metrics?.refused.inc(1, { cause: 'bounds' });
      return problem;
    }
    const bytes = [...contentOf(question).values()].reduce((sum, one) => sum + one, 0);
    const held = [...set.jobs.values()].reduce(
      (sum, { came }) => sum + [...came.values()].reduce((a, b) => a + b, 0),
      0,
    );
    if (bytes + held > contentBytesMax(set)) {
      metrics?.refused.inc(1, { cause: 'bounds' });
      return refused(
        'CONTENT_TOO_LARGE',
        `The jobs of this lease may bring ${contentBytesMax(set)} bytes together; borrow more, or send less.`,
      );
    }
    const live = [...set.jobs.values()].filter((one) => one.live).length;
    if (live >= LEASE_JOBS_MAX || set.ever >= LEASE_JOBS_EVER_MAX) {
      metrics?.refused.inc(1, { cause: 'bounds' });
      return refused('TOO_MANY_JOBS', `A lease has ${LEASE_JOBS_MAX} jobs at once at most; wait for one to end.`);
    }
    const wordsBytes = [...set.words.values()].reduce((sum, one) => sum + one.bytes, encoded.length);
    if (wordsBytes > LEASE_WORDS_BYTES_MAX) {
      metrics?.refused.inc(1, { cause: 'bounds' });
      return refused(
        'TOO_MANY_JOBS',
        `Arguments, variables and names of files of all jobs of a lease have ${LEASE_WORDS_BYTES_MAX} bytes at most; forget those that ended.`,
      );
    }
    const made = jobOf(set, job, { prepared: question, encoded });
    await rows.insert({ lease, job, local: null, prepared: encoded, state: 'prepared' });
    return { kind: 'prepared', missing: await made.missing() };
  };
  const onJob = async (set: LentSet, job: LentJob, question: JobQuestion): Promise<JobAnswer> => {
    switch (question.kind) {
      case 'prepare':
        return NO_JOB;
      case 'start':
        if (!ready(set.kind))
          return refused('ENGINE_MISSING', 'This node has no container engine now; send the job to another one.');
        job.start();
        return { kind: 'ok' };
      case 'forget':
        if (job.live) return refused('JOB_RUNNING', 'The job has not ended; stop it first.');
        set.jobs.delete(question.job);
        set.words.delete(question.job);
        await clearJob(job);
        return { kind: 'ok' };
      default:
        return await answerOf(job, question);
    }
  };
  const answer = async (set: LentSet, question: JobQuestion): Promise<JobAnswer> => {
    if (set.over && !AFTERWARDS.has(question.kind)) return NOT_YOURS;
    if (question.kind === 'prepare') return await onPrepare(set, question);
    const job = set.jobs.get(question.job);
    if (job === undefined) return question.kind === 'forget' ? { kind: 'ok' } : NO_JOB;
    return await onJob(set, job, question);
  };
  const answerBytes = async (link: Link, encoded: Uint8Array): Promise<Uint8Array> => {
    let question: JobQuestion;
    try {
      question = decodeJobQuestion(encoded);
    } catch (error) {
      if (error instanceof LeaseFormatError) metrics?.refused.inc(1, { cause: 'malformed' });
      throw error;
    }
    const set = setFor(link, question.lease);
    if (set === null) {
      metrics?.refused.inc(1, { cause: 'owner' });
      return encodeJobAnswer(NOT_YOURS);
    }
    set.receivedBytes += encoded.length;
    let reply: Uint8Array;
    try {
      reply = encodeJobAnswer(await answer(set, question));
    } catch (error) {
      if (!isNodeError(error)) throw error;
      reply = encodeJobAnswer(refused(error.code, error.message));
    }
    set.sentBytes += reply.length;
    return reply;
  };
  const servePort = async (stream: Stream, link: Link): Promise<void> => {
    const cancel = outside.clock.after(PORT_OPENING_MS, () => stream.reset());
    let message: Uint8Array | null;
    try {
      message = await readMessage(stream, { bytesMax: PORT_OPENING_BYTES_MAX });
    } finally {
      cancel();
    }
    if (message === null) return stream.finish();
    const { lease, job: name, port } = decodePortOpening(message);
    const set = setFor(link, lease);
    const job = set === null || set.over ? undefined : set.jobs.get(name);
    const refuse = async (why: JobAnswer): Promise<void> => {
      await writeMessage(stream, encodeJobAnswer(why));
      await stream.finish();
    };
    if (set === null || job === undefined) return await refuse(set === null ? NOT_YOURS : NO_JOB);
    let pipe: Awaited<ReturnType<LentJob['connect']>>;
    try {
      pipe = await job.connect(port);
    } catch (error) {
      if (!isNodeError(error)) throw error;
      return await refuse(refused(error.code, error.message));
    }
    await writeMessage(stream, encodeJobAnswer({ kind: 'ok' }));
    await splicePipe(stream, pipe, {
      in: (bytes) => {
        set.receivedBytes += bytes;
      },
      out: (bytes) => {
        set.sentBytes += bytes;
      },
    });
  };

  const clearJob = async (job: LentJob): Promise<void> => {
    if (job.local !== null) byLocal.delete(job.local);
    await job.clear();
  };
  const clear = async (set: LentSet): Promise<void> => {
    set.cancelClear();
    sets.delete(set.lease.id);
    for (const job of set.jobs.values()) await clearJob(job);
    set.jobs.clear();
    set.words.clear();
    tellLive();
  };
  /** The lease is over: nothing runs once it resolves; what came of it can be fetched for a while. */
  const stop = async (set: LentSet): Promise<void> => {
    if (set.over) return;
    set.over = true;
    await Promise.all(
      [...set.jobs.values()].map(async (job) => {
        if (job.live || job.local === null) await job.stop();
      }),
    );
    tellLive();
    if (stopping) return;
    set.cancelClear = outside.clock.after(COLLECT_GRACE_MS, () => {
      background('What a borrower left could not be removed', clear(set));
    });
  };
  /** Jobs that the runtime has of a lease and that no row names: the node went down between the two. */
  const endStrays = async (lease: LeaseId, known: ReadonlySet<string>): Promise<void> => {
    for (const view of await runtime.list())
      if (view.lease === lease && view.side === 'lent' && !known.has(view.id)) {
        await runtime.cancel(view.id as JobId);
        await runtime.remove(view.id as JobId);
      }
  };
  const start = async (lease: LentLease): Promise<ProvidedLease> => {
    const kind = lease.resource === 'cpu' ? 'cpu' : 'container';
    const before = sets.get(lease.id);
    if (before !== undefined) await clear(before);
    const set: LentSet = {
      lease,
      kind,
      jobs: new Map(),
      words: new Map(),
      ever: 0,
      part: 0,
      peerId: null,
      links: new WeakSet(),
      over: false,
      cancelClear: () => undefined,
      sentBytes: 0,
      receivedBytes: 0,
    };
    sets.set(lease.id, set);
    waiting.delete(lease.id);
    const kept = await rows.of(lease.id);
    for (const row of kept) {
      const job = jobOf(set, row.job, { prepared: preparedOf(row.prepared), encoded: row.prepared });
      await job.adopt(row);
    }
    await endStrays(lease.id, new Set(kept.flatMap(({ local }) => local ?? [])));
    return {
      setEffective: (amount) => {
        set.part = Math.min(1, Math.max(0, amount / lease.amount));
        for (const job of set.jobs.values()) job.limit(set.part);
      },
      use: () => ({
        used:
          Math.min(
            lease.amount,
            [...set.jobs.values()].reduce((sum, { amount }) => sum + amount, 0),
          ) * set.part,
        sentBytes: set.sentBytes,
        receivedBytes: set.receivedBytes,
      }),
      // A node that stops leaves containers where they are: the lease goes on after it has started again.
      stop: () => (stopping && kind === 'container' ? Promise.resolve() : stop(set)),
    };
  };
  /** Removes what is left of a lease that does not run any more and that this run never saw. */
  const removeLeft = async (lease: LeaseId): Promise<void> => {
    waiting.delete(lease);
    for (const { job, local } of await rows.of(lease)) {
      if (local !== null) {
        try {
          await runtime.cancel(local);
          await runtime.remove(local);
        } catch (error) {
          if (!isNodeError(error)) throw error;
        }
      }
      await components.content.discard(lentHolderOf(lease, job));
      await rows.remove(lease, job);
    }
    await endStrays(lease, new Set());
  };
  const isOver = async (lease: LeaseId): Promise<boolean> => {
    try {
      const { state } = await leases.get(lease);
      return state === 'ended' || state === 'refused';
    } catch (error) {
      if (!isNodeError(error)) throw error;
      return true;
    }
  };
  const provider = (kind: Extract<ResourceKind, 'container' | 'cpu'>): LeaseProvider => ({
    kind,
    survivesRestart: kind === 'container',
    amountMax: () => (ready(kind) ? null : 0),
    start,
  });

  return {
    providers: [provider('container'), provider('cpu')],
    start: async () => {
      stopping = false;
      endings.push(
        runtime.on('jobChanged', (view) => byLocal.get(view.id as JobId)?.changed(view)),
        runtime.on('outputWritten', ({ id }) => byLocal.get(id as JobId)?.wrote()),
        runtime.on('queueChanged', tellFinishing),
        runtime.onNotice(({ id, reason, noticeMs }) => {
          const lent = byLocal.get(id);
          lent?.notice({ reason, noticeMs });
          return lent !== undefined;
        }),
        links.handle(jobProtocol, (stream, link) =>
          respond(stream, { bytesMax: QUESTION_BYTES_MAX }, (bytes) => answerBytes(link, bytes)),
        ),
        links.handle(jobPortProtocol, servePort),
        exchange.addGate({
          mayRead: (link, scope, sha256) =>
            anyJob(link, scope, (job) => job.view?.outputs.some((file) => file.sha256 === sha256) === true),
          mayWrite: (link, scope, sha256) => {
            let bytes = 0;
            anyJob(link, scope, (job, set) => {
              if (!set.over) bytes = job.came.get(sha256) ?? 0;
              return bytes > 0;
            });
            return bytes;
          },
        }),
        leases.on('leaseChanged', ({ id, side, state }) => {
          if (side === 'lent' && (state === 'ended' || state === 'refused') && waiting.has(id as LeaseId))
            background('Jobs of a lease that is over could not be removed', removeLeft(id as LeaseId));
        }),
      );
      // Leases that were taken up before: what became of their jobs until now nobody heard.
      for (const [local, job] of byLocal) job.changed(await runtime.get(local));
      for (const lease of await rows.leases()) {
        if (sets.has(lease)) continue;
        waiting.add(lease);
        if (await isOver(lease)) await removeLeft(lease);
        // Nobody meters it until its lease is taken up again.
        else for (const { local } of await rows.of(lease)) if (local !== null) runtime.limit(local, 0);
      }
    },
    stop: async () => {
      stopping = true;
      for (const end of endings.splice(0)) end();
      for (const set of sets.values()) {
        set.cancelClear();
        // Nobody can fetch anything while this node is down.
        if (set.over || set.kind === 'cpu') await clear(set);
      }
    },
  };

  function anyJob(link: Link, scope: string, test: (job: LentJob, set: LentSet) => boolean): boolean {
    const name = scope.startsWith('job:') ? (scope.slice('job:'.length) as JobId) : null;
    if (name === null) return false;
    for (const [id, { jobs }] of sets) {
      const job = jobs.get(name);
      // Two borrowers may have the same name for a job: each has its own.
      if (job === undefined) continue;
      const set = setFor(link, id);
      if (set !== null && test(job, set)) return true;
    }
    return false;
  }
};
