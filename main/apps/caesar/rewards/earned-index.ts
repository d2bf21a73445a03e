import { setImmediate as nextTurn } from 'node:timers/promises';
import { Emitter, type EventSource, type Logger, messageOf, type Startable } from '../../../base/index.ts';
import type { KeyIdBytes } from '../../../base/crypto/index.ts';
import type { LedgerState } from '../../../kernel/blocks/index.ts';
import type { FinalBlock, FollowedLedger, Ledgers } from '../../../kernel/consensus/index.ts';
import { leaseIdOf } from '../../../kernel/leases/index.ts';
import type { ResourceKey } from '../../../../preload/contract/index.ts';
import { YIELD_SCALE } from '../ledger/constants.ts';
import {
  bytesOfHex,
  epochOfKey,
  hexOf,
  PAYOUT,
  sameBytes,
  SETTLEMENT,
  stakeKey,
  STAKES_KEY,
  validatorKey,
} from '../ledger/keys.ts';
import { readRewards } from '../ledger/read-state.ts';
import {
  decodePayout,
  decodeSettlement,
  decodeStake,
  decodeStakes,
  decodeValidator,
  NO_STAKE,
} from '../ledger/records.ts';
import { kindOfAsset } from '../ledger/keys.ts';
import { feeOf } from '../ledger/transactions.ts';
import { economyOf } from '../sending/rules.ts';
import type { CaesarMetrics } from '../metrics.ts';
import type { AccountKeys } from '../terms/account-keys.ts';
import type { PaidLeaseRows } from '../terms/lease-rows.ts';
import type { Earned, EarnedProgress, EarnedRows } from './earned-rows.ts';

/** Entries of the state that are looked at in one go: some milliseconds. */
const LOOKED_AT_ONCE = 200;

export interface EarnedIndex extends Startable, EventSource<{ earned: readonly Earned[] }> {
  /** The account whose earnings are kept; null before there was one. */
  account(): KeyIdBytes | null;
  /** Resolves when everything that has become final is in the rows. */
  settled(): Promise<void>;
}
export interface EarnedIndexComponents {
  logger: Logger;
  metrics: Pick<CaesarMetrics, 'earned'> | null;
  ledgers: Pick<Ledgers, 'list' | 'on'>;
  keys: AccountKeys;
  rows: EarnedRows;
  leases: Pick<PaidLeaseRows, 'get'>;
}
const shortOf = (ledger: string): string => ledger.slice(0, 12);
/** What came with a block and for no lease; nothing of an amount of 0. */
const unleasedOf = (
  kind: 'yield' | 'fees',
  ledger: string,
  account: KeyIdBytes,
  amountMicro: bigint,
  { height, timeMs }: { height: number; timeMs: number },
): Earned[] => {
  if (amountMicro <= 0n) return [];
  const id = `${kind}:${shortOf(ledger)}:${height}`;
  return [{ id, ledger, kind, account, amountMicro, resource: null, lease: null, height, atMs: timeMs, epoch: null }];
};

/**
 * Keeps what final blocks brought. Settlements and rewards stand in the state for hundreds of epochs, so that what is missing here is
 * read from there; yield and fees are known from the blocks that this node has seen.
 */
