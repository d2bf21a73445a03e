import { type Clock, Emitter, type EventSource, type Logger } from '../../../base/index.ts';
import type { ClockWatchMetrics } from '../metrics.ts';
import type { ClockEvent, ClockWatch, ClockWatchEvents } from './interface.ts';

export interface ClockWatchComponents {
  clock: Clock;
  logger: Logger;
  /** Null: no metrics. */
  metrics: ClockWatchMetrics | null;
  /**
   * Ms since the machine started, time asleep included, as `os.uptime()` tells on Linux and Windows; null where the system
   * does not tell: then sleep cannot be told from a clock that was set forward.
   */
  uptimeMs: (() => number) | null;
  /** The newest time that this node has stamped, such as its newest block's; null while there is none. */
  newestStampMs: (() => number | null) | null;
}
export interface ClockWatchInit {
  /** Ms between two looks. @default 5000 */
  everyMs?: number;
  /** Differences below it, in ms, are the daily work of a time server. @default 1000 */
  toleranceMs?: number;
}

/** Events that are kept: a month of a laptop that sleeps twice a day. */
const EVENTS_MAX = 64;
/** How long a jump is told as a warning. */
const WARNING_MS = 15 * 60_000;
/** `os.uptime()` counts whole seconds on some systems. */
const UPTIME_GRAIN_MS = 1000;

export const createClockWatch = (components: ClockWatchComponents, init: ClockWatchInit = {}): ClockWatch =>
  new Watch(components, init);

interface Reading {
  wallMs: number;
  monotonicMs: number;
  uptimeMs: number | null;
}

const seconds = (ms: number): string => `${(ms / 1000).toFixed(1)} s`;

class Watch implements ClockWatch {
  readonly #components: ClockWatchComponents;
  readonly #everyMs: number;
  readonly #toleranceMs: number;
  readonly #emitter = new Emitter<ClockWatchEvents>();
  readonly #events: ClockEvent[] = [];
  readonly #first: Reading;
  #last: Reading;
  #isBehind = false;
  #stopTicks: (() => void) | null = null;

  constructor(components: ClockWatchComponents, { everyMs = 5000, toleranceMs = 1000 }: ClockWatchInit) {
    this.#components = components;
    this.#everyMs = everyMs;
    this.#toleranceMs = toleranceMs;
    this.#first = this.#read();
    this.#last = this.#first;
  }

  on: EventSource<ClockWatchEvents>['on'] = (name, listener) => this.#emitter.on(name, listener);

  start(): Promise<void> {
    this.#last = this.#read();
    this.look();
    this.#stopTicks ??= this.#components.clock.every(this.#everyMs, () => {
      this.look();
    });
    return Promise.resolve();
  }

  stop(): Promise<void> {
    this.#stopTicks?.();
    this.#stopTicks = null;
    return Promise.resolve();
  }

  events(): readonly ClockEvent[] {
    return [...this.#events];
  }

  warning(): { event: ClockEvent; sentence: string } | null {
    const sinceMs = this.#components.clock.monotonicMs() - WARNING_MS;
    const event = this.#events.findLast(
      ({ kind, monotonicMs }) => kind !== 'slept' && (monotonicMs >= sinceMs || (kind === 'behind' && this.#isBehind)),
    );
    if (event === undefined) return null;
    const sentence =
      event.kind === 'behind'
        ? `The clock of this machine is ${seconds(event.byMs)} behind what this node has stamped before; set it right, or proofs and blocks will be refused.`
        : `The clock of this machine was set ${event.kind} by ${seconds(event.byMs)}; if that was not to put it right, check it, as others refuse proofs with a wrong time.`;
    return { event, sentence };
  }

  look(): void {
    const now = this.#read();
    const before = this.#last;
    this.#last = now;
    const elapsedMs = now.monotonicMs - before.monotonicMs;
    const differenceMs = now.wallMs - before.wallMs - elapsedMs;
    this.#components.metrics?.offsetSeconds.set(
      (now.wallMs - this.#first.wallMs - (now.monotonicMs - this.#first.monotonicMs)) / 1000,
    );
    // A machine that slept: its uptime went on, and the monotonic clock (Linux: CLOCK_MONOTONIC) stood still.
    const apartMs = now.uptimeMs === null || before.uptimeMs === null ? 0 : now.uptimeMs - before.uptimeMs - elapsedMs;
    const sleptMs = apartMs > this.#toleranceMs + UPTIME_GRAIN_MS ? apartMs : 0;
    if (sleptMs > 0) this.#tell('slept', now, sleptMs);
    // What sleep does not account for was set.
    const setMs = differenceMs - sleptMs;
    if (Math.abs(setMs) > this.#toleranceMs + (sleptMs > 0 ? UPTIME_GRAIN_MS : 0))
      this.#tell(setMs > 0 ? 'forward' : 'backward', now, Math.abs(setMs));
    const newestMs = this.#components.newestStampMs?.() ?? null;
    const isBehind = newestMs !== null && now.wallMs + this.#toleranceMs < newestMs;
    if (isBehind && !this.#isBehind) this.#tell('behind', now, newestMs - now.wallMs);
    this.#isBehind = isBehind;
  }

  #read(): Reading {
    const { clock, uptimeMs } = this.#components;
    return { wallMs: clock.nowMs(), monotonicMs: clock.monotonicMs(), uptimeMs: uptimeMs?.() ?? null };
  }

  #tell(kind: ClockEvent['kind'], { wallMs, monotonicMs }: Reading, byMs: number): void {
    const event: ClockEvent = { kind, atMs: wallMs, monotonicMs, byMs };
    this.#events.push(event);
    if (this.#events.length > EVENTS_MAX) this.#events.shift();
    this.#components.metrics?.events.inc(1, { kind });
    const context = { kind, byMs: Math.round(byMs) };
    if (kind === 'slept') this.#components.logger.info('The machine slept', context);
    else this.#components.logger.warn('The wall clock jumped', context);
    this.#emitter.emit('jumped', event);
  }
}
