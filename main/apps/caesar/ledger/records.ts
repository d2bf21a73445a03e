import { assert, decodeCbor, encodeCbor } from '../../../base/index.ts';
import type { AssetId } from '../../../base/index.ts';
import type { KeyIdBytes, SignerKeys } from '../../../base/crypto/index.ts';
import type { Hash } from '../../../kernel/blocks/index.ts';
import type { AssetListing, EscrowView, PayoutView, RewardView, SettledUse, SettlementView } from './interface.ts';

// Values of the state, docs/formats/ledger-keys.md. Only this room writes them, so they are read without being doubted.

type Fields = Record<string, unknown>;
const fieldsOf = (value: Uint8Array): Fields => decodeCbor(value) as Fields;
/** CBOR gives small integers as numbers. */
export const big = (value: unknown): bigint => {
  assert(typeof value === 'number' || typeof value === 'bigint', 'An amount in the state is an integer.');
  return BigInt(value);
};
/** Beyond 64 bits: decimal text. */
const wide = (value: unknown): bigint => BigInt(value as string);

export interface AccountRecord {
  balance: bigint;
  /** Sum of its open escrows. */
  escrowed: bigint;
  nonce: number;
}
export const NO_ACCOUNT: AccountRecord = { balance: 0n, escrowed: 0n, nonce: 0 };
export const encodeAccount = (record: AccountRecord): Uint8Array => encodeCbor(record);
export const decodeAccount = (value: Uint8Array): AccountRecord => {
  const { balance, escrowed, nonce } = fieldsOf(value) as Fields & {
    nonce: number;
    balance: unknown;
    escrowed: unknown;
  };
  return { balance: big(balance), escrowed: big(escrowed), nonce };
};

export interface StakeRecord {
  staked: bigint;
  unbonding: readonly { amount: bigint; atMs: number }[];
  /** Yield per micro-CAES so far when this stake was last booked, in parts of `YIELD_SCALE`. */
  index: bigint;
  validator: KeyIdBytes | null;
}
export const NO_STAKE: StakeRecord = { staked: 0n, unbonding: [], index: 0n, validator: null };
export const encodeStake = ({ staked, unbonding, index, validator }: StakeRecord): Uint8Array =>
  encodeCbor({
    staked,
    unbonding: unbonding.map(({ amount, atMs }) => [amount, atMs]),
    index: index.toString(),
    validator,
  });
export const decodeStake = (value: Uint8Array): StakeRecord => {
  const fields = fieldsOf(value);
  return {
    staked: big(fields['staked']),
    unbonding: (fields['unbonding'] as [unknown, number][]).map(([amount, atMs]) => ({ amount: big(amount), atMs })),
    index: wide(fields['index']),
    validator: fields['validator'] as KeyIdBytes | null,
  };
};

/** All stakes together. */
export interface StakesRecord {
  total: bigint;
  index: bigint;
  /** Yield that was minted and not booked to anybody yet. */
  pot: bigint;
}
export const encodeStakes = ({ total, index, pot }: StakesRecord): Uint8Array =>
  encodeCbor({ total, index: index.toString(), pot });
export const decodeStakes = (value: Uint8Array): StakesRecord => {
  const fields = fieldsOf(value);
  return { total: big(fields['total']), index: wide(fields['index']), pot: big(fields['pot']) };
};

export interface SupplyRecord {
  genesis: bigint;
  minted: bigint;
  burnt: bigint;
}
export const encodeSupply = (record: SupplyRecord): Uint8Array => encodeCbor(record);
export const decodeSupply = (value: Uint8Array): SupplyRecord => {
  const fields = fieldsOf(value);
  return { genesis: big(fields['genesis']), minted: big(fields['minted']), burnt: big(fields['burnt']) };
};

export interface EpochRecord {
  number: number;
  /** Time of the genesis: epochs are counted from there. */
  beganAtMs: number;
  points: bigint;
  /** Epoch whose rewards are being paid, with what there is for all and all points. */
  paying: { number: number; emission: bigint; points: bigint } | null;
}
export const encodeEpoch = ({ number, beganAtMs, points, paying }: EpochRecord): Uint8Array =>
  encodeCbor({
    number,
    beganAtMs,
    points: points.toString(),
    paying: paying === null ? null : { ...paying, points: paying.points.toString() },
  });
export const decodeEpoch = (value: Uint8Array): EpochRecord => {
  const fields = fieldsOf(value);
  const paying = fields['paying'] as Fields | null;
  return {
    number: fields['number'] as number,
    beganAtMs: fields['beganAtMs'] as number,
    points: wide(fields['points']),
    paying:
      paying === null
        ? null
        : { number: paying['number'] as number, emission: big(paying['emission']), points: wide(paying['points']) },
  };
};

export interface NodeRecord {
  account: KeyIdBytes;
  /** Of the certificate: an older one does not undo a newer. */
  issuedAtMs: number;
  /** Account whose stake pays for what the node signed as a validator; null: it was none. Stays when the node goes elsewhere. */
  liable: KeyIdBytes | null;
}
export const encodeNode = (record: NodeRecord): Uint8Array => encodeCbor(record);
export const decodeNode = (value: Uint8Array): NodeRecord => fieldsOf(value) as unknown as NodeRecord;

