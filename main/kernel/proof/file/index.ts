export { decodeProofFile, encodeProofFile, PROOF_FILE_BYTES_LIMIT, type ProofFile } from './format.ts';
export { notesFor, toProofVerdict, verifyProofFile, type ProofFileCheck } from './verify.ts';
export { verifyProofFileInWorkers } from './verify-in-workers.ts';
