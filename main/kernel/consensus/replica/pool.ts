import type { Clock } from '../../../base/index.ts';
import type { LedgerState, SignedTransaction } from '../../blocks/index.ts';
import { hexOf } from '../formats/reader.ts';
import type { Application } from '../interface.ts';
import type { Steps, Turns } from '../turns.ts';
import {
  ACCOUNT_BYTES_MAX,
  ACCOUNT_COUNT_MAX,
  LEFT_OUT_AFTER_MS,
  NONCE_AHEAD,
  POOL_AGE_MS,
  POOL_BYTES_MAX,
  POOL_COUNT_MAX,
  RECHECKED_MAX,
  REPLACE_PERMILLE,
} from './constants.ts';

/** One transaction that waits. */
interface Waiting {
  readonly name: string;
  readonly signed: SignedTransaction;
  readonly account: string;
  readonly nonce: number;
  readonly feePerByte: number;
  readonly addedMs: number;
  /** Tells equal ones apart: the earlier first. */
  readonly order: number;
  /** Whether it could stand in the next block by itself, or behind the ones of its account before it. */
  ready: boolean;
  /** Proposers that left it out though there was room. */
  readonly leftOutBy: Set<string>;
}

export type PoolVerdict =
  | { taken: true; replaced: SignedTransaction | null }
  | { taken: false; known: true }
  | { taken: false; known: false; code: string; reason: string; full: boolean };

/** Where the next block would stand. */
export interface PoolPlace {
  network: Uint8Array;
  height: number;
  timeMs: number;
}
/** Transactions that wait for a block: bounded, each account's in the order of its nonces. */
export interface Pool {
  readonly count: number;
  readonly bytes: number;
  has(name: string): boolean;
  get(name: string): SignedTransaction | undefined;
  /** Signatures are checked already. */
  add(signed: SignedTransaction): PoolVerdict;
  /** The best ones for the next block: an account's in their order, higher fees first. Stays within both limits. */
  pick(bytesMax: number, countMax: number): SignedTransaction[];
  /** Whether one could stand in the next block. */
  hasReady(): boolean;
  /** After a block: takes out what became final; what cannot any more goes in turns after it. */
  settle(included: readonly SignedTransaction[]): void;
  /** Counts who left what out. @param roomBytes - what would have fitted in as well */
  blame(proposer: string, blockTimeMs: number, roomBytes: number): void;
  /** Waiting ones that somebody left out. */
  leftOut(proposer: string): number;
  /** Oldest first. */
  list(limit?: number): SignedTransaction[];
  /** Forgets all of it, each for this reason. */
  age(): void;
}
export interface PoolComponents {
  app: Pick<Application, 'check' | 'rank'>;
  clock: Clock;
  turns: Turns;
  stopped: AbortSignal;
  state(): LedgerState;
  place(): PoolPlace;
  /** Told of every one that leaves without having become final. */
  dropped(signed: SignedTransaction, reason: string): void;
  /** What a block may have changed was looked at again. */
  settled(): void;
}

