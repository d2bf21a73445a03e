import { assert, isNodeError, messageOf, type Clock, type Logger } from '../../base/index.ts';
import type { BenchmarkPart, BenchmarkResult, BenchmarkState } from '../../../preload/contract/index.ts';
import { BenchmarkError } from './errors.ts';

/** Measures; knows nothing of what was measured before. */
export interface BenchmarkRunner {
  /**
   * @param signal - ends the run early; it then rejects with `signal.reason`
   * @param onProgress - called as the run moves on, with results so far
   */
  run(
    signal: AbortSignal,
    onProgress: (part: BenchmarkPart, progressPercent: number, partial: readonly BenchmarkResult[]) => void,
  ): Promise<BenchmarkResult[]>;
}

/** Runs one benchmark at a time and keeps the last that was finished. */
export interface BenchmarkKeeper {
  /** @param stored - the setting `benchmark`, or undefined */
  load(stored: unknown): void;
  state(): BenchmarkState;
  /** @throws {BenchmarkError} `BENCHMARK_RUNNING` */
  start(): BenchmarkState;
  /** running -> cancelled; any other state stays. */
  cancel(): BenchmarkState;
  /** Cancels and waits until nothing runs. */
  stop(): Promise<void>;
}

export interface BenchmarkKeeperComponents {
  clock: Clock;
  logger: Logger;
  runner: BenchmarkRunner;
  save: (stored: StoredBenchmark) => Promise<void>;
  onChange: (state: BenchmarkState) => void;
}

/** What is stored under the setting `benchmark`: the last run that came to its end. */
export interface StoredBenchmark {
  version: 1;
  state: Extract<BenchmarkState, { status: 'done' }>;
}

const isStoredBenchmark = (value: unknown): value is StoredBenchmark => {
  const { version, state } = (value ?? {}) as { version?: unknown; state?: Record<string, unknown> | null };
  return (
    version === 1 &&
    state?.['status'] === 'done' &&
    typeof state['tookMs'] === 'number' &&
    Array.isArray(state['results'])
  );
};

export const createBenchmarkKeeper = (components: BenchmarkKeeperComponents): BenchmarkKeeper => {
  const { clock, logger, runner, save, onChange } = components;
  let state: BenchmarkState = { status: 'never' };
  let running: { controller: AbortController; ended: Promise<void> } | null = null;

  const become = (next: BenchmarkState): void => {
    state = next;
    onChange(next);
  };
  /** running -> done | failed, unless it was cancelled meanwhile. */
  const run = async (controller: AbortController, startedAtMs: number): Promise<void> => {
    const startedMonotonicMs = clock.monotonicMs();
    try {
      const results = await runner.run(controller.signal, (part, progressPercent, partial) => {
        if (controller.signal.aborted || state.status !== 'running') return;
        const percent = Math.min(100, Math.max(0, Math.round(progressPercent)));
        become({ status: 'running', part, progressPercent: percent, startedAtMs, partial: [...partial] });
      });
      if (controller.signal.aborted) return;
      const done = { status: 'done' as const, startedAtMs, tookMs: clock.monotonicMs() - startedMonotonicMs, results };
      become(done);
      await save({ version: 1, state: done });
    } catch (error) {
      if (controller.signal.aborted) return;
      if (state.status !== 'running') {
        // It was measured; only the disk refused. It is shown until the next start.
        if (!isNodeError(error)) throw error;
        logger.warn('The benchmark could not be kept', { reason: messageOf(error) });
        return;
      }
      logger.warn('The benchmark failed', { reason: messageOf(error) });
      become({ status: 'failed', startedAtMs, reason: messageOf(error), partial: state.partial });
    } finally {
      if (running?.controller === controller) running = null;
    }
  };

  return {
    load: (stored) => {
      assert(state.status === 'never', 'A kept benchmark is loaded before any is run.');
      if (stored === undefined) return;
      if (isStoredBenchmark(stored)) state = stored.state;
      // Unlike the owner's limits it can be had again at the push of a button.
      else logger.warn('The kept benchmark cannot be read and is left out');
    },
    state: () => state,
    start: () => {
      if (running !== null) {
        const startedAtMs = state.status === 'never' ? clock.nowMs() : state.startedAtMs;
        throw new BenchmarkError(
          { code: 'BENCHMARK_RUNNING', startedAtMs },
          'A benchmark runs already; wait until it ends, or cancel it.',
        );
      }
      const controller = new AbortController();
      const startedAtMs = clock.nowMs();
      become({ status: 'running', part: 'cpuSingle', progressPercent: 0, startedAtMs, partial: [] });
      const begun = Promise.withResolvers<void>();
      running = { controller, ended: begun.promise };
      void run(controller, startedAtMs).finally(begun.resolve);
      return state;
    },
    cancel: () => {
      if (running === null || state.status !== 'running') return state;
      const { startedAtMs, partial } = state;
      running.controller.abort(new DOMException('The benchmark was cancelled.', 'AbortError'));
      become({ status: 'cancelled', startedAtMs, partial });
      return state;
    },
    stop: async () => {
      if (running === null) return;
      running.controller.abort(new DOMException('The node is stopping.', 'AbortError'));
      if (state.status === 'running')
        become({ status: 'cancelled', startedAtMs: state.startedAtMs, partial: state.partial });
      await running.ended;
    },
  };
};
