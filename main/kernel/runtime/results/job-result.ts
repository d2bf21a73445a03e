import { decodeCbor, encodeCbor, messageOf, parseJobId } from '../../../base/index.ts';
import type { JobEnd, JobFile } from '../../../../preload/contract/index.ts';
import { isWorkPath } from '../work-path.ts';
import type { JobResult } from '../interface.ts';
import { HASH_BYTES, RESULT_FILES_MAX, RESULT_MESSAGE_CHARS_MAX, RESULT_PAYLOAD_BYTES_MAX } from './constants.ts';
import { resultMalformed, resultTooLarge, resultVersion } from './errors.ts';
import { plainFiles } from './hashes.ts';

// docs/formats/job-result.md

const VERSION = 1;
/** Five for each file, and the rest. */
const ITEMS_MAX = 64 + RESULT_FILES_MAX * 5;
const LEASE_ID = /^lease-[0-9a-f]{32}$/;
const LIMITS = ['memory', 'time', 'output', 'scratch', 'processes'] as const;

type Fields<N extends string> = Record<N, unknown>;
const fieldsOf = <const N extends string>(value: unknown, names: readonly N[], what: string): Fields<N> => {
  if (typeof value !== 'object' || value === null || Array.isArray(value) || value instanceof Uint8Array)
    throw resultMalformed(`${what} is no map`);
  if (Object.keys(value).length !== names.length || names.some((name) => !Object.hasOwn(value, name)))
    throw resultMalformed(`${what} does not have exactly the fields ${names.join(', ')}`);
  return value as Fields<N>;
};
const hashOf = (value: unknown, what: string): Uint8Array => {
  if (!(value instanceof Uint8Array) || value.length !== HASH_BYTES) throw resultMalformed(`${what} is not 32 bytes`);
  return value;
};
const whole = (value: unknown, min: number, what: string): number => {
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < min)
    throw resultMalformed(`${what} is no whole number from ${min} on`);
  return value;
};
const wholeOrNull = (value: unknown, what: string): number | null => (value === null ? null : whole(value, 0, what));
const text = (value: unknown, max: number, what: string): string => {
  if (typeof value !== 'string' || value.length > max) throw resultMalformed(`${what} is no text of at most ${max}`);
  return value;
};

const endOf = (value: unknown): JobEnd => {
  const why = typeof value === 'object' && value !== null && 'why' in value ? value.why : undefined;
  const message = (given: unknown): string => text(given, RESULT_MESSAGE_CHARS_MAX, 'what is said of its end');
  const names = <const N extends string>(...rest: readonly N[]): Fields<N | 'why'> =>
    fieldsOf(value, ['why', ...rest], 'its end');
  switch (why) {
    case 'exited':
      return { why, exitCode: whole(names('exitCode').exitCode, Number.MIN_SAFE_INTEGER, 'its exit code') };
    case 'cancelled':
      names();
      return { why };
    case 'crashed':
    case 'owner':
    case 'lost':
    case 'unhealthy':
      return { why, message: message(names('message').message) };
    case 'limit': {
      const fields = names('limit', 'message');
      const limit = LIMITS.find((one) => one === fields.limit);
      if (limit === undefined) throw resultMalformed('its limit is none that there is');
      return { why, limit, message: message(fields.message) };
    }
    case 'moved': {
      const fields = names('to', 'message');
      return { why, to: text(fields.to, 256, 'where it went'), message: message(fields.message) };
    }
    default:
      throw resultMalformed('its end is none that there is');
  }
};

const filesOf = (value: unknown): JobFile[] => {
  if (!Array.isArray(value) || value.length > RESULT_FILES_MAX)
    throw resultMalformed(`its files are no list of at most ${RESULT_FILES_MAX}`);
  const files = value.map((one): JobFile => {
    const fields = fieldsOf(one, ['path', 'sha256', 'bytes', 'executable'], 'a file');
    const path = text(fields.path, 256, 'the path of a file');
    if (!isWorkPath(path)) throw resultMalformed('a file does not lie in the work folder');
    if (typeof fields.executable !== 'boolean') throw resultMalformed('a file is neither a program nor none');
    return {
      path,
      sha256: Buffer.from(hashOf(fields.sha256, 'the hash of a file')).toString('hex'),
      bytes: whole(fields.bytes, 0, 'the size of a file'),
      executable: fields.executable,
    };
  });
  if (files.some((file, index) => index > 0 && file.path <= (files[index - 1] as JobFile).path))
    throw resultMalformed('its files are out of order or there twice');
  return files;
};

