import { assert, type Clock } from '../../../base/index.ts';
import type { RateGate } from '../interface.ts';

/** Bytes per second. Null: no limit. 0: nothing passes. */
export interface Rates {
  sendBytesPerSecond: number | null;
  receiveBytesPerSecond: number | null;
}
export interface GateTotals {
  /** Bytes that were let through or charged since the start. */
  sentBytes: number;
  receivedBytes: number;
  /** Calls of `send` and `receive` that wait. */
  sendsWaiting: number;
  receivesWaiting: number;
}
/** {@link RateGate}, and what its owner does with it. */
export interface RateGateControl extends RateGate {
  /** Holds from now on, for those who wait too. */
  setRates(rates: Rates): void;
  rates(): Rates;
  /**
   * Bytes that may still pass, both directions together, whatever the rates allow. Who asks for more than is left waits until
   * the budget is another one. Null: no bound.
   */
  setBudget(bytes: number | null): void;
  totals(): GateTotals;
  /** Lets everybody who waits through: what they wait for is closed by now. */
  stop(): void;
}
export interface RateGateInit extends Partial<Rates> {
  /** @default null */
  budgetBytes?: number | null;
}

/** What a flow gets per turn: one full packet train, small enough that a hundred flows take turns within a second at 1 Mbit/s. */
const QUANTUM_BYTES_MAX = 16_384;
/** The same in seconds of the rate, for slow lines. */
const QUANTUM_SECONDS = 0.05;
/** What an idle line may catch up with. A longer burst would fill the buffers of the router in front of it. */
const IDLE_BURST_SECONDS = 0.1;
/** The same while somebody waits: timers fire late when the process is busy. Over any minute it is less than 1 %. */
const BUSY_BURST_SECONDS = 0.4;
/** What went past the gate is waited for afterwards, up to this: a flood of packets must not silence the node for hours. */
const DEBT_SECONDS_MAX = 10;
/** Timers are no finer. */
const WAIT_MS_MIN = 1;
/** Longest wait for one timer: the rate may change meanwhile. */
const WAIT_MS_MAX = 1_000;

interface Waiter {
  left: number;
  /** All of it, counted when it passes. */
  bytes: number;
  pass: () => void;
}

/** One direction. Waiters of one flow go in the order of their calls; flows take turns, quantum by quantum. */
interface Bucket {
  take(bytes: number, flow: string | undefined): Promise<void> | void;
  charge(bytes: number): void;
  setRate(rate: number | null): void;
  pump(): void;
  stop(): void;
  readonly rate: number | null;
  readonly total: number;
  readonly waiting: number;
}
/** What both directions share. */
interface Budget {
  left: number | null;
}

