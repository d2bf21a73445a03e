import { encodeCbor } from '../../../base/index.ts';
import {
  ED25519_PUBLIC_BYTES,
  ED25519_SIGNATURE_BYTES,
  FALCON_PUBLIC_BYTES,
  FALCON_SIGNATURE_BYTES,
} from '../../../base/crypto/index.ts';
import { encodeTransaction, type Hash, type SignedTransaction } from '../../../kernel/blocks/index.ts';
import { leaseIdOf } from '../../../kernel/leases/formats/index.ts';
import { accountText } from '../address.ts';
import { AMOUNT_MAX } from './constants.ts';
import { emissionOf } from './epochs.ts';
import { readCaesarTransaction } from './fields.ts';
import type {
  CaesarKind,
  CaesarTransaction,
  EconomyParams,
  TransactionFields,
  TransactionSummary,
} from './interface.ts';

/** What every kind is signed with beside its fields. */
export interface TransactionFrame {
  /** Name of the ledger: nowhere else does it count. */
  network: Hash;
  /** The account's next. */
  nonce: number;
  fee: bigint;
  atMs: number;
}
/** @returns the payload that the account signs in the domain `transaction` */
export const draftTransaction = <K extends CaesarKind>(
  kind: K,
  fields: TransactionFields[K],
  { network, nonce, fee, atMs }: TransactionFrame,
): Uint8Array =>
  encodeTransaction({
    version: 1,
    network,
    kind,
    asset: null,
    previous: null,
    atMs,
    data: { ...fields, nonce, fee },
  });

/** Size of the signed record around a payload: keys and signatures are of one size always. docs/formats/signed-record.md */
export const recordBytesOf = (payload: Uint8Array): number =>
  encodeCbor({
    v: 1,
    domain: 'transaction',
    payload,
    signer: { ed25519: new Uint8Array(ED25519_PUBLIC_BYTES), falcon1024: new Uint8Array(FALCON_PUBLIC_BYTES) },
    signatures: {
      ed25519: new Uint8Array(ED25519_SIGNATURE_BYTES),
      falcon1024: new Uint8Array(FALCON_SIGNATURE_BYTES),
    },
  }).length;
/** Least fee of a signed transaction of so many bytes. */
export const feeFor = (bytes: number, params: Pick<EconomyParams, 'feePerByte'>): bigint =>
  BigInt(bytes) * params.feePerByte;
/** A fee that is enough before the transaction is made: the least one, or at most eight bytes' worth above. */
export const feeOfDraft = <K extends CaesarKind>(
  kind: K,
  fields: TransactionFields[K],
  params: Pick<EconomyParams, 'feePerByte'>,
): bigint =>
  feeFor(
    recordBytesOf(
      draftTransaction(kind, fields, {
        network: new Uint8Array(32),
        nonce: Number.MAX_SAFE_INTEGER,
        fee: AMOUNT_MAX,
        atMs: 2 ** 47,
      }),
    ),
    params,
  );
/** @returns what its signer pays; 0 for what is none of ours */
export const feeOf = (signed: SignedTransaction): bigint => readOrNull(signed)?.fee ?? 0n;

const readOrNull = (signed: Pick<SignedTransaction, 'transaction'>): CaesarTransaction | null => {
  try {
    return readCaesarTransaction(signed);
  } catch {
    // Something else stands where its data should: it is shown as it is, with nothing read into it.
    return null;
  }
};

