import type { LedgerState } from '../../../../../main/kernel/blocks/index.ts';
import { AMOUNT_MAX } from '../../../../../main/apps/caesar/ledger/constants.ts';
import * as keys from '../../../../../main/apps/caesar/ledger/keys.ts';
import * as records from '../../../../../main/apps/caesar/ledger/records.ts';
import { readSupply } from '../../../../../main/apps/caesar/ledger/read-state.ts';

/** Counts all money again from the records, and everything that is kept twice. @returns what is wrong, one sentence each */
export const auditState = (state: LedgerState): string[] => {
  const problems: string[] = [];
  const amount = (value: bigint, what: string): bigint => {
    if (value < 0n || value > AMOUNT_MAX) problems.push(`${what} is ${value}`);
    return value;
  };
  let total = 0n;
  let escrowedByAccounts = 0n;
  let escrows = 0n;
  let staked = 0n;
  let listed = 0n;
  let nodes = 0;
  const due = new Set([...state.entries(keys.DUE)].map(([key]) => key));
  const awaited = (key: string): void => {
    if (!due.delete(key)) problems.push(`nothing waits at ${key}`);
  };
  for (const [key, value] of state.entries(keys.ACCOUNT)) {
    const { balance, escrowed, nonce } = records.decodeAccount(value);
    if (balance === 0n && escrowed === 0n && nonce === 0) problems.push(`${key} is nothing and there`);
    total += amount(balance, `the balance of ${key}`);
    escrowedByAccounts += amount(escrowed, `what ${key} set aside`);
  }
  for (const [key, value] of state.entries(keys.STAKE)) {
    const stake = records.decodeStake(value);
    const account = keys.bytesOfHex(key.slice(keys.STAKE.length));
    staked += amount(stake.staked, `the stake of ${key}`);
    for (const { amount: waiting, atMs } of stake.unbonding) {
      total += amount(waiting, `a stake that waits of ${key}`);
      awaited(keys.dueKey(atMs, 'u', account));
    }
    if (stake.validator !== null) {
      nodes += 1;
      const validator = state.get(keys.validatorKey(stake.validator));
      if (validator === undefined || !keys.sameBytes(records.decodeValidator(validator).account, account))
        problems.push(`${key} names a validator that does not name it`);
    }
  }
  for (const [key, value] of state.entries(keys.ESCROW)) {
    const { most, closesAtMs, best } = records.decodeEscrow(value);
    escrows += amount(most, `what is set aside in ${key}`);
    if (best !== null && best.owed > most) problems.push(`${key} owes more than was set aside`);
    awaited(keys.dueKey(closesAtMs, 'e', keys.bytesOfHex(key.slice(keys.ESCROW.length))));
  }
  for (const key of due) if (keys.readDueKey(key).kind === 'e') problems.push(`${key} waits for no escrow`);
  for (const [key, value] of state.entries(keys.SETTLEMENT)) {
    const { most, paid, burnt, back } = records.decodeSettlement(value);
    if (paid + burnt + back !== most) problems.push(`${key} did not give out what was set aside`);
    if (state.get(keys.ESCROW + key.slice(keys.SETTLEMENT.length)) !== undefined)
      problems.push(`${key} is settled and set aside`);
  }
  const stakes = records.decodeStakes(state.get(keys.STAKES_KEY)!);
  total += amount(stakes.pot, 'the yield to come') + staked + escrows;
  if (stakes.total !== staked) problems.push(`stakes are ${staked} together, and ${stakes.total} is kept`);
  if (escrows !== escrowedByAccounts) problems.push('accounts and escrows differ in what is set aside');
  const supply = readSupply(state);
  if (supply.total !== total) problems.push(`there is ${total}, and the supply says ${supply.total}`);
  const validators = [...state.entries(keys.VALIDATOR)];
  if (validators.length !== nodes) problems.push('a validator has no account that names it');
  if (validators.every(([, value]) => records.decodeValidator(value).power === 0))
    problems.push('nobody has any power');
  for (const [, value] of state.entries(keys.LISTING)) listed += BigInt(records.decodeListing(value).amountMax);
  const inKinds = [...state.entries(keys.KIND)].reduce((sum, [, value]) => sum + records.decodeKind(value).listed, 0n);
  if (listed !== inKinds) problems.push(`${listed} is listed, and ${inKinds} is kept`);
  const epoch = records.decodeEpoch(state.get(keys.EPOCH_KEY)!);
  const points = [...state.entries(keys.epochPrefix(keys.POINTS, epoch.number))].reduce(
    (sum, [, value]) => sum + records.decodePoints(value),
    0n,
  );
  if (points !== epoch.points) problems.push(`points are ${points} together, and ${epoch.points} is kept`);
  return problems;
};
