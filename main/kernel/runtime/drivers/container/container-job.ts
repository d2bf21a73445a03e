import type { Readable } from 'node:stream';
import type Docker from 'dockerode';
import type { Clock, Logger } from '../../../../base/index.ts';
import type { ContainerSpec, JobEnd } from '../../../../../preload/contract/index.ts';
import type { Engine } from '../../engine/index.ts';
import { portClosed } from '../../errors.ts';
import type { DrivenJob, JobListener, Measured, StartedJob } from '../interface.ts';
import {
  ENGINE_AWAY_MS_MAX,
  EXIT_AFTER_OUTPUT_MS_MAX,
  FORKS_REFUSED_MAX,
  HEALTH_FAILURES_MAX,
  OUTPUT_DRAIN_MS_MAX,
  PIDS_FULL_LOOKS_MAX,
  START_MILLICORES,
} from './constants.ts';
import { AWAY, ENDED_BY_OTHERS, endByCode, OUTSIDE, refusalOf, tooManyProcesses } from './container-end.ts';
import { type Counted, type CounterSource, findCounters } from './counters.ts';
import { answered, engineFailed, engineWords, isGone, removeContainer, statusOf } from './engine-call.ts';
import { NOTHING_COUNTED } from '../nothing-counted.ts';
import { watchHealth } from './health.ts';
import type { Holder } from './holder/interface.ts';
import { createDemultiplexer, skipTold } from './output.ts';
import { createShare, type Share } from './share.ts';

export interface ContainerJobParts {
  engine: Engine;
  clock: Clock;
  logger: Logger;
  container: Docker.Container;
  holder: Holder;
  job: StartedJob;
  spec: ContainerSpec;
  listener: JobListener;
  /** Whatever is to be done when everything of it is removed. */
  released(): void;
  /** Its program runs; told before the listener hears of it. */
  began(): void;
}

export interface ContainerJob extends DrivenJob {
  /**
   * Starts the program, or lets it start as soon as it has a share. Resolves when it runs or was refused.
   * @throws {RuntimeError} `ENGINE_MISSING`
   */
  begin(): Promise<void>;
  /** Goes on with a container that runs or has ended since. @param found - as the engine just told */
  takeUp(found: Docker.ContainerInspectInfo): Promise<void>;
  /** Lets it run and forgets it: for a node that ends and leaves its jobs. */
  detach(): void;
}

