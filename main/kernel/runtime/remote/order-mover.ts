import { isNodeError, type JobId, messageOf } from '../../../base/index.ts';
import type { JobSpec, JobView } from '../../../../preload/contract/index.ts';
import type { WorkFolder } from '../drivers/interface.ts';
import { HAND_OVER_MS, LOOK_MS_MIN, LOOK_WAIT_MS, RETRY_MS_MAX, RETRY_MS_MIN } from './constants.ts';
import { readBase64 } from './content-text.ts';
import { notRunning, RemoteJobError } from './errors.ts';
import type { FarJob } from './far-job.ts';
import type { OrderFacts, OrderMove, Seat } from './order-facts.ts';
import type { OrderCore, OrderParts } from './order-parts.ts';
import { readyWork } from './ready-work.ts';
import { transferWork } from './transfer.ts';

/** Moves one job: from here to its first place, from there to another, and home. */
export interface OrderMover {
  /** Looks for a place and begins. Resolves when there is one; the rest is told by the order. @throws {RemoteJobError} `NOT_MOVABLE` | `JOB_NOT_RUNNING` | `NO_OFFERS` */
  begin(to: string): Promise<void>;
  /** A job of ours here goes to its first place elsewhere. Within the order's run. */
  arrive(): Promise<void>;
  /** After a restart: goes on with what broke off. */
  takeUp(): Promise<void>;
  /** Resolves when no move is under way. */
  idle(): Promise<void>;
}

/** What it goes to. */
interface Target {
  name: string;
  work: WorkFolder;
  begin: () => Promise<void>;
  hasBegun: () => Promise<boolean>;
  /** Nothing of it stays. */
  drop: () => Promise<void>;
}
const nameOf = ({ peerName, peerId }: Seat): string => (peerName === '' ? peerId : peerName);
const HERE = 'this node';
const isReady = (state: string): boolean => !['prepared', 'preparing', 'queued'].includes(state);
const hasBegun = (state: string): boolean => ['running', 'frozen', 'ended'].includes(state);

