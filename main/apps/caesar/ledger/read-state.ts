import type { AssetId } from '../../../base/index.ts';
import type { KeyIdBytes } from '../../../base/crypto/index.ts';
import type { LedgerState } from '../../../kernel/blocks/index.ts';
import { REFERENCE_AMOUNTS, RESOURCE_KINDS } from '../../../kernel/leases/formats/index.ts';
import { yieldOf } from './accounts.ts';
import { emissionOf } from './epochs.ts';
import type {
  AccountView,
  AssetListing,
  EconomyParams,
  EpochView,
  EscrowView,
  MemberView,
  PayoutView,
  PriceView,
  RewardView,
  SettlementView,
  SupplyView,
  ValidatorView,
} from './interface.ts';
import * as keys from './keys.ts';
import { countMissed } from './power.ts';
import { decodeEconomyParams } from './params.ts';
import * as records from './records.ts';

// What others read of the state: plain values, whatever the records look like.

const PERMILLE = 1000n;

const read = <T>(state: LedgerState, key: string, decode: (value: Uint8Array) => T): T | null => {
  const value = state.get(key);
  return value === undefined ? null : decode(value);
};
const must = <T>(state: LedgerState, key: string, decode: (value: Uint8Array) => T): T => {
  const found = read(state, key, decode);
  if (found === null) throw new Error(`The state has no ${key}: it is not that of a network with this economy.`);
  return found;
};
const bytesAt = (key: string, prefix: string): Uint8Array => keys.bytesOfHex(key.slice(prefix.length));

/** @returns all zero for an account that the ledger does not know */
export const readAccount = (state: LedgerState, id: KeyIdBytes): AccountView => {
  const account = read(state, keys.accountKey(id), records.decodeAccount) ?? records.NO_ACCOUNT;
  const stake = read(state, keys.stakeKey(id), records.decodeStake) ?? records.NO_STAKE;
  const earned = stake.staked === 0n ? 0n : yieldOf(stake, must(state, keys.STAKES_KEY, records.decodeStakes).index);
  return {
    id,
    balance: account.balance + earned,
    yieldMicro: earned,
    nonce: account.nonce,
    escrowed: account.escrowed,
    staked: stake.staked,
    unbonding: stake.unbonding,
    validator: stake.validator,
  };
};
/** In the order of their ids; those that are down too. */
export const readValidators = (state: LedgerState): ValidatorView[] =>
  [...state.entries(keys.VALIDATOR)].map(([key, value]) => {
    const node = bytesAt(key, keys.VALIDATOR);
    const { keys: signerKeys, account, base, power, down, since } = records.decodeValidator(value);
    const missed = read(state, keys.missedKey(node), records.decodeMissed);
    return {
      node,
      keys: signerKeys,
      account,
      power,
      basePower: base,
      staked: read(state, keys.stakeKey(account), records.decodeStake)?.staked ?? 0n,
      down,
      missed: missed === null ? 0 : countMissed(missed),
      sinceHeight: since,
    };
  });
/** Blocks that put somebody out for contradicting signatures, newest first: the evidence stands in them. */
export const readSlashings = (state: LedgerState): number[] => {
  const heights = new Set([...state.entries(keys.SLASHED)].map(([, value]) => records.decodeSlashed(value).height));
  return [...heights].sort((one, other) => other - one);
};
/** What the last contradicting signatures of a node, or of an account for its node, cost, micro-CAES; null where it signed none. */
export const readSlashing = (state: LedgerState, id: KeyIdBytes): { height: number; burnt: bigint } | null =>
  read(state, keys.slashedKey(id), records.decodeSlashed);
