import { setImmediate as nextTurn } from 'node:timers/promises';
import { readNodeAccount, readParams, readValidators } from '../../caesar/index.ts';
import { Emitter, type EventSource, type Logger, isNodeError, messageOf } from '../../../base/index.ts';
import type { KeyIdBytes } from '../../../base/crypto/index.ts';
import type { LedgerState } from '../../../kernel/blocks/index.ts';
import type { FinalBlock, FollowedLedger, Ledgers } from '../../../kernel/consensus/index.ts';
import { READ_BLOCKS } from './constants.ts';
import { bytesOfHex, factsOf, genesisFacts, hexOf, outcomesOfBlock, outcomesOfState, sameBytes } from './economy.ts';
import type { WalletError } from './errors.ts';
import {
  type BlockPlace,
  type Tracked,
  bondedOf,
  explainOpening,
  explainOutcomes,
  explainRest,
  explainTransactions,
  proposerPart,
  toldOf,
} from './explain.ts';
import { type AccountFacts, NOTHING_SINCE } from './facts.ts';
import type { CursorRow, EntryRow, WalletRows } from './rows.ts';

/** Blocks that wait to be read; beyond, they are read from the disk instead. */
const QUEUE_MAX = 128;
/** Blocks about none of the accounts after which it is written down all the same that they were read. */
const WRITE_AFTER = 256;

export interface HistoryEvents {
  /** Lines came in. */
  changed: null;
}
/**
 * Writes down what final blocks did to accounts, on every ledger that this node follows. What was written stays; what was not is
 * read again, so that it may be ended at any moment.
 */
export interface History extends EventSource<HistoryEvents> {
  start(): void;
  stop(): Promise<void>;
  /** From now on of these accounts; their blocks so far are read in the background. */
  track(accounts: readonly Tracked[]): void;
  /** Resolves once all that is final now has been read. */
  idle(): Promise<void>;
  /** Whether final blocks of a ledger are not written down yet. */
  isBusy(ledger: string): boolean;
  /** Why it goes no further, where rows are those of a newer version. */
  readonly problem: WalletError | null;
}
export interface HistoryComponents {
  ledgers: Pick<Ledgers, 'list' | 'on'>;
  rows: WalletRows;
  logger: Logger;
}

interface Live {
  block: FinalBlock;
  /** What accounts have after it, by id of the row; null where the state went on meanwhile. */
  after: ReadonlyMap<number, AccountFacts> | null;
  proposerAccount: KeyIdBytes | null;
  burnPermille: number;
}
interface Book {
  ledger: FollowedLedger;
  bytes: Uint8Array;
  /** By id of the account's row; null before they were read. */
  cursors: Map<number, CursorRow> | null;
  queue: Live[];
  /** Height up to which cursors are on the disk. */
  written: number;
  running: Promise<void> | null;
  again: boolean;
}

/** Whose the fees of a proposer's blocks are. */
const payeeOf = (state: LedgerState, proposer: KeyIdBytes): KeyIdBytes | null =>
  readValidators(state).find(({ node }) => sameBytes(node, proposer))?.account ?? readNodeAccount(state, proposer);