export const createOrderMover = (parts: OrderParts, core: OrderCore): OrderMover => {
  const { runtime, seats, metrics, content } = parts;
  const { clock } = parts.outside;
  const { id, signal, log } = core;
  let moving: Promise<void> = Promise.resolve();

  const quietly = async (work: () => Promise<unknown>): Promise<void> => {
    try {
      await work();
    } catch (error) {
      if (!isNodeError(error)) log.warn('Something of a job that moved was left', { job: id, error: messageOf(error) });
    }
  };
  /** Until it is ready there, or runs. */
  const awaitFar = async (far: FarJob, wanted: (state: string) => boolean): Promise<void> => {
    for (let since = 0; ; ) {
      const { version, state, code, reason } = await far.state(since, LOOK_WAIT_MS);
      since = version;
      if (state === 'refused') throw new RemoteJobError({ code: 'REFUSED_THERE', there: code }, reason);
      if (state === 'prepared') await far.tell({ kind: 'start' });
      if (wanted(state)) return;
      await clock.sleep(LOOK_MS_MIN / 5, signal);
    }
  };
  const awaitLocal = async (local: JobId): Promise<void> => {
    while (!hasBegun((await runtime.get(local)).state)) await clock.sleep(20, signal);
  };
  const wholeSpec = async ({ spec, module, stdin }: OrderFacts): Promise<JobSpec> => {
    const input = await readBase64(content, stdin);
    return spec.kind === 'container'
      ? { ...spec, stdin: input }
      : { ...spec, stdin: input, module: await readBase64(content, module) };
  };
  const farTarget = (seat: Seat): Target => {
    const far = core.farOf(seat);
    return {
      name: nameOf(seat),
      work: far.work,
      begin: async () => {
        await far.tell({ kind: 'begin' });
        await awaitFar(far, hasBegun);
      },
      hasBegun: async () => hasBegun((await far.state(0, 0)).state),
      drop: async () => {
        await quietly(() => far.tell({ kind: 'stop' }));
        await quietly(() => far.tell({ kind: 'forget' }));
        await seats.give(seat, 'The job did not move.');
      },
    };
  };
  const dropHere = async (local: JobId): Promise<void> => {
    await quietly(() => runtime.cancel(local));
    await quietly(() => runtime.remove(local));
  };
  const homeTarget = async (local: JobId): Promise<Target> => ({
    name: HERE,
    work: await readyWork({ runtime, clock }, local, { waitMsMax: Number.POSITIVE_INFINITY, signal }),
    begin: async () => {
      await runtime.begin(local);
      await awaitLocal(local);
    },
    hasBegun: async () => hasBegun((await runtime.get(local)).state),
    drop: () => dropHere(local),
  });
  const moveOf = (
    from: string,
    to: string,
    done: { pauseMs: number; movedBytes: number },
  ): JobView['moves'][number] => {
    metrics?.moves.inc(1, { outcome: 'moved' });
    metrics?.movePauseSeconds.observe(done.pauseMs / 1000);
    return { atMs: clock.nowMs(), from, to, pauseMs: done.pauseMs, movedBytes: done.movedBytes };
  };

  // From another node

  const setMove = (change: Partial<OrderMove>): Promise<void> => {
    const { move } = core.facts;
    return move === null ? Promise.resolve() : core.save({ move: { ...move, ...change } });
  };
  const source = (): FarJob => {
    const { seat } = core.facts;
    if (seat === null) throw notRunning(id);
    return core.farOf(seat);
  };
  const handOver = async (to: string): Promise<WorkFolder> => {
    await setMove({ phase: 'handedOver' });
    const far = source();
    await far.tell({ kind: 'handOver', to, graceMs: HAND_OVER_MS });
    return far.work;
  };
  const settle = async (target: Target, done: { pauseMs: number; movedBytes: number }): Promise<void> => {
    const { seat: before, move, moves } = core.facts;
    if (before === null || move === null) return;
    const far = core.farOf(before);
    await core.fetchOutput(far);
    const made = moveOf(nameOf(before), target.name, done);
    const after = [...moves, made];
    if (move.seat === null && move.local !== null) {
      await runtime.note(move.local, { moves: made });
      await core.save({
        move: null,
        moves: after,
        end: { why: 'moved', to: 'home', message: `It goes on here as ${move.local}.` },
        step: 'closing',
        endedAtMs: clock.nowMs(),
        reason: '',
      });
      return;
    }
    const { outputBytes: outputBase } = core;
    await core.save({ seat: move.seat, move: null, moves: after, far: null, reason: '', outputBase });
    core.arrived();
    await quietly(() => far.tell({ kind: 'forget' }));
    await seats.give(before, 'The job has moved.');
  };
  /** It starts again where it was handed over, with its files. Tried until that works or the lease there is over. */
  const goBack = async (problem: string): Promise<void> => {
    for (let delayMs = RETRY_MS_MIN; !signal.aborted; delayMs = Math.min(RETRY_MS_MAX, 2 * delayMs)) {
      try {
        await source().tell({ kind: 'resume' }, 120_000);
        core.arrived();
        return;
      } catch (error) {
        if (!isNodeError(error)) throw error;
        const { seat } = core.facts;
        const isLost = seat === null || (await seats.isOver(seat.lease)).over || error.code === 'REFUSED_THERE';
        if (isLost) {
          const message = `It could neither go on elsewhere (${problem}) nor start again where it was: ${error.message}`;
          await core.save({ move: null, end: { why: 'lost', message }, step: 'closing', endedAtMs: clock.nowMs() });
          return;
        }
        await clock.sleep(delayMs, signal).catch(() => undefined);
      }
    }
  };
  const failed = async (target: Target | null, error: unknown): Promise<void> => {
    if (signal.aborted) return;
    const { move, seat } = core.facts;
    if (!isNodeError(error))
      log.error('A move of a job met what it does not know', { job: id, error: messageOf(error) });
    const problem = messageOf(error);
    if (move?.phase === 'handedOver') await goBack(problem);
    metrics?.moves.inc(1, { outcome: move?.phase === 'handedOver' ? 'back' : 'failed' });
    if (target !== null) await target.drop();
    else if (move?.local != null) await dropHere(move.local);
    else if (move?.seat != null) await seats.give(move.seat, 'The job did not move.');
    if (core.facts.move !== null)
      await core.save({ move: null, reason: `It stays at ${seat === null ? HERE : nameOf(seat)}: ${problem}` });
  };
  const perform = async (target: Target, stopped: boolean): Promise<void> => {
    // A run that broke off between its first moment there and writing that down; how long it took nobody knows.
    if (stopped && (await target.hasBegun())) return await settle(target, { pauseMs: 0, movedBytes: 0 });
    const done = await transferWork(
      { source: source().work, handOver: () => handOver(target.name), target: target.work, begin: target.begin },
      { clock, createWorkCopier: parts.createWorkCopier, signal, progress: core.say, stopped },
    );
    await settle(target, done);
  };
  const goTo = async (seat: Seat): Promise<Target> => {
    const settled = await seats.settled(seat, signal);
    await setMove({ seat: settled });
    const far = core.farOf(settled);
    await core.bringTo(far, true);
    await awaitFar(far, isReady);
    return farTarget(settled);
  };
  const inBackground = (make: () => Promise<Target>, stopped: boolean): void => {
    moving = (async () => {
      let target: Target | null = null;
      try {
        target = await make();
        await perform(target, stopped);
      } catch (error) {
        await failed(target, error);
      }
    })().catch((error: unknown) => {
      if (!signal.aborted) log.error('A move of a job was given up', { job: id, error: messageOf(error) });
    });
  };
  const checkMovable = (): void => {
    const { spec, step, move } = core.facts;
    if (spec.kind !== 'container')
      throw new RemoteJobError(
        { code: 'NOT_MOVABLE', job: id },
        'Only jobs in containers have files to move with; start this one again elsewhere.',
      );
    if (move !== null)
      throw new RemoteJobError(
        { code: 'NOT_MOVABLE', job: id },
        'The job is moving already; wait until it has arrived.',
      );
    if (step !== 'running') throw notRunning(id);
  };

  return {
    begin: async (to) => {
      checkMovable();
      const { spec, minutes, priceMicroMax, route, seat } = core.facts;
      const move: OrderMove = { to, seat: null, local: null, phase: 'copying' };
      await core.save({ move, reason: 'A place to move to is looked for.' });
      try {
        if (to === 'home') {
          const { id: local } = await runtime.submit(await wholeSpec(core.facts), { held: true });
          await setMove({ local: local as JobId });
          inBackground(() => homeTarget(local as JobId), false);
          return;
        }
        await core.inTurn(async () => {
          const without = new Set([...(seat === null ? [] : [seat.peerId]), ...core.others()]);
          const next = await seats.take(id, { spec, to, minutes, priceMicroMax, route, without });
          await setMove({ seat: next });
          inBackground(() => goTo(next), false);
        });
      } catch (error) {
        await core.save({ move: null, reason: '' });
        throw error;
      }
    },
    arrive: async () => {
      const { from, seat, moves } = core.facts;
      if (from === null || seat === null) throw notRunning(id);
      const far = core.farOf(seat);
      await awaitFar(far, isReady);
      const target = farTarget(seat);
      const stopped = core.facts.move?.phase === 'handedOver';
      let kept: WorkFolder | null = null;
      try {
        const isThere = stopped && (await target.hasBegun());
        const done = isThere
          ? { pauseMs: 0, movedBytes: 0 }
          : await transferWork(
              {
                source: await runtime.work(from),
                handOver: async () => {
                  await core.save({ move: { to: core.facts.to, seat, local: from, phase: 'handedOver' } });
                  ({ work: kept } = await runtime.handOver(from, nameOf(seat), HAND_OVER_MS));
                  return kept;
                },
                target: target.work,
                begin: target.begin,
              },
              { clock, createWorkCopier: parts.createWorkCopier, signal, progress: core.say, stopped },
            );
        const made = moveOf(HERE, target.name, done);
        await core.save({ move: null, moves: [...moves, made], step: 'running', reason: '' });
        await quietly(() => runtime.note(from, { moves: made }));
        await quietly(() => runtime.forgetMoved(from));
      } catch (error) {
        if (signal.aborted) throw error;
        await quietly(() => target.drop());
        if (kept !== null) await startHereAgain(from, kept);
        throw error;
      }
    },
    takeUp: async () => {
      const { move, step } = core.facts;
      // A job of ours that leaves: its own step does it again.
      if (move === null || step === 'arriving') return;
      if (move.phase === 'copying') {
        // Nothing had stopped: it stays, and what was taken for the move is given back.
        if (move.local !== null) await dropHere(move.local);
        if (move.seat !== null) await seats.give(move.seat, 'The move broke off.');
        await core.save({ move: null, reason: 'It stays where it is: this node was started again while it moved.' });
        return;
      }
      const { seat, local } = move;
      inBackground(async () => {
        if (local !== null) return await homeTarget(local);
        if (seat === null) throw notRunning(id);
        return farTarget(seat);
      }, true);
    },
    idle: () => moving,
  };

  /** The job was stopped here and could not begin elsewhere: it starts again with its files. */
  async function startHereAgain(from: JobId, kept: WorkFolder): Promise<void> {
    const { id: local } = await runtime.submit(await wholeSpec(core.facts), { held: true });
    const target = await homeTarget(local as JobId);
    await transferWork(
      { source: kept, handOver: () => Promise.resolve(kept), target: target.work, begin: target.begin },
      { clock, createWorkCopier: parts.createWorkCopier, signal, progress: core.say, stopped: true },
    );
    await quietly(() => runtime.forgetMoved(from));
  }
};