/** One container while it lives: its output, its share, what it takes, how it ends. */
export const createContainerJob = (parts: ContainerJobParts): ContainerJob => {
  const { engine, clock, logger, container, holder, job, spec, listener } = parts;
  const told = { stdout: job.told?.stdout ?? 0, stderr: job.told?.stderr ?? 0 };
  let state: 'made' | 'starting' | 'running' | 'gone' = 'made';
  let detached = false;
  let share: Share | null = null;
  let millicores = job.millicores;
  let held = job.held ?? false;
  let source: Readable | null = null;
  let outputPaused = false;
  let counters: CounterSource | null = null;
  let counted: Counted | null = null;
  let reading = false;
  let pidsFullLooks = 0;
  let isOutOfMemory = false;
  let isStoppedOutside = false;
  /** A signal of ours is on its way, or was. */
  let signalled: 'SIGTERM' | 'SIGKILL' | null = null;
  /** Why this ended it, in place of what its exit code says. */
  let endAs: JobEnd | null = null;
  let removing: Promise<void> | null = null;
  const stops: (() => void)[] = [];

  stops.push(
    engine.on('container', ({ id, action }) => {
      if (id !== container.id) return;
      if (action === 'oom') isOutOfMemory = true;
      if (action === 'kill' && signalled === null) isStoppedOutside = true;
    }),
    holder.on('lost', ({ reason }) => {
      void (async () => {
        // An engine that goes down takes the job with it: that is told by the job's own end.
        const found = state === 'running' ? await inspect().catch(() => null) : null;
        if (found?.State.Running !== true || state !== 'running') return;
        endAs ??= { why: 'lost', message: `What keeps its files has gone: ${reason}` };
        await send('SIGKILL');
      })();
    }),
  );

  const tell = (stream: 'stdout' | 'stderr', bytes: Uint8Array): void => {
    told[stream] += bytes.length;
    if (!detached && state !== 'gone') listener.output(stream, bytes);
  };
  /** Tells what comes until it ends. */
  const follow = (from: Readable, output: (stream: 'stdout' | 'stderr', bytes: Uint8Array) => void): Promise<void> => {
    source = from;
    const frames = createDemultiplexer(output);
    return new Promise((resolve) => {
      from.on('data', (piece: Buffer) => {
        try {
          frames.push(piece);
        } catch (error) {
          logger.warn('The output of a container cannot be read', { job: job.id, words: engineWords(error) });
          from.destroy();
        }
      });
      for (const name of ['end', 'close', 'error']) from.on(name, () => resolve());
      if (outputPaused) from.pause();
    });
  };
  /** Output from its beginning, as the engine kept it; what was told is left out. */
  const followLog = async (): Promise<{ output: Promise<void> }> => {
    const log = await answered(clock, container.logs({ follow: true, stdout: true, stderr: true }));
    return { output: follow(log as Readable, skipTold({ ...told }, tell)) };
  };

  const over = (end: JobEnd | null, exitCode: number | null, explanation = ''): void => {
    if (state === 'gone' || detached) return;
    for (const stop of stops.splice(0)) stop();
    share?.close();
    if (end !== null) listener.ended(end);
    state = 'gone';
    const signal = exitCode === 137 && signalled === 'SIGKILL' ? 'SIGKILL' : null;
    listener.gone({ signal, exitCode, explanation });
  };

  const endOf = (exitCode: number, found: Docker.ContainerInspectInfo | null): JobEnd | null =>
    endAs ??
    endByCode(spec, exitCode, {
      signalled,
      isOutOfMemory: isOutOfMemory || found?.State.OOMKilled === true,
      isStoppedOutside,
      forksRefused: counted?.forksRefused ?? 0,
    });

  const inspect = async (): Promise<Docker.ContainerInspectInfo | null> => {
    try {
      return await answered(clock, container.inspect());
    } catch (error) {
      if (isGone(error)) return null;
      throw error;
    }
  };
  /** Waits until an engine answers again. @returns whether one does */
  const engineIsBack = async (): Promise<boolean> => {
    if ((await engine.refresh()).ok) return true;
    const waiting = new AbortController();
    const back = new Promise<true>((resolve) => {
      stops.push(engine.on('changed', ({ ok }) => ok && resolve(true)));
    });
    const answer = await Promise.race([
      back,
      clock.sleep(ENGINE_AWAY_MS_MAX, waiting.signal).then(
        () => false,
        () => false,
      ),
    ]);
    waiting.abort();
    return answer;
  };

  /**
   * The engine's answer comes when the program has ended; where the engine goes down in between, none comes, not even an error: the
   * end of the output and the engine's own going tell then.
   *
   * @returns its exit code; -1 when the engine knows no such container; null when it has to be looked at
   */
  const exitOf = async (waiting: Promise<{ StatusCode: number }>, output: Promise<void>): Promise<number | null> => {
    let forget = (): void => undefined;
    const waited = new AbortController();
    const away = new Promise<null>((resolve) => {
      forget = engine.on('changed', ({ ok }) => !ok && resolve(null));
      stops.push(forget);
    });
    const silent = output
      .then(async () => clock.sleep(EXIT_AFTER_OUTPUT_MS_MAX, waited.signal))
      .then(
        () => null,
        () => null,
      );
    try {
      return await Promise.race([
        waiting.then(
          ({ StatusCode }) => StatusCode,
          (error: unknown) => (statusOf(error) === null ? null : -1),
        ),
        away,
        silent,
      ]);
    } finally {
      forget();
      waited.abort();
    }
  };
  const live = async (exit: Promise<number | null>, output: Promise<void>): Promise<void> => {
    for (;;) {
      const exitCode = await exit;
      if (detached) return;
      if (exitCode !== null && exitCode >= 0) {
        await drained(output);
        const found = await inspect().catch(() => null);
        if (!detached) over(endOf(exitCode, found), exitCode, found?.State.Error ?? '');
        return;
      }
      const found = (await engineIsBack()) ? await inspect().catch(() => null) : null;
      if (detached) return;
      if (found === null) {
        over(endAs ?? (exitCode === -1 ? OUTSIDE : AWAY), null);
        return;
      }
      if (!found.State.Running) {
        ({ output } = await followLog().catch(() => ({ output: Promise.resolve() })));
        await drained(output);
        over(
          endAs ?? (ENDED_BY_OTHERS.has(found.State.ExitCode) ? AWAY : endOf(found.State.ExitCode, found)),
          found.State.ExitCode,
        );
        return;
      }
      // An engine that keeps containers alive while it is replaced.
      ({ output } = await followLog());
      exit = exitOf(container.wait(), output);
      share?.set(millicores);
      if (signalled !== null) void send(signalled);
    }
  };
  /** Everything that it wrote was told; what a listener does not take is waited for. */
  const drained = async (output: Promise<void>): Promise<void> => {
    let isDone = false;
    void output.then(() => (isDone = true));
    for (let waitedMs = 0; waitedMs < OUTPUT_DRAIN_MS_MAX && !isDone && !detached; ) {
      const waiting = new AbortController();
      const slice = 200;
      await Promise.race([output, clock.sleep(slice, waiting.signal).catch(() => undefined)]);
      waiting.abort();
      if (!outputPaused) waitedMs += slice;
    }
  };

  const look = async (): Promise<void> => {
    if (counters === null || reading || state !== 'running') return;
    reading = true;
    try {
      const next = await counters.read();
      counted = next;
      pidsFullLooks =
        next.forksRefused === null && next.pids !== null && next.pids > spec.pidsMax ? pidsFullLooks + 1 : 0;
      if ((next.forksRefused ?? 0) >= FORKS_REFUSED_MAX || pidsFullLooks >= PIDS_FULL_LOOKS_MAX) {
        endAs ??= tooManyProcesses(spec);
        void send('SIGKILL');
      }
    } catch {
      // It has ended, or the engine has: told elsewhere.
    } finally {
      reading = false;
    }
  };

  /** It runs from here on. */
  const attend = (now: { millicores: number; frozen: boolean }, pid: number | null): void => {
    state = 'running';
    share = createShare({ clock, logger, container: () => container, now });
    share.set(millicores);
    void (async () => {
      const found = pid ?? (await inspect().catch(() => null))?.State.Pid ?? 0;
      counters = await findCounters(container, container.id, found);
      await look();
    })().catch((error: unknown) => logger.debug('A container is not measured', { words: engineWords(error) }));
    if (spec.health !== undefined) {
      listener.health('starting');
      stops.push(
        watchHealth({
          clock,
          logger,
          container: () => container,
          check: spec.health,
          isFrozen: () => share?.frozen === true || millicores === 0,
          told: (health, failures) => {
            if (state !== 'running') return;
            listener.health(health);
            if (failures < HEALTH_FAILURES_MAX) return;
            endAs ??= {
              why: 'unhealthy',
              message: `Its health check failed ${HEALTH_FAILURES_MAX} times in a row: ${spec.health!.command.join(' ').slice(0, 200)}.`,
            };
            void send('SIGKILL');
          },
        }),
      );
    }
    if (signalled !== null) void send(signalled);
  };

  const send = async (signal: 'SIGTERM' | 'SIGKILL'): Promise<void> => {
    if (signalled !== 'SIGKILL') signalled = signal;
    if (state === 'made') {
      // Nothing of it has begun.
      over(endAs, null);
      return;
    }
    if (state !== 'running') return;
    try {
      await answered(clock, container.kill({ signal }));
    } catch (error) {
      logger.debug('A signal was not delivered', { job: job.id, signal, words: engineWords(error) });
    }
    // What is frozen hears nothing.
    share?.thaw();
  };
  const resume = (): void => {
    outputPaused = false;
    source?.resume();
  };

  const begin = async (): Promise<void> => {
    held = false;
    // Frozen before its first moment: it begins when it gets a share.
    if (state !== 'made' || millicores === 0) return;
    state = 'starting';
    const hasStdin = spec.stdin !== '';
    try {
      const stream = await answered(
        clock,
        container.attach({ stream: true, hijack: true, stdin: hasStdin, stdout: true, stderr: true }),
      );
      // Before it starts: it may have ended by the time the engine says that it has begun.
      const waiting = container.wait({ condition: 'next-exit' }) as Promise<{ StatusCode: number }>;
      waiting.catch(() => undefined);
      try {
        await answered(clock, container.start());
      } catch (error) {
        (stream as unknown as Readable).destroy();
        throw error;
      }
      if (hasStdin) stream.end(Buffer.from(spec.stdin, 'base64'));
      parts.began();
      state = 'running';
      listener.running();
      const output = follow(stream as unknown as Readable, tell);
      attend({ millicores: Math.max(millicores, START_MILLICORES), frozen: false }, null);
      void live(exitOf(waiting, output), output);
    } catch (error) {
      state = 'gone';
      for (const stop of stops.splice(0)) stop();
      const refusal = refusalOf(error);
      if (refusal === null) throw engineFailed('start the job', error);
      listener.refused(refusal);
      listener.gone({ signal: null, exitCode: null, explanation: engineWords(error) });
    }
  };
  /** Where nobody waits for it. */
  const beginLater = (): void => {
    begin().catch((error: unknown) => {
      listener.ended({ why: 'lost', message: engineWords(error) });
      listener.gone({ signal: null, exitCode: null, explanation: '' });
    });
  };

  return {
    heldBy: 'engine',
    work: holder.work,
    begin,
    takeUp: async (found) => {
      const { State, HostConfig } = found;
      state = 'starting';
      const { output } = await followLog();
      listener.running();
      if (State.Running) {
        const quota = HostConfig.CpuQuota ?? 0;
        const quotaMillicores = quota > 0 ? (quota / (HostConfig.CpuPeriod ?? 100_000)) * 1000 : Infinity;
        attend({ millicores: quotaMillicores, frozen: State.Paused }, State.Pid);
        void live(exitOf(container.wait(), output), output);
        return;
      }
      state = 'running';
      await drained(output);
      over(
        ENDED_BY_OTHERS.has(State.ExitCode) && !State.OOMKilled ? AWAY : endOf(State.ExitCode, found),
        State.ExitCode,
      );
    },
    detach: () => {
      detached = true;
      for (const stop of stops.splice(0)) stop();
      share?.close();
      source?.destroy();
      holder.close();
    },
    setMillicores: (next) => {
      millicores = next;
      if (state === 'made' && next > 0 && !held) beginLater();
      else share?.set(next);
    },
    measured: (): Measured => {
      void look();
      const { sentBytes, receivedBytes } = holder.counters();
      const { forksRefused: _, ...rest } = counted ?? { ...NOTHING_COUNTED, forksRefused: null };
      return { ...rest, sentBytes, receivedBytes };
    },
    pauseOutput: () => {
      outputPaused = true;
      source?.pause();
    },
    resumeOutput: resume,
    stop: (graceMs) => {
      if (graceMs <= 0) {
        resume();
        void send('SIGKILL');
        return;
      }
      void send('SIGTERM');
      stops.push(
        clock.after(graceMs, () => {
          resume();
          void send('SIGKILL');
        }),
      );
    },
    kill: () => {
      resume();
      void send('SIGKILL');
    },
    connect: async (port) => {
      if (!spec.ports.includes(port)) throw portClosed(port);
      return holder.connect(port);
    },
    release: () =>
      (removing ??= (async () => {
        for (const stop of stops.splice(0)) stop();
        share?.close();
        source?.destroy();
        try {
          await removeContainer(clock, container);
          await holder.remove();
        } catch (error) {
          // An engine that is away: what is left is swept when it is back.
          logger.info('A container could not be removed yet', { job: job.id, words: engineWords(error) });
          holder.close();
        }
        parts.released();
      })()),
  };
};
