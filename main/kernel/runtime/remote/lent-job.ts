import { isNodeError, type JobId, type Logger, messageOf, type Outside } from '../../../base/index.ts';
import type { JobFile, JobSpec, JobView } from '../../../../preload/contract/index.ts';
import type { PeerId } from '../../../transport/stoq/index.ts';
import type { LentLease } from '../../leases/index.ts';
import type { ContentStore } from '../content/interface.ts';
import type { JobNetwork, JobPipe, WorkEntry, WorkFolder } from '../drivers/interface.ts';
import type { Images } from '../images/interface.ts';
import type { JobOrigin, Runtime } from '../interface.ts';
import { unmeasured } from '../job-view.ts';
import type { CreateWorkCopier } from '../moving/interface.ts';
import {
  ENTRIES_PER_ANSWER,
  LENT_HEALTH_MS_MIN,
  LISTED_MS,
  OUTPUT_FILES_MAX,
  OUTPUT_PIECE_BYTES_MAX,
  SLOT_MILLICORES,
  WORK_WAIT_MS,
} from './constants.ts';
import { readBase64 } from './content-text.ts';
import { copyRound } from './copy-work.ts';
import { RemoteJobError, saidThere } from './errors.ts';
import type { LentRow, LentRows } from './lent-rows.ts';
import type { FarState, JobAnswer, Prepare } from './protocol.ts';
import { readyWork } from './ready-work.ts';
import { amountFor, type ContentRef } from './sent-spec.ts';

export interface LentJobParts {
  outside: Outside;
  logger: Logger;
  runtime: Pick<
    Runtime,
    | 'submit'
    | 'get'
    | 'cancel'
    | 'remove'
    | 'output'
    | 'connect'
    | 'work'
    | 'begin'
    | 'handOver'
    | 'forgetMoved'
    | 'limit'
    | 'result'
  >;
  content: Pick<ContentStore, 'sizeOf' | 'open' | 'hold' | 'discard'>;
  /** Null: this node has no engine to run images with. */
  images: Pick<Images, 'import' | 'ensure'> | null;
  /** Whether the owner lets this borrower bring images that are not of the list; null: one of whom no more is known. */
  mayBring: (peer: PeerId | null) => Promise<boolean>;
  createWorkCopier: CreateWorkCopier;
  rows: LentRows;
}
/** Where a lent job is. */
export interface LentJobInit {
  lease: LentLease;
  job: JobId;
  prepared: Prepare;
  /** Of the borrower, as it was last seen; null where nothing of it is kept. */
  peerId: () => PeerId | null;
  network: JobNetwork | null;
  /** What of the lease is free for it now, in the lease's unit. */
  free: () => number;
  /** What of its share it may take now, 0 to 1. */
  part: () => number;
  /** The runtime has a name for it from now on, or another one. */
  named: (local: JobId) => void;
}
/** One job of somebody else here: a name that the borrower gave, and the job of the runtime behind it. */
export interface LentJob {
  readonly job: JobId;
  readonly local: JobId | null;
  /** Of the lease, in its unit; 0 once it has ended. */
  readonly amount: number;
  /** Whether it holds on to any of the lease. */
  readonly live: boolean;
  readonly view: JobView | null;
  /** Content that it came with. */
  readonly came: ReadonlyMap<string, number>;
  /** @returns hashes of what is not here */
  missing(): Promise<string[]>;
  start(): void;
  state(since: number, waitMs: number): Promise<FarState>;
  output(offset: number): Promise<JobAnswer>;
  stop(): Promise<void>;
  begin(): Promise<void>;
  collect(): Promise<{ result: Uint8Array | null; outputs: readonly JobFile[] }>;
  handOver(to: string, graceMs: number): Promise<void>;
  resume(): Promise<void>;
  list(after: number): Promise<{ entries: readonly WorkEntry[]; more: boolean }>;
  work(): Promise<WorkFolder>;
  connect(port: number): Promise<JobPipe>;
  limit(part: number): void;
  /** What the runtime tells of it. */
  changed(view: JobView): void;
  wrote(): void;
  /** It is to leave; null: not any more. */
  notice(notice: FarState['notice']): void;
  /** Takes up what an earlier run left. */
  adopt(row: LentRow): Promise<void>;
  /** Nothing of it is left: not a byte that came with it, and not its name. */
  clear(): Promise<void>;
}

