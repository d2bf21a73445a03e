import {
  type AccountView,
  CONSENSUS_KEY,
  type CaesarKind,
  ECONOMY_BOUNDS,
  Refusal,
  type TransactionFields,
  accountText,
  changeConsensusParams,
  changeEconomyParams,
  decodeConsensusParams,
  readAccount,
  readMembers,
  readParams,
} from '../../caesar/index.ts';
import type { KeyIdBytes } from '../../../base/crypto/index.ts';
import type { LedgerState } from '../../../kernel/blocks/index.ts';
import { PARAM_BOUNDS, type FollowedLedger } from '../../../kernel/consensus/index.ts';
import type { DraftRequest, WalletDraft } from '../../../../preload/contract/index.ts';
import { caesText, parseCaes } from './amount.ts';
import { LOOK_ALIKE_END, LOOK_ALIKE_START, MOST_PERCENT } from './constants.ts';
import { isUsed, sameBytes } from './economy.ts';
import { WalletError } from './errors.ts';
import { addressOf, isLink, memoProblem, parsePaymentLink } from './link.ts';

/** What a draft is made from; nothing of it changes while it is made. */
export interface PrepareContext {
  ledger: FollowedLedger;
  state: LedgerState;
  account: { account: KeyIdBytes; name: string; place: number };
  /** Of the account, in transactions that are not final yet. */
  outgoingMicro: bigint;
  /** The node's, where the account is the one that it names. */
  certificate: Uint8Array | null;
  nowMs: number;
  /** @returns empty without a name */
  nameOf(address: string): string;
  /** @returns the account that a name in the address book or of an own account stands for */
  byName(name: string): KeyIdBytes | null;
  feeOf(kind: CaesarKind, fields: Record<string, unknown>): bigint;
}
/** What is shown and what is signed, of one request. */
export interface Sheet {
  title: string;
  lines: WalletDraft['lines'];
  amountMicro: bigint;
  feeMicro: bigint;
  beforeMicro: bigint;
  afterMicro: bigint;
  warnings: string[];
  kind: CaesarKind;
  fields: Record<string, unknown>;
  /** Whom it pays. */
  payee: KeyIdBytes | null;
}
type TransactionRequest = Exclude<DraftRequest, { kind: 'message' }>;

const notAllowed = (sentence: string): WalletError => new WalletError({ code: 'NOT_ALLOWED' }, sentence);

const PLACEHOLDER_NAME_MAX = 48;
const shortName = (text: string): string =>
  text.length <= PLACEHOLDER_NAME_MAX ? text : `${text.slice(0, PLACEHOLDER_NAME_MAX)}…`;

/** An address, a name, or a payment link. @throws {WalletError} */
const resolvePayee = (
  text: string,
  { ledger, byName }: Pick<PrepareContext, 'ledger' | 'byName'>,
): { account: KeyIdBytes; amountMicro: bigint | null; memo: string } => {
  if (isLink(text)) {
    const { to, amountMicro, memo, network } = parsePaymentLink(text);
    if (network !== null && network !== ledger.id)
      throw new WalletError(
        { code: 'LINK_OF_ANOTHER_NETWORK', network },
        `This link asks for a payment on another network (${network.slice(0, 12)}…), and the wallet shows ${ledger.name}; make that one the current one first, or ask for another link.`,
      );
    return { account: to, amountMicro, memo };
  }
  const named = byName(text);
  if (named !== null) return { account: named, amountMicro: null, memo: '' };
  return { account: addressOf(text), amountMicro: null, memo: '' };
};

/** Two texts that a hurried reader takes for one: the same at both ends, and another in between. */
export const looksLike = (one: string, other: string): boolean =>
  one !== other &&
  one.slice(0, LOOK_ALIKE_START) === other.slice(0, LOOK_ALIKE_START) &&
  one.slice(-LOOK_ALIKE_END) === other.slice(-LOOK_ALIKE_END);

