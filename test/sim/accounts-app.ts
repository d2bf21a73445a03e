import { decodeCbor, encodeCbor } from '../../main/base/index.ts';
import type { SignerKeys } from '../../main/base/crypto/index.ts';
import {
  StateOverlay,
  type LedgerState,
  type SignedTransaction,
  type StateUpdate,
  type TransactionVerdict,
} from '../../main/kernel/blocks/index.ts';
import type {
  Application,
  ApplyInput,
  ApplyOutput,
  ConsensusParams,
  Genesis,
  Validator,
} from '../../main/kernel/consensus/interface.ts';
import type { Steps } from '../../main/kernel/consensus/turns.ts';

// The smallest application that has something to lose: accounts that pay each other, fees, validators that come and go, and liars
// that pay. Not Caesar's, so that agreement is tested by something that a person reads in five minutes.

export interface AccountsGenesis {
  accounts: readonly { id: Uint8Array; balance: number }[];
  /** Who may join later, with which power, by its own transaction. */
  candidates: readonly { keys: SignerKeys; id: Uint8Array; power: number }[];
}
interface Account {
  balance: number;
  nonce: number;
}
interface Seat {
  keys: SignerKeys;
  /** 0: not in the set now. */
  power: number;
  /** What it has when it is in the set. */
  weight: number;
  banned: boolean;
}
interface Supply {
  minted: number;
  burnt: number;
}
export interface TransferData {
  nonce: number;
  fee: number;
  to: Uint8Array;
  amount: number;
}

const hexOf = (bytes: Uint8Array): string => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('hex');
const read = <T>(state: LedgerState, key: string): T | null => {
  const value = state.get(key);
  return value === undefined ? null : (decodeCbor(value) as T);
};
const write = (key: string, value: unknown): StateUpdate => ({ key, value: encodeCbor(value) });
const refuse = (code: string, reason: string): TransactionVerdict => ({ accepted: false, code, reason });
const amountOf = (value: unknown): number | null =>
  typeof value === 'number' && Number.isSafeInteger(value) && value >= 0 ? value : null;

const accountKey = (id: Uint8Array): string => `a/${hexOf(id)}`;
const seatKey = (id: Uint8Array): string => `v/${hexOf(id)}`;
export const accountOf = (state: LedgerState, id: Uint8Array): Account =>
  read<Account>(state, accountKey(id)) ?? { balance: 0, nonce: 0 };
const supplyOf = (state: LedgerState): Supply => read<Supply>(state, 'supply')!;

const KINDS = ['account.transfer', 'validator.join', 'validator.leave'];
/** A nonce further on waits; beyond this it is refused. */
const NONCE_AHEAD_MAX = 64;
/** What a liar's account loses, permille. */
const PENALTY_PERMILLE = 100;

const check = (
  { transaction, signerBytes }: SignedTransaction,
  state: LedgerState,
  place: { network: Uint8Array },
): TransactionVerdict => {
  const { kind } = transaction;
  if (!KINDS.includes(kind)) return refuse('KIND_UNKNOWN', 'Nobody knows this kind.');
  if (Buffer.compare(transaction.network, place.network) !== 0)
    return refuse('NETWORK_WRONG', 'It was signed for another network.');
  const data = transaction.data as Partial<Record<keyof TransferData, unknown>> | null;
  const nonce = amountOf(data?.nonce);
  const fee = amountOf(data?.fee);
  if (nonce === null || fee === null || fee < 1) return refuse('MALFORMED', 'A nonce and a fee are wanted.');
  const account = accountOf(state, signerBytes);
  if (nonce < account.nonce) return refuse('NONCE_USED', 'The nonce was used already.');
  if (nonce > account.nonce + NONCE_AHEAD_MAX) return refuse('NONCE_TOO_FAR', 'The nonce is too far ahead.');
  if (nonce !== account.nonce) return refuse('NONCE_AHEAD', 'The nonce is not the next.');
  let needed = fee;
  if (kind === 'account.transfer') {
    const amount = amountOf(data?.amount);
    if (!(data?.to instanceof Uint8Array) || data.to.length !== 32 || amount === null || amount < 1)
      return refuse('MALFORMED', 'A payee and an amount are wanted.');
    needed += amount;
  } else {
    const seat = read<Seat>(state, seatKey(signerBytes));
    if (seat === null || seat.banned) return refuse('NOT_ADMITTED', 'The signer may not be a validator.');
  }
  return account.balance < needed ? refuse('BALANCE_LOW', 'There is not enough on the account.') : { accepted: true };
};

