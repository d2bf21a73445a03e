export {
  COMBINED_BYTES_MAX,
  combinedId,
  combinedFields,
  decodeCombined,
  encodeCombined,
  parseCombined,
} from './format.ts';
export {
  makeCombinedProof,
  type CombinedComponents,
  type CombinedFacts,
  type CombinedRequest,
  type CombinedStep,
  type SpaceProver,
} from './generate.ts';
export { verifyCombined, type CombinedContext, type CombinedVerdict, type ExpectedChallenge } from './verify.ts';
export { verifyCombinedInWorkers, type VerifyOptions } from './verify-in-workers.ts';
