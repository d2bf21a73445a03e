export type * from './interface.ts';
export { BlockError, BlockFormatError } from './errors.ts';
export { GENESIS_KIND, STATE_KEY, STATE_VALUE_BYTES_MAX } from './constants.ts';
export type { ChainComponents, ChainInit } from './chain-core.ts';
export { createChain } from './create-chain.ts';
export { type FileVerification, type VerifyFileComponents, verifyChainFile } from './verify-file.ts';
// What another ledger is made of: kernel/consensus agrees on transactions of the same form.
export { LedgerRules } from './ledger.ts';
export { StateOverlay } from './state-tree.ts';
export { Strict } from './format/strict.ts';
export { encodeTransaction, openTransaction, readTransaction, transactionHash } from './format/transaction.ts';
