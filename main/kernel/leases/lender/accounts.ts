import { isNodeError, type Outside } from '../../../base/index.ts';
import { insideOf } from '../engine/inside.ts';
import { type Journal, totalsOf } from '../engine/journal.ts';
import { type LeaseEntry, sameBytes, type Totals } from '../engine/lease-entry.ts';
import type { KeptReceipt } from '../engine/lease-rows.ts';
import { decodeReceipt, encodeReceipt, kindOfResource, owedFor, type RecordOpener } from '../formats/index.ts';
import type { KeyHolder } from '../../prover/index.ts';
import type { LeaseReceipt } from '../interface.ts';
import type { LeaseMetrics } from '../metrics.ts';
import type { LeaseAnswer, LeaseQuestion } from '../protocol.ts';
import type { LentProcess } from './lent-process.ts';

/** A receipt that waits for the borrower's signature. */
export interface Made {
  receipt: LeaseReceipt;
  record: Uint8Array;
  payload: Uint8Array;
}
/** What is inside a record of our own. */
const madeOf = ({ receipt: record }: KeptReceipt): Made => {
  const payload = insideOf(record);
  return { receipt: decodeReceipt(payload), record, payload };
};
/** Receipts of an earlier run that wait for a signature, oldest first, and what had been counted when it ended. */
export const keptAccount = (receipts: readonly KeptReceipt[]): { made: Made[]; counted: Totals | null } => {
  const all = receipts.map(madeOf);
  const last = all.at(-1);
  return {
    made: all.filter((_, place) => receipts[place]?.countersigned === null),
    counted: last === undefined ? null : totalsOf(last.receipt),
  };
};

/** What one lease used, in receipts: made every tick, kept, sent until the borrower has signed. */
export interface Account {
  /** Makes the next receipt, or holds back what is lent while the last one is not signed. */
  tick(): Promise<void>;
  /** Sends what waits for a signature. Goes on at another time where that fails. */
  deliver(): Promise<void>;
  /** running -> ending, with the last receipt. Within the lease's `alone`, once the process has stopped. */
  finish(code: string, reason: string): Promise<void>;
  /** Writes down what was used so far, without sending it. Within `alone`. */
  note(): Promise<void>;
  /** Tells the borrower of the end of a lease that never ran. */
  tellEnd(): Promise<void>;
}
export interface AccountComponents {
  outside: Outside;
  metrics: LeaseMetrics | null;
  records: RecordOpener;
  keys: KeyHolder;
  journal: Journal;
  entry: LeaseEntry;
  process: LentProcess;
  /** Asks the borrower. @throws where it cannot be reached */
  tell: (question: LeaseQuestion) => Promise<LeaseAnswer>;
  /** The borrower will not sign: the lease ends. */
  onRefused: (code: string, reason: string) => void;
  /** Nothing more is to be signed. */
  onDone: () => void;
  /** The borrower sent what no honest program sends. */
  onOffence: (detail: string) => void;
}

/** @param made - receipts of an earlier run that wait for a signature */
export const createAccount = (components: AccountComponents, made: readonly Made[]): Account => {
  const { outside, metrics, records, keys, journal, entry, process, tell, onRefused, onDone, onOffence } = components;
  const waiting = [...made];
  let missed = 0;
  let delivering = false;

  /** @returns null while the keys are locked: nothing can be signed then */
  const make = async (final: boolean): Promise<Made | null> => {
    const signer = keys.node()?.signer;
    const { grantHash, priceMicro, resource } = entry.facts;
    if (signer === undefined || grantHash === null) return null;
    const { unitSeconds, sentBytes, receivedBytes } = process.use();
    const receipt: LeaseReceipt = {
      id: entry.id,
      grant: grantHash,
      sequence: (waiting.at(-1)?.receipt.sequence ?? entry.totals.sequence) + 1,
      unitSeconds,
      sentBytes,
      receivedBytes,
      owedMicro: owedFor(kindOfResource(resource), unitSeconds, priceMicro),
      atMs: outside.clock.nowMs(),
      final,
    };
    const payload = encodeReceipt(receipt);
    return { receipt, payload, record: await signer.sign('lease-receipt', payload) };
  };
  const keptAs = ({ receipt: { sequence }, record }: Made) => ({ sequence, receipt: record });

  /** Within `alone`. */
  const next = async (): Promise<void> => {
    const one = await make(false);
    if (one === null) return;
    await journal.note(entry, {}, { made: [keptAs(one)] });
    waiting.push(one);
  };
  /** Takes the borrower's signature. Within `alone`. */
  const take = async (one: Made, countersigned: Uint8Array): Promise<boolean> => {
    if (waiting[0] !== one || entry.state === 'ended') return false;
    try {
      const { payload, keyIdBytes } = await records.open('lease-countersign', countersigned);
      if (!sameBytes(keyIdBytes, entry.facts.far) || !sameBytes(payload, one.payload)) {
        onOffence('a countersignature of another receipt, or of another');
        return false;
      }
    } catch (error) {
      if (!isNodeError(error)) throw error;
      onOffence('a countersignature that does not hold');
      return false;
    }
    await journal.note(entry, {}, { signed: { ...keptAs(one), countersigned }, totals: totalsOf(one.receipt) });
    waiting.shift();
    missed = 0;
    process.setStopped(false);
    metrics?.receipts.inc(1, { side: 'lent', outcome: 'signed' });
    return true;
  };
  const questionOf = ({ record, receipt: { final } }: Made): LeaseQuestion =>
    final
      ? { kind: 'ended', lease: entry.id, code: entry.facts.code, reason: entry.facts.reason, record }
      : { kind: 'receipt', lease: entry.id, record };

  const deliver = async (): Promise<void> => {
    if (delivering) return;
    delivering = true;
    try {
      for (let one = waiting[0]; one !== undefined; one = waiting[0]) {
        const current = one;
        let answer: LeaseAnswer;
        try {
          answer = await tell(questionOf(current));
        } catch (error) {
          // It cannot be reached now; it is asked again at the next tick, and when it comes back by itself.
          if (isNodeError(error)) return;
          throw error;
        }
        if (answer.kind !== 'countersigned') {
          metrics?.receipts.inc(1, { side: 'lent', outcome: 'refused' });
          if (entry.state === 'ending') onDone();
          else if (answer.kind === 'refused')
            onRefused('RECEIPT_REFUSED', `The borrower does not sign: ${answer.sentence}`);
          return;
        }
        const { record } = answer;
        if (!(await entry.alone(() => take(current, record)))) return;
        if (current.receipt.final) onDone();
      }
    } finally {
      delivering = false;
    }
  };
  return {
    tick: async () => {
      await entry.alone(async () => {
        if (entry.state !== 'running') return;
        if (waiting.length === 0) {
          await next();
          return;
        }
        // One tick without a signature: nothing more is given. Another one: it is over. So at most one tick is ever at stake.
        missed += 1;
        metrics?.receipts.inc(1, { side: 'lent', outcome: 'missed' });
        process.setStopped(true);
        if (missed > 1) onRefused('NOT_COUNTERSIGNED', 'The borrower did not sign what it had used.');
      });
      await deliver();
    },
    deliver,
    finish: async (code, reason) => {
      const last = await make(true);
      await journal.move(entry, 'ending', { code, reason }, last === null ? {} : { made: [keptAs(last)] });
      if (last !== null) waiting.push(last);
    },
    note: async () => {
      if (waiting.length === 0) await next();
    },
    tellEnd: async () => {
      const { code, reason } = entry.facts;
      await tell({ kind: 'ended', lease: entry.id, code, reason, record: null });
    },
  };
};
