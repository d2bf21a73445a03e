import { isNodeError, type JobId, messageOf } from '../../../base/index.ts';
import type { JobEnd, JobOutputChunk } from '../../../../preload/contract/index.ts';
import { checkResult, problemOfOutputs } from './check-result.ts';
import { LOOK_MS_MIN, LOOK_WAIT_MS, RETRY_MS_MAX, RETRY_MS_MIN, SILENT_MS_MAX } from './constants.ts';
import { RemoteJobError, saidThere } from './errors.ts';
import { createFarJob, type FarJob } from './far-job.ts';
import { contentOf } from './lent-job.ts';
import { type OrderFacts, orderHolderOf, type Seat } from './order-facts.ts';
import { createOrderMover, type OrderMover } from './order-mover.ts';
import type { OrderCore, OrderParts } from './order-parts.ts';
import type { FarState } from './protocol.ts';

export interface OrderInit {
  id: JobId;
  facts: OrderFacts;
  outputBytes: number;
  /** Owners who have another copy of it. */
  others: () => ReadonlySet<string>;
  /** Copies look for a place one after the other, or two would find the same. */
  inTurn: (work: () => Promise<void>) => Promise<void>;
  /** Something in its view is different. */
  changed: () => void;
  wrote: (chunk: JobOutputChunk, bytes: number) => void;
}
/** One job of ours elsewhere: goes from step to step by itself, each of which is on disk before it is done. */
export interface Order {
  readonly id: JobId;
  readonly facts: OrderFacts;
  readonly outputBytes: number;
  /** Resolves when nothing of it is left to do, or the node stops. */
  readonly done: Promise<void>;
  run(): void;
  cancel(): Promise<void>;
  far(): FarJob | null;
  readonly mover: OrderMover;
  stop(): Promise<void>;
}
/** A seat that says no, and those after it, until it is enough. */
const REFUSALS_MAX = 4;
/** Times that content went missing at the lender between being sent and being used. */
const RESENDS_MAX = 3;

