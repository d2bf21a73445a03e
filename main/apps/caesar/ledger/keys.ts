import type { KeyIdBytes } from '../../../base/crypto/index.ts';
import type { ResourceKind } from '../../../../preload/contract/index.ts';

// Keys of the state, docs/formats/ledger-keys.md.

export const hexOf = (bytes: Uint8Array): string =>
  Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('hex');
export const bytesOfHex = (hex: string): Uint8Array => new Uint8Array(Buffer.from(hex, 'hex'));
export const sameBytes = (one: Uint8Array, other: Uint8Array): boolean => Buffer.compare(one, other) === 0;
export const kindOfAsset = (asset: string): ResourceKind => asset.split(':')[1] as ResourceKind;

/** Numbers in keys have so many digits, so that their order as text is their order. */
const EPOCH_DIGITS = 10;
const TIME_DIGITS = 15;
const padded = (value: number, digits: number): string => value.toString().padStart(digits, '0');

export const ECONOMY_KEY = 'economy';
export const CONSENSUS_KEY = 'consensus';
export const SUPPLY_KEY = 'supply';
export const EPOCH_KEY = 'epoch';
export const STAKES_KEY = 'stakes';
/** There where nobody has to be admitted. */
export const OPEN_KEY = 'open';

export const ACCOUNT = 'account/';
export const STAKE = 'stake/';
export const NODE = 'node/';
export const VALIDATOR = 'validator/';
export const MISSED = 'missed/';
export const SLASHED = 'slashed/';
export const MEMBER = 'member/';
export const ESCROW = 'escrow/';
export const SETTLEMENT = 'settlement/';
export const LISTING = 'listing/';
export const KIND = 'kind/';
export const POINTS = 'points/';
export const REWARD = 'reward/';
export const PAYOUT = 'payout/';
export const DUE = 'due/';

export const accountKey = (account: KeyIdBytes): string => `${ACCOUNT}${hexOf(account)}`;
export const stakeKey = (account: KeyIdBytes): string => `${STAKE}${hexOf(account)}`;
export const nodeKey = (node: KeyIdBytes): string => `${NODE}${hexOf(node)}`;
export const validatorKey = (node: KeyIdBytes): string => `${VALIDATOR}${hexOf(node)}`;
export const missedKey = (node: KeyIdBytes): string => `${MISSED}${hexOf(node)}`;
export const slashedKey = (node: KeyIdBytes): string => `${SLASHED}${hexOf(node)}`;
export const memberKey = (account: KeyIdBytes): string => `${MEMBER}${hexOf(account)}`;
export const escrowKey = (lease: Uint8Array): string => `${ESCROW}${hexOf(lease)}`;
/** What a proof about a lease's payment is a proof of. */
export const settlementKey = (lease: Uint8Array): string => `${SETTLEMENT}${hexOf(lease)}`;
/** By account first: nobody can list what another has under its name. */
export const listingKey = (account: KeyIdBytes, asset: string): string => `${LISTING}${hexOf(account)}/${asset}`;
export const kindKey = (kind: ResourceKind): string => `${KIND}${kind}`;
export const epochPrefix = (prefix: string, epoch: number): string => `${prefix}${padded(epoch, EPOCH_DIGITS)}/`;
export const epochOfKey = (prefix: string, key: string): number =>
  Number(key.slice(prefix.length, prefix.length + EPOCH_DIGITS));
export const pointsKey = (epoch: number, account: KeyIdBytes): string =>
  `${epochPrefix(POINTS, epoch)}${hexOf(account)}`;
export const rewardKey = (epoch: number, account: KeyIdBytes, lease: Uint8Array): string =>
  `${epochPrefix(REWARD, epoch)}${hexOf(account)}/${hexOf(lease)}`;
export const payoutKey = (epoch: number, account: KeyIdBytes): string =>
  `${epochPrefix(PAYOUT, epoch)}${hexOf(account)}`;
/** `e`: an escrow ends; `u`: a stake is let go; `s`: a settlement is forgotten. */
export type DueKind = 'e' | 'u' | 's';
export const dueKey = (atMs: number, kind: DueKind, id: Uint8Array): string =>
  `${DUE}${padded(atMs, TIME_DIGITS)}/${kind}/${hexOf(id)}`;
export const readDueKey = (key: string): { atMs: number; kind: DueKind; id: Uint8Array } => {
  const at = DUE.length + TIME_DIGITS;
  return {
    atMs: Number(key.slice(DUE.length, at)),
    kind: key.charAt(at + 1) as DueKind,
    id: bytesOfHex(key.slice(at + 3)),
  };
};
