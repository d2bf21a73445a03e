import type { AssetId } from '../../../base/index.ts';
import type { KeyIdBytes, SignerKeys } from '../../../base/crypto/index.ts';
import type { ConsensusParams } from '../../../kernel/consensus/index.ts';
import type { Hash } from '../../../kernel/blocks/index.ts';
import type { CapacityUnit, LendingTerms, ProofKind, ResourceKind } from '../../../../preload/contract/index.ts';

// Words: docs/economy.md. Amounts are micro-CAES, bigint, 0 … 2^63 - 1. Permille: parts of a thousand, whole.

export type PrivacyLevel = LendingTerms['privacyLevel'];

/** What the economy of one network goes by. Set at genesis; docs/formats/economy-genesis.md has bounds, docs/economy.md the formulas. */
export interface EconomyParams {
  /** Least fee of a transaction, per byte of it. */
  feePerByte: bigint;
  /** Part of each fee that is burnt; the rest is the proposer's. */
  feeBurnPermille: number;
  /** A transfer that begins an account is at least this. */
  dustMicro: bigint;
  /** How far a transaction's time may lie before its block's. */
  transactionMs: number;
  /** Part of every lease payment that is burnt. */
  burnPermille: number;
  /** How long the other side may bring a later receipt. */
  disputeMs: number;
  /** Longest time until the end of an escrow. */
  leaseMsMax: number;
  /** Stake that is let go of waits so long, and can be slashed meanwhile. */
  unbondMs: number;
  /** What contradicting signatures cost, of everything staked and unbonding. */
  slashPermille: number;
  /** Whoever signed fewer of the last 100 blocks loses its power until it joins again. */
  signedMinPermille: number;
  /** Least stake of a validator that was not one at genesis. */
  validatorStakeMin: bigint;
  /** Stake that gives one of voting power. */
  stakePerPower: bigint;
  validatorsMax: number;
  /** Length of an epoch, by block time. The schedule below cannot be changed after genesis. */
  epochMs: number;
  /** Minted at most in each of the first epochs; half as much after each `halvingEpochs`. */
  emissionPerEpoch: bigint;
  halvingEpochs: number;
  /** Parts of the emission for stakes and for rewards; together at most 1000. */
  stakePermille: number;
  rewardPermille: number;
  /** Most reward of an account in an epoch: so much of its stake … */
  rewardStakePermille: number;
  /** … and so much without stake, for members only. */
  rewardFree: bigint;
  /** Epochs for which settlements and rewards stay in the state. */
  keepEpochs: number;
  /** Points of 2^50 unit-seconds at full quality, privacy and demand. */
  weights: Readonly<Record<ResourceKind, bigint>>;
  /** Quality of a lease with nothing proved and nothing kept; together with the parts below 1000. */
  qualityBase: number;
  qualityProof: Readonly<Record<ProofKind, number>>;
  qualityUptime: number;
  privacy: Readonly<Record<PrivacyLevel, number>>;
  /** Demand of a kind that nobody used in the last epoch; 1000 when all was used. */
  demandMin: number;
  /** Per reference amount and hour, as every price: where the price of a kind begins, and its bounds. */
  prices: Readonly<Record<ResourceKind, { start: bigint; min: bigint; max: bigint }>>;
  /** Utilisation at which a price stays, and how much it moves in an epoch at most. */
  priceTargetPermille: number;
  priceStepPermille: number;
}
/** What cannot be changed by `params.set`. */
export type FixedParam =
  | 'epochMs'
  | 'emissionPerEpoch'
  | 'halvingEpochs'
  | 'stakePermille'
  | 'rewardPermille'
  | 'prices';
export type ParamChanges = Partial<Omit<EconomyParams, FixedParam>> & { consensus?: Partial<ConsensusParams> };

/** `Genesis.app` of networks with this economy; docs/formats/economy-genesis.md. Encoded as it stands here. */
export interface EconomyGenesis {
  kind: 'caesar';
  version: 1;
  params: EconomyParams;
  accounts: readonly { id: KeyIdBytes; balance: bigint; staked: bigint }[];
  /** Account of each node that signs from the beginning: one each. */
  validators: readonly { node: KeyIdBytes; account: KeyIdBytes }[];
  admins: readonly KeyIdBytes[];
  /** Null: nobody has to be admitted. */
  members: readonly { account: KeyIdBytes; validator: boolean }[] | null;
}

