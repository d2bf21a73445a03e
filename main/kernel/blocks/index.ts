export type * from './interface.ts';
export { BlockError, BlockFormatError } from './errors.ts';
export { GENESIS_KIND } from './constants.ts';
export type { ChainComponents, ChainInit } from './chain-core.ts';
export { createChain } from './create-chain.ts';
export { type FileVerification, type VerifyFileComponents, verifyChainFile } from './verify-file.ts';