export const createOrder = (parts: OrderParts, init: OrderInit): Order => {
  const { outside, rows, seats, content, exchange, images, metrics } = parts;
  const { clock } = outside;
  const { id } = init;
  const log = parts.logger;
  const scope = `job:${id}`;
  const life = new AbortController();
  const finished = Promise.withResolvers<void>();
  let facts = init.facts;
  let outputBytes = init.outputBytes;
  let since = 0;
  let resends = 0;
  let noticed = '';
  let pausing: AbortController | null = null;
  let fetching: Promise<void> = Promise.resolve();
  let far: { seat: Seat; job: FarJob } | null = null;

  const save = async (change: Partial<OrderFacts>): Promise<void> => {
    facts = { ...facts, ...change };
    await rows.update(id, facts);
    init.changed();
  };
  /** Not worth a row. */
  const say = (reason: string): void => {
    if (facts.reason === reason) return;
    facts = { ...facts, reason };
    init.changed();
  };
  const farOf = (seat: Seat): FarJob =>
    createFarJob({ leases: parts.leases, links: parts.links, signal: life.signal }, seat, id);
  const farNow = (): FarJob | null => {
    const { seat } = facts;
    if (seat === null) return null;
    if (far === null || far.seat.lease !== seat.lease) far = { seat, job: farOf(seat) };
    return far.job;
  };
  const knownFar = (): FarJob => {
    const job = farNow();
    if (job === null) throw new RemoteJobError({ code: 'JOB_NOT_RUNNING', job: id }, 'The job is nowhere yet.');
    return job;
  };
  const nameOfSeat = (): string =>
    facts.seat === null ? 'Nobody' : facts.seat.peerName === '' ? facts.seat.peerId : facts.seat.peerName;
  const pause = async (ms: number): Promise<void> => {
    pausing = new AbortController();
    await clock.sleep(ms, AbortSignal.any([life.signal, pausing.signal])).catch(() => undefined);
    pausing = null;
  };

  const conclude = (end: JobEnd): Promise<void> => save({ end, step: 'closing', endedAtMs: clock.nowMs(), reason: '' });
  const lost = (message: string): Promise<void> => conclude({ why: 'lost', message });

  const fetchOutput = (from: FarJob): Promise<void> => {
    const { seat } = facts;
    fetching = fetching.then(async () => {
      // It has moved meanwhile: what was written there is here already.
      while (facts.seat === seat) {
        const offset = outputBytes - facts.outputBase;
        const { chunks, nextOffset } = await from.output(offset);
        if (chunks.length === 0) return;
        const bytes = chunks.reduce((sum, { data }) => sum + data.length, 0);
        // A lender that says more than was agreed to is not listened to.
        if (nextOffset !== offset + bytes || nextOffset > facts.spec.outputBytesMax)
          throw new RemoteJobError(
            { code: 'REFUSED_THERE', there: 'LENDER_BROKEN' },
            'The node that has the job sent other output than was agreed to; send the job to another one.',
          );
        const start = outputBytes;
        await rows.addOutput(id, start, chunks);
        outputBytes += bytes;
        let at = start;
        for (const { stream, data } of chunks) {
          init.wrote({ id, stream, offset: at, data: Buffer.from(data).toString('base64') }, data.length);
          at += data.length;
        }
      }
    });
    const done = fetching;
    fetching = fetching.catch(() => undefined);
    return done;
  };

  const bringTo = async (to: FarJob, held: boolean): Promise<void> => {
    const { spec } = facts;
    if (spec.kind === 'container' && facts.image === null && images !== null) {
      say('Its image is made ready to be sent.');
      try {
        const image = await images.export(spec.image, { signal: life.signal });
        await content.hold(orderHolderOf(id), [image.config.sha256, ...image.layers.map(({ sha256 }) => sha256)]);
        await save({ image });
      } catch (error) {
        // What is not here the other end may fetch from the registry itself.
        if (!isNodeError(error) || error.code !== 'IMAGE_MISSING') throw error;
      }
    }
    const { module, stdin, image } = facts;
    const prepared = { spec, module, stdin, image, held };
    const missing = await to.prepare(prepared);
    const own = contentOf(prepared);
    // The store has much else that whoever knows its hash could ask for.
    if (missing.some((sha256) => !own.has(sha256)))
      throw new RemoteJobError(
        { code: 'REFUSED_THERE', there: 'LENDER_BROKEN' },
        'The node asked for a file that is none of the job; send the job to another one.',
      );
    if (missing.length > 0) {
      say('Its files are sent.');
      await exchange.send(await to.link(), scope, missing, {
        signal: life.signal,
        progress: (doneBytes) => say(`Its files are sent, ${Math.round(doneBytes / 1024 / 1024)} MiB so far.`),
      });
    }
    await to.tell({ kind: 'start' });
    say('It is made ready there.');
  };
  const core: OrderCore = {
    id,
    get facts() {
      return facts;
    },
    get outputBytes() {
      return outputBytes;
    },
    signal: life.signal,
    log,
    save,
    say,
    farOf,
    others: init.others,
    inTurn: init.inTurn,
    bringTo,
    fetchOutput,
    arrived: () => {
      since = 0;
    },
  };
  const mover = createOrderMover(parts, core);

  const absorb = async (state: FarState): Promise<void> => {
    const { version: _, code: __, reason, end: ___, notice: ____, ...told } = state;
    const before = facts.far;
    const begun = state.state === 'running' || state.state === 'frozen';
    const startedAtMs = facts.startedAtMs ?? (begun ? clock.nowMs() : null);
    const shown = reason === '' && facts.reason.startsWith('It stays') ? facts.reason : reason;
    const isNew = before?.state !== told.state || before.health !== told.health || startedAtMs !== facts.startedAtMs;
    if (isNew) await save({ far: told, startedAtMs, reason: shown });
    else {
      facts = { ...facts, far: told, reason: shown };
      init.changed();
    }
  };
  /** It has to leave there: it goes elsewhere by itself where it can. */
  const heed = (notice: { reason: string; noticeMs: number }): void => {
    const key = `${facts.seat?.lease ?? ''} ${notice.reason}`;
    if (noticed === key || facts.move !== null) return;
    noticed = key;
    mover.begin('any').catch((error: unknown) => {
      say(`It stays where it is, though that node asks it to leave (${notice.reason}): ${messageOf(error)}`);
    });
  };
  const follow = async (): Promise<void> => {
    const from = knownFar();
    const { seat } = facts;
    const state = await from.state(since, LOOK_WAIT_MS);
    // It moved while this was under way.
    if (facts.seat !== seat || facts.step !== 'running') return;
    since = state.version;
    if (state.state === 'prepared') return await save({ step: 'preparing' });
    if (state.state === 'refused') {
      if (state.code === 'CONTENT_MISSING' && resends++ < RESENDS_MAX) return await save({ step: 'preparing' });
      throw new RemoteJobError({ code: 'REFUSED_THERE', there: state.code }, state.reason);
    }
    await absorb(state);
    if (facts.outputBase + state.measured.outputBytes > outputBytes || state.end !== null) await fetchOutput(from);
    if (state.end !== null) {
      // The mover knows what comes next.
      if (facts.move !== null) return await pause(LOOK_MS_MIN);
      if (facts.seat === seat && facts.step === 'running') await save({ end: state.end, step: 'collecting' });
      return;
    }
    if (facts.cancelled) await from.tell({ kind: 'stop' });
    else if (state.notice !== null) heed(state.notice);
    await pause(LOOK_MS_MIN);
  };
  const collect = async (): Promise<void> => {
    const from = knownFar();
    const end = facts.end ?? { why: 'lost', message: 'Nothing is known of its end.' };
    say('What it left is fetched.');
    await fetchOutput(from);
    const { result, outputs } = await from.collect();
    const problem = problemOfOutputs(outputs, facts);
    const checked =
      problem === null
        ? await checkResult(parts, { id, facts, outputBytes }, { file: result, outputs, end })
        : { hash: null, problem: `it says that the job left ${problem}` };
    if (checked.problem !== null) {
      metrics?.wrongResults.inc();
      const peer = facts.seat?.peerId;
      if (peer !== undefined) parts.offend(peer, `a result that does not hold: ${checked.problem}`);
      return await lost(
        `${nameOfSeat()} gave a result that does not hold, so nothing of it counts: ${checked.problem}.`,
      );
    }
    if (outputs.length > 0) {
      const link = await from.link();
      await exchange.bring(
        link,
        scope,
        outputs.map(({ sha256, bytes }) => ({ sha256, bytes })),
        { signal: life.signal },
      );
      await content.hold(
        orderHolderOf(id),
        outputs.map(({ sha256 }) => sha256),
      );
    }
    await save({ outputs, result: checked.hash });
    await conclude(end);
  };
  const close = async (): Promise<void> => {
    const { seat, end, moves } = facts;
    if (seat !== null) {
      // With it what it brought and left is gone there at once; ending the lease alone keeps it a minute.
      await farOf(seat)
        .tell({ kind: 'forget' })
        .catch((error: unknown) => {
          if (!isNodeError(error)) throw error;
        });
      await seats.give(seat, 'The job has ended.');
    }
    for (const left of await seats.takenFor(id)) await seats.give(left, 'The job has ended.');
    metrics?.ended.inc(1, { why: end?.why ?? 'lost' });
    log.debug('A job elsewhere has ended', { job: id, why: end?.why ?? 'lost', moves: moves.length });
    await save({ step: 'ended' });
  };

  const seek = async (): Promise<void> => {
    if (facts.cancelled) return await conclude({ why: 'cancelled' });
    // A run that broke off between asking for the lease and writing it down.
    const [found, ...more] = await seats.takenFor(id);
    for (const one of more) await seats.give(one, 'Taken twice.');
    say('A node that lends what it needs is looked for.');
    const { spec, to, minutes, priceMicroMax, route, refusedBy } = facts;
    await init.inTurn(async () => {
      const without = new Set([...refusedBy, ...init.others()]);
      const seat = found ?? (await seats.take(id, { spec, to, minutes, priceMicroMax, route, without }));
      await save({ seat, step: 'leasing' });
    });
  };
  const lease = async (): Promise<void> => {
    const { seat } = facts;
    if (seat === null) return await save({ step: 'seeking' });
    say(`${nameOfSeat()} is asked for a lease.`);
    await save({ seat: await seats.settled(seat, life.signal), step: 'preparing' });
  };
  const prepare = async (): Promise<void> => {
    if (facts.cancelled) return await conclude({ why: 'cancelled' });
    await bringTo(knownFar(), facts.from !== null && facts.moves.length === 0);
    since = 0;
    await save({ step: facts.from === null || facts.moves.length > 0 ? 'running' : 'arriving' });
  };
  const steps: Record<Exclude<OrderFacts['step'], 'ended'>, () => Promise<void>> = {
    seeking: seek,
    leasing: lease,
    preparing: prepare,
    arriving: () => mover.arrive(),
    running: follow,
    collecting: collect,
    closing: close,
  };

  /** The node said no, or nobody lends: another one, or the end. */
  const giveUpSeat = async (message: string): Promise<void> => {
    const { seat, to, refusedBy, step, from } = facts;
    if (facts.cancelled) return await conclude({ why: 'cancelled' });
    const canSeek =
      seat !== null && seat.own && (step === 'leasing' || step === 'preparing' || facts.startedAtMs === null);
    if (canSeek && from === null && to === 'any' && refusedBy.length < REFUSALS_MAX) {
      await seats.give(seat, 'It said no.');
      await save({ seat: null, far: null, refusedBy: [...refusedBy, seat.peerId], step: 'seeking' });
      return;
    }
    await lost(seat === null ? message : `${nameOfSeat()} did not take it: ${message}`);
  };
  /** @returns whether the step is to be tried again */
  const onProblem = async (error: Error & { code: string }, silentMs: number): Promise<void> => {
    const { step, seat } = facts;
    const said = saidThere(error);
    if (step === 'closing') return;
    if (said !== null && step !== 'collecting') return await giveUpSeat(error.message);
    if (step === 'seeking') {
      if (error.code === 'NOT_RUNNING' && silentMs < SILENT_MS_MAX) return say(error.message);
      return await lost(error.message);
    }
    if (step === 'arriving') return await lost(`It stayed here: ${error.message}`);
    const there = seat === null ? { over: true, reason: '' } : await seats.isOver(seat.lease);
    if (step === 'collecting' && (said !== null || there.over || silentMs > SILENT_MS_MAX)) {
      const { end } = facts;
      const how = end?.why === 'exited' ? `with exit code ${end.exitCode}` : 'there';
      return await lost(`It ended ${how}, but what it left could not be fetched: ${error.message}`);
    }
    if (there.over)
      return await lost(`The lease at ${nameOfSeat()} is over, and the job with it. ${there.reason}`.trim());
    if (silentMs > SILENT_MS_MAX)
      return await lost(`${nameOfSeat()} has not answered for ${Math.round(silentMs / 60_000)} minutes.`);
    say(`${nameOfSeat()} does not answer now; it is asked again. ${error.message}`);
  };
  const run = async (): Promise<void> => {
    let delayMs = RETRY_MS_MIN;
    let heardAtMs = clock.monotonicMs();
    if (facts.move !== null) await mover.takeUp();
    while (!life.signal.aborted) {
      const { step } = facts;
      if (step === 'ended') return;
      try {
        await steps[step]();
        delayMs = RETRY_MS_MIN;
        heardAtMs = clock.monotonicMs();
      } catch (error) {
        if (life.signal.aborted) return;
        if (!isNodeError(error))
          log.error('A job elsewhere met what it does not know', { job: id, error: messageOf(error) });
        const known = isNodeError(error)
          ? error
          : new RemoteJobError({ code: 'LENDER_AWAY', job: id }, messageOf(error));
        await onProblem(known, clock.monotonicMs() - heardAtMs);
        if (facts.step === step) {
          await pause(delayMs);
          delayMs = Math.min(RETRY_MS_MAX, delayMs * 2);
        }
      }
    }
  };

  return {
    id,
    get facts() {
      return facts;
    },
    get outputBytes() {
      return outputBytes;
    },
    done: finished.promise,
    mover,
    far: farNow,
    run: () => {
      run()
        .catch((error: unknown) => {
          if (!life.signal.aborted) log.error('A job elsewhere was given up', { job: id, error: messageOf(error) });
        })
        .finally(() => finished.resolve());
    },
    cancel: async () => {
      if (facts.endedAtMs !== null) return;
      await save({ cancelled: true });
      if (facts.step === 'running')
        await knownFar()
          .tell({ kind: 'stop' })
          .catch(() => undefined);
      pausing?.abort();
    },
    stop: async () => {
      life.abort(new RemoteJobError({ code: 'LENDER_AWAY', job: id }, 'The node is stopping.'));
      await finished.promise;
      await mover.idle();
    },
  };
};