/** Names as plain text: whole numbers only, as the ledger has them. @throws {WalletError} `PARAMETER_WRONG` */
const changesOf = (wanted: Readonly<Record<string, string>>, state: LedgerState): Record<string, unknown> => {
  const wrong = (parameter: string, sentence: string): WalletError =>
    new WalletError({ code: 'PARAMETER_WRONG', parameter }, sentence);
  const economy: Record<string, number | bigint> = {};
  const consensus: Record<string, number> = {};
  const entries = Object.entries(wanted);
  if (entries.length === 0) throw wrong('', 'Nothing was to be changed; name a parameter and its new value.');
  for (const [name, text] of entries) {
    if (!/^\d{1,19}$/.test(text))
      throw wrong(
        name,
        `${name} is a whole number; ${text.slice(0, 40)} is none. Say it in the unit that the network shows.`,
      );
    const [, part, field] = /^(?:(economy|consensus)\.)?(\w{1,48})$/.exec(name) ?? [];
    // Both names of one parameter would be shown, and only the latter be signed.
    if (field !== undefined && (Object.hasOwn(economy, field) || Object.hasOwn(consensus, field)))
      throw wrong(name, `${field} is named twice; give it one new value.`);
    if (field !== undefined && part !== 'consensus' && Object.hasOwn(ECONOMY_BOUNDS, field)) {
      const isAmount = typeof ECONOMY_BOUNDS[field as keyof typeof ECONOMY_BOUNDS][0] === 'bigint';
      economy[field] = isAmount ? BigInt(text) : Number(text);
    } else if (field !== undefined && part !== 'economy' && Object.hasOwn(PARAM_BOUNDS, field))
      consensus[field] = Number(text);
    else throw wrong(name, `There is no parameter ${name}; \`hypermesh network params\` lists them.`);
  }
  try {
    changeEconomyParams(readParams(state), economy);
    const value = state.get(CONSENSUS_KEY);
    if (Object.keys(consensus).length > 0 && value !== undefined)
      changeConsensusParams(decodeConsensusParams(value), consensus);
  } catch (error) {
    if (error instanceof Refusal) throw wrong(entries[0]?.[0] ?? '', error.message);
    throw error;
  }
  return { ...economy, ...(Object.keys(consensus).length > 0 && { consensus }) };
};