/** Looking for an image that is here takes no time that anybody would break off. */
const unending = new AbortController().signal;
/**
 * An image for a borrower who may bring none: by its id alone, since what its names mean the borrower cannot say.
 *
 * @returns null when the owner's list has the id, but it is not here
 * @throws {ImageError} `IMAGE_REFUSED` when it is not of the list
 */
const listedImage = async (images: Pick<Images, 'ensure'>, wanted: string): Promise<string | null> => {
  try {
    const { id } = await images.ensure(wanted, { brought: false, signal: unending, progress: () => undefined });
    return id;
  } catch (error) {
    if (isNodeError(error) && error.code === 'IMAGE_MISSING') return null;
    throw error;
  }
};
/** Held for a lease and job: the runtime holds what its own jobs have under their own names. */
export const lentHolderOf = (lease: string, job: JobId): string => `lent:${lease}:${job}`;

/** All that a prepared job names of the content store. */
export const refsOf = ({ spec, module, stdin, image }: Prepare): ContentRef[] =>
  [module, stdin, ...spec.files, ...(image === null ? [] : [image.config, ...image.layers])].filter(
    (ref) => ref !== null,
  );
/** All content that a prepared job is made of. */
export const contentOf = (prepare: Prepare): Map<string, number> =>
  new Map(refsOf(prepare).map(({ sha256, bytes }) => [sha256, bytes]));