/** Fields of `data` besides `nonce` and `fee`, by kind. docs/formats/ledger-transactions.md */
export interface TransactionFields {
  'account.transfer': {
    to: KeyIdBytes;
    amount: bigint;
    /** At most 256 characters without control characters; public for ever. */
    memo: string;
  };
  /** Binds a node to the account that signs: payments for what the node lends go there. */
  'node.bind': { certificate: Uint8Array };
  'lease.escrow': {
    /** 16 bytes. */
    lease: Uint8Array;
    /** Node that lends. */
    lender: KeyIdBytes;
    /** Key that countersigns receipts: the borrower's node's, or one made for this lease. */
    borrower: KeyIdBytes;
    /** Set aside; 0 for a lease that costs nothing and is to count for rewards. */
    most: bigint;
    endsAtMs: number;
  };
  'lease.settle': {
    lease: Uint8Array;
    /** What was lent: the grant's address is that of lender and asset. */
    asset: AssetId;
    grant: Uint8Array;
    receipt: Uint8Array;
    countersign: Uint8Array;
    /** A proof file (docs/formats/proof-file.md) or a combined proof of the asset; null: nothing is shown. */
    proof: Uint8Array | null;
  };
  'lease.reclaim': { lease: Uint8Array };
  'stake.bond': { amount: bigint };
  'stake.unbond': { amount: bigint };
  'validator.join': { certificate: Uint8Array };
  'validator.leave': Record<string, never>;
  'member.admit': { account: KeyIdBytes; validator: boolean };
  'member.remove': { account: KeyIdBytes };
  'params.set': { changes: ParamChanges };
  'asset.list': {
    asset: AssetId;
    kind: ResourceKind;
    unit: CapacityUnit;
    /** Most that is lent of it at once, in the unit. */
    amountMax: number;
    privacyLevel: PrivacyLevel;
    /** Micro-CAES per reference amount and hour; null: the market's. */
    priceMicro: bigint | null;
  };
  'asset.unlist': { asset: AssetId };
}
export type CaesarKind = keyof TransactionFields;
/** A transaction taken apart: its fields are as its kind demands. */
export type CaesarTransaction = {
  [K in CaesarKind]: { kind: K; fields: TransactionFields[K]; nonce: number; fee: bigint; atMs: number };
}[CaesarKind];

