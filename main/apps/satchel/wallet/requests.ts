import { accountText } from '../../caesar/index.ts';
import type { Clock, Random } from '../../../base/index.ts';
import type { FollowedLedger, Ledgers } from '../../../kernel/consensus/index.ts';
import type { PaymentRequest } from '../../../../preload/contract/index.ts';
import type { Accounts } from './accounts.ts';
import { parseCaes } from './amount.ts';
import { REQUEST_MEMO_LENGTH_MAX, REQUESTS_KEPT_MAX } from './constants.ts';
import { bytesOfHex, hexOf } from './economy.ts';
import { WalletError } from './errors.ts';
import type { Wallet } from './interface.ts';
import { encodePaymentLink, memoProblem } from './link.ts';
import type { RequestRow, WalletRows } from './rows.ts';

const REQUEST_ID_BYTES = 8;

/** Payments that were asked for on the current network. Changes are made one after the other, by whoever calls. */
export interface Requests {
  list(): Promise<PaymentRequest[]>;
  /** @throws {WalletError} `MEMO_WRONG` | `REQUESTS_FULL` | `AMOUNT_WRONG`, and where there is no network or account */
  add(wanted: Parameters<Wallet['request']>[0]): Promise<PaymentRequest>;
  /** @throws {WalletError} `REQUEST_UNKNOWN` */
  remove(id: string): Promise<PaymentRequest[]>;
}
export interface RequestsComponents {
  clock: Pick<Clock, 'nowMs'>;
  random: Pick<Random, 'bytes'>;
  rows: Pick<WalletRows, 'paidWith' | 'requests' | 'requestCount' | 'addRequest' | 'removeRequest'>;
  ledgers: Pick<Ledgers, 'current'>;
  accounts: Pick<Accounts, 'list' | 'find'>;
  /** @throws {WalletError} where there is none */
  currentLedger: () => FollowedLedger;
  changed: () => void;
}

export const createRequests = ({
  clock,
  random,
  rows,
  ledgers,
  accounts,
  currentLedger,
  changed,
}: RequestsComponents): Requests => {
  const linkOf = ({ ledger, amountMicro, memo }: RequestRow, account: Uint8Array): string =>
    encodePaymentLink({ to: account, amountMicro, memo, network: hexOf(ledger) });
  const requestView = async (row: RequestRow): Promise<PaymentRequest | null> => {
    const account = accounts.list().find(({ id }) => id === row.accountId);
    if (account === undefined) return null;
    const paid = await rows.paidWith(row.ledger, row.accountId, row.memo, row.createdAtMs);
    return {
      id: row.id,
      account: accountText(account.account),
      amountMicro: row.amountMicro?.toString() ?? null,
      memo: row.memo,
      link: linkOf(row, account.account),
      createdAtMs: row.createdAtMs,
      paidMicro: paid.toString(),
    };
  };
  const list = async (): Promise<PaymentRequest[]> => {
    const ledger = ledgers.current();
    if (ledger === null) return [];
    const found = await rows.requests(
      bytesOfHex(ledger.id),
      accounts.list().map(({ id }) => id),
    );
    const views = await Promise.all(found.map(requestView));
    return views.filter((view) => view !== null);
  };

  return {
    list,
    add: async ({ account, amount, memo }) => {
      const ledger = currentLedger();
      const row = accounts.find(account);
      const problem = memoProblem(memo);
      if (problem !== null || memo.length > REQUEST_MEMO_LENGTH_MAX)
        throw new WalletError(
          { code: 'MEMO_WRONG' },
          `The note cannot be part of a link: ${problem ?? 'it is too long'}. Write it anew, in one line.`,
        );
      if ((await rows.requestCount()) >= REQUESTS_KEPT_MAX)
        throw new WalletError(
          { code: 'REQUESTS_FULL', max: REQUESTS_KEPT_MAX },
          `${REQUESTS_KEPT_MAX} payments were asked for already; take some off the list first.`,
        );
      const made: RequestRow = {
        id: hexOf(random.bytes(REQUEST_ID_BYTES)),
        ledger: bytesOfHex(ledger.id),
        accountId: row.id,
        amountMicro: amount === undefined ? null : parseCaes(amount),
        memo: memo.normalize('NFC'),
        createdAtMs: clock.nowMs(),
      };
      await rows.addRequest(made);
      changed();
      const shown = await requestView(made);
      if (shown === null) throw new Error('A request that was just made has an account.');
      return shown;
    },
    remove: async (id) => {
      const found = (await list()).filter((one) => one.id.startsWith(id));
      const [only, ...others] = found;
      if (only === undefined || others.length > 0)
        throw new WalletError(
          { code: 'REQUEST_UNKNOWN' },
          'There is no such request, or more than one begins like that; `hypermesh wallet requests` lists them.',
        );
      await rows.removeRequest(only.id);
      changed();
      return await list();
    },
  };
};
