import {
  PAYOUT,
  type PayoutView,
  SETTLEMENT,
  type SettlementView,
  readAccount,
  readEconomyGenesis,
  readPayout,
  readSettlement,
} from '../../caesar/index.ts';
import type { KeyIdBytes } from '../../../base/crypto/index.ts';
import type { LedgerState, StateUpdate } from '../../../kernel/blocks/index.ts';
import type { Genesis } from '../../../kernel/consensus/index.ts';
import { type AccountFacts, NO_FACTS } from './facts.ts';

// What the wallet reads of a ledger's state.

export const hexOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
export const bytesOfHex = (hex: string): Uint8Array => new Uint8Array(Buffer.from(hex, 'hex'));
export const sameBytes = (one: Uint8Array, other: Uint8Array): boolean => Buffer.compare(one, other) === 0;

/** What an account has, without the yield that its next transaction books. */
export const factsOf = (state: LedgerState, account: KeyIdBytes): AccountFacts => {
  const { balance, yieldMicro, escrowed, staked, unbonding } = readAccount(state, account);
  return {
    balanceMicro: balance - yieldMicro,
    escrowedMicro: escrowed,
    stakedMicro: staked,
    unbonding: unbonding.map(({ amount, atMs }) => ({ amountMicro: amount, atMs })),
  };
};
/** What an account began with. */
export const genesisFacts = ({ app }: Genesis, account: KeyIdBytes): AccountFacts => {
  const found = readEconomyGenesis(app).accounts.find(({ id }) => sameBytes(id, account));
  return found === undefined ? NO_FACTS : { ...NO_FACTS, balanceMicro: found.balance, stakedMicro: found.staked };
};
/** Whether anybody ever paid an account, or it signed something. */
export const isUsed = (state: LedgerState, account: KeyIdBytes): boolean => {
  const { balance, nonce, escrowed, staked, unbonding } = readAccount(state, account);
  return balance > 0n || nonce > 0 || escrowed > 0n || staked > 0n || unbonding.length > 0;
};

/** Leases that ended and rewards that were paid, of whichever records are looked at. */
export interface Outcomes {
  settlements: readonly SettlementView[];
  payouts: readonly PayoutView[];
}
const settlementAt = (state: LedgerState, key: string): SettlementView | null =>
  readSettlement(state, bytesOfHex(key.slice(SETTLEMENT.length)));
const payoutAt = (state: LedgerState, key: string): PayoutView | null => {
  const [epoch = '', account = ''] = key.slice(PAYOUT.length).split('/');
  return readPayout(state, Number(epoch), bytesOfHex(account));
};
/** What a block wrote. */
export const outcomesOfBlock = (height: number, updates: readonly StateUpdate[]): Outcomes => {
  const settlements: SettlementView[] = [];
  const payouts: PayoutView[] = [];
  for (const { key, value } of updates) {
    if (value === null) continue;
    const only: LedgerState = { get: (asked) => (asked === key ? value : undefined), entries: () => [] };
    if (key.startsWith(SETTLEMENT)) {
      const found = settlementAt(only, key);
      // A reward that is claimed later writes the settlement once more.
      if (found?.height === height) settlements.push(found);
    } else if (key.startsWith(PAYOUT)) {
      const found = payoutAt(only, key);
      if (found !== null) payouts.push(found);
    }
  }
  return { settlements, payouts };
};
/** Records between two looks at everything else. */
const RECORDS_PER_TURN = 500;
/** What the state still says of blocks after one height and up to another. */
export const outcomesOfState = async (
  state: LedgerState,
  after: number,
  upTo: number,
  pause: () => Promise<void>,
): Promise<Outcomes> => {
  const settlements: SettlementView[] = [];
  const payouts: PayoutView[] = [];
  let looked = 0;
  const isWithin = (height: number): boolean => height > after && height <= upTo;
  for (const [prefix, take] of [
    [
      SETTLEMENT,
      (key: string): void => {
        const found = settlementAt(state, key);
        if (found !== null && isWithin(found.height)) settlements.push(found);
      },
    ],
    [
      PAYOUT,
      (key: string): void => {
        const found = payoutAt(state, key);
        if (found !== null && isWithin(found.height)) payouts.push(found);
      },
    ],
  ] as const)
    for (const [key] of state.entries(prefix)) {
      take(key);
      looked++;
      if (looked % RECORDS_PER_TURN === 0) await pause();
    }
  return { settlements, payouts };
};