const createBucket = (clock: Clock, budget: Budget): Bucket => {
  let rate: number | null = null;
  /** Bytes that may pass now; below 0: debt. Means nothing while there is no rate. */
  let tokens = 0;
  let filledAtMs = clock.monotonicMs();
  let total = 0;
  let waiting = 0;
  let stopped = false;
  let cancelTimer: (() => void) | null = null;
  /** First is next. Callers without a flow are flows of their own. */
  const flows = new Map<string | symbol, Waiter[]>();

  const quantum = (perSecond: number): number =>
    Math.max(1, Math.floor(Math.min(QUANTUM_BYTES_MAX, perSecond * QUANTUM_SECONDS)));
  const clamp = (count: number, perSecond: number, burstSeconds: number): number =>
    Math.max(Math.min(count, perSecond * burstSeconds), -perSecond * DEBT_SECONDS_MAX);
  const fill = (): void => {
    const nowMs = clock.monotonicMs();
    const elapsedMs = nowMs - filledAtMs;
    filledAtMs = nowMs;
    if (rate === null) return;
    if (rate === 0) return;
    const burst = rate * (waiting > 0 ? BUSY_BURST_SECONDS : IDLE_BURST_SECONDS);
    // What was earned while somebody waited stays: a single sender waits for nothing between two of its calls.
    const most = Math.max(quantum(rate), burst, tokens);
    tokens = Math.min(most, tokens + (elapsedMs / 1000) * rate);
  };
  const pass = (bytes: number): void => {
    total += bytes;
    if (budget.left !== null) budget.left -= bytes;
  };
  const affords = (bytes: number): boolean => budget.left === null || budget.left >= bytes;

  /** Gives one flow its turn. @returns whether anything was given */
  const turn = (key: string | symbol, queue: Waiter[]): boolean => {
    const waiter = queue[0];
    assert(waiter !== undefined, 'A flow without waiters is no flow.');
    // Asked for as a whole: a part of a write is of no use.
    if (!affords(waiter.left === waiter.bytes ? waiter.bytes : 0)) return false;
    if (rate !== null) {
      const part = Math.min(waiter.left, quantum(rate));
      if (rate === 0 || tokens < part) return false;
      tokens -= part;
      if (waiter.left === waiter.bytes) pass(waiter.bytes);
      waiter.left -= part;
    } else {
      if (waiter.left === waiter.bytes) pass(waiter.bytes);
      waiter.left = 0;
    }
    flows.delete(key);
    if (waiter.left === 0) {
      queue.shift();
      waiting -= 1;
      waiter.pass();
    }
    // Behind the others.
    if (queue.length > 0) flows.set(key, queue);
    return true;
  };
  const pump = (): void => {
    cancelTimer?.();
    cancelTimer = null;
    fill();
    for (;;) {
      const next = flows.entries().next();
      if (next.done === true || !turn(...next.value)) break;
    }
    const first = flows.values().next().value?.[0];
    if (first === undefined || rate === null || rate === 0) return;
    // Out of budget: whoever sets a new one pumps.
    if (!affords(first.left === first.bytes ? first.bytes : 0)) return;
    const missing = Math.min(first.left, quantum(rate)) - tokens;
    const waitMs = Math.min(WAIT_MS_MAX, Math.max(WAIT_MS_MIN, (missing / rate) * 1000));
    cancelTimer = clock.after(waitMs, pump);
  };
  return {
    take: (bytes, flow) => {
      assert(Number.isSafeInteger(bytes) && bytes >= 0, 'Bytes pass the gate in whole numbers.');
      if (stopped) return;
      if (waiting === 0 && affords(bytes)) {
        if (rate === null) {
          pass(bytes);
          return;
        }
        fill();
        if (rate > 0 && tokens >= bytes) {
          tokens -= bytes;
          pass(bytes);
          return;
        }
      }
      return new Promise<void>((resolve) => {
        const key = flow ?? Symbol('flow');
        const waiter = { left: bytes, bytes, pass: resolve };
        const queue = flows.get(key);
        if (queue === undefined) flows.set(key, [waiter]);
        else queue.push(waiter);
        // Time before anybody waited fills the bucket of an idle line.
        fill();
        waiting += 1;
        // With others before it, the timer runs already.
        if (waiting === 1) pump();
      });
    },
    charge: (bytes) => {
      pass(bytes);
      if (rate === null) return;
      fill();
      tokens = clamp(tokens - bytes, rate, BUSY_BURST_SECONDS);
    },
    setRate: (next) => {
      if (next === rate) return;
      fill();
      // What a line without a limit has sent is nobody's debt, and gives no credit either.
      if (rate === null) tokens = 0;
      rate = next;
      if (rate !== null) tokens = clamp(tokens, rate, IDLE_BURST_SECONDS);
      pump();
    },
    pump,
    stop: () => {
      stopped = true;
      cancelTimer?.();
      cancelTimer = null;
      for (const queue of flows.values()) for (const waiter of queue) waiter.pass();
      flows.clear();
      waiting = 0;
    },
    get rate() {
      return rate;
    },
    get total() {
      return total;
    },
    get waiting() {
      return waiting;
    },
  };
};

const checkRate = (rate: number | null): void => {
  assert(rate === null || (Number.isFinite(rate) && rate >= 0), 'A rate is 0 or more bytes per second, or null.');
};

/**
 * One gate for all peers: token buckets, one per direction, with turns among those who wait. Without a limit it only adds.
 * Over any minute of full load the bytes that pass are within 1 % of the rate.
 */
export const createRateGate = ({ clock }: { clock: Clock }, init: RateGateInit = {}): RateGateControl => {
  const budget: Budget = { left: init.budgetBytes ?? null };
  const sends = createBucket(clock, budget);
  const receives = createBucket(clock, budget);
  const control: RateGateControl = {
    send: (bytes, flow) => sends.take(bytes, flow),
    receive: (bytes, flow) => receives.take(bytes, flow),
    charge: (sent, received) => {
      assert(Number.isSafeInteger(sent) && Number.isSafeInteger(received), 'Bytes are charged in whole numbers.');
      if (sent !== 0) sends.charge(sent);
      if (received !== 0) receives.charge(received);
    },
    setRates: ({ sendBytesPerSecond, receiveBytesPerSecond }) => {
      checkRate(sendBytesPerSecond);
      checkRate(receiveBytesPerSecond);
      sends.setRate(sendBytesPerSecond);
      receives.setRate(receiveBytesPerSecond);
    },
    rates: () => ({ sendBytesPerSecond: sends.rate, receiveBytesPerSecond: receives.rate }),
    setBudget: (bytes) => {
      budget.left = bytes;
      sends.pump();
      receives.pump();
    },
    totals: () => ({
      sentBytes: sends.total,
      receivedBytes: receives.total,
      sendsWaiting: sends.waiting,
      receivesWaiting: receives.waiting,
    }),
    stop: () => {
      sends.stop();
      receives.stop();
    },
  };
  control.setRates({
    sendBytesPerSecond: init.sendBytesPerSecond ?? null,
    receiveBytesPerSecond: init.receiveBytesPerSecond ?? null,
  });
  return control;
};
