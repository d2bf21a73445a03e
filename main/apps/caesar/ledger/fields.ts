import { parseAssetId, type AssetId } from '../../../base/index.ts';
import { KEY_ID_BYTES, type KeyIdBytes } from '../../../base/crypto/index.ts';
import { type SignedTransaction, Strict } from '../../../kernel/blocks/index.ts';
import {
  LEASE_ID_BYTES,
  LEASE_RECORD_BYTES_MAX,
  RESOURCE_KINDS,
  UNIT_OF,
} from '../../../kernel/leases/formats/index.ts';
import {
  AMOUNT_MAX,
  CERTIFICATE_BYTES_MAX,
  FIELDS_MAX,
  MEMO_CHARACTERS_MAX,
  NONCE_MAX,
  PRIVACY_LEVELS,
  PROOF_BYTES_MAX,
} from './constants.ts';
import type { CaesarKind, CaesarTransaction, ParamChanges, TransactionFields } from './interface.ts';

// Takes the data of a transaction apart. docs/formats/ledger-transactions.md; the rest of the room relies on it.

const strict = new Strict('TRANSACTION_MALFORMED');
/** One line without what a terminal or a page would obey. */
const MEMO = /^[^\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]*$/u;
const TIME_MS_MAX = 2 ** 48 - 1;

type Fields = Record<string, unknown>;

const amount = (value: unknown, what: string, min = 1n): bigint => {
  const isInteger = typeof value === 'bigint' || (typeof value === 'number' && Number.isSafeInteger(value));
  if (!isInteger || Object.is(value, -0) || BigInt(value) < min || BigInt(value) > AMOUNT_MAX)
    throw strict.fail(`${what} is no amount from ${min} to ${AMOUNT_MAX} micro-CAES`);
  return BigInt(value);
};
const id = (value: unknown, what: string): KeyIdBytes => strict.bytes(value, KEY_ID_BYTES, what);
const lease = (fields: Fields): Uint8Array => strict.bytes(fields['lease'], LEASE_ID_BYTES, 'the lease');
const flag = (value: unknown, what: string): boolean => {
  if (typeof value !== 'boolean') throw strict.fail(`${what} is neither true nor false`);
  return value;
};
const oneOf = <const L extends string>(value: unknown, allowed: readonly L[], what: string): L => {
  const found = allowed.find((one) => one === value);
  if (found === undefined) throw strict.fail(`${what} is none of ${allowed.join(', ')}`);
  return found;
};
const asset = (value: unknown): AssetId => {
  const found = typeof value === 'string' ? parseAssetId(value) : null;
  if (found === null || !RESOURCE_KINDS.some((kind) => found.startsWith(`asset:${kind}:`)))
    throw strict.fail('the asset is no asset id of a known kind');
  return found;
};
const memo = (value: unknown): string => {
  const text = strict.text(value, MEMO, 'the memo');
  if (text.length > MEMO_CHARACTERS_MAX) throw strict.fail(`the memo has more than ${MEMO_CHARACTERS_MAX} characters`);
  return text;
};
const some = (value: unknown, bytesMax: number, what: string): Uint8Array => {
  const bytes = strict.bytesUpTo(value, bytesMax, what);
  if (bytes.length === 0) throw strict.fail(`${what} is empty`);
  return bytes;
};
const record = (value: unknown, what: string): Uint8Array => some(value, LEASE_RECORD_BYTES_MAX, what);
const changes = (value: unknown): ParamChanges => {
  if (typeof value !== 'object' || value === null || Array.isArray(value) || value instanceof Uint8Array)
    throw strict.fail('the changes are no map');
  const count = Object.keys(value).length;
  if (count === 0 || count > FIELDS_MAX) throw strict.fail(`the changes are not 1 to ${FIELDS_MAX}`);
  // Each is held against its bounds where it is applied.
  return value;
};