/** Ends quote programs and engines at any length; a result keeps the beginning. */
const shortEnd = (end: JobEnd): JobEnd =>
  'message' in end ? { ...end, message: end.message.slice(0, RESULT_MESSAGE_CHARS_MAX).toWellFormed() } : end;

/**
 * @returns the payload that whoever ran the job signs in the domain `job-result`
 * @throws {ResultError} `RESULT_TOO_LARGE`
 */
export const encodeJobResult = (result: JobResult): Uint8Array => {
  const encoded = encodeCbor({
    v: VERSION,
    job: result.job,
    input: result.input,
    end: { ...shortEnd(result.end) },
    result: result.result,
    stdout: result.stdoutSha256,
    stderr: result.stderrSha256,
    outputs: plainFiles(result.outputs),
    cpuMs: result.cpuMs === null ? null : Math.round(result.cpuMs),
    memoryBytesPeak: result.memoryBytesPeak === null ? null : Math.round(result.memoryBytesPeak),
    startedAtMs: Math.round(result.startedAtMs),
    endedAtMs: Math.round(result.endedAtMs),
    lease: result.lease,
  });
  if (result.outputs.length > RESULT_FILES_MAX || encoded.length > RESULT_PAYLOAD_BYTES_MAX)
    throw resultTooLarge(encoded.length);
  // Whatever is signed can be read.
  decodeJobResult(encoded);
  return encoded;
};

/**
 * Reads a payload whose signatures hold. Whether its parts belong to each other is for {@link verifyJobResult}.
 *
 * @throws {ResultError} `RESULT_MALFORMED` | `RESULT_VERSION`
 */
export const decodeJobResult = (payload: Uint8Array): JobResult => {
  if (payload.length > RESULT_PAYLOAD_BYTES_MAX) throw resultMalformed('it is too large');
  let value: unknown;
  try {
    value = decodeCbor(payload, ITEMS_MAX);
  } catch (error) {
    throw resultMalformed(messageOf(error));
  }
  // A later version may have other fields, so it is told before they are looked at.
  const version = typeof value === 'object' && value !== null && 'v' in value ? value.v : undefined;
  if (typeof version === 'number' && Number.isSafeInteger(version) && version > VERSION) throw resultVersion(version);
  const fields = fieldsOf(
    value,
    [
      'v',
      'job',
      'input',
      'end',
      'result',
      'stdout',
      'stderr',
      'outputs',
      'cpuMs',
      'memoryBytesPeak',
      'startedAtMs',
      'endedAtMs',
      'lease',
    ],
    'it',
  );
  if (fields.v !== VERSION) throw resultMalformed(`its version is not ${VERSION}`);
  const job = typeof fields.job === 'string' ? parseJobId(fields.job) : null;
  if (job === null) throw resultMalformed('its job is none');
  if (fields.lease !== null && (typeof fields.lease !== 'string' || !LEASE_ID.test(fields.lease)))
    throw resultMalformed('its lease is none');
  const startedAtMs = whole(fields.startedAtMs, 0, 'its start');
  return {
    job,
    input: hashOf(fields.input, 'the hash of its input'),
    end: endOf(fields.end),
    result: hashOf(fields.result, 'the hash of its result'),
    stdoutSha256: hashOf(fields.stdout, 'the hash of its standard output'),
    stderrSha256: hashOf(fields.stderr, 'the hash of its standard error'),
    outputs: filesOf(fields.outputs),
    cpuMs: wholeOrNull(fields.cpuMs, 'its processor time'),
    memoryBytesPeak: wholeOrNull(fields.memoryBytesPeak, 'its memory'),
    startedAtMs,
    endedAtMs: whole(fields.endedAtMs, startedAtMs, 'its end'),
    lease: fields.lease,
  };
};
