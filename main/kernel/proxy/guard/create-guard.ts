import {
  Emitter,
  messageOf,
  type Counter,
  type Gauge,
  type Logger,
  type MetricsRegistry,
  type Outside,
  type Settings,
} from '../../../base/index.ts';
import type { Runtime } from '../../runtime/index.ts';
import type { GuardProbe, GuardState } from '../../../../preload/contract/index.ts';
import { ProxyError } from '../errors.ts';
import type { DestinationCheck, Guard, GuardProbeSource, GuardTarget } from '../interface.ts';
import { type Canary, openCanary } from './canary.ts';
import { CANARY_MS, DEBOUNCE_MS, SOURCE_MS_MAX, TELL_MS } from './constants.ts';
import { findTargets, type TargetsComponents } from './find-targets.ts';
import { createForwarderSources } from './forwarder-sources.ts';
import { decodeState, encodeState, NEVER, verdictOf } from './guard-state.ts';
import { createSandboxSources } from './sandbox-sources.ts';

export interface GuardComponents extends Omit<TargetsComponents, 'files'> {
  outside: Outside;
  logger: Logger;
  metrics: MetricsRegistry | null;
  settings: Settings;
  /** The very one that exits ask. */
  destinations: DestinationCheck;
  /** What the owner's list of exits names now. */
  named: () => readonly string[];
  runtime: Runtime;
  /** Ways to be tried. @default every one that this node gives to others */
  sources?: readonly GuardProbeSource[];
}
export interface GuardInit {
  /** Files that no borrower may read: keys, books, settings. */
  secretFiles: readonly string[];
  /** @default {@link DEBOUNCE_MS} */
  debounceMs?: number;
}
type Cause = Parameters<Guard['run']>[0];

const KEY = 'guard';
/** Beside the node's own files: one that every system has. */
const SYSTEM_FILE = process.platform === 'win32' ? 'C:\\Windows\\win.ini' : '/etc/passwd';

interface Metrics {
  runs: Counter;
  reached: Gauge;
}
const createMetrics = (registry: MetricsRegistry | null): Metrics | null =>
  registry && {
    runs: registry.counter('hypermesh_proxy_guard_runs_total', 'Whole runs of the home guard', ['verdict']),
    reached: registry.gauge(
      'hypermesh_proxy_guard_reached',
      'Probes of the last run of the home guard that got through',
    ),
  };