/** What a kind does, whom it pays, and how much changes hands. */
const ofKind = (
  transaction: CaesarTransaction,
): Partial<Pick<TransactionSummary, 'to' | 'amountMicro' | 'memo' | 'lease' | 'asset'>> & { sentence: string } => {
  const { kind, fields } = transaction;
  switch (kind) {
    case 'account.transfer':
      return {
        to: accountText(fields.to),
        amountMicro: fields.amount,
        memo: fields.memo,
        sentence: 'Pays another account.',
      };
    case 'node.bind':
      return { sentence: 'Has what a node lends paid to this account.' };
    case 'lease.escrow':
      return {
        amountMicro: fields.most,
        lease: leaseIdOf(fields.lease),
        sentence: 'Sets aside what a lease may cost at most.',
      };
    case 'lease.settle':
      return {
        lease: leaseIdOf(fields.lease),
        asset: fields.asset,
        sentence:
          fields.proof === null
            ? 'Settles a lease by the last receipt that both signed, with no proof.'
            : 'Settles a lease by the last receipt that both signed, with a proof of what was lent.',
      };
    case 'lease.reclaim':
      return { lease: leaseIdOf(fields.lease), sentence: 'Ends the escrow of a lease whose time is over.' };
    case 'stake.bond':
      return { amountMicro: fields.amount, sentence: 'Stakes money, which earns yield and can be lost by lying.' };
    case 'stake.unbond':
      return { amountMicro: fields.amount, sentence: 'Lets go of stake, which is free again after a wait.' };
    case 'validator.join':
      return { sentence: 'Has a node sign the network’s blocks.' };
    case 'validator.leave':
      return { sentence: 'Has this account’s node sign no more blocks.' };
    case 'member.admit':
      return {
        to: accountText(fields.account),
        sentence: fields.validator
          ? 'Admits a member that may be a validator.'
          : 'Admits a member that may not be a validator.',
      };
    case 'member.remove':
      return { to: accountText(fields.account), sentence: 'Removes a member.' };
    case 'params.set':
      return { sentence: `Changes parameters of the network: ${Object.keys(fields.changes).sort().join(', ')}.` };
    case 'asset.list':
      return { asset: fields.asset, sentence: 'Lists an asset as one that is lent.' };
    case 'asset.unlist':
      return { asset: fields.asset, sentence: 'Takes an asset off the list of those that are lent.' };
  }
};
/** What a transaction does, in words and figures for a screen; whoever signs is shown the same. */
export const describeTransaction = (
  signed: Pick<SignedTransaction, 'transaction' | 'signerBytes'>,
): TransactionSummary => {
  const found = readOrNull(signed);
  const { kind, atMs } = signed.transaction;
  const nothing = { to: null, amountMicro: null, memo: '', lease: null, asset: null };
  const from = accountText(signed.signerBytes);
  if (found === null)
    return {
      ...nothing,
      kind,
      from,
      feeMicro: 0n,
      nonce: 0,
      atMs,
      sentence: `Something that this version does not know (${kind.slice(0, 64)}).`,
    };
  return { ...nothing, kind, from, feeMicro: found.fee, nonce: found.nonce, atMs, ...ofKind(found) };
};

/** Exact: as many digits behind the point as there are. */
export const caesText = (micro: bigint): string => {
  const rest = (micro % 1_000_000n).toString().padStart(6, '0').replace(/0+$/, '');
  return `${micro / 1_000_000n}${rest === '' ? '' : `.${rest}`} CAES`;
};
/** The rule of minting, and what it comes to in an epoch and after; one sentence each. */
export const scheduleOf = (params: EconomyParams, epoch: number): string[] => {
  const now = emissionOf(params, epoch);
  const next = params.halvingEpochs - (epoch % params.halvingEpochs);
  const part = (permille: number): string => caesText((now * BigInt(permille)) / 1000n);
  return [
    `At most ${caesText(params.emissionPerEpoch)} are minted in an epoch at the beginning, and half as much after each ${params.halvingEpochs.toLocaleString('en')} epochs.`,
    `Epoch ${epoch.toLocaleString('en')}: at most ${caesText(now)}, of which ${part(params.stakePermille)} go to stakes and ${part(params.rewardPermille)} to proven use.`,
    `In ${next.toLocaleString('en')} ${next === 1 ? 'epoch' : 'epochs'} it is ${caesText(emissionOf(params, epoch + next))}.`,
    `Nobody gets more for proven use in an epoch than ${params.rewardStakePermille} ‰ of its stake, and as a member ${caesText(params.rewardFree)} more; what is not given out is not minted.`,
  ];
};
