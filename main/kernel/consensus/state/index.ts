export type * from './interface.ts';
export { CHUNK_BYTES, CHUNK_BYTES_MAX, MANIFEST_BYTES_MAX, PROOF_BYTES_MAX } from './constants.ts';
export { StateError } from './errors.ts';
export { createLedgerTree, loadLedgerTree } from './ledger-tree.ts';
export { verifyStateProof } from './proof.ts';
export { readSnapshot } from './snapshot.ts';