/** Names of the fields, and how they are read. */
const READERS: {
  [K in CaesarKind]: {
    names: readonly (keyof TransactionFields[K] & string)[];
    read(fields: Fields): TransactionFields[K];
  };
} = {
  'account.transfer': {
    names: ['to', 'amount', 'memo'],
    read: (fields) => ({
      to: id(fields['to'], 'the payee'),
      amount: amount(fields['amount'], 'the amount'),
      memo: memo(fields['memo']),
    }),
  },
  'node.bind': {
    names: ['certificate'],
    read: (fields) => ({ certificate: some(fields['certificate'], CERTIFICATE_BYTES_MAX, 'the certificate') }),
  },
  'lease.escrow': {
    names: ['lease', 'lender', 'borrower', 'most', 'endsAtMs'],
    read: (fields) => ({
      lease: lease(fields),
      lender: id(fields['lender'], 'the lender'),
      borrower: id(fields['borrower'], 'the borrower'),
      most: amount(fields['most'], 'what is set aside', 0n),
      endsAtMs: strict.integer(fields['endsAtMs'], TIME_MS_MAX, 'the end'),
    }),
  },
  'lease.settle': {
    names: ['lease', 'asset', 'grant', 'receipt', 'countersign', 'proof'],
    read: (fields) => ({
      lease: lease(fields),
      asset: asset(fields['asset']),
      grant: record(fields['grant'], 'the grant'),
      receipt: record(fields['receipt'], 'the receipt'),
      countersign: record(fields['countersign'], 'the countersigned receipt'),
      proof: fields['proof'] === null ? null : some(fields['proof'], PROOF_BYTES_MAX, 'the proof'),
    }),
  },
  'lease.reclaim': { names: ['lease'], read: (fields) => ({ lease: lease(fields) }) },
  'stake.bond': { names: ['amount'], read: (fields) => ({ amount: amount(fields['amount'], 'the stake') }) },
  'stake.unbond': { names: ['amount'], read: (fields) => ({ amount: amount(fields['amount'], 'the stake') }) },
  'validator.join': {
    names: ['certificate'],
    read: (fields) => ({ certificate: some(fields['certificate'], CERTIFICATE_BYTES_MAX, 'the certificate') }),
  },
  'validator.leave': { names: [], read: () => ({}) },
  'member.admit': {
    names: ['account', 'validator'],
    read: (fields) => ({
      account: id(fields['account'], 'the account'),
      validator: flag(fields['validator'], 'whether it may be a validator'),
    }),
  },
  'member.remove': { names: ['account'], read: (fields) => ({ account: id(fields['account'], 'the account') }) },
  'params.set': { names: ['changes'], read: (fields) => ({ changes: changes(fields['changes']) }) },
  'asset.list': {
    names: ['asset', 'kind', 'unit', 'amountMax', 'privacyLevel', 'priceMicro'],
    read: (fields) => {
      const kind = oneOf(fields['kind'], RESOURCE_KINDS, 'the kind');
      const named = asset(fields['asset']);
      if (!named.startsWith(`asset:${kind}:`)) throw strict.fail('the asset is of another kind');
      const amountMax = strict.integer(fields['amountMax'], Number.MAX_SAFE_INTEGER, 'the amount');
      if (amountMax === 0) throw strict.fail('the amount is nothing');
      return {
        asset: named,
        kind,
        unit: oneOf(fields['unit'], [UNIT_OF[kind]], 'the unit'),
        amountMax,
        privacyLevel: oneOf(fields['privacyLevel'], PRIVACY_LEVELS, 'the privacy level'),
        priceMicro: fields['priceMicro'] === null ? null : amount(fields['priceMicro'], 'the price', 0n),
      };
    },
  },
  'asset.unlist': { names: ['asset'], read: (fields) => ({ asset: asset(fields['asset']) }) },
};
export const CAESAR_KINDS = Object.keys(READERS) as readonly CaesarKind[];
const isCaesarKind = (kind: string): kind is CaesarKind => (CAESAR_KINDS as readonly string[]).includes(kind);

/**
 * @returns null for a kind that is none of ours
 * @throws {BlockFormatError} `TRANSACTION_MALFORMED`
 */
export const readCaesarTransaction = ({
  transaction,
}: Pick<SignedTransaction, 'transaction'>): CaesarTransaction | null => {
  const { kind, asset: about, previous, atMs, data } = transaction;
  if (!isCaesarKind(kind)) return null;
  if (about !== null || previous !== null) throw strict.fail('it is no event of an asset’s own chain');
  const { names, read } = READERS[kind];
  const fields = strict.map(data, ['nonce', 'fee', ...names], 'the data');
  return {
    kind,
    nonce: strict.integer(fields['nonce'], NONCE_MAX, 'the nonce'),
    fee: amount(fields['fee'], 'the fee', 0n),
    atMs,
    fields: read(fields),
  } as CaesarTransaction;
};