export const createPool = (components: PoolComponents): Pool => {
  const { app, clock, turns, stopped, state, place, dropped, settled } = components;
  const byName = new Map<string, Waiting>();
  const byAccount = new Map<string, Map<number, Waiting>>();
  let bytes = 0;
  let readyCount = 0;
  let nextOrder = 0;
  /** No waiting one that may go pays less than this; null: not known since something went. */
  let floor: Waiting | null = null;
  /** Where looking at others again goes on after the next block. */
  let cursor: string | null = null;
  /** Accounts that are to be looked at again. */
  const due = new Set<string>();
  let isLooking = false;

  const setReady = (entry: Waiting, ready: boolean): void => {
    if (entry.ready === ready) return;
    entry.ready = ready;
    readyCount += ready ? 1 : -1;
  };
  const remove = (entry: Waiting, reason: string | null): void => {
    if (!byName.delete(entry.name)) return;
    const account = byAccount.get(entry.account);
    account?.delete(entry.nonce);
    if (account?.size === 0) byAccount.delete(entry.account);
    bytes -= entry.signed.encoded.length;
    setReady(entry, false);
    if (floor === entry) floor = null;
    if (reason !== null) dropped(entry.signed, reason);
  };
  const inOrder = (account: string): Waiting[] =>
    [...(byAccount.get(account)?.values() ?? [])].sort((one, other) => one.nonce - other.nonce);
  /** Looks at all of an account again, in the order of their nonces. */
  const recheck = (account: string): void => {
    const at = place();
    const now = state();
    let before: Waiting | null = null;
    for (const entry of inOrder(account)) {
      const verdict = app.check(entry.signed, now, at);
      if (verdict.accepted) setReady(entry, true);
      else if (verdict.code === NONCE_AHEAD)
        setReady(entry, before !== null && before.ready && before.nonce + 1 === entry.nonce);
      else {
        remove(entry, `${verdict.reason} (${verdict.code})`);
        continue;
      }
      before = entry;
    }
  };
  const lookSteps = function* (): Steps<void> {
    // One that is added meanwhile has its turn as well.
    for (const account of due) {
      due.delete(account);
      recheck(account);
      yield;
    }
  };
  /** Thousands may wait, and each takes a tenth of a ms: what one turn has no time for comes later. */
  const look = async (): Promise<void> => {
    if (isLooking) return;
    isLooking = true;
    try {
      await turns.run(lookSteps(), stopped);
    } catch (error) {
      if (!stopped.aborted) throw error;
    } finally {
      isLooking = false;
    }
    if (!stopped.aborted) settled();
  };
  /** The last of an account that pays least: only last ones may go, or those behind would wait for nothing. */
  const cheapest = (): Waiting | null => {
    if (floor !== null) return floor;
    for (const account of byAccount.values()) {
      let last: Waiting | null = null;
      for (const entry of account.values()) if (last === null || entry.nonce > last.nonce) last = entry;
      if (
        last !== null &&
        (floor === null ||
          last.feePerByte < floor.feePerByte ||
          (last.feePerByte === floor.feePerByte && last.order > floor.order))
      )
        floor = last;
    }
    return floor;
  };
  const refuse = (code: string, reason: string, full = false): PoolVerdict => ({
    taken: false,
    known: false,
    code,
    reason,
    full,
  });

  const makeRoom = (entry: Waiting, freed: number): PoolVerdict | null => {
    const size = entry.signed.encoded.length;
    while (byName.size >= POOL_COUNT_MAX || bytes - freed + size > POOL_BYTES_MAX) {
      const least = cheapest();
      if (least === null || least.feePerByte >= entry.feePerByte || least.account === entry.account)
        return refuse('POOL_FULL', 'Too many transactions wait already; pay a higher fee or try again later.', true);
      remove(least, 'Transactions that pay more took its place.');
    }
    return null;
  };

  const add = (signed: SignedTransaction): PoolVerdict => {
    const name = hexOf(signed.hash);
    if (byName.has(name)) return { taken: false, known: true };
    const verdict = app.check(signed, state(), place());
    if (!verdict.accepted && verdict.code !== NONCE_AHEAD) return refuse(verdict.code, verdict.reason);
    const { account, nonce, feePerByte } = app.rank(signed);
    const others = byAccount.get(account);
    const before = others?.get(nonce);
    if (before !== undefined && feePerByte * 1000 < Math.max(before.feePerByte * REPLACE_PERMILLE, 1))
      return refuse(
        'REPLACEMENT_UNDERPRICED',
        'Another transaction with this nonce waits already; a replacement pays at least a tenth more per byte.',
      );
    const size = signed.encoded.length;
    const freed = before?.signed.encoded.length ?? 0;
    if (others !== undefined && before === undefined && others.size >= ACCOUNT_COUNT_MAX)
      return refuse(
        'ACCOUNT_FULL',
        `This account has ${ACCOUNT_COUNT_MAX} transactions waiting already; wait for them.`,
        true,
      );
    let accountBytes = size - freed;
    for (const entry of others?.values() ?? []) accountBytes += entry.signed.encoded.length;
    if (accountBytes > ACCOUNT_BYTES_MAX)
      return refuse('ACCOUNT_FULL', 'This account has too many bytes waiting already; wait for them.', true);
    const entry: Waiting = {
      name,
      signed,
      account,
      nonce,
      feePerByte,
      addedMs: clock.monotonicMs(),
      order: nextOrder++,
      ready: false,
      leftOutBy: new Set(),
    };
    const full = makeRoom(entry, freed);
    if (full !== null) return full;
    if (before !== undefined) remove(before, 'A transaction with the same nonce and a higher fee took its place.');
    byName.set(name, entry);
    let account_ = byAccount.get(account);
    if (account_ === undefined) byAccount.set(account, (account_ = new Map()));
    account_.set(nonce, entry);
    bytes += size;
    if (floor !== null && feePerByte < floor.feePerByte) floor = null;
    if (verdict.accepted) setReady(entry, true);
    // Those behind it may have waited for this very one.
    if ([...account_.keys()].some((other) => other > nonce)) recheck(account);
    else if (!verdict.accepted) setReady(entry, account_.get(nonce - 1)?.ready === true);
    return { taken: true, replaced: before?.signed ?? null };
  };

  const isBefore = (one: Waiting, other: Waiting): boolean =>
    one.feePerByte > other.feePerByte || (one.feePerByte === other.feePerByte && one.order < other.order);

  const pick = (bytesMax: number, countMax: number): SignedTransaction[] => {
    const lines: Waiting[][] = [];
    for (const account of byAccount.keys()) {
      const line: Waiting[] = [];
      for (const entry of inOrder(account)) {
        const last = line.at(-1);
        if (!entry.ready || (last !== undefined && last.nonce + 1 !== entry.nonce)) break;
        line.push(entry);
      }
      if (line.length > 0) lines.push(line.reverse());
    }
    const heads = createHeap<Waiting[]>((one, other) => isBefore(one.at(-1)!, other.at(-1)!));
    for (const line of lines) heads.push(line);
    const picked: SignedTransaction[] = [];
    let left = bytesMax;
    for (let line = heads.pop(); line !== undefined && picked.length < countMax; line = heads.pop()) {
      const entry = line.pop()!;
      // One that does not fit keeps those behind it waiting as well; smaller ones of others may still fit.
      if (entry.signed.encoded.length > left) continue;
      left -= entry.signed.encoded.length;
      picked.push(entry.signed);
      if (line.length > 0) heads.push(line);
    }
    return picked;
  };

  const age = (): void => {
    const oldest = clock.monotonicMs() - POOL_AGE_MS;
    for (const entry of byName.values()) {
      // In the order in which they came.
      if (entry.addedMs > oldest) break;
      remove(entry, 'It waited for half an hour and no block took it; send it again, with a higher fee.');
    }
  };

  return {
    get count() {
      return byName.size;
    },
    get bytes() {
      return bytes;
    },
    has: (name) => byName.has(name),
    get: (name) => byName.get(name)?.signed,
    add,
    pick,
    hasReady: () => readyCount > 0,
    settle: (included) => {
      const touched = new Set<string>();
      for (const signed of included) {
        const entry = byName.get(hexOf(signed.hash));
        if (entry !== undefined) remove(entry, null);
        touched.add(app.rank(signed).account);
      }
      age();
      for (const account of touched) due.add(account);
      // All others have their turn, some after each block.
      const accounts = [...byAccount.keys()];
      const from = cursor === null ? 0 : Math.max(0, accounts.indexOf(cursor));
      let count = 0;
      for (let i = 0; i < accounts.length && count < RECHECKED_MAX; i++) {
        const account = accounts[(from + i) % accounts.length]!;
        count += byAccount.get(account)?.size ?? 0;
        due.add(account);
        cursor = accounts[(from + i + 1) % accounts.length]!;
      }
      void look();
    },
    blame: (proposer, blockTimeMs, roomBytes) => {
      const latest = Math.min(blockTimeMs, clock.nowMs()) - clock.nowMs() + clock.monotonicMs() - LEFT_OUT_AFTER_MS;
      let looked = 0;
      for (const entry of byName.values()) {
        if (entry.addedMs > latest || looked++ >= RECHECKED_MAX) return;
        if (entry.ready && entry.signed.encoded.length <= roomBytes && entry.leftOutBy.size < 64)
          entry.leftOutBy.add(proposer);
      }
    },
    leftOut: (proposer) => {
      let count = 0;
      for (const entry of byName.values()) if (entry.leftOutBy.has(proposer)) count += 1;
      return count;
    },
    list: (limit = POOL_COUNT_MAX) => {
      const found: SignedTransaction[] = [];
      for (const entry of byName.values()) {
        if (found.length >= limit) break;
        found.push(entry.signed);
      }
      return found;
    },
    age,
  };
};

interface Heap<T> {
  push(item: T): void;
  pop(): T | undefined;
}
/** A binary heap: the first by `before` comes out first. */
const createHeap = <T>(before: (one: T, other: T) => boolean): Heap<T> => {
  const items: T[] = [];
  return {
    push: (item) => {
      let place = items.push(item) - 1;
      while (place > 0) {
        const parent = (place - 1) >> 1;
        if (!before(item, items[parent]!)) break;
        items[place] = items[parent]!;
        place = parent;
      }
      items[place] = item;
    },
    pop: () => {
      const first = items[0];
      const last = items.pop();
      if (first === undefined || items.length === 0 || last === undefined) return first;
      let place = 0;
      for (let child = 1; child < items.length; child = 2 * place + 1) {
        if (child + 1 < items.length && before(items[child + 1]!, items[child]!)) child += 1;
        if (!before(items[child]!, last)) break;
        items[place] = items[child]!;
        place = child;
      }
      items[place] = last;
      return first;
    },
  };
};
