import { isNodeError, type Logger, messageOf, type Clock, type Startable, type Store } from '../../base/index.ts';
import type { KeyIdBytes } from '../../base/crypto/index.ts';
import { encodeTransaction, type LedgerState } from '../../kernel/blocks/index.ts';
import type { FinalBlock, FollowedLedger, Ledgers } from '../../kernel/consensus/index.ts';
import { CaesarError } from './errors.ts';
import type { DroppedTransaction, PendingTransaction, Sender, SendRequest } from './interface.ts';
import type { CaesarMetrics } from './metrics.ts';
import { hexOf, sameBytes } from './ledger/keys.ts';
import { recordBytesOf } from './ledger/transactions.ts';
import { economyOf, nextNonce } from './sending/rules.ts';
import { createSentRows, DROPPED_TOLD_MAX, DROPPED_TOLD_MS, type SentRow, type SentRows } from './sending/sent-rows.ts';

/** What is not final is offered to the pool again so often: a pool forgets what waits when the node is started again. */
const AGAIN_MS = 10_000;
/** Nonces may be ahead of the ledger's by as many as a pool keeps of one account. */
const WAITING_MAX = 64;

/** Refusals of a pool that may be another answer soon; what is over by then is told by a block. */
const PASSING: ReadonlySet<string> = new Set(['NONCE_AHEAD', 'NONCE_USED', 'TIME_AHEAD', 'ACCOUNT_FULL', 'POOL_FULL']);

/** What became of a transaction that was sent from here. */
export interface SentOutcome {
  state: 'waiting' | 'final' | 'dropped';
  /** Of its block; null while it waits, and where the block was not seen. */
  height: number | null;
  /** Why it was dropped: a code of the ledger's rules, `NONCE_USED` or `EXPIRED`, and a sentence; both empty otherwise. */
  code: string;
  reason: string;
}
export interface SenderControl extends Sender, Startable {
  /** Null for one that was not sent from here, or so long ago that it is forgotten. */
  outcome(hash: Uint8Array): Promise<SentOutcome | null>;
  /** The same by the key that it was sent with. */
  outcomeOf(key: string): Promise<(SentOutcome & { hash: Uint8Array }) | null>;
  /** Calls whenever one has become final, or cannot any more. @returns what ends that */
  onOutcome(listener: (row: Pick<SentRow, 'hash' | 'key' | 'kind' | 'state' | 'ledger'>) => void): () => void;
}
export interface SenderComponents {
  ledgers: Pick<Ledgers, 'list' | 'current' | 'on'>;
  store: Store;
  clock: Clock;
  logger: Logger;
  metrics: Pick<CaesarMetrics, 'sent' | 'waiting'> | null;
}

/** Signs and sends for all accounts of this node; docs/formats/caesar-rows.md. Started after the ledgers. */
const pendingOf = ({ hash, ledger, kind, fields, nonce, feeMicro, atMs }: SentRow): PendingTransaction => ({
  hash,
  ledger,
  kind,
  fields,
  nonce,
  feeMicro,
  atMs,
});

