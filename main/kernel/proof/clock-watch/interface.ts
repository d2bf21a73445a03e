import type { EventSource, Startable } from '../../../base/index.ts';

/** Something that the wall clock did which time does not do. */
export interface ClockEvent {
  /**
   * `forward`, `backward`: it was set, by a person or a time server. `slept`: the machine slept, and the clock is right.
   * Where the system does not tell how long it slept, sleep is told as `forward`. `behind`: it is earlier than something
   * that this node has stamped before.
   */
  kind: 'forward' | 'backward' | 'slept' | 'behind';
  /** Wall clock when it was noticed. */
  atMs: number;
  /** Monotonic clock when it was noticed. */
  monotonicMs: number;
  /** How far, never negative. */
  byMs: number;
}

export interface ClockWatchEvents {
  jumped: ClockEvent;
}

/** Compares the wall clock with the monotonic one every few seconds. It never sets a clock and asks nobody for the time. */
export interface ClockWatch extends Startable, EventSource<ClockWatchEvents> {
  /** The last ones, oldest first. */
  events(): readonly ClockEvent[];
  /** The newest of the last quarter of an hour that makes stamps doubtful; null when there is none. Sleep does not. */
  warning(): { event: ClockEvent; sentence: string } | null;
  /** Compares now; called by whoever is about to rely on a stamp. */
  look(): void;
}