/** Tries, by every way that this node gives to others, to reach what must stay out of reach, and keeps what came of it. */
export const createGuard = (components: GuardComponents, init: GuardInit): Guard => {
  const { outside, settings, destinations, named, runtime } = components;
  const { clock } = outside;
  const { debounceMs = DEBOUNCE_MS, secretFiles } = init;
  const logger = components.logger.child('guard');
  const metrics = createMetrics(components.metrics);
  const emitter = new Emitter<{ changed: GuardState }>();
  const sources = components.sources ?? [
    ...createForwarderSources({ clock, destinations, named }),
    ...createSandboxSources({ clock, runtime }),
  ];
  let kept = NEVER;
  let now: { done: number; total: number; abort: AbortController; over: Promise<void> } | null = null;
  let cancelDebounce: (() => void) | null = null;
  /** A level changed while a run was under way: what it found is of the old one. */
  let again = false;
  let stopped = false;
  let toldAtMs = -Infinity;

  const state = (): GuardState => (now === null ? kept : { ...kept, running: true, done: now.done, total: now.total });
  const tell = (always: boolean): void => {
    if (!always && clock.monotonicMs() - toldAtMs < TELL_MS) return;
    toldAtMs = clock.monotonicMs();
    emitter.emit('changed', state());
  };

  /** One way to all targets that it covers. @returns its probes, and how many could not be tried */
  const trySource = async (
    source: GuardProbeSource,
    targets: readonly GuardTarget[],
    signal: AbortSignal,
    step: () => void,
  ): Promise<{ probes: GuardProbe[]; untried: number }> => {
    const covered = targets.filter((target) => source.covers(target));
    const told = new Map<GuardTarget, GuardProbe>();
    const late = new AbortController();
    const limit = AbortSignal.any([signal, late.signal]);
    const cancelLate = clock.after(SOURCE_MS_MAX, () => late.abort(new Error('It took too long.')));
    let fromMs = clock.monotonicMs();
    let reason = 'This way said nothing about it.';
    try {
      const gaveUp = new Promise<never>((_, reject) => {
        limit.addEventListener('abort', () => reject(limit.reason as Error), { once: true });
      });
      const work = source.attemptAll(
        covered,
        (target, attempt) => {
          const nowMs = clock.monotonicMs();
          const tookMs = Math.round(nowMs - fromMs);
          fromMs = nowMs;
          if (!told.has(target)) step();
          told.set(target, { from: source.name, target: target.label, ...attempt, tookMs });
        },
        limit,
      );
      await Promise.race([work, gaveUp]);
    } catch (error) {
      signal.throwIfAborted();
      reason = messageOf(error);
    } finally {
      cancelLate();
    }
    const probes = covered.map(
      (target): GuardProbe =>
        told.get(target) ?? {
          from: source.name,
          target: target.label,
          result: 'notTried',
          sentence: reason,
          tookMs: 0,
        },
    );
    return { probes, untried: probes.filter(({ result }) => result === 'notTried').length };
  };
  const runOnce = async (cause: Cause, signal: AbortSignal, run: NonNullable<typeof now>): Promise<void> => {
    let canary: Canary | null = null;
    try {
      canary = await openCanary();
      const { targets, missing } = await findTargets({ ...components, files: [...secretFiles, SYSTEM_FILE] }, canary);
      run.total = sources.reduce((sum, source) => sum + targets.filter((target) => source.covers(target)).length, 0);
      tell(true);
      const step = (): void => {
        run.done += 1;
        tell(false);
      };
      const found = await Promise.all(sources.map((source) => trySource(source, targets, signal, step)));
      await clock.sleep(CANARY_MS, signal);
      const probes = found.flatMap(({ probes: some }) => some);
      const untried = found.reduce((sum, one) => sum + one.untried, 0);
      for (const { label, sentence } of missing)
        probes.push({ from: 'This machine', target: label, result: 'notTried', sentence, tookMs: 0 });
      const hits = canary.hits();
      if (hits > 0)
        probes.unshift({
          from: 'Any way',
          target: 'a service of this machine that is there to be left alone',
          result: 'reached',
          sentence: `${hits} ${hits === 1 ? 'connection' : 'connections'} came in while the ways out were tried.`,
          tookMs: 0,
        });
      const verdict = verdictOf(probes, untried);
      kept = { ...NEVER, done: probes.length, total: probes.length, ranAtMs: clock.nowMs(), verdict, cause, probes };
      const reached = probes.filter(({ result }) => result === 'reached').length;
      metrics?.runs.inc(1, { verdict });
      metrics?.reached.set(reached);
      if (verdict === 'red') logger.error('The home guard got through', { probes: reached });
      else logger.info('The home guard ran', { verdict, probes: probes.length, notTried: untried });
      await settings.set(KEY, encodeState(kept));
    } finally {
      await canary?.close();
    }
  };
  const begin = (cause: Cause): void => {
    cancelDebounce?.();
    cancelDebounce = null;
    const abort = new AbortController();
    const run = { done: 0, total: 0, abort, over: Promise.resolve() };
    now = run;
    run.over = runOnce(cause, abort.signal, run)
      .catch((error: unknown) => {
        if (!abort.signal.aborted) logger.error('The home guard could not run', { problem: messageOf(error) });
      })
      .then(() => {
        now = null;
        tell(true);
        if (again && !stopped) later();
      });
    tell(true);
  };
  const later = (): void => {
    again = false;
    cancelDebounce?.();
    cancelDebounce = clock.after(debounceMs, () => {
      cancelDebounce = null;
      if (now === null) begin('levelChanged');
      else again = true;
    });
  };

  return {
    on: (name, listener) => emitter.on(name, listener),
    state,
    start: async () => {
      kept = decodeState(await settings.get(KEY)) ?? NEVER;
    },
    stop: async () => {
      stopped = true;
      cancelDebounce?.();
      cancelDebounce = null;
      now?.abort.abort(new Error('the node stops'));
      await now?.over;
    },
    run: (cause) => {
      if (stopped) return state();
      if (cause === 'levelChanged') {
        if (now === null) later();
        else again = true;
      } else if (now === null) begin(cause);
      else if (cause === 'asked')
        throw new ProxyError({ code: 'GUARD_RUNNING' }, 'The home guard is at it already; wait for it, or cancel it.');
      return state();
    },
    cancel: () => {
      cancelDebounce?.();
      cancelDebounce = null;
      again = false;
      now?.abort.abort(new Error('cancelled'));
      return state();
    },
  };
};