/** An account as screens show it; one that nobody has heard of is all zero. */
export interface AccountView {
  id: KeyIdBytes;
  /** Free to be spent, with the yield so far. */
  balance: bigint;
  /** Part of `balance`: yield of the stake that was not booked yet; the account's next transaction does. */
  yieldMicro: bigint;
  /** Of the next transaction. */
  nonce: number;
  escrowed: bigint;
  staked: bigint;
  /** In the order of their times. */
  unbonding: readonly { amount: bigint; atMs: number }[];
  /** Node of this account that is a validator, or was until it was stopped. */
  validator: KeyIdBytes | null;
}
export interface ValidatorView {
  node: KeyIdBytes;
  keys: SignerKeys;
  account: KeyIdBytes;
  /** 0 while `down`. */
  power: number;
  /** What genesis gave it besides what its stake gives; less than none where it gave less. */
  basePower: number;
  staked: bigint;
  /** Lost its power because it did not sign; `validator.join` brings it back. */
  down: boolean;
  /** Blocks of the last 100 that it did not sign. */
  missed: number;
  sinceHeight: number;
}
/** A receipt that waits for a later one, or was paid by. */
export interface SettledUse {
  /** SHA-256 of the receipt's record, and of the transaction that brought it. */
  receipt: Hash;
  transaction: Hash;
  sequence: number;
  final: boolean;
  owed: bigint;
  unitSeconds: bigint;
  asset: AssetId;
}
export interface EscrowView {
  lease: Uint8Array;
  /** Whose money it is. */
  account: KeyIdBytes;
  lender: KeyIdBytes;
  /** Account that the lender's node was bound to when this was opened. */
  payee: KeyIdBytes;
  borrower: KeyIdBytes;
  most: bigint;
  endsAtMs: number;
  openedAtMs: number;
  best: SettledUse | null;
  /** When it ends by itself. */
  closesAtMs: number;
}
/** How a lease was paid; stays for `keepEpochs`. */
export interface SettlementView {
  lease: Uint8Array;
  account: KeyIdBytes;
  payee: KeyIdBytes;
  lender: KeyIdBytes;
  borrower: KeyIdBytes;
  most: bigint;
  /** To the payee, burnt, and back to the borrower: together `most`. */
  paid: bigint;
  burnt: bigint;
  back: bigint;
  /** Null: nobody brought a receipt. */
  use: SettledUse | null;
  height: number;
  atMs: number;
  /** Whether the lender's reward for it was counted. */
  rewarded: boolean;
}
/** Points of one lease, with everything that they were computed from. */
export interface RewardView {
  epoch: number;
  account: KeyIdBytes;
  lease: Uint8Array;
  asset: AssetId;
  kind: ResourceKind;
  /** SHA-256 of the receipt's record, and of the settling transaction. */
  receipt: Hash;
  transaction: Hash;
  /** Id of the combined proof; null without one. */
  proof: Hash | null;
  /** Which of its parts hold. */
  held: readonly ProofKind[];
  unitSeconds: bigint;
  weight: bigint;
  uptimePermille: number;
  quality: number;
  privacyLevel: PrivacyLevel;
  privacy: number;
  demand: number;
  points: bigint;
  /** Points that counted: an account's points of an epoch end at its cap. */
  counted: bigint;
  height: number;
}
/** What an account got for an epoch. */
export interface PayoutView {
  epoch: number;
  account: KeyIdBytes;
  /** Points that counted, of the account and of all. */
  points: bigint;
  allPoints: bigint;
  /** What there was for all. */
  emission: bigint;
  /** Its part, its cap, and the lesser of both. */
  share: bigint;
  cap: bigint;
  paid: bigint;
  height: number;
}
export interface SupplyView {
  genesis: bigint;
  minted: bigint;
  burnt: bigint;
  /** genesis + minted - burnt: what all accounts, escrows, stakes and the yield to come add up to. */
  total: bigint;
}
export interface PriceView {
  kind: ResourceKind;
  /** Per reference amount and hour. */
  priceMicro: bigint;
  /** In the kind's unit: 1000 millicores, 2^30 bytes. */
  reference: bigint;
  /** Of the last epoch; of all that was listed. */
  utilisationPermille: number;
  /** Listed now, in the unit. */
  listed: bigint;
  /** Unit-seconds settled in this epoch so far. */
  used: bigint;
}
export interface EpochView {
  number: number;
  startsAtMs: number;
  endsAtMs: number;
  /** Emission of this epoch for stakes and for rewards. */
  forStakes: bigint;
  forRewards: bigint;
  /** Points counted so far, of everybody. */
  points: bigint;
  /** Epoch whose rewards are being paid out now. */
  paying: number | null;
  totalStaked: bigint;
}
export interface MemberView {
  account: KeyIdBytes;
  admin: boolean;
  validator: boolean;
}
export interface AssetListing {
  asset: AssetId;
  account: KeyIdBytes;
  kind: ResourceKind;
  unit: CapacityUnit;
  amountMax: number;
  privacyLevel: PrivacyLevel;
  priceMicro: bigint | null;
  sinceHeight: number;
}

/** What a transaction does, for screens; texts of accounts as docs/formats/account.md has them. */
export interface TransactionSummary {
  kind: string;
  /** Account that signed and pays the fee. */
  from: string;
  /** Who gets something, where one account does. */
  to: string | null;
  /** What changes hands, is set aside, staked or let go of; null where nothing is. */
  amountMicro: bigint | null;
  feeMicro: bigint;
  nonce: number;
  atMs: number;
  memo: string;
  /** `lease-…`, where it is about one. */
  lease: string | null;
  asset: string | null;
  /** One sentence without amounts in it: what it does. */
  sentence: string;
}
