import { messageOf } from '../../../base/index.ts';
import { PeerError, StreamError } from '../../../transport/stoq/index.ts';
import type { ProofKind, ResourceKey } from '../../../../preload/contract/index.ts';
import type { Candidate } from '../admission.ts';
import { ask } from '../engine/ask.ts';
import type { Journal } from '../engine/journal.ts';
import { isOver, type LeaseEntry } from '../engine/lease-entry.ts';
import type { LeaseRow } from '../engine/lease-rows.ts';
import type { EngineParts, Refusal } from '../engine/ports.ts';
import type { Settler } from '../engine/settler.ts';
import { afterLong } from '../engine/timer.ts';
import type { LeaseId } from '../interface.ts';
import type { Link } from '../link.ts';
import type { LeaseAnswer, LeaseQuestion } from '../protocol.ts';
import { type Account, createAccount, keptAccount } from './accounts.ts';
import { createLentProcess, type LentProcess } from './lent-process.ts';
import type { Sessions } from './sessions.ts';

export type LenderParts = EngineParts & { journal: Journal; sessions: Sessions; settler: Settler };

/** A lease that was admitted, with all that it takes of this machine. */
export interface Lent {
  readonly entry: LeaseEntry;
  readonly process: LentProcess;
  readonly account: Account;
  /** What it is judged by again once its proofs are there, and what those must answer. */
  proving: { candidate: Candidate; nonce: Uint8Array; proofs: readonly ProofKind[]; maxAgeMs: number } | null;
  /** Where its borrower was seen last. */
  link: Link | null;
  readonly timers: (() => void)[];
  readonly ended: PromiseWithResolvers<void>;
  /** Counts as one of the leases that its owner allows. */
  placed: boolean;
  /** Resolves once everything was given back. */
  stopped: Promise<void>;
}
export const refused = ({ code, sentence }: Refusal): LeaseAnswer => ({ kind: 'refused', code, sentence });

/** Leases that take something of this machine, and how each of them ends. */
export interface LentBook {
  readonly lives: ReadonlyMap<LeaseId, Lent>;
  /** Adds a lease. @param row - of an earlier run */
  open(entry: LeaseEntry, link: Link | null, row: LeaseRow | null): Lent;
  /** Forgets one that has ended, or never was. */
  drop(lent: Lent): void;
  /** Whether it counts as one of the leases that its owner allows. */
  place(lent: Lent, placed: boolean): void;
  leasesOf(resource: ResourceKey): number;
  clearTimers(lent: Lent): void;
  /** Runs what nobody waits for. */
  background(lent: Lent, what: string, work: Promise<unknown>): void;
  failed(what: string, entry: LeaseEntry, error: unknown): void;
  /** requested | proving -> refused, with nothing taken. Within `alone`. */
  refuse(lent: Lent, refusal: Refusal): Promise<LeaseAnswer>;
  /** -> ending, or at once to its end where nothing ran. Within `alone`. */
  beginEnd(lent: Lent, code: string, reason: string): Promise<void>;
  /** The same for whoever is not within `alone`. */
  finish(lent: Lent, code: string, reason: string): Promise<void>;
  /** A lease in `ending`: the last receipt is sent until it has two signatures, or time is up. */
  wind(lent: Lent): void;
  begin(): void;
  /** Nothing is asked or logged from now on; leases stay as they are. */
  halt(): void;
}

