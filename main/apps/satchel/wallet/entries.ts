import { accountText } from '../../caesar/index.ts';
import type { KeyIdBytes } from '../../../base/crypto/index.ts';
import type { FollowedLedger } from '../../../kernel/consensus/index.ts';
import type { WalletEntry } from '../../../../preload/contract/index.ts';
import { caesNumber } from './amount.ts';
import { CSV_ENTRIES_MAX, CSV_ROWS } from './constants.ts';
import { type DayPrice, csvRow, priceOn, valueText } from './csv.ts';
import { bytesOfHex, hexOf } from './economy.ts';
import { WalletError } from './errors.ts';
import type { HistoryQuery } from './interface.ts';
import type { AccountRow, EntryPlace, EntryQuery, EntryRow, WalletRows } from './rows.ts';
import { entryView, parseEntryId } from './sentence.ts';
import type { Waiting } from './waiting.ts';

/** What the history is asked about, once names are accounts. */
export interface EntriesRequest {
  ledger: FollowedLedger;
  accounts: readonly AccountRow[];
  /** Accounts whose names hold a text. */
  named(text: string): readonly KeyIdBytes[];
  nameOf(address: string): string;
}
/** A line that is not final, and what became of it. */
export interface OpenLine {
  row: EntryRow;
  state: 'waiting' | 'dropped';
}

/** Names a line that is not in a block: there is no place to name it by. */
const openId = ({ row }: OpenLine): string =>
  `w-${row.transaction === null ? '' : hexOf(row.transaction)}-${row.accountId}`;

export const openEntry = (line: OpenLine, account: string, nameOf: (address: string) => string): WalletEntry => ({
  ...entryView(line.row, account, line.state, nameOf),
  id: openId(line),
});

export const linesOf = ({ lines, dropped }: Waiting): OpenLine[] => [
  ...lines.map((row) => ({ row, state: 'waiting' as const })),
  ...dropped.map((row) => ({ row, state: 'dropped' as const })),
];

const queryOf = (request: EntriesRequest, query: Omit<HistoryQuery, 'limit'>): EntryQuery => {
  const text = query.text?.normalize('NFC').trim().toLowerCase() ?? '';
  return {
    accountIds: request.accounts.map(({ id }) => id),
    kind: query.kind,
    fromMs: query.fromMs,
    toMs: query.toMs,
    text: text === '' ? undefined : { text, others: request.named(text) },
  };
};
/** As the database would answer. */
const fits = (row: EntryRow, { accountIds, kind, fromMs, toMs, text }: EntryQuery): boolean =>
  accountIds.includes(row.accountId) &&
  (kind === undefined || row.kind === kind) &&
  (fromMs === undefined || row.atMs >= fromMs) &&
  (toMs === undefined || row.atMs <= toMs) &&
  (text === undefined ||
    row.search.includes(text.text) ||
    text.others.some((other) => row.other !== null && Buffer.compare(other, row.other) === 0));

export const readEntries = async (
  rows: WalletRows,
  open: readonly OpenLine[],
  request: EntriesRequest,
  { limit, before, offset = 0, ...asked }: HistoryQuery,
): Promise<{ entries: WalletEntry[]; total: number }> => {
  const { ledger, accounts, nameOf } = request;
  const query = queryOf(request, asked);
  const addresses = new Map(accounts.map(({ id, account }) => [id, accountText(account)]));
  const address = ({ accountId }: EntryRow): string => addresses.get(accountId) ?? '';
  const shown = open.filter(({ row }) => fits(row, query));
  const place = before === undefined ? null : parseEntryId(before);
  // After a line that is not in a block come those below it, and then all that is final.
  const after = before === undefined ? -1 : shown.findIndex((line) => openId(line) === before);
  const below = place === null ? shown.slice(after + 1) : [];
  const ofOpen = below.slice(offset, offset + limit);
  const bytes = bytesOfHex(ledger.id);
  const wanted = limit - ofOpen.length;
  const found = await rows.page(bytes, query, place, wanted, Math.max(0, offset - below.length));
  // All of them are here: a search would go through every line once more to say so.
  const isAll = before === undefined && offset === 0 && found.length < wanted;
  const count = isAll ? found.length : await rows.count(bytes, query);
  return {
    entries: [
      ...ofOpen.map((line) => openEntry(line, address(line.row), nameOf)),
      ...found.map((row) => entryView(row, address(row), 'final', nameOf)),
    ],
    total: shown.length + count,
  };
};

const HEAD = [
  'Time (UTC)',
  'Account',
  'Kind',
  'Change (CAES)',
  'Fee (CAES)',
  'Other side',
  'Name',
  'Note',
  'Lease',
  'Transaction',
  'Block',
  'Value',
  'Currency',
  'Price of',
];

/** All final lines, oldest last, as RFC 4180 has tables. @throws {WalletError} `HISTORY_TOO_LONG` */
export const exportEntries = async (
  rows: WalletRows,
  request: EntriesRequest,
  prices: readonly DayPrice[],
): Promise<string> => {
  const { ledger, accounts, nameOf } = request;
  const query = queryOf(request, {});
  const bytes = bytesOfHex(ledger.id);
  const count = await rows.count(bytes, query);
  if (count > CSV_ENTRIES_MAX)
    throw new WalletError(
      { code: 'HISTORY_TOO_LONG', entries: count, max: CSV_ENTRIES_MAX },
      `The history has ${count} lines, and a table holds ${CSV_ENTRIES_MAX}; export one account at a time.`,
    );
  const names = new Map(accounts.map(({ id, name }) => [id, name]));
  const parts = [csvRow(HEAD)];
  let before: EntryPlace | null = null;
  for (;;) {
    // The database answers from another thread: everything else goes on between two of these.
    const page: EntryRow[] = await rows.page(bytes, query, before, CSV_ROWS);
    for (const row of page) {
      const time = new Date(row.atMs).toISOString();
      const price = priceOn(prices, time.slice(0, 10));
      const entry = entryView(row, '', 'final', nameOf);
      parts.push(
        csvRow([
          time,
          names.get(row.accountId) ?? '',
          row.kind,
          caesNumber(row.deltaMicro),
          caesNumber(row.feeMicro),
          entry.other ?? '',
          entry.otherName,
          row.memo,
          entry.lease ?? '',
          entry.transaction ?? '',
          row.height.toString(),
          price === null ? '' : valueText(row.deltaMicro, price),
          price?.currency ?? '',
          price?.day ?? '',
        ]),
      );
    }
    const last = page.at(-1);
    if (page.length < CSV_ROWS || last === undefined) return parts.join('');
    before = last;
  }
};