/** Checks a request against the ledger as it is now, and says what it would do. @throws {WalletError} */
export const prepareTransaction = (request: TransactionRequest, context: PrepareContext): Sheet => {
  const { ledger, state, account, nameOf } = context;
  const before: AccountView = readAccount(state, account.account);
  const beforeMicro = before.balance > context.outgoingMicro ? before.balance - context.outgoingMicro : 0n;
  const warnings: string[] = [];
  const lines: Sheet['lines'] = [
    { label: 'Network', value: `${ledger.name} (${ledger.id.slice(0, 16)}…)` },
    { label: 'From', value: `${account.name}, ${accountText(account.account)}` },
  ];
  const add = (label: string, value: string): void => {
    lines.push({ label, value });
  };
  const spelled = (address: string): string => {
    const name = nameOf(address);
    return name === '' ? address : `${name}, ${address}`;
  };
  const shown = (address: string): string => {
    const name = nameOf(address);
    return name === '' ? `${address.slice(0, 12)}…${address.slice(-6)}` : shortName(name);
  };
  const demandAdmin = (): void => {
    if (!readMembers(state).some((member) => member.admin && sameBytes(member.account, account.account)))
      throw notAllowed(
        'Only an admin of the network may do this, and this account is none; ask one of those that its genesis names.',
      );
  };
  const finish = <K extends CaesarKind>(
    kind: K,
    fields: TransactionFields[K],
    { title, amountMicro, leaves, payee }: { title: string; amountMicro: bigint; leaves: bigint; payee?: KeyIdBytes },
  ): Sheet => {
    const feeMicro = context.feeOf(kind, fields);
    const needed = leaves + feeMicro;
    if (needed > beforeMicro)
      throw new WalletError(
        { code: 'NOT_ENOUGH', availableMicro: beforeMicro.toString(), neededMicro: needed.toString() },
        `This takes ${caesText(needed)} with its fee, and the account has ${caesText(beforeMicro)} available; take less, or wait until more has come in.`,
      );
    if (leaves > 0n && needed * 100n > beforeMicro * MOST_PERCENT)
      warnings.push(`This is more than ${MOST_PERCENT} % of what the account has available.`);
    add('Fee', caesText(feeMicro));
    return {
      title,
      lines,
      amountMicro,
      feeMicro,
      beforeMicro,
      afterMicro: beforeMicro - needed,
      warnings,
      kind,
      fields,
      payee: payee ?? null,
    };
  };

  switch (request.kind) {
    case 'send': {
      const { account: to, ...asked } = resolvePayee(request.to, context);
      const amount = request.amount === undefined ? asked.amountMicro : parseCaes(request.amount);
      if (amount === null)
        throw new WalletError({ code: 'AMOUNT_MISSING' }, 'Say how much is to be sent, such as 12.5.');
      const memo = (request.memo === '' ? asked.memo : request.memo).normalize('NFC');
      const problem = memoProblem(memo);
      if (problem !== null)
        throw new WalletError(
          { code: 'MEMO_WRONG' },
          `The note cannot be sent: ${problem}. Write it anew, in one line.`,
        );
      if (sameBytes(to, account.account))
        throw notAllowed('Payer and payee are one account, so nothing would change; choose another payee.');
      const { dustMicro } = readParams(state);
      if (amount < dustMicro && !isUsed(state, to))
        throw new WalletError(
          { code: 'AMOUNT_WRONG' },
          `The payee has no account on this network yet, and the first payment to one is at least ${caesText(dustMicro)}; send that much, or check the address.`,
        );
      const address = accountText(to);
      add('To', spelled(address));
      add('Amount', caesText(amount));
      if (memo !== '') add('Note, public for ever', memo);
      return finish(
        'account.transfer',
        { to, amount, memo },
        { title: `Send ${caesText(amount)} to ${shown(address)}?`, amountMicro: amount, leaves: amount, payee: to },
      );
    }
    case 'stake': {
      const amount = parseCaes(request.amount);
      const { unbondMs } = readParams(state);
      add('Stake', caesText(amount));
      warnings.push(
        `What is staked can be had back only after ${daysText(unbondMs)}, and is lost in part when the node contradicts itself.`,
      );
      return finish(
        'stake.bond',
        { amount },
        { title: `Stake ${caesText(amount)}?`, amountMicro: amount, leaves: amount },
      );
    }
    case 'unstake': {
      const amount = parseCaes(request.amount);
      if (amount > before.staked)
        throw new WalletError(
          { code: 'NOT_ENOUGH', availableMicro: before.staked.toString(), neededMicro: amount.toString() },
          `The account has ${caesText(before.staked)} staked; ask for at most that back.`,
        );
      const { unbondMs } = readParams(state);
      add('Take out of the stake', caesText(amount));
      add('Free again', `${new Date(context.nowMs + unbondMs).toISOString().slice(0, 16).replace('T', ' ')} UTC`);
      return finish(
        'stake.unbond',
        { amount },
        { title: `Take ${caesText(amount)} out of the stake?`, amountMicro: amount, leaves: 0n },
      );
    }
    case 'validate': {
      if (!request.join) {
        if (before.validator === null) throw notAllowed('This account has no validator that could leave.');
        add('Validator', 'leaves: its node signs no more blocks');
        return finish('validator.leave', {}, { title: 'Stop validating?', amountMicro: 0n, leaves: 0n });
      }
      if (context.certificate === null)
        throw notAllowed(
          'Only the first account of the phrase can have this node validate: it is the one that the node’s certificate names.',
        );
      if (!readMembers(state).some((member) => member.validator && sameBytes(member.account, account.account)))
        throw notAllowed(
          'This account may not be a validator of the network; ask one of its admins to admit it as one.',
        );
      add('Validator', 'this node signs blocks of the network');
      warnings.push(
        'A validator that contradicts itself loses part of its stake: never run this identity on two machines at once.',
      );
      return finish(
        'validator.join',
        { certificate: context.certificate },
        { title: `Validate ${shortName(ledger.name)}?`, amountMicro: 0n, leaves: 0n },
      );
    }
    case 'admit':
    case 'putOut': {
      demandAdmin();
      const { account: member } = resolvePayee(request.member, context);
      const address = accountText(member);
      const known = readMembers(state).find((one) => sameBytes(one.account, member));
      add('Member', spelled(address));
      if (request.kind === 'putOut') {
        if (known === undefined) throw notAllowed('The account is no member of this network.');
        if (known.admin) throw notAllowed('Admins are named by the genesis of a network and cannot be put out.');
        return finish(
          'member.remove',
          { account: member },
          { title: `Put ${shown(address)} out of ${shortName(ledger.name)}?`, amountMicro: 0n, leaves: 0n },
        );
      }
      if (known?.validator === request.mayValidate)
        throw notAllowed('The account is a member already, just so; there is nothing to change.');
      add('May validate', request.mayValidate ? 'yes' : 'no');
      return finish(
        'member.admit',
        { account: member, validator: request.mayValidate },
        { title: `Admit ${shown(address)} to ${shortName(ledger.name)}?`, amountMicro: 0n, leaves: 0n },
      );
    }
    case 'parameters': {
      demandAdmin();
      const changes = changesOf(request.changes, state);
      for (const [name, value] of Object.entries(request.changes)) add(name, value);
      return finish(
        'params.set',
        { changes: changes },
        { title: `Change parameters of ${shortName(ledger.name)}?`, amountMicro: 0n, leaves: 0n },
      );
    }
  }
};

const daysText = (ms: number): string => {
  const hours = ms / 3_600_000;
  if (hours >= 48) return `${Math.round(hours / 24)} days`;
  if (hours >= 2) return `${Math.round(hours)} hours`;
  return `${Math.max(1, Math.round(ms / 60_000))} minutes`;
};
