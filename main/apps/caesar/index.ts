export { accountText, parseAccount } from './address.ts';
export { AccountTextError, CaesarError, ReceiptError } from './errors.ts';
export type * from './interface.ts';
export type * from './ledger/interface.ts';
export { CAES, GROUP_STAKE, groupEconomy, homeEconomy } from './ledger/economies.ts';
export { type CaesarAppComponents, type CaesarAppInit, createCaesarApp } from './ledger/create-caesar-app.ts';
export { readEconomyGenesis } from './ledger/genesis.ts';
export * from './ledger/read-state.ts';
export {
  describeTransaction,
  draftTransaction,
  feeFor,
  feeOf,
  feeOfDraft,
  recordBytesOf,
  scheduleOf,
  type TransactionFrame,
} from './ledger/transactions.ts';
export { demandOf, pointsOf, qualityOf } from './ledger/rewards.ts';
export { emissionOf } from './ledger/epochs.ts';
// What the wallet reads of final blocks, and asks before something is signed.
export { changeConsensusParams, decodeConsensusParams } from './ledger/consensus-params.ts';
export { readCaesarTransaction } from './ledger/fields.ts';
export { CONSENSUS_KEY, PAYOUT, SETTLEMENT } from './ledger/keys.ts';
export { changeEconomyParams, ECONOMY_BOUNDS, FIXED_PARAMS } from './ledger/params.ts';
export { Refusal } from './ledger/refusal.ts';
export { createSender, type SenderComponents, type SenderControl, type SentOutcome } from './sender.ts';
export { type CaesarComponents, type CaesarControl, createCaesar } from './create-caesar.ts';
export * from './receipts/index.ts';
