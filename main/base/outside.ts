/** All that a run cannot repeat comes in through here, so that a simulation can replace it. */
export interface Clock {
  /** Wall clock, ms since 1970-01-01T00:00Z. May jump either way. */
  nowMs(): number;
  /** Ms since an arbitrary zero, with a fraction. Never goes back; may or may not count time asleep. */
  monotonicMs(): number;
  /** Resolves after `ms`; rejects with `signal.reason` if aborted first. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
  /**
   * Calls `tick` every `ms`, never twice at once, until the returned function is called. Does not keep the process
   * alive. An error thrown by `tick` is a bug and reaches the top level.
   */
  every(ms: number, tick: () => void): () => void;
  /** Calls `fire` once after `ms` unless the returned function is called first. Does not keep the process alive. */
  after(ms: number, fire: () => void): () => void;
}

export interface Random {
  /** Cryptographically secure in the app, seeded in simulation; the seeded one lives under test/ only. */
  bytes(length: number): Uint8Array;
  /** Uniform integer in `[0, limit)`. */
  below(limit: number): number;
}

export interface Outside {
  readonly clock: Clock;
  readonly random: Random;
}