export const createEarnedIndex = (components: EarnedIndexComponents): EarnedIndex => {
  const { metrics, ledgers, keys, rows, leases } = components;
  const logger = components.logger.child('rewards');
  const emitter = new Emitter<{ earned: readonly Earned[] }>();
  const known = new Map<string, EarnedProgress>();
  const endings: (() => void)[] = [];
  let work: Promise<void> = Promise.resolve();
  let last: KeyIdBytes | null = null;
  let running = false;

  const own = (): KeyIdBytes | null => {
    last = keys.account()?.signer.keyIdBytes ?? last;
    return last;
  };
  const resourceOf = async (lease: string, asset: string | null): Promise<ResourceKey | null> => {
    const kept = await leases.get(lease as Parameters<typeof leases.get>[0]);
    return kept?.resource ?? (asset === null ? null : kindOfAsset(asset));
  };

  const settlementOf = async (
    ledger: string,
    key: string,
    value: Uint8Array,
    account: KeyIdBytes,
  ): Promise<Earned | null> => {
    const { payee, paid, height, atMs, use } = decodeSettlement(value);
    if (!sameBytes(payee, account) || paid === 0n) return null;
    const lease = leaseIdOf(bytesOfHex(key.slice(SETTLEMENT.length)));
    return {
      id: `lease:${lease}`,
      ledger,
      kind: 'lease',
      account,
      amountMicro: paid,
      resource: await resourceOf(lease, use?.asset ?? null),
      lease,
      height,
      atMs,
      epoch: null,
    };
  };
  /** A payout by the leases that it is for, in the order of the state: the last one takes what rounding leaves. */
  const payoutOf = async (
    ledger: string,
    key: string,
    value: Uint8Array,
    account: KeyIdBytes,
    state: LedgerState,
    atMs: number,
  ): Promise<Earned[]> => {
    if (!key.endsWith(hexOf(account))) return [];
    const epoch = epochOfKey(PAYOUT, key);
    const { paid, height } = decodePayout(value);
    const counted = readRewards(state, epoch, account).filter((reward) => reward.counted > 0n);
    const sum = counted.reduce((all, reward) => all + reward.counted, 0n);
    const earned: Earned[] = [];
    let left = paid;
    for (const [index, reward] of counted.entries()) {
      const amountMicro = index === counted.length - 1 ? left : (paid * reward.counted) / sum;
      left -= amountMicro;
      const lease = leaseIdOf(reward.lease);
      const resource = await resourceOf(lease, reward.asset);
      const id = `reward:${shortOf(ledger)}:${epoch}:${lease}`;
      if (amountMicro > 0n)
        earned.push({ id, ledger, kind: 'reward', account, amountMicro, resource, lease, height, atMs, epoch });
    }
    return earned;
  };

  const begin = async (ledger: FollowedLedger, account: KeyIdBytes): Promise<EarnedProgress> => {
    const before = known.get(ledger.id) ?? (await rows.progress(ledger.id));
    if (before !== null && before !== undefined && sameBytes(before.account, account)) return before;
    const { replica } = ledger;
    const state = replica.state();
    const { height } = replica.status();
    return { account, fromHeight: height, height, ...stakeIn(state, account) };
  };
  const stakeIn = (state: LedgerState, account: KeyIdBytes): { staked: bigint; index: bigint } => {
    const stake = state.get(stakeKey(account));
    const stakes = state.get(STAKES_KEY);
    return {
      staked: (stake === undefined ? NO_STAKE : decodeStake(stake)).staked,
      index: stakes === undefined ? 0n : decodeStakes(stakes).index,
    };
  };
  const put = async (ledger: FollowedLedger, earned: readonly Earned[], progress: EarnedProgress): Promise<void> => {
    await rows.add(ledger.id, earned, progress);
    known.set(ledger.id, progress);
    if (earned.length === 0) return;
    for (const { kind, amountMicro } of earned) metrics?.earned.inc(Number(amountMicro), { kind });
    emitter.emit('earned', earned);
  };

  /** @param stateThen - after this block, or a later one */
  const onFinal = async (ledger: FollowedLedger, final: FinalBlock, stateThen: LedgerState): Promise<void> => {
    const account = own();
    if (account === null) return;
    const { id } = ledger;
    const { header } = final.block;
    const { height, timeMs } = header;
    const progress = await begin(ledger, account);
    const earned: Earned[] = [];
    let { staked, index } = progress;
    for (const { key, value } of final.updates) {
      if (value === null) continue;
      if (key.startsWith(SETTLEMENT)) {
        const one = await settlementOf(id, key, value, account);
        if (one !== null) earned.push(one);
      } else if (key.startsWith(PAYOUT)) earned.push(...(await payoutOf(id, key, value, account, stateThen, timeMs)));
      else if (key === STAKES_KEY && height > progress.height) {
        // Minted before the block's transactions: for what was staked by then.
        const next = decodeStakes(value).index;
        const amountMicro = (staked * (next - index)) / YIELD_SCALE;
        index = next;
        earned.push(...unleasedOf('yield', id, account, amountMicro, header));
      }
    }
    const stakeNow = final.updates.find(({ key }) => key === stakeKey(account));
    if (stakeNow !== undefined && height > progress.height)
      staked = (stakeNow.value === null ? NO_STAKE : decodeStake(stakeNow.value)).staked;
    earned.push(...unleasedOf('fees', id, account, feesOf(final, account, stateThen), header));
    await put(ledger, earned, { ...progress, height: Math.max(height, progress.height), staked, index });
  };
  /** Of others' transactions: what the own ones paid to oneself is no income. */
  const feesOf = (final: FinalBlock, account: KeyIdBytes, state: LedgerState): bigint => {
    const validator = state.get(validatorKey(final.block.header.proposer));
    if (validator === undefined || !sameBytes(decodeValidator(validator).account, account)) return 0n;
    const burnPermille = BigInt(economyOf(state)?.feeBurnPermille ?? 0);
    let sum = 0n;
    for (const signed of final.transactions) {
      if (sameBytes(signed.signerBytes, account)) continue;
      const fee = feeOf(signed);
      sum += fee - (fee * burnPermille) / 1000n;
    }
    return sum;
  };
  /** Everything that the state knows and the rows may lack. */
  const readState = async (ledger: FollowedLedger): Promise<void> => {
    const account = own();
    if (account === null) return;
    const { replica, id } = ledger;
    const state = replica.state();
    const status = replica.status();
    if (status.height === 0) return;
    const before = await begin(ledger, account);
    const found: Earned[] = [];
    let looked = 0;
    for (const prefix of [SETTLEMENT, PAYOUT])
      for (const [key, value] of state.entries(prefix)) {
        looked += 1;
        if (looked % LOOKED_AT_ONCE === 0) await nextTurn();
        if (prefix === SETTLEMENT) {
          const one = await settlementOf(id, key, value, account);
          if (one !== null) found.push(one);
        } else {
          // The time of its block, where that is still there.
          if (!key.endsWith(hexOf(account))) continue;
          const { height } = decodePayout(value);
          const block = await replica.block(height);
          const atMs = block?.block.header.timeMs ?? status.timeMs;
          found.push(...(await payoutOf(id, key, value, account, state, atMs)));
        }
      }
    const now = stakeIn(state, account);
    if (now.staked === before.staked && status.height > before.height) {
      const amountMicro = (now.staked * (now.index - before.index)) / YIELD_SCALE;
      found.push(...unleasedOf('yield', id, account, amountMicro, status));
    }
    await put(ledger, found, { ...before, ...now, height: Math.max(status.height, before.height) });
  };
  const later = (step: () => Promise<void>): void => {
    work = work.then(step).catch((error: unknown) => {
      if (running) logger.warn('What blocks brought could not be written down', { error: messageOf(error) });
    });
  };
  const readAll = (): void => {
    for (const ledger of ledgers.list()) later(() => readState(ledger));
  };

  return {
    on: (name, listener) => emitter.on(name, listener),
    account: own,
    settled: async () => {
      await work;
    },
    start: async () => {
      running = true;
      let seen = own();
      endings.push(
        ledgers.on('final', ({ ledger, block }) => {
          const stateThen = ledger.replica.state();
          later(() => onFinal(ledger, block, stateThen));
        }),
        ledgers.on('adopted', ({ ledger }) => {
          later(() => readState(ledger));
        }),
        keys.on('changed', () => {
          const now = own();
          if (now === null || (seen !== null && sameBytes(now, seen))) return;
          seen = now;
          readAll();
        }),
      );
      readAll();
      await work;
    },
    stop: async () => {
      running = false;
      for (const end of endings.splice(0)) end();
      await work;
    },
  };
};