export const createSender = (components: SenderComponents): SenderControl => {
  const { ledgers, store, clock, metrics } = components;
  const logger = components.logger.child('sender');
  const rows: SentRows = createSentRows({ store });
  /** By hash in hex, oldest first. */
  const waiting = new Map<string, SentRow>();
  /** What came to nothing, newest first. */
  let dropped: SentRow[] = [];
  /** Concluded, and not on the disk so far: it may have had no room. */
  const unwritten = new Map<string, { row: SentRow; end: Pick<SentRow, 'state' | 'height' | 'code' | 'reason'> }>();
  const lanes = new Map<string, Promise<unknown>>();
  const listeners = new Set<(row: SentRow) => void>();
  const endings: (() => void)[] = [];
  let ready: Promise<void> | null = null;
  let looking: Promise<void> = Promise.resolve();
  let running = false;

  const ledgerOf = (id: string | undefined): FollowedLedger => {
    const found = id === undefined ? ledgers.current() : (ledgers.list().find((one) => one.id === id) ?? null);
    if (found === null)
      throw new CaesarError(
        { code: 'LEDGER_NONE' },
        id === undefined
          ? 'This node follows no network yet; make an identity first, which founds one.'
          : 'This node does not follow that network any more; join it again with its genesis file.',
      );
    return found;
  };
  /** One after the other, of one account on one ledger. */
  const alone = <T>(ledger: FollowedLedger, account: KeyIdBytes, work: () => Promise<T>): Promise<T> => {
    const name = `${ledger.id}:${hexOf(account)}`;
    const next = (lanes.get(name) ?? Promise.resolve()).then(work);
    const done = next.catch(() => undefined);
    lanes.set(name, done);
    void done.then(() => {
      if (lanes.get(name) === done) lanes.delete(name);
    });
    return next;
  };
  const load = async (): Promise<void> => {
    for (const row of await rows.waiting()) waiting.set(hexOf(row.hash), row);
    dropped = await rows.dropped(clock.nowMs() - DROPPED_TOLD_MS);
    metrics?.waiting.set(waiting.size);
  };
  const loaded = (): Promise<void> => (ready ??= load());

  /** The first that no transaction of the account has: neither a final one, nor one that waits here or in the pool. */
  const nonceFor = ({ id, replica }: FollowedLedger, account: KeyIdBytes): number => {
    const next = nextNonce(replica.state(), account);
    const taken = new Set<number>();
    for (const row of waiting.values()) if (row.ledger === id && sameBytes(row.account, account)) taken.add(row.nonce);
    // Another device of the same owner may have sent one.
    for (const { signerBytes, transaction } of replica.waiting()) {
      const nonce = (transaction.data as { nonce?: unknown } | null)?.nonce;
      if (typeof nonce === 'number' && sameBytes(signerBytes, account)) taken.add(nonce);
    }
    let nonce = next;
    while (taken.has(nonce)) nonce += 1;
    if (nonce >= next + WAITING_MAX)
      throw new CaesarError(
        { code: 'TRANSACTION_REFUSED', refusal: 'ACCOUNT_FULL', reason: 'too many wait' },
        `${WAITING_MAX} transactions of this account wait for a block already; wait until some of them are final.`,
      );
    return nonce;
  };
  const payloadOf = (
    { replica }: FollowedLedger,
    kind: string,
    fields: Record<string, unknown>,
    nonce: number,
    feeMicro: bigint,
    atMs: number,
  ): Uint8Array =>
    encodeTransaction({
      version: 1,
      network: replica.network,
      kind,
      asset: null,
      previous: null,
      atMs,
      data: { ...fields, nonce, fee: feeMicro },
    });
  /** The least that is taken. Its own size is part of it, so it is looked for. */
  const feeFor = (ledger: FollowedLedger, kind: string, fields: Record<string, unknown>, nonce: number): bigint => {
    const perByte = economyOf(ledger.replica.state())?.feePerByte ?? 0n;
    let fee = 0n;
    for (let tries = 0; tries < 4; tries++) {
      const needed = BigInt(recordBytesOf(payloadOf(ledger, kind, fields, nonce, fee, clock.nowMs()))) * perByte;
      if (needed <= fee) break;
      fee = needed;
    }
    return fee;
  };
  const refusalOf = (error: unknown): unknown => {
    if (!isNodeError(error) || error.code !== 'TRANSACTION_REFUSED') return error;
    const { refusal, reason } = error.data as { refusal?: string; reason?: string };
    const why = reason ?? error.message;
    if (refusal === 'BALANCE_LOW' || refusal === 'FEE_UNPAID')
      return new CaesarError({ code: 'NOT_ENOUGH', reason: why }, why, { cause: error });
    return new CaesarError({ code: 'TRANSACTION_REFUSED', refusal: refusal ?? error.code, reason: why }, why, {
      cause: error,
    });
  };
  const toResult = ({ hash, nonce, feeMicro }: SentRow) => ({ hash, nonce, feeMicro });
  const forget = async (row: SentRow): Promise<void> => {
    waiting.delete(hexOf(row.hash));
    metrics?.waiting.set(waiting.size);
    await rows.remove(row.hash);
  };
  const sendNow = async (
    ledger: FollowedLedger,
    { signer, kind, fields, key }: SendRequest,
  ): Promise<{ hash: Uint8Array; nonce: number; feeMicro: bigint }> => {
    if (key !== undefined) {
      const before = await rows.byKey(key);
      // What was dropped cannot come back: its nonce was taken by another, or its time is over.
      if (before !== null && before.state !== 'dropped') return toResult(before);
    }
    const { replica } = ledger;
    const nonce = nonceFor(ledger, signer.keyIdBytes);
    const feeMicro = feeFor(ledger, kind, fields, nonce);
    // Never before the newest block: a wall clock that was set back would make it look expired.
    const atMs = Math.max(clock.nowMs(), replica.status().timeMs + 1);
    const encoded = await signer.sign('transaction', payloadOf(ledger, kind, fields, nonce, feeMicro, atMs));
    const row: SentRow = {
      hash: rows.hashOf(encoded),
      ledger: ledger.id,
      account: signer.keyIdBytes,
      nonce,
      key: key ?? null,
      kind,
      fields,
      feeMicro,
      encoded,
      atMs,
      state: 'waiting',
      height: replica.status().height,
      code: '',
      reason: '',
    };
    await rows.insert(row);
    waiting.set(hexOf(row.hash), row);
    metrics?.waiting.set(waiting.size);
    try {
      await replica.submit(encoded);
    } catch (error) {
      // The pool took nothing, so nobody else has it: as if it had never been.
      await forget(row);
      metrics?.sent.inc(1, { outcome: 'refused' });
      throw refusalOf(error);
    }
    metrics?.sent.inc(1, { outcome: 'sent' });
    return toResult(row);
  };

  // What becomes of them

  const conclude = async (row: SentRow, end: Pick<SentRow, 'state' | 'height' | 'code' | 'reason'>): Promise<void> => {
    if (!waiting.delete(hexOf(row.hash))) return;
    metrics?.waiting.set(waiting.size);
    metrics?.sent.inc(1, { outcome: end.state });
    if (end.state === 'dropped') dropped = [{ ...row, ...end }, ...dropped].slice(0, DROPPED_TOLD_MAX);
    unwritten.set(hexOf(row.hash), { row, end });
    await writeDown();
  };
  const writeDown = async (): Promise<void> => {
    for (const [hash, { row, end }] of unwritten) {
      await rows.conclude(row.hash, end);
      unwritten.delete(hash);
      for (const listener of listeners) listener({ ...row, ...end });
    }
  };
  const final = (row: SentRow, height: number | null): Promise<void> =>
    conclude(row, { state: 'final', height, code: '', reason: '' });
  const drop = (row: SentRow, code: string, reason: string): Promise<void> =>
    conclude(row, { state: 'dropped', height: null, code, reason });
  const ofLedger = (id: string): SentRow[] => [...waiting.values()].filter(({ ledger }) => ledger === id);
  /** Those that cannot become final any more: their nonce was taken, or their time is over. @param state - of a height up to which all that became final is known */
  const dropDead = async (id: string, state: LedgerState, timeMs: number): Promise<void> => {
    const lifeMs = economyOf(state)?.transactionMs ?? Number.POSITIVE_INFINITY;
    for (const row of ofLedger(id)) {
      if (row.nonce < nextNonce(state, row.account))
        await drop(row, 'NONCE_USED', 'Another transaction of this account took its place.');
      else if (row.atMs + lifeMs < timeMs) await drop(row, 'EXPIRED', 'No block took it in time; send it again.');
    }
  };
  const onFinal = async (
    ledger: FollowedLedger,
    { block, transactions }: FinalBlock,
    stateThen: LedgerState | null,
  ): Promise<void> => {
    // Given up here, while a pool somewhere still had it.
    const isFinal = new Set(transactions.map(({ hash }) => hexOf(hash)));
    for (const row of dropped.filter(({ hash }) => isFinal.has(hexOf(hash)))) {
      dropped = dropped.filter((one) => one !== row);
      await rows.conclude(row.hash, { state: 'final', height: block.header.height, code: '', reason: '' });
    }
    if (ofLedger(ledger.id).length === 0) return;
    for (const { hash } of transactions) {
      const row = waiting.get(hexOf(hash));
      if (row !== undefined && row.ledger === ledger.id) await final(row, block.header.height);
    }
    if (stateThen !== null) await dropDead(ledger.id, stateThen, block.header.timeMs);
  };
  /** What happened while this node was off, or between a block and the row. */
  const lookBack = async (ledger: FollowedLedger): Promise<void> => {
    const mine = ofLedger(ledger.id);
    if (mine.length === 0) return;
    const { replica } = ledger;
    const state = replica.state();
    const { height: newest, timeMs } = replica.status();
    const used = mine.filter((row) => row.nonce < nextNonce(state, row.account));
    if (used.length > 0) {
      let isWhole = true;
      for (let height = Math.min(...used.map((row) => row.height ?? 0)) + 1; height <= newest; height++) {
        const found = await replica.block(height);
        if (found === null) isWhole = false;
        for (const { hash } of found?.transactions ?? []) {
          const row = waiting.get(hexOf(hash));
          if (row !== undefined) await final(row, height);
        }
      }
      // Blocks between are gone: its nonce was used, and it was the one that was sent with it.
      if (!isWhole) for (const row of used) if (waiting.has(hexOf(row.hash))) await final(row, null);
    }
    await dropDead(ledger.id, state, timeMs);
  };
  const offerAgain = async ({ id, replica }: FollowedLedger): Promise<void> => {
    const there = new Set(replica.waiting().map(({ hash }) => hexOf(hash)));
    for (const row of ofLedger(id).toSorted((one, other) => one.nonce - other.nonce)) {
      if (row.encoded === null || there.has(hexOf(row.hash))) continue;
      try {
        await replica.submit(row.encoded);
      } catch (error) {
        if (!isNodeError(error)) throw error;
        const { refusal = '', reason = error.message } = error.data as { refusal?: string; reason?: string };
        // Whether it was refused for what it is, or for what else waits and when: the latter passes.
        if (error.code === 'TRANSACTION_REFUSED' && !PASSING.has(refusal)) await drop(row, refusal, reason);
        else logger.debug('A transaction waits for its ledger', { code: error.code, reason });
      }
    }
  };
  /** One after the other, as blocks came. */
  const later = (work: () => Promise<void>): void => {
    looking = looking.then(work).catch((error: unknown) => {
      if (running) logger.warn('Sent transactions could not be looked at', { error: messageOf(error) });
    });
  };

  return {
    send: async (request) => {
      await loaded();
      const ledger = ledgerOf(request.ledger);
      return await alone(ledger, request.signer.keyIdBytes, () => sendNow(ledger, request));
    },
    quote: ({ signer, ledger: id, kind, fields }) => {
      const ledger = ledgerOf(id);
      const nonce = nonceFor(ledger, signer.keyIdBytes);
      return { nonce, feeMicro: feeFor(ledger, kind, fields, nonce) };
    },
    pending: (account) => [...waiting.values()].filter((row) => sameBytes(row.account, account)).map(pendingOf),
    dropped: (account) => {
      const sinceMs = clock.nowMs() - DROPPED_TOLD_MS;
      return dropped
        .filter((row) => row.atMs >= sinceMs && sameBytes(row.account, account))
        .map((row): DroppedTransaction => {
          const { key, code, reason } = row;
          return { ...pendingOf(row), key, code, reason };
        });
    },
    outcome: async (hash) => (await rows.byHash(hash)) ?? null,
    outcomeOf: async (key) => (await rows.byKey(key)) ?? null,
    onOutcome: (listener) => {
      listeners.add(listener);
      return () => {
        listeners.delete(listener);
      };
    },
    start: async () => {
      running = true;
      await loaded();
      endings.push(
        ledgers.on('final', ({ ledger, block }) => {
          const { replica } = ledger;
          // Later on the state may be that of a block whose transactions were not looked at yet.
          const stateThen = replica.status().height === block.block.header.height ? replica.state() : null;
          later(() => onFinal(ledger, block, stateThen));
        }),
        ledgers.on('adopted', ({ ledger }) => {
          later(() => lookBack(ledger));
        }),
        clock.every(AGAIN_MS, () => {
          if (waiting.size + unwritten.size === 0) return;
          later(async () => {
            await writeDown();
            for (const ledger of ledgers.list()) await offerAgain(ledger);
          });
        }),
      );
      later(async () => {
        for (const ledger of ledgers.list()) {
          await lookBack(ledger);
          await offerAgain(ledger);
        }
        await rows.prune(clock.nowMs());
      });
      await looking;
    },
    stop: async () => {
      running = false;
      for (const end of endings.splice(0)) end();
      await Promise.all(lanes.values());
      await looking;
    },
  };
};
