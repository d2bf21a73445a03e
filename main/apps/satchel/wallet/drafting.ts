import { type CaesarKind, type Sender, accountText } from '../../caesar/index.ts';
import type { Clock } from '../../../base/index.ts';
import { keyIdText } from '../../../base/crypto/index.ts';
import type { FollowedLedger } from '../../../kernel/consensus/index.ts';
import type { DraftRequest, WalletDraft } from '../../../../preload/contract/index.ts';
import type { Identity } from '../interface.ts';
import type { Accounts } from './accounts.ts';
import { MESSAGE_LENGTH_MAX } from './constants.ts';
import type { Drafts } from './drafts.ts';
import { bytesOfHex, sameBytes } from './economy.ts';
import { WalletError } from './errors.ts';
import { namedSigner } from './guard.ts';
import { encodeMessage } from './message.ts';
import type { Names } from './names.ts';
import { looksLike, prepareTransaction } from './prepare.ts';
import type { AccountRow, WalletRows } from './rows.ts';
import type { Waiting } from './waiting.ts';

/** Accounts that a payee is compared with, newest first. */
const COMPARED_MAX = 1000;

export interface DraftingComponents {
  clock: Pick<Clock, 'nowMs'>;
  identity: Pick<Identity, 'node'>;
  rows: Pick<WalletRows, 'everPaid' | 'others'>;
  sender: Pick<Sender, 'quote'>;
  accounts: Pick<Accounts, 'list' | 'find'>;
  names: Pick<Names, 'nameOf' | 'byName' | 'contacts'>;
  drafts: Drafts;
  /** @throws {WalletError} where there is none */
  currentLedger: () => FollowedLedger;
  /** @throws {WalletError} with why the keys are put away */
  demandUnlocked: () => void;
  waitingOn: (ledger: FollowedLedger) => Waiting;
}

/**
 * @returns what prepares a thing to sign and keeps it until the owner has agreed or not: what it does, what it costs, what to look at
 *   twice. It throws {WalletError} where it cannot be signed.
 */
export const createDrafting = ({
  clock,
  identity,
  rows,
  sender,
  accounts,
  names,
  drafts,
  currentLedger,
  demandUnlocked,
  waitingOn,
}: DraftingComponents): ((request: DraftRequest) => Promise<WalletDraft>) => {
  const nameOf = (address: string): string => names.nameOf(address);
  const warningsAbout = async (ledger: FollowedLedger, payee: Uint8Array): Promise<string[]> => {
    const own = accounts.list().find(({ account }) => sameBytes(account, payee));
    if (own !== undefined && own.place !== null) return [`This is your own account ${own.name}.`];
    const ids = accounts.list().flatMap(({ id, place }) => (place === null ? [] : [id]));
    const ledgerBytes = bytesOfHex(ledger.id);
    const [paid, others] = await Promise.all([
      rows.everPaid(ledgerBytes, ids, payee),
      rows.others(ledgerBytes, ids, COMPARED_MAX),
    ]);
    if (paid) return [];
    const address = accountText(payee);
    const found: string[] = ['You have never paid this address before. Compare it with where it came from.'];
    const known = [
      ...names.contacts().map((contact) => contact.address),
      ...accounts.list().map(({ account }) => accountText(account)),
      ...others.map(accountText),
    ];
    const alike = known.find((one) => looksLike(one, address));
    if (alike !== undefined)
      found.unshift(
        `This address looks like that of ${nameOf(alike) === '' ? alike : nameOf(alike)}, and is another: it only begins and ends alike. Somebody may want to be mistaken for them.`,
      );
    return found;
  };
  const ownAccount = (text: string | undefined): AccountRow & { place: number } => {
    const row = accounts.find(text);
    if (row.place === null)
      throw new WalletError(
        { code: 'WATCH_ONLY' },
        `${row.name} is somebody’s account that is only watched, so nothing can be signed for it here; choose one of your own.`,
      );
    return { ...row, place: row.place };
  };
  const draftMessage = (request: Extract<DraftRequest, { kind: 'message' }>): WalletDraft => {
    const account = ownAccount(request.account);
    const message = request.message.normalize('NFC');
    if (message.length > MESSAGE_LENGTH_MAX || !message.isWellFormed())
      throw new WalletError(
        { code: 'MEMO_WRONG' },
        `A message has at most ${MESSAGE_LENGTH_MAX} characters, all of them whole; write it anew.`,
      );
    const atMs = clock.nowMs();
    const address = accountText(account.account);
    return drafts.add((draft, expiresAtMs) => ({
      account,
      payload: { type: 'message', bytes: encodeMessage({ message, atMs }), atMs },
      view: {
        draft,
        kind: 'message',
        account: address,
        title: `Sign a message as ${account.name}?`,
        lines: [
          { label: 'As', value: `${account.name}, ${address}` },
          { label: 'Message', value: message },
          { label: 'Time', value: new Date(atMs).toISOString() },
        ],
        amountMicro: '0',
        feeMicro: '0',
        availableBeforeMicro: '0',
        availableAfterMicro: '0',
        warnings: ['Whoever gets the file can show to anybody that this account said so, for ever.'],
        expiresAtMs,
      },
    })).view;
  };
  return async (request) => {
    demandUnlocked();
    if (request.kind === 'message') return draftMessage(request);
    const ledger = currentLedger();
    const account = ownAccount(request.account);
    const signer = namedSigner(keyIdText(account.account), account.account);
    const sheet = prepareTransaction(request, {
      ledger,
      state: ledger.replica.state(),
      account,
      outgoingMicro: waitingOn(ledger).outgoingMicro(account.id),
      certificate: account.place === 0 ? (identity.node()?.certificate ?? null) : null,
      nowMs: clock.nowMs(),
      nameOf,
      byName: (name) => names.byName(name),
      feeOf: (kind: CaesarKind, fields) => sender.quote({ signer, ledger: ledger.id, kind, fields }).feeMicro,
    });
    const about = sheet.payee === null ? [] : await warningsAbout(ledger, sheet.payee);
    demandUnlocked();
    return drafts.add((id, expiresAtMs) => ({
      account,
      payload: {
        type: 'transaction',
        ledger: ledger.id,
        network: ledger.replica.network,
        kind: sheet.kind,
        fields: sheet.fields,
      },
      view: {
        draft: id,
        kind: request.kind,
        account: accountText(account.account),
        title: sheet.title,
        lines: sheet.lines,
        amountMicro: sheet.amountMicro.toString(),
        feeMicro: sheet.feeMicro.toString(),
        availableBeforeMicro: sheet.beforeMicro.toString(),
        availableAfterMicro: sheet.afterMicro.toString(),
        warnings: [...about, ...sheet.warnings],
        expiresAtMs,
      },
    })).view;
  };
};
