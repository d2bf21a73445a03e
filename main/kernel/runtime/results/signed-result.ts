import { isNodeError } from '../../../base/index.ts';
import { type KeyId, type Signer, type VerifiedRecord, verifyRecord } from '../../../base/crypto/index.ts';
import type { ResultVerdict } from '../../../../preload/contract/index.ts';
import type { JobResult } from '../interface.ts';
import { RESULT_RECORD_BYTES_MAX } from './constants.ts';
import { resultMalformed } from './errors.ts';
import { resultHashOf } from './hashes.ts';
import { decodeJobResult, encodeJobResult } from './job-result.ts';

// docs/formats/job-result.md

const DOMAIN = 'job-result';
const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
const sayMs = (ms: number): string => new Date(ms).toISOString().replace(/\.\d{3}Z$/, 'Z');
/** The last moment that a date can name. */
const DATE_MS_MAX = 8_640_000_000_000_000;

/**
 * @returns the encoded record: what is sent, kept and given out as a file
 * @throws {ResultError} `RESULT_TOO_LARGE` {RecordError} `LOCKED`
 */
export const signJobResult = (signer: Signer, result: JobResult): Promise<Uint8Array> =>
  signer.sign(DOMAIN, encodeJobResult(result));

/** What came from a peer and does not hold is an outcome, not a failure of the thread. */
export type ResultOutcome = { ok: true; result: JobResult; signer: KeyId } | { ok: false; problem: string };

const problemOf = (result: JobResult): string | null => {
  const { end, stdoutSha256, outputs } = result;
  if (hex(resultHashOf({ end, stdoutSha256, outputs })) !== hex(result.result))
    return 'the hash of the result is not that of the output, the files and the exit code that it names';
  if (result.endedAtMs > DATE_MS_MAX) return 'it ended at a time that no clock shows';
  return null;
};

/** For whoever gets it from a peer. Takes three milliseconds: in a worker only. */
export const openJobResult = (encoded: Uint8Array): ResultOutcome => {
  if (encoded.length > RESULT_RECORD_BYTES_MAX) return { ok: false, problem: 'it is too large' };
  try {
    const record = verifyRecord(encoded, { domain: DOMAIN });
    const result = decodeJobResult(record.payload);
    const problem = problemOf(result);
    return problem === null ? { ok: true, result, signer: record.keyId } : { ok: false, problem };
  } catch (error) {
    // Expected ones only: a bug must end as one.
    if (isNodeError(error)) return { ok: false, problem: error.message };
    throw error;
  }
};

type Finding = ResultVerdict['findings'][number];
const EMPTY_SENTENCE = 'Not looked at, since what it stands on does not hold.';

const sayEnd = ({ end }: JobResult): string =>
  end.why === 'exited' ? `ended by itself with exit code ${end.exitCode}` : `did not end by itself (${end.why})`;

/**
 * Checks a file with what it holds and nothing else: no node, no keys, no network. Takes three milliseconds.
 *
 * @throws {ResultError} `RESULT_MALFORMED` when it is no such file at all: the rest is a verdict
 */
export const verifyJobResult = (bytes: Uint8Array): ResultVerdict => {
  if (bytes.length > RESULT_RECORD_BYTES_MAX)
    throw resultMalformed(`it has more than ${RESULT_RECORD_BYTES_MAX} bytes`);
  const findings: Finding[] = [];
  const failed = (check: string, sentence: string): ResultVerdict => {
    findings.push({ check, passed: false, sentence });
    for (const rest of ['signatures', 'fields', 'result'].slice(findings.length))
      findings.push({ check: rest, passed: false, sentence: EMPTY_SENTENCE });
    return { passed: false, findings, result: null };
  };

  let record: VerifiedRecord;
  try {
    record = verifyRecord(bytes, { domain: DOMAIN });
  } catch (error) {
    if (!isNodeError(error)) throw error;
    if (error.code === 'RECORD_MALFORMED') throw resultMalformed(error.message);
    return failed('signatures', error.message);
  }
  findings.push({
    check: 'signatures',
    passed: true,
    sentence: `${record.keyId} signed this, with both of its keys.`,
  });

  let result: JobResult;
  try {
    result = decodeJobResult(record.payload);
  } catch (error) {
    if (isNodeError(error)) return failed('fields', error.message);
    throw error;
  }
  const problem = problemOf(result);
  if (result.endedAtMs > DATE_MS_MAX) return failed('fields', `Its fields cannot be right: ${problem}.`);
  findings.push({
    check: 'fields',
    passed: true,
    sentence: `It is about ${result.job}, which ${sayEnd(result)}, at ${sayMs(result.endedAtMs)} by the signer's clock.`,
  });
  if (problem !== null) return failed('result', `It contradicts itself: ${problem}.`);
  findings.push({
    check: 'result',
    passed: true,
    sentence: `The hash of the result covers the exit code, the standard output and ${result.outputs.length} ${result.outputs.length === 1 ? 'file' : 'files'}.`,
  });
  return {
    passed: true,
    findings,
    result: {
      job: result.job,
      signer: record.keyId,
      inputSha256: hex(result.input),
      resultSha256: hex(result.result),
      exitCode: result.end.why === 'exited' ? result.end.exitCode : null,
      endedAtMs: result.endedAtMs,
      cpuMs: result.cpuMs,
      memoryBytesPeak: result.memoryBytesPeak,
    },
  };
};
