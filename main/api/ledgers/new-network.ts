import {
  CAES,
  type EconomyGenesis,
  type EconomyParams,
  GROUP_STAKE,
  groupEconomy,
  parseAccount,
} from '../../apps/caesar/index.ts';
import type { Outside } from '../../base/index.ts';
import type { KeyIdBytes, SelfMadeCertificate } from '../../base/crypto/index.ts';
import { type Genesis, GENESIS_NONCE_BYTES } from '../../kernel/consensus/index.ts';
import type { NewNetwork } from '../../../preload/contract/index.ts';
import { LedgerDeskError } from './errors.ts';

const MINUTE_MS = 60_000;
const DAY_MS = 24 * 60 * MINUTE_MS;
const GIVEN = /^([^=]+)=(\d{1,9})$/;
/** Everybody weighs the same at the beginning: so much without, and so much by the stake that each founder has. */
const POWER = 10;

const givenOf = (text: string): { id: KeyIdBytes; balance: bigint } => {
  const match = GIVEN.exec(text.trim());
  if (match === null)
    throw new LedgerDeskError(
      { code: 'GENESIS_INVALID', problem: text },
      `${text.slice(0, 80)} is no account with an amount; write it like caes1…=1000.`,
    );
  return { id: parseAccount(match[1] ?? ''), balance: BigInt(match[2] ?? '0') * CAES };
};

/** As much is minted in a day, and kept for as many, whatever the length of an epoch. */
const scheduleFor = (epochMs: number): Partial<EconomyParams> => {
  const perDay = DAY_MS / epochMs;
  const part = (whole: bigint): bigint => (whole * BigInt(epochMs)) / BigInt(DAY_MS);
  return {
    epochMs,
    emissionPerEpoch: part(EMISSION_PER_DAY),
    rewardFree: part(REWARD_FREE_PER_DAY),
    halvingEpochs: Math.min(1_000_000, Math.max(1, Math.round(HALVING_DAYS * perDay))),
    keepEpochs: Math.min(10_000, Math.max(1, Math.round(KEEP_DAYS * perDay))),
  };
};
const EMISSION_PER_DAY = 1_000n * CAES;
const REWARD_FREE_PER_DAY = 10n * CAES;
const HALVING_DAYS = 730;
const KEEP_DAYS = 400;

/**
 * How a new network begins: its founder keeps it, and every validator has one voice.
 *
 * @param founder - certificate of this node
 * @param others - certificates of the further validators
 */
export const genesisOf = (
  { clock, random }: Outside,
  wanted: NewNetwork,
  founder: SelfMadeCertificate,
  others: readonly SelfMadeCertificate[],
): Genesis => {
  const all = [founder, ...others];
  const given = new Map<string, { id: KeyIdBytes; balance: bigint; staked: bigint }>();
  const give = (id: KeyIdBytes, balance: bigint, staked = 0n): void => {
    const name = Buffer.from(id).toString('hex');
    const before = given.get(name) ?? { id, balance: 0n, staked: 0n };
    given.set(name, { id, balance: before.balance + balance, staked: before.staked + staked });
  };
  all.forEach(({ account }, place) =>
    give(account.keyIdBytes, place === 0 ? BigInt(wanted.ownCaes) * CAES : 0n, GROUP_STAKE),
  );
  for (const text of wanted.accounts) {
    const { id, balance } = givenOf(text);
    give(id, balance);
  }
  const validating = new Set(all.map(({ account }) => Buffer.from(account.keyIdBytes).toString('hex')));
  const founders = all.map(({ node, account }, place) => ({
    account: account.keyIdBytes,
    node: node.keyIdBytes,
    admin: place === 0,
  }));
  const economy = groupEconomy(founders, scheduleFor(wanted.epochMinutes * MINUTE_MS));
  const app: EconomyGenesis = {
    ...economy,
    accounts: [...given.values()],
    members:
      wanted.members === 'anyone'
        ? null
        : [...given].map(([name, { id }]) => ({ account: id, validator: validating.has(name) })),
  };
  return {
    version: 1,
    name: wanted.name,
    nonce: random.bytes(GENESIS_NONCE_BYTES),
    createdAtMs: clock.nowMs(),
    validators: all.map(({ node }) => ({ id: node.keyIdBytes, keys: node.keys, power: POWER })),
    params: { ...GROUP_CONSENSUS, heartbeatMs: wanted.heartbeatSeconds * 1000 },
    app,
  };
};

/** For validators anywhere on the internet: a round trip takes a quarter of a second at most, a signature some ten milliseconds. */
const GROUP_CONSENSUS = {
  blockBytesMax: 1024 * 1024,
  transactionsMax: 1024,
  heartbeatMs: 60_000,
  proposeMs: 3_000,
  voteMs: 1_000,
  growMs: 500,
  commitMs: 200,
  clockAheadMs: 10_000,
  evidenceBlocksMax: 100_000,
} as const;
/** Nobody is waited for: blocks are made for what is to stand in them, and once a day. */
export const HOME_CONSENSUS = { ...GROUP_CONSENSUS, heartbeatMs: 24 * 3_600_000, commitMs: 0 } as const;
