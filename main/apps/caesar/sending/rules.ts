import type { KeyIdBytes } from '../../../base/crypto/index.ts';
import type { LedgerState, SignedTransaction } from '../../../kernel/blocks/index.ts';
import { readCaesarTransaction } from '../ledger/fields.ts';
import type { EconomyParams } from '../ledger/interface.ts';
import { accountKey, ECONOMY_KEY } from '../ledger/keys.ts';
import { decodeEconomyParams } from '../ledger/params.ts';
import { decodeAccount } from '../ledger/records.ts';

// What whoever sends has to know of the rules.

/** Nonce of the account's next transaction. */
export const nextNonce = (state: LedgerState, account: KeyIdBytes): number => {
  const value = state.get(accountKey(account));
  return value === undefined ? 0 : decodeAccount(value).nonce;
};
/** Null on a ledger that has no such economy. */
export const economyOf = (state: LedgerState): EconomyParams | null => {
  const value = state.get(ECONOMY_KEY);
  return value === undefined ? null : decodeEconomyParams(value);
};
/** Fields and fee, as they were given. */
export const fieldsOf = (signed: SignedTransaction): { fields: Record<string, unknown>; feeMicro: bigint } => {
  const read = readCaesarTransaction(signed);
  return read === null ? { fields: {}, feeMicro: 0n } : { fields: { ...read.fields }, feeMicro: read.fee };
};