export const createHistory = ({ ledgers, rows, logger: parent }: HistoryComponents): History => {
  const logger = parent.child('wallet');
  const events = new Emitter<HistoryEvents>();
  const books = new Map<string, Book>();
  const endings: (() => void)[] = [];
  let tracked: readonly Tracked[] = [];
  let ended = false;
  let problem: WalletError | null = null;

  const bookOf = (ledger: FollowedLedger): Book => {
    let book = books.get(ledger.id);
    // Left and joined again: another replica under the same name.
    if (book === undefined || book.ledger.replica !== ledger.replica) {
      book = {
        ledger,
        bytes: bytesOfHex(ledger.id),
        cursors: null,
        queue: [],
        written: 0,
        running: book?.running ?? null,
        again: true,
      };
      books.set(ledger.id, book);
    }
    return book;
  };
  const factsNow = (state: LedgerState): Map<number, AccountFacts> =>
    new Map(tracked.map(({ id, account }) => [id, factsOf(state, account)]));
  const placeOf = ({ block: { header } }: Pick<FinalBlock, 'block'>): BlockPlace => ({
    height: header.height,
    atMs: header.timeMs,
  });
  const byAccount = (accounts: readonly Tracked[]): Map<string, Tracked> =>
    new Map(accounts.map((one) => [hexOf(one.account), one]));

  const write = async (book: Book, lines: readonly EntryRow[], cursors: readonly CursorRow[]): Promise<void> => {
    await rows.write(book.bytes, lines, cursors);
    for (const cursor of cursors) book.cursors?.set(cursor.accountId, cursor);
    book.written = Math.min(...[...(book.cursors ?? new Map()).values()].map(({ height }: CursorRow) => height));
    if (lines.length > 0) events.emit('changed', null);
  };

  /** Where the history of an account begins: with the network, or with what it has now where older blocks are gone. */
  const begin = async (book: Book, account: Tracked): Promise<void> => {
    const { replica } = book.ledger;
    const isWhole = replica.status().height === 0 || (await replica.block(1)) !== null;
    const { height, timeMs } = replica.status();
    const place = isWhole ? { height: 0, atMs: replica.genesis.createdAtMs } : { height, atMs: timeMs };
    const facts = isWhole ? genesisFacts(replica.genesis, account.account) : factsOf(replica.state(), account.account);
    await write(book, explainOpening(account, place, facts), [
      {
        accountId: account.id,
        fromHeight: place.height,
        height: place.height,
        known: { facts, height: place.height, since: NOTHING_SINCE },
      },
    ]);
  };

  /** A block right after those that were read, with everything that it wrote. */
  const readLive = async (book: Book, accounts: readonly Tracked[], live: Live): Promise<void> => {
    const { block, after, proposerAccount, burnPermille } = live;
    const place = placeOf(block);
    const lines = explainTransactions(byAccount(accounts), place, block.transactions);
    const outcomes = outcomesOfBlock(place.height, block.updates);
    const cursors: CursorRow[] = [];
    let changed = false;
    for (const account of accounts) {
      const cursor = book.cursors?.get(account.id);
      const facts = after?.get(account.id);
      if (cursor === undefined || facts === undefined) return;
      lines.push(...explainOutcomes(account, place, outcomes));
      const own = lines.filter(({ accountId }) => accountId === account.id);
      const isProposer = proposerAccount !== null && sameBytes(proposerAccount, account.account);
      lines.push(
        ...explainRest(account, place, cursor.known.facts, facts, {
          told: toldOf(own),
          bonded: bondedOf(own, account.id),
          proposed: isProposer ? proposerPart(block.transactions, burnPermille) : 0n,
          accused: BigInt(block.evidence.length),
        }),
      );
      changed ||= lines.length > 0;
      cursors.push({ ...cursor, height: place.height, known: { facts, height: place.height, since: NOTHING_SINCE } });
    }
    if (changed || place.height - book.written >= WRITE_AFTER) await write(book, lines, cursors);
    else for (const cursor of cursors) book.cursors?.set(cursor.accountId, cursor);
  };

  /** The first height after one whose block is here. Blocks are dropped from the oldest on. */
  const firstBlock = async ({ replica }: FollowedLedger, after: number, upTo: number): Promise<number> => {
    let [low, high] = [after, upTo];
    while (high - low > 1) {
      const middle = Math.floor((low + high) / 2);
      if ((await replica.block(middle)) === null) low = middle;
      else high = middle;
    }
    return high;
  };

  /** Blocks that were final before, from the disk: their transactions, and at the end what the state says of the rest. */
  const readBack = async (book: Book, accounts: readonly Tracked[], target: number): Promise<void> => {
    const { replica } = book.ledger;
    const state = replica.state();
    const { feeBurnPermille } = readParams(state);
    const cursorOf = ({ id }: Tracked): CursorRow | undefined => book.cursors?.get(id);
    let height = Math.min(...accounts.map((account) => cursorOf(account)?.height ?? target));
    let lines: EntryRow[] = [];
    let changed = new Map<number, CursorRow>();
    const flush = async (): Promise<void> => {
      if (changed.size > 0) await write(book, lines, [...changed.values()]);
      lines = [];
      changed = new Map();
    };
    for (let read = 1; height < target && !ended; read++) {
      let block = await replica.block(height + 1);
      // A snapshot took the place of the blocks up to some height.
      if (block === null) block = await replica.block(await firstBlock(book.ledger, height + 1, target));
      height = block === null ? target : block.block.header.height;
      const behind = accounts.filter((account) => (cursorOf(account)?.height ?? target) < height);
      const found = block === null ? [] : explainTransactions(byAccount(behind), placeOf(block), block.transactions);
      const proposer = block?.block.header.proposer;
      const payee = proposer === undefined || block?.transactions.length === 0 ? null : payeeOf(state, proposer);
      for (const account of behind) {
        const cursor = changed.get(account.id) ?? cursorOf(account);
        if (cursor === undefined) continue;
        const { since } = cursor.known;
        const own = found.filter(({ accountId }) => accountId === account.id);
        const proposed =
          block !== null && payee !== null && sameBytes(payee, account.account)
            ? proposerPart(block.transactions, feeBurnPermille)
            : 0n;
        changed.set(account.id, {
          ...cursor,
          height,
          known: {
            ...cursor.known,
            since: {
              told: since.told + toldOf(own),
              bonded: since.bonded + bondedOf(own, account.id),
              proposed: since.proposed + proposed,
              accused: since.accused + BigInt(block?.evidence.length ?? 0),
            },
          },
        });
      }
      lines.push(...found);
      if (read % READ_BLOCKS === 0) await flush();
      else await nextTurn();
    }
    await flush();
  };

  /** Closes what {@link readBack} left open, where the state is that of the last block that was read. @returns whether it was */
  const readRest = async (book: Book, accounts: readonly Tracked[]): Promise<boolean> => {
    const { replica } = book.ledger;
    const { height, timeMs } = replica.status();
    const state = replica.state();
    const open = accounts.flatMap((account) => {
      const cursor = book.cursors?.get(account.id);
      return cursor === undefined || cursor.known.height === cursor.height ? [] : [{ account, cursor }];
    });
    if (open.length === 0) return true;
    if (open.some(({ cursor }) => cursor.height !== height)) return false;
    const after = new Map(open.map(({ account }) => [account.id, factsOf(state, account.account)]));
    const oldest = Math.min(...open.map(({ cursor }) => cursor.known.height));
    const { settlements, payouts } = await outcomesOfState(state, oldest, height, nextTurn);
    const times = new Map(settlements.map((one) => [one.height, one.atMs]));
    for (const { height: paidAt } of payouts)
      if (!times.has(paidAt)) {
        const block = await replica.block(paidAt);
        if (block !== null) times.set(paidAt, block.block.header.timeMs);
      }
    const lines: EntryRow[] = [];
    const cursors: CursorRow[] = [];
    for (const { account, cursor } of open) {
      const { facts: before, height: known, since } = cursor.known;
      const facts = after.get(account.id);
      if (facts === undefined) continue;
      const own: EntryRow[] = [];
      for (const [at, atMs] of times)
        if (at > known)
          own.push(
            ...explainOutcomes(
              account,
              { height: at, atMs },
              {
                settlements: settlements.filter((one) => one.height === at),
                payouts: payouts.filter((one) => one.height === at),
              },
            ),
          );
      const rest = explainRest(account, { height, atMs: timeMs }, before, facts, {
        ...since,
        told: since.told + toldOf(own),
      });
      lines.push(...own, ...rest);
      cursors.push({ ...cursor, known: { facts, height, since: NOTHING_SINCE } });
    }
    await write(book, lines, cursors);
    return true;
  };

  const readAll = async (book: Book): Promise<void> => {
    const { replica } = book.ledger;
    while (!ended) {
      const accounts = tracked;
      if (book.cursors === null) {
        book.cursors = new Map((await rows.cursors(book.bytes)).map((cursor) => [cursor.accountId, cursor]));
        book.written = Math.min(...[...book.cursors.values()].map(({ height }) => height), replica.status().height);
      }
      for (const account of accounts) if (!book.cursors.has(account.id)) await begin(book, account);
      if (accounts.length === 0) return;
      const cursors = accounts.flatMap(({ id }) => book.cursors?.get(id) ?? []);
      const lowest = Math.min(...cursors.map(({ height }) => height));
      const isEven = cursors.every(({ height, known }) => height === lowest && known.height === lowest);
      while ((book.queue[0]?.block.block.header.height ?? Infinity) <= lowest) book.queue.shift();
      const [next] = book.queue;
      if (isEven && next?.block.block.header.height === lowest + 1 && accounts.every(({ id }) => next.after?.has(id))) {
        book.queue.shift();
        await readLive(book, accounts, next);
        continue;
      }
      const target = replica.status().height;
      if (isEven && lowest >= target) return;
      await readBack(book, accounts, target);
      // More became final meanwhile: that comes first.
      if (!(await readRest(book, accounts)) && replica.status().height <= target) return;
    }
  };

  const kick = (ledger: FollowedLedger): void => {
    if (ended || problem !== null) return;
    const book = bookOf(ledger);
    book.again = true;
    if (book.running !== null) return;
    book.running = (async () => {
      while (book.again && !ended) {
        book.again = false;
        await readAll(book);
      }
    })()
      .catch((error: unknown) => {
        if (isNodeError(error) && error.code === 'WALLET_NEWER') problem = error as WalletError;
        // Tried again with the next block.
        if (!ended) logger.warn('The history of the wallet could not be written down', { reason: messageOf(error) });
      })
      .finally(() => {
        book.running = null;
      });
  };
  const kickAll = (): void => {
    for (const ledger of ledgers.list()) kick(ledger);
  };

  return {
    on: (name, listener) => events.on(name, listener),
    start: () => {
      endings.push(
        ledgers.on('final', ({ ledger, block }) => {
          const { replica } = ledger;
          const { header } = block.block;
          const book = bookOf(ledger);
          if (tracked.length > 0) {
            const isNow = replica.status().height === header.height;
            const state = replica.state();
            if (book.queue.length >= QUEUE_MAX) book.queue.length = 0;
            book.queue.push({
              block,
              after: isNow ? factsNow(state) : null,
              proposerAccount: block.transactions.length === 0 ? null : payeeOf(state, header.proposer),
              burnPermille: readParams(state).feeBurnPermille,
            });
          }
          kick(ledger);
        }),
        ledgers.on('adopted', ({ ledger }) => kick(ledger)),
        ledgers.on('changed', kickAll),
      );
      kickAll();
    },
    stop: async () => {
      ended = true;
      for (const end of endings.splice(0)) end();
      await Promise.all([...books.values()].flatMap(({ running }) => (running === null ? [] : [running])));
    },
    track: (accounts) => {
      tracked = accounts;
      kickAll();
    },
    idle: async () => {
      for (;;) {
        const running = [...books.values()].flatMap((book) => (book.running === null ? [] : [book.running]));
        if (running.length === 0) return;
        await Promise.all(running);
      }
    },
    isBusy: (ledger) => (books.get(ledger)?.running ?? null) !== null,
    get problem() {
      return problem;
    },
  };
};
