/** What somebody had of the machine lately. */
interface Account {
  /** Dominant share of what runs for it now. */
  runningShare: number;
  /** Mean of that, the older the less; 0 to 1. */
  heldShare: number;
  /** Mean share of the processors that it used, as told; it may be above 1 where more than what was kept for it was used. */
  usedShare: number;
  atMs: number;
  /** When something was last started for it. */
  startedAtMs: number;
}

/** Who had how much of the machine lately, by what ran and by what was used, whichever is more. */
export interface History {
  /** What runs from now on; what ran until now is counted. */
  see(shares: ReadonlyMap<string, number>, nowMs: number): void;
  used(who: string, machineMs: number, nowMs: number): void;
  started(who: string, nowMs: number): void;
  runningShare(who: string): number;
  /** What it has and what it had lately, added up; 0 for who is quiet. */
  load(who: string, nowMs: number): number;
  /** Mean share lately, about 0 to 1. */
  lately(who: string, nowMs: number): number;
  startedAtMs(who: string): number;
  /** Those with something running, as of the last `see`. */
  busy(): IterableIterator<string>;
  /** Forgets those who had least, down to so many, of those of whom `isNeeded` does not hold. */
  prune(kept: number, isNeeded: (who: string) => boolean): void;
}

/** The machine slept, or nobody asked: more than this between two looks counts as this. */
const GAP_MS_MAX = 60 * 60_000;

/**
 * Who has nothing running and had less than this of the machine lately is quiet: three seconds of all of it, with a half-life of ten
 * minutes. All the quiet are alike.
 */
const QUIET_SHARE = 0.005;

export const createHistory = (halfLifeMs: number): History => {
  const accounts = new Map<string, Account>();
  const running = new Set<string>();
  let seenAtMs = Number.NEGATIVE_INFINITY;

  const open = (who: string, nowMs: number): Account => {
    const found = accounts.get(who);
    if (found !== undefined) return found;
    const account: Account = {
      runningShare: 0,
      heldShare: 0,
      usedShare: 0,
      atMs: nowMs,
      startedAtMs: Number.NEGATIVE_INFINITY,
    };
    accounts.set(who, account);
    return account;
  };
  /** Brings an account up to date. The clock may be told out of order: time never runs back. */
  const advance = (account: Account, nowMs: number): void => {
    const passedMs = Math.min(Math.max(0, nowMs - account.atMs), GAP_MS_MAX);
    const kept = 0.5 ** (passedMs / halfLifeMs);
    account.heldShare = account.heldShare * kept + account.runningShare * (1 - kept);
    account.usedShare *= kept;
    account.atMs = Math.max(account.atMs, nowMs);
  };
  const latelyOf = (account: Account, nowMs: number): number => {
    const kept = nowMs <= account.atMs ? 1 : 0.5 ** ((nowMs - account.atMs) / halfLifeMs);
    return Math.max(account.heldShare * kept + account.runningShare * (1 - kept), account.usedShare * kept);
  };
  return {
    see: (shares, nowMs) => {
      seenAtMs = Math.max(seenAtMs, nowMs);
      for (const who of running) {
        const account = accounts.get(who);
        if (account === undefined) continue;
        advance(account, nowMs);
        if (!shares.has(who)) account.runningShare = 0;
      }
      running.clear();
      for (const [who, share] of shares) {
        const account = open(who, nowMs);
        advance(account, nowMs);
        account.runningShare = share;
        running.add(who);
      }
    },
    used: (who, machineMs, nowMs) => {
      const account = open(who, nowMs);
      advance(account, nowMs);
      account.usedShare += (Math.max(0, machineMs) * Math.LN2) / halfLifeMs;
    },
    started: (who, nowMs) => {
      open(who, nowMs).startedAtMs = nowMs;
    },
    runningShare: (who) => accounts.get(who)?.runningShare ?? 0,
    load: (who, nowMs) => {
      const account = accounts.get(who);
      if (account === undefined) return 0;
      const had = latelyOf(account, nowMs);
      return account.runningShare === 0 && had < QUIET_SHARE ? 0 : account.runningShare + had;
    },
    lately: (who, nowMs) => {
      const account = accounts.get(who);
      return account === undefined ? 0 : latelyOf(account, nowMs);
    },
    startedAtMs: (who) => accounts.get(who)?.startedAtMs ?? Number.NEGATIVE_INFINITY,
    busy: () => running.values(),
    prune: (kept, isNeeded) => {
      if (accounts.size <= kept) return;
      const idle = [...accounts].filter(([who]) => !running.has(who) && !isNeeded(who));
      const weigh = (account: Account): number =>
        Math.max(account.heldShare, account.usedShare) * 0.5 ** (Math.max(0, seenAtMs - account.atMs) / halfLifeMs);
      idle.sort((a, b) => weigh(a[1]) - weigh(b[1]));
      for (const [who] of idle.slice(0, accounts.size - kept)) accounts.delete(who);
    },
  };
};