export const createAccountsApp = (): Application => ({
  genesis: (genesis: Genesis) => {
    const { accounts, candidates } = genesis.app as AccountsGenesis;
    return [
      write('params', genesis.params),
      write('supply', { minted: accounts.reduce((sum, { balance }) => sum + balance, 0), burnt: 0 } satisfies Supply),
      ...accounts.map(({ id, balance }) => write(accountKey(id), { balance, nonce: 0 } satisfies Account)),
      ...genesis.validators.map(({ id, keys, power }) =>
        write(seatKey(id), { keys, power, weight: power, banned: false } satisfies Seat),
      ),
      ...candidates.map(({ id, keys, power }) =>
        write(seatKey(id), { keys, power: 0, weight: power, banned: false } satisfies Seat),
      ),
    ];
  },
  check: (signed, state, place) => check(signed, state, place),
  rank: ({ signer, transaction, encoded }) => {
    const { nonce, fee } = transaction.data as TransferData;
    return { account: signer, nonce, feePerByte: fee / encoded.length };
  },
  apply: (input, state) => applyBlock(input, state),
  validators: (state) => {
    const seats: Validator[] = [];
    for (const [key, value] of state.entries('v/')) {
      const { keys, power } = decodeCbor(value) as Seat;
      if (power > 0) seats.push({ id: Buffer.from(key.slice(2), 'hex'), keys, power });
    }
    return seats;
  },
  params: (state) => read<ConsensusParams>(state, 'params')!,
  facts: () => Promise.resolve(new Map()),
});

const applyBlock = function* (input: ApplyInput, state: LedgerState): Steps<ApplyOutput> {
  const overlay = new StateOverlay(state);
  const taken: SignedTransaction[] = [];
  let bytes = 0;
  let burnt = 0;
  const change = (id: Uint8Array, by: (account: Account) => Account): void => {
    overlay.set([write(accountKey(id), by(accountOf(overlay, id)))]);
  };
  for (const [index, signed] of input.transactions.entries()) {
    const verdict = check(signed, overlay, input);
    const fits = bytes + signed.encoded.length <= input.bytesMax;
    if (!verdict.accepted || !fits) {
      if (input.pick) continue;
      return verdict.accepted
        ? { ok: false, index, code: 'BLOCK_TOO_LARGE', reason: 'There is no room for it.' }
        : { ok: false, index, code: verdict.code, reason: verdict.reason };
    }
    bytes += signed.encoded.length;
    taken.push(signed);
    const { fee, amount, to } = signed.transaction.data as TransferData;
    const { kind } = signed.transaction;
    const isTransfer = kind === 'account.transfer';
    change(signed.signerBytes, ({ balance, nonce }) => ({
      balance: balance - fee - (isTransfer ? amount : 0),
      nonce: nonce + 1,
    }));
    if (isTransfer) change(to, (account) => ({ ...account, balance: account.balance + amount }));
    else {
      const seat = read<Seat>(overlay, seatKey(signed.signerBytes))!;
      // The last one stays: a set of nobody agrees on nothing.
      const others = [...overlay.entries('v/')].filter(
        ([key, value]) => key !== seatKey(signed.signerBytes) && (decodeCbor(value) as Seat).power > 0,
      );
      const power = kind === 'validator.join' ? seat.weight : others.length < 1 ? seat.power : 0;
      overlay.set([write(seatKey(signed.signerBytes), { ...seat, power } satisfies Seat)]);
    }
    const toProposer = Math.floor(fee / 2);
    change(input.proposer, (account) => ({ ...account, balance: account.balance + toProposer }));
    burnt += fee - toProposer;
    yield;
  }
  for (const { validator } of input.evidence) {
    const seat = read<Seat>(overlay, seatKey(validator));
    if (seat === null || seat.banned) continue;
    overlay.set([write(seatKey(validator), { ...seat, power: 0, banned: true } satisfies Seat)]);
    const { balance } = accountOf(overlay, validator);
    const penalty = Math.floor((balance * PENALTY_PERMILLE) / 1000);
    change(validator, (account) => ({ ...account, balance: account.balance - penalty }));
    burnt += penalty;
  }
  if (burnt > 0) {
    const supply = supplyOf(overlay);
    overlay.set([write('supply', { ...supply, burnt: supply.burnt + burnt } satisfies Supply)]);
  }
  return { ok: true, updates: overlay.difference(), taken };
};

/** What must be true of every state. @returns what is wrong, or null */
export const auditAccounts = (state: LedgerState): string | null => {
  let sum = 0;
  for (const [key, value] of state.entries('a/')) {
    const { balance } = decodeCbor(value) as Account;
    if (balance < 0) return `${key} has ${balance}`;
    sum += balance;
  }
  const { minted, burnt } = supplyOf(state);
  return sum === minted - burnt ? null : `accounts hold ${sum}, and ${minted} - ${burnt} are declared`;
};