export const createLentBook = (parts: LenderParts): LentBook => {
  const { outside, metrics, records, links, keys, allocations, times, journal, settler } = parts;
  const { clock } = outside;
  const logger = parts.logger.child('lender');
  const lives = new Map<LeaseId, Lent>();
  const places = new Map<ResourceKey, number>();
  let life = new AbortController();
  let running = false;

  const failed = (what: string, entry: LeaseEntry, error: unknown): void => {
    if (running) logger.warn(what, { leaseId: entry.id, error: messageOf(error) });
  };
  /** Runs what nobody waits for. */
  const background = ({ entry }: Lent, what: string, work: Promise<unknown>): void => {
    work.catch((error: unknown) => {
      failed(what, entry, error);
    });
  };
  const clearTimers = ({ timers }: Lent): void => {
    for (const cancel of timers.splice(0)) cancel();
  };
  const leasesOf = (resource: ResourceKey): number => places.get(resource) ?? 0;
  const place = (lent: Lent, placed: boolean): void => {
    if (lent.placed === placed) return;
    const { resource } = lent.entry.facts;
    places.set(resource, leasesOf(resource) + (placed ? 1 : -1));
    lent.placed = placed;
  };
  const askBorrower = async ({ entry: { facts }, link: seen }: Lent, question: LeaseQuestion): Promise<LeaseAnswer> => {
    // By its peer id it is found wherever it is now; of whom nothing is kept can only come back by itself.
    const link =
      facts.peerId === null || facts.route === 'anonymous'
        ? seen
        : await links.open({ peer: facts.peerId, route: 'direct' }, { signal: life.signal });
    if (link === null) throw new StreamError({ code: 'CLOSED' }, 'The borrower is not connected.');
    return await ask(link, question, { deadlineMs: times.askMs, signal: life.signal });
  };

  /** Adds a lease to those that take something of this machine. */
  const open = (entry: LeaseEntry, link: Link | null, row: LeaseRow | null): Lent => {
    const { made, counted } = keptAccount(row?.receipts ?? []);
    const process = createLentProcess(
      {
        clock,
        allocations,
        entry,
        onEvicted: (reason) => {
          background(lent, 'A lease could not be evicted', finish(lent, 'EVICTED', reason));
        },
        onEffective: () => {
          if (!isOver(entry.state)) journal.changed(entry);
        },
        onError: (error) => {
          failed('A provider did not give everything back', entry, error);
        },
      },
      counted ?? entry.totals,
    );
    const account = createAccount(
      {
        outside,
        metrics,
        records,
        keys,
        journal,
        entry,
        process,
        tell: (question) => askBorrower(lent, question),
        onRefused: (code, reason) => {
          background(lent, 'A lease could not be ended', finish(lent, code, reason));
        },
        onDone: () => {
          background(
            lent,
            'A lease could not be closed',
            entry.alone(() => close(lent)),
          );
        },
        onOffence: (detail) => {
          if (lent.link?.party.kind === 'peer') parts.offend(lent.link.party.peerId, 'badRecord', detail);
        },
      },
      made,
    );
    const lent: Lent = {
      entry,
      process,
      account,
      proving: null,
      placed: false,
      link,
      timers: [],
      ended: Promise.withResolvers(),
      stopped: Promise.resolve(),
    };
    lives.set(entry.id, lent);
    return lent;
  };
  /** requested | proving -> refused, with nothing taken. Within `alone`. */
  const refuse = async (lent: Lent, { code, sentence }: Refusal): Promise<LeaseAnswer> => {
    await lent.process.stop(sentence);
    await journal.move(lent.entry, 'refused', { code, reason: sentence });
    await close(lent);
    return refused({ code, sentence });
  };
  const finish = (lent: Lent, code: string, reason: string): Promise<void> =>
    lent.entry.alone(() => beginEnd(lent, code, reason));
  /** Within `alone`. */
  const beginEnd = async (lent: Lent, code: string, reason: string): Promise<void> => {
    const { entry, process, account } = lent;
    if (entry.state === 'ending' || isOver(entry.state)) return;
    clearTimers(lent);
    if (entry.state === 'requested' || entry.state === 'proving') {
      await refuse(lent, { code, sentence: reason });
      return;
    }
    lent.stopped = process.stop(reason).catch((error: unknown) => {
      failed('What a lease took could not be given back', entry, error);
    });
    if (entry.state === 'granted') {
      // Nothing ran, so there is nothing to sign.
      await lent.stopped;
      await journal.move(entry, 'ended', { code, reason });
      background(lent, 'The borrower could not be told', account.tellEnd());
      await close(lent);
      return;
    }
    await account.finish(code, reason);
    wind(lent);
  };
  /** A lease in `ending`: the last receipt is sent until it has two signatures, or time is up. */
  const wind = (lent: Lent): void => {
    const send = (): void => {
      background(lent, 'The last receipt could not be sent', lent.account.deliver());
    };
    lent.timers.push(
      clock.every(times.retryMs, send),
      afterLong(clock, times.endingMs, () => {
        background(
          lent,
          'A lease could not be closed',
          lent.entry.alone(() => close(lent)),
        );
      }),
    );
    send();
  };
  const drop = (lent: Lent): void => {
    clearTimers(lent);
    place(lent, false);
    lives.delete(lent.entry.id);
  };
  /** ending -> ended, and settles. Within `alone`. */
  const close = async (lent: Lent): Promise<void> => {
    const { entry } = lent;
    if (lives.get(entry.id) !== lent) return;
    await lent.stopped;
    if (!isOver(entry.state)) await journal.move(entry, 'ended');
    drop(lent);
    await settler.settle(entry);
    lent.ended.resolve();
  };

  return {
    lives,
    open,
    drop,
    place,
    leasesOf,
    clearTimers,
    background,
    failed,
    refuse,
    beginEnd,
    finish,
    wind,
    begin: () => {
      running = true;
      life = new AbortController();
    },
    halt: () => {
      running = false;
      life.abort(new PeerError({ code: 'NOT_RUNNING' }, 'The node is stopping.'));
    },
  };
};
