import { TCP_INITIAL_SEGMENTS, TCP_RTO_MS_FIRST, TCP_RTO_MS_MAX, TCP_RTO_MS_MIN } from '../constants.ts';

/** How much may be under way, RFC 5681 with the recovery of RFC 6582. Bytes. */
export interface Congestion {
  readonly windowBytes: number;
  /** New bytes were acknowledged outside a recovery. */
  acknowledged(bytes: number): void;
  /** A loss was noticed by acknowledgements that repeat. */
  lost(underwayBytes: number): void;
  /** A further repetition: one more segment has left the wire. */
  repeated(): void;
  /** Part of what was lost is there again. */
  partly(bytes: number): void;
  recovered(): void;
  timedOut(underwayBytes: number): void;
}

export const createCongestion = (mss: number): Congestion => {
  let windowBytes = TCP_INITIAL_SEGMENTS * mss;
  let threshold = Number.POSITIVE_INFINITY;
  return {
    get windowBytes() {
      return windowBytes;
    },
    acknowledged: (bytes) => {
      windowBytes +=
        windowBytes < threshold ? Math.min(bytes, mss) : Math.max(1, Math.floor((mss * mss) / windowBytes));
    },
    lost: (underwayBytes) => {
      threshold = Math.max(underwayBytes / 2, 2 * mss);
      windowBytes = threshold + 3 * mss;
    },
    repeated: () => {
      windowBytes += mss;
    },
    partly: (bytes) => {
      windowBytes = Math.max(mss, windowBytes - bytes + mss);
    },
    recovered: () => {
      windowBytes = threshold;
    },
    timedOut: (underwayBytes) => {
      threshold = Math.max(underwayBytes / 2, 2 * mss);
      windowBytes = mss;
    },
  };
};

/** How long an acknowledgement is waited for, RFC 6298. */
export interface RoundTrip {
  readonly timeoutMs: number;
  measured(ms: number): void;
  /** Doubles it. */
  backOff(): void;
}
export const createRoundTrip = (): RoundTrip => {
  let smoothMs: number | null = null;
  let varianceMs = 0;
  let timeoutMs = TCP_RTO_MS_FIRST;
  return {
    get timeoutMs() {
      return timeoutMs;
    },
    measured: (ms) => {
      if (smoothMs === null) {
        smoothMs = ms;
        varianceMs = ms / 2;
      } else {
        varianceMs = 0.75 * varianceMs + 0.25 * Math.abs(smoothMs - ms);
        smoothMs = 0.875 * smoothMs + 0.125 * ms;
      }
      timeoutMs = Math.min(TCP_RTO_MS_MAX, Math.max(TCP_RTO_MS_MIN, smoothMs + 4 * varianceMs));
    },
    backOff: () => {
      timeoutMs = Math.min(TCP_RTO_MS_MAX, timeoutMs * 2);
    },
  };
};