export const readEscrow = (state: LedgerState, lease: Uint8Array): EscrowView | null => {
  const record = read(state, keys.escrowKey(lease), records.decodeEscrow);
  return record === null ? null : { lease, ...record };
};
/** How a lease was paid; null before that, and once it is long ago. */
export const readSettlement = (state: LedgerState, lease: Uint8Array): SettlementView | null => {
  const record = read(state, keys.settlementKey(lease), records.decodeSettlement);
  return record === null ? null : { lease, ...record };
};
export const readParams = (state: LedgerState): EconomyParams => must(state, keys.ECONOMY_KEY, decodeEconomyParams);
export const readSupply = (state: LedgerState): SupplyView => {
  const { genesis, minted, burnt } = must(state, keys.SUPPLY_KEY, records.decodeSupply);
  return { genesis, minted, burnt, total: genesis + minted - burnt };
};
export const readPrices = (state: LedgerState): PriceView[] =>
  RESOURCE_KINDS.map((kind) => {
    const { price, listed, used, utilisation } = must(state, keys.kindKey(kind), records.decodeKind);
    return {
      kind,
      priceMicro: price,
      reference: REFERENCE_AMOUNTS[kind],
      utilisationPermille: utilisation,
      listed,
      used,
    };
  });
export const readEpoch = (state: LedgerState): EpochView => {
  const params = readParams(state);
  const { number, beganAtMs, points, paying } = must(state, keys.EPOCH_KEY, records.decodeEpoch);
  const emission = emissionOf(params, number);
  return {
    number,
    startsAtMs: beganAtMs + number * params.epochMs,
    endsAtMs: beganAtMs + (number + 1) * params.epochMs,
    forStakes: (emission * BigInt(params.stakePermille)) / PERMILLE,
    forRewards: (emission * BigInt(params.rewardPermille)) / PERMILLE,
    points,
    paying: paying?.number ?? null,
    totalStaked: must(state, keys.STAKES_KEY, records.decodeStakes).total,
  };
};
/** Points counted for an account in an epoch that was not paid yet. */
export const readPoints = (state: LedgerState, epoch: number, account: KeyIdBytes): bigint =>
  read(state, keys.pointsKey(epoch, account), records.decodePoints) ?? 0n;
/** An epoch's rewards of one account, by lease: what its points came from. */
export const readRewards = (state: LedgerState, epoch: number, account: KeyIdBytes): RewardView[] => {
  const prefix = `${keys.epochPrefix(keys.REWARD, epoch)}${keys.hexOf(account)}/`;
  return [...state.entries(prefix)].map(([key, value]) => ({
    epoch,
    account,
    lease: bytesAt(key, prefix),
    ...records.decodeReward(value),
  }));
};
/** What an account was paid for an epoch; null before, and once it is long ago. */
export const readPayout = (state: LedgerState, epoch: number, account: KeyIdBytes): PayoutView | null => {
  const record = read(state, keys.payoutKey(epoch, account), records.decodePayout);
  return record === null ? null : { epoch, account, ...record };
};
export const readMembers = (state: LedgerState): MemberView[] =>
  [...state.entries(keys.MEMBER)].map(([key, value]) => ({
    account: bytesAt(key, keys.MEMBER),
    ...records.decodeMember(value),
  }));
/** @param account - who listed it: two may list the same name, and only the lender's own counts */
export const readAssetListing = (state: LedgerState, asset: AssetId, account: KeyIdBytes): AssetListing | null => {
  const record = read(state, keys.listingKey(account, asset), records.decodeListing);
  return record === null ? null : { asset, account, ...record };
};
/** @param account - null: of everybody */
export const readAssetListings = (state: LedgerState, account: KeyIdBytes | null = null): AssetListing[] => {
  const prefix = account === null ? keys.LISTING : `${keys.LISTING}${keys.hexOf(account)}/`;
  return [...state.entries(prefix)].map(([key, value]) => {
    const [, owner = '', asset = ''] = key.split('/');
    return { asset: asset as AssetId, account: keys.bytesOfHex(owner), ...records.decodeListing(value) };
  });
};
/** @returns the account that a node is bound to */
export const readNodeAccount = (state: LedgerState, node: KeyIdBytes): KeyIdBytes | null =>
  read(state, keys.nodeKey(node), records.decodeNode)?.account ?? null;
