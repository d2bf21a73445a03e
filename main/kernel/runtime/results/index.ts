export { compareCopies, type CopiesVerdict, type Copy } from './compare-copies.ts';
export { ResultError } from './errors.ts';
export { createStreamHash, inputHashOf, inputOf, isOutcome, resultHashOf, type StreamHash } from './hashes.ts';
export { decodeJobResult, encodeJobResult } from './job-result.ts';
export { openJobResult, type ResultOutcome, signJobResult, verifyJobResult } from './signed-result.ts';
export { RESULT_FILES_MAX, RESULT_RECORD_BYTES_MAX } from './constants.ts';