export const createLentJob = (parts: LentJobParts, init: LentJobInit): LentJob => {
  const { outside, runtime, content, images, rows } = parts;
  const logger = parts.logger;
  const { lease, job, prepared } = init;
  const came = contentOf(prepared);
  const holder = lentHolderOf(lease.id, job);
  let local: JobId | null = null;
  let view: JobView | null = null;
  let phase: 'prepared' | 'starting' | 'begun' | 'refused' = 'prepared';
  let refusal = { code: '', sentence: '' };
  let doing = '';
  let version = 1;
  let cleared = false;
  let notice: FarState['notice'] = null;
  let amount = 0;
  let kept: WorkFolder | null = null;
  let listed: readonly WorkEntry[] = [];
  let launching: Promise<void> = Promise.resolve();
  const waiting = new Set<() => void>();
  let forgetListed: () => void = () => undefined;

  let last: Promise<unknown> = Promise.resolve();
  /** One after the other: a hand-over that takes long is done before what comes after it. */
  const alone = (work: () => Promise<void>): Promise<void> => {
    const done = last.then(work);
    last = done.catch(() => undefined);
    return done;
  };

  const bump = (): void => {
    version += 1;
    for (const wake of waiting) wake();
    waiting.clear();
  };
  const isLive = (): boolean => phase === 'starting' || (phase === 'begun' && view?.state !== 'ended');
  const known = (): JobId => {
    if (local === null)
      throw new RemoteJobError({ code: 'JOB_NOT_RUNNING', job }, 'The job has not begun here; start it first.');
    return local;
  };
  const take = (id: JobId, now: JobView): void => {
    local = id;
    init.named(id);
    changed(now);
    runtime.limit(id, init.part());
  };
  const changed = (next: JobView): void => {
    const before = view;
    view = next;
    if (
      before?.state !== next.state ||
      before.stateReason !== next.stateReason ||
      before.health !== next.health ||
      before.restartsDone !== next.restartsDone ||
      before.measured.outputBytes !== next.measured.outputBytes
    )
      bump();
  };

  /** @throws {RemoteJobError} `REFUSED_THERE` */
  const shareOf = (): { cpuPercent: number; amount: number } => {
    const { spec } = prepared;
    // What is resumed takes the place of what it had.
    const free = init.free() + self.amount;
    const perUnit = spec.kind === 'container' ? SLOT_MILLICORES / 10 : 1 / 10;
    const cpuPercent = spec.cpuPercent ?? Math.max(1, Math.min(100, Math.floor(free * perUnit)));
    const needed = amountFor({ ...spec, cpuPercent });
    if (needed > free)
      throw new RemoteJobError(
        { code: 'REFUSED_THERE', there: 'LEASE_FULL' },
        `The job needs ${needed} of the lease, of which ${free} are free; borrow more or wait for the others to end.`,
      );
    return { cpuPercent, amount: needed };
  };
  /** Each check makes the engine work, beside the share that the job is held to. */
  const seldom = (spec: Prepare['spec']): Prepare['spec'] =>
    spec.kind !== 'container' || spec.health === undefined
      ? spec
      : { ...spec, health: { ...spec.health, intervalMs: Math.max(LENT_HEALTH_MS_MIN, spec.health.intervalMs) } };
  const specOf = async (cpuPercent: number, brings: boolean): Promise<JobSpec> => {
    const { module, stdin, image } = prepared;
    const spec = seldom(prepared.spec);
    // What is urgent to a borrower is not so to the owner of the machine.
    const priority = spec.priority === 'high' ? 'normal' : spec.priority;
    const input = await readBase64(content, stdin);
    if (spec.kind !== 'container')
      return { ...spec, priority, cpuPercent, stdin: input, module: await readBase64(content, module) };
    if (image === null) return { ...spec, priority, cpuPercent, stdin: input };
    if (images === null)
      throw new RemoteJobError(
        { code: 'REFUSED_THERE', there: 'ENGINE_MISSING' },
        'This node has no container engine now; send the job to another one.',
      );
    const ofList = brings ? null : await listedImage(images, image.id);
    if (ofList !== null) return { ...spec, priority, cpuPercent, stdin: input, image: ofList };
    doing = 'Its image is taken into the engine.';
    bump();
    const { id } = await images.import(image, { brought: true });
    return { ...spec, priority, cpuPercent, stdin: input, image: id };
  };
  const originOf = (taken: number, brings: boolean): JobOrigin => ({
    side: 'lent',
    who: lease.anonymous ? lease.id : lease.borrower,
    lease: lease.id,
    peerId: init.peerId(),
    reserved:
      prepared.spec.kind === 'container' ? { millicores: 0, containers: taken } : { millicores: taken, containers: 0 },
    bringsImage: brings,
    network: init.network,
  });
  const submit = async (held: boolean): Promise<void> => {
    const share = shareOf();
    amount = share.amount;
    const missing = await self.missing();
    if (missing.length > 0)
      throw new RemoteJobError(
        { code: 'CONTENT_MISSING', sha256: missing[0] ?? '' },
        `${missing.length} of the files of the job are not here; send them and start it again.`,
      );
    await content.hold(holder, [...came.keys()]);
    const brings = prepared.image !== null && (await parts.mayBring(init.peerId()));
    const spec = await specOf(share.cpuPercent, brings);
    doing = '';
    const started = await runtime.submit(spec, { origin: originOf(share.amount, brings), held });
    const id = started.id as JobId;
    if (cleared) {
      await runtime.cancel(id);
      await runtime.remove(id);
      return;
    }
    await rows.update({ lease: lease.id, job, local: id, state: 'begun' });
    phase = 'begun';
    take(id, started);
  };
  const launch = async (held: boolean): Promise<void> => {
    try {
      await submit(held);
    } catch (error) {
      if (!isNodeError(error)) logger.warn('A job of a borrower could not be started', { error: messageOf(error) });
      phase = 'refused';
      amount = 0;
      doing = '';
      refusal = isNodeError(error)
        ? { code: saidThere(error) ?? error.code, sentence: error.message }
        : { code: 'FAILED', sentence: 'The node could not start it; send it to another one.' };
      bump();
    }
  };
  const workHere = (): Promise<WorkFolder> =>
    readyWork({ runtime, clock: outside.clock }, known(), { waitMsMax: WORK_WAIT_MS });
  let lastList: Promise<unknown> = Promise.resolve();
  /** One after another, and the node rests as long as each took: a hundred thousand entries are work for it and none for who asks. */
  const listHere = async (): Promise<readonly WorkEntry[]> => {
    const listing = lastList.then(async () => {
      const beganAtMs = outside.clock.monotonicMs();
      const entries = await (await self.work()).list();
      return { entries, tookMs: outside.clock.monotonicMs() - beganAtMs };
    });
    lastList = listing.then(({ tookMs }) => outside.clock.sleep(tookMs)).catch(() => undefined);
    return (await listing).entries;
  };
  const quietly = async (work: () => Promise<unknown>): Promise<void> => {
    try {
      await work();
    } catch (error) {
      if (!isNodeError(error)) logger.warn('Something of a borrower could not be removed', { error: messageOf(error) });
    }
  };

  /** A job that was to take the place of another goes again: else nobody would know either of them. */
  const takeBack = async (before: JobId, amountBefore: number): Promise<void> => {
    const failed = local;
    amount = amountBefore;
    if (failed === null || failed === before) return;
    await rows.update({ lease: lease.id, job, local: before, state: 'handedOver' });
    take(before, await runtime.get(before));
    await quietly(() => runtime.cancel(failed));
    await quietly(() => runtime.remove(failed));
  };

  const self: LentJob = {
    job,
    get local() {
      return local;
    },
    get amount() {
      // What was handed over is memory still: its files are kept until it is forgotten.
      return isLive() || kept !== null ? amount : 0;
    },
    get live() {
      return isLive();
    },
    get view() {
      return view;
    },
    came,
    missing: async () => {
      const found: string[] = [];
      for (const [sha256, bytes] of came) if ((await content.sizeOf(sha256)) !== bytes) found.push(sha256);
      return found;
    },
    start: () => {
      if (phase !== 'prepared' && phase !== 'refused') return;
      phase = 'starting';
      amount = 0;
      bump();
      launching = launch(prepared.held);
    },
    state: async (since, waitMs) => {
      if (version <= since && waitMs > 0) {
        const over = new AbortController();
        let wake: () => void = () => undefined;
        const woken = new Promise<void>((resolve) => waiting.add((wake = resolve)));
        await Promise.race([woken, outside.clock.sleep(waitMs, over.signal).catch(() => undefined)]);
        over.abort();
        // A job of which nothing new is told for days would keep all who ever waited.
        waiting.delete(wake);
      }
      const state = phase === 'refused' || phase === 'prepared' ? phase : (view?.state ?? 'preparing');
      return {
        version,
        state,
        code: phase === 'refused' ? refusal.code : '',
        reason: phase === 'refused' ? refusal.sentence : (view?.stateReason ?? doing),
        end: view?.end ?? null,
        queuePosition: view?.queuePosition ?? null,
        health: view?.health ?? 'none',
        governor: view?.governor ?? 'none',
        effectiveCpuPercent: view?.effectiveCpuPercent ?? 0,
        restartsDone: view?.restartsDone ?? 0,
        measured: view?.measured ?? unmeasured(0),
        notice,
      };
    },
    output: async (offset) => {
      if (local === null) return { kind: 'output', chunks: [], nextOffset: offset };
      const { chunks } = await runtime.output(local, offset);
      const pieces: { stream: 'stdout' | 'stderr'; data: Uint8Array }[] = [];
      let left = OUTPUT_PIECE_BYTES_MAX;
      for (const { stream, data } of chunks) {
        const bytes = Buffer.from(data, 'base64').subarray(0, left);
        if (bytes.length === 0) break;
        pieces.push({ stream, data: bytes });
        left -= bytes.length;
      }
      return { kind: 'output', chunks: pieces, nextOffset: offset + OUTPUT_PIECE_BYTES_MAX - left };
    },
    stop: async () => {
      await launching;
      if (local === null) {
        phase = 'refused';
        refusal = { code: 'CANCELLED', sentence: 'It was cancelled before it began.' };
        bump();
      } else changed(await runtime.cancel(local));
    },
    begin: async () => {
      changed(await runtime.begin(known()));
    },
    collect: async () => {
      const id = known();
      if (view?.state !== 'ended')
        throw new RemoteJobError({ code: 'JOB_RUNNING', job }, 'The job has not ended; collect it then.');
      let result: Uint8Array | null = null;
      try {
        ({ bytes: result } = await runtime.result(id));
      } catch (error) {
        if (!isNodeError(error)) throw error;
      }
      return { result, outputs: view.outputs.slice(0, OUTPUT_FILES_MAX) };
    },
    handOver: (to, graceMs) =>
      alone(async () => {
        if (kept !== null) return;
        const id = known();
        await rows.update({ lease: lease.id, job, local: id, state: 'handedOver' });
        ({ work: kept } = await runtime.handOver(id, to, graceMs));
        changed(await runtime.get(id));
        bump();
      }),
    resume: () =>
      alone(async () => {
        const from = kept;
        const before = known();
        // It was never handed over: it goes on, or has ended by itself.
        if (from === null && view?.end?.why !== 'moved') return;
        if (from === null)
          throw new RemoteJobError(
            { code: 'NOT_MOVABLE', job },
            'The job was not handed over; nothing is to be resumed.',
          );
        const amountBefore = amount;
        try {
          await submit(true);
          await copyRound(parts.createWorkCopier(from), await workHere());
        } catch (error) {
          await takeBack(before, amountBefore);
          throw error;
        }
        kept = null;
        await quietly(() => runtime.forgetMoved(before));
        await quietly(() => runtime.remove(before));
        changed(await runtime.begin(known()));
      }),
    list: async (after) => {
      if (after === 0) listed = await listHere();
      const entries = listed.slice(after, after + ENTRIES_PER_ANSWER);
      const more = after + entries.length < listed.length;
      forgetListed();
      if (!more) listed = [];
      else forgetListed = outside.clock.after(LISTED_MS, () => (listed = []));
      return { entries, more };
    },
    work: async () => kept ?? (await workHere()),
    connect: (port) => runtime.connect(known(), port),
    limit: (part) => {
      if (local !== null) runtime.limit(local, part);
    },
    changed,
    wrote: bump,
    notice: (next) => {
      notice = next;
      bump();
    },
    adopt: async (row) => {
      if (row.local === null) return;
      try {
        const found = await runtime.get(row.local);
        phase = 'begun';
        // What it was given then, whatever its lease has free now.
        amount = amountFor({ ...prepared.spec, cpuPercent: Math.max(1, found.promised.cpuPercent) });
        take(row.local, found);
        // Otherwise it was not stopped yet: it goes on until it is asked again.
        if (row.state === 'handedOver' && found.end?.why === 'moved')
          ({ work: kept } = await runtime.handOver(row.local, found.end.to, 0));
      } catch (error) {
        if (!isNodeError(error)) throw error;
        logger.debug('A job of a borrower is gone with the last run', { job, error: error.message });
      }
    },
    clear: async () => {
      cleared = true;
      await launching;
      const id = local;
      if (id !== null) {
        if (kept !== null) await quietly(() => runtime.forgetMoved(id));
        await quietly(() => runtime.cancel(id));
        await quietly(() => runtime.remove(id));
      }
      // Also what came for a job that was never started.
      forgetListed();
      listed = [];
      await quietly(async () => {
        await content.hold(holder, [...came.keys()]);
        await content.discard(holder);
      });
      await rows.remove(lease.id, job);
      bump();
    },
  };
  return self;
};