export interface ValidatorRecord {
  keys: SignerKeys;
  account: KeyIdBytes;
  base: number;
  /** 0 while down. */
  power: number;
  down: boolean;
  since: number;
}
export const encodeValidator = (record: ValidatorRecord): Uint8Array => encodeCbor(record);
export const decodeValidator = (value: Uint8Array): ValidatorRecord => fieldsOf(value) as unknown as ValidatorRecord;

export interface MemberRecord {
  admin: boolean;
  validator: boolean;
}
export const encodeMember = (record: MemberRecord): Uint8Array => encodeCbor(record);
export const decodeMember = (value: Uint8Array): MemberRecord => fieldsOf(value) as unknown as MemberRecord;

export interface KindRecord {
  price: bigint;
  listed: bigint;
  used: bigint;
  /** Permille of the last epoch. */
  utilisation: number;
}
export const encodeKind = ({ price, listed, used, utilisation }: KindRecord): Uint8Array =>
  encodeCbor({ price, listed: listed.toString(), used: used.toString(), utilisation });
export const decodeKind = (value: Uint8Array): KindRecord => {
  const fields = fieldsOf(value);
  return {
    price: big(fields['price']),
    listed: wide(fields['listed']),
    used: wide(fields['used']),
    utilisation: fields['utilisation'] as number,
  };
};

const fieldsOfUse = (use: SettledUse | null): Fields | null =>
  use === null ? null : { ...use, unitSeconds: use.unitSeconds.toString() };
const readUse = (value: unknown): SettledUse | null => {
  if (value === null) return null;
  const fields = value as Fields;
  return {
    receipt: fields['receipt'] as Hash,
    transaction: fields['transaction'] as Hash,
    sequence: fields['sequence'] as number,
    final: fields['final'] as boolean,
    owed: big(fields['owed']),
    unitSeconds: wide(fields['unitSeconds']),
    asset: fields['asset'] as AssetId,
  };
};

export type EscrowRecord = Omit<EscrowView, 'lease'>;
export const encodeEscrow = (record: EscrowRecord): Uint8Array =>
  encodeCbor({ ...record, best: fieldsOfUse(record.best) });
export const decodeEscrow = (value: Uint8Array): EscrowRecord => {
  const fields = fieldsOf(value);
  return { ...(fields as unknown as EscrowRecord), most: big(fields['most']), best: readUse(fields['best']) };
};

export type SettlementRecord = Omit<SettlementView, 'lease'>;
export const encodeSettlement = (record: SettlementRecord): Uint8Array =>
  encodeCbor({ ...record, use: fieldsOfUse(record.use) });
export const decodeSettlement = (value: Uint8Array): SettlementRecord => {
  const fields = fieldsOf(value);
  return {
    ...(fields as unknown as SettlementRecord),
    most: big(fields['most']),
    paid: big(fields['paid']),
    burnt: big(fields['burnt']),
    back: big(fields['back']),
    use: readUse(fields['use']),
  };
};

export type ListingRecord = Omit<AssetListing, 'asset' | 'account'>;
export const encodeListing = (record: ListingRecord): Uint8Array => encodeCbor(record);
export const decodeListing = (value: Uint8Array): ListingRecord => {
  const fields = fieldsOf(value);
  return {
    ...(fields as unknown as ListingRecord),
    priceMicro: fields['priceMicro'] === null ? null : big(fields['priceMicro']),
  };
};

export type RewardRecord = Omit<RewardView, 'epoch' | 'account' | 'lease'>;
export const encodeReward = (record: RewardRecord): Uint8Array =>
  encodeCbor({
    ...record,
    held: [...record.held],
    unitSeconds: record.unitSeconds.toString(),
    points: record.points.toString(),
  });
export const decodeReward = (value: Uint8Array): RewardRecord => {
  const fields = fieldsOf(value);
  return {
    ...(fields as unknown as RewardRecord),
    unitSeconds: wide(fields['unitSeconds']),
    weight: big(fields['weight']),
    points: wide(fields['points']),
    counted: big(fields['counted']),
  };
};

export type PayoutRecord = Omit<PayoutView, 'epoch' | 'account'>;
export const encodePayout = (record: PayoutRecord): Uint8Array =>
  encodeCbor({ ...record, allPoints: record.allPoints.toString() });
export const decodePayout = (value: Uint8Array): PayoutRecord => {
  const fields = fieldsOf(value);
  return {
    points: big(fields['points']),
    allPoints: wide(fields['allPoints']),
    emission: big(fields['emission']),
    share: big(fields['share']),
    cap: big(fields['cap']),
    paid: big(fields['paid']),
    height: fields['height'] as number,
  };
};

export const encodePoints = (points: bigint): Uint8Array => encodeCbor(points);
export const decodePoints = (value: Uint8Array): bigint => big(decodeCbor(value));
/** Bits of the last blocks that were not signed, by height. */
export const encodeMissed = (bits: Uint8Array): Uint8Array => encodeCbor(bits);
export const decodeMissed = (value: Uint8Array): Uint8Array => decodeCbor(value) as Uint8Array;
/** Height up to which contradicting signatures were paid for, and what was burnt for them there, micro-CAES. */
export interface Slashed {
  height: number;
  burnt: bigint;
}
export const encodeSlashed = ({ height, burnt }: Slashed): Uint8Array => encodeCbor([height, burnt]);
export const decodeSlashed = (value: Uint8Array): Slashed => {
  const [height, burnt] = decodeCbor(value) as [number, number | bigint];
  return { height, burnt: big(burnt) };
};
/** What only a key says. */
export const NOTHING = encodeCbor(null);
