export { buildLightPath } from './build-path.ts';
export {
  createLightClient,
  type LedgerReading,
  type LightClient,
  type LightClientComponents,
  type LightClientInit,
  type Trusted,
  verifyLedgerProof,
} from './create-light-client.ts';
export { decodeLedgerProof, encodeLedgerProof, type LedgerProof } from './ledger-proof.ts';
export { type CommitExpectation, checkCommitForm, signedPower, verifyCommit } from './verify-commit.ts';
export { type EvidenceComponents, verifyEvidence } from './verify-evidence.ts';
