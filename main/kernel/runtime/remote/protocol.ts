import { decodeCbor, encodeCbor, type JobId, messageOf, parseJobId } from '../../../base/index.ts';
import type { JobEnd, JobFile, JobView } from '../../../../preload/contract/index.ts';
import { createFieldReader, type LeaseId, parseLeaseId, shortened } from '../../leases/index.ts';
import type { WorkEntry } from '../drivers/interface.ts';
import type { ImageManifest } from '../images/interface.ts';
import {
  ENTRIES_PER_ANSWER,
  ENTRIES_MAX,
  OUTPUT_FILES_MAX,
  OUTPUT_PIECE_BYTES_MAX,
  PIECE_BYTES_MAX,
  RESULT_BYTES_MAX,
  SENTENCE_CHARACTERS_MAX,
  WAIT_MS_MAX,
} from './constants.ts';
import { type ContentRef, createJobFields, encodeSpec, type SentSpec } from './sent-spec.ts';

// Messages of `/hypermesh/job/1`: one question and one answer per stream, borrower to lender; docs/formats/job-messages.md. All are
// idempotent by lease and job: whoever gets no answer asks again.

const VERSION = 1;
/** Fields of a message; arguments, variables, files and layers; a thousand entries with five fields each. */
const ITEMS_MAX = 32_768;

/** Everything that a lender is told of a job before it starts. */
export interface Prepare {
  spec: SentSpec;
  /** Module of a sandbox job. */
  module: ContentRef | null;
  /** Null: no input. */
  stdin: ContentRef | null;
  /** Image that comes along; null: the lender has it, or fetches it from its registry. */
  image: ImageManifest | null;
  /** Made ready and not begun: files come from elsewhere first. */
  held: boolean;
}
interface Of {
  lease: LeaseId;
  job: JobId;
}
/** What is asked, of a job that is named beside it. */
export type JobWords =
  | ({ kind: 'prepare' } & Prepare)
  | { kind: 'start' }
  | { kind: 'begin' }
  | { kind: 'state'; since: number; waitMs: number }
  | { kind: 'output'; offset: number }
  | { kind: 'stop' }
  | { kind: 'collect' }
  | { kind: 'forget' }
  /** Ends it there for a move; its work folder stays. */
  | { kind: 'handOver'; to: string; graceMs: number }
  /** The move failed after it was handed over: it starts again there, with its files. */
  | { kind: 'resume' }
  | { kind: 'list'; after: number }
  | { kind: 'read'; path: string; offset: number; bytesMax: number }
  | { kind: 'write'; path: string; offset: number; data: Uint8Array }
  | { kind: 'truncate'; path: string; bytes: number; executable: boolean }
  | { kind: 'folder'; path: string }
  | { kind: 'remove'; path: string };
export type JobQuestion = Of & JobWords;
export const STATES = [
  // It is known there and nobody has started it: as after its lender was started again.
  'prepared',
  'preparing',
  'refused',
  'queued',
  'starting',
  'running',
  'frozen',
  'moving',
  'ended',
] as const satisfies readonly (JobView['state'] | 'refused' | 'prepared')[];
/** A job as its lender tells of it. */
export interface FarState {
  /** Grows with everything that is worth an answer at once. */
  version: number;
  state: (typeof STATES)[number];
  /** Why it was refused; empty otherwise. */
  code: string;
  reason: string;
  end: JobEnd | null;
  queuePosition: number | null;
  health: JobView['health'];
  governor: JobView['governor'];
  effectiveCpuPercent: number;
  restartsDone: number;
  measured: JobView['measured'];
  /** It has to leave: so much time it has left. */
  notice: { reason: string; noticeMs: number } | null;
}
export type JobAnswer =
  | { kind: 'ok' }
  | { kind: 'refused'; code: string; sentence: string }
  | { kind: 'prepared'; missing: readonly string[] }
  | ({ kind: 'state' } & FarState)
  | { kind: 'output'; chunks: readonly { stream: 'stdout' | 'stderr'; data: Uint8Array }[]; nextOffset: number }
  | { kind: 'collected'; result: Uint8Array | null; outputs: readonly JobFile[] }
  | { kind: 'entries'; entries: readonly WorkEntry[]; more: boolean }
  | { kind: 'bytes'; data: Uint8Array };

const MEASURED = [
  'cpuMs',
  'cpuPercentMean',
  'cpuPercentNow',
  'throttledPercentNow',
  'memoryBytesNow',
  'memoryBytesPeak',
  'pids',
  'readBytes',
  'writtenBytes',
  'sentBytes',
  'receivedBytes',
  'outputBytes',
  'startMs',
] as const satisfies readonly (keyof JobView['measured'])[];
/** Never null. */
const SUMS: ReadonlySet<string> = new Set(['sentBytes', 'receivedBytes', 'outputBytes']);
const LIMITS = ['memory', 'time', 'output', 'scratch', 'processes'] as const;

const QUESTION_FIELDS = {
  prepare: ['spec', 'module', 'stdin', 'image', 'held'],
  start: [],
  begin: [],
  state: ['since', 'waitMs'],
  output: ['offset'],
  stop: [],
  collect: [],
  forget: [],
  handOver: ['to', 'graceMs'],
  resume: [],
  list: ['after'],
  read: ['path', 'offset', 'bytesMax'],
  write: ['path', 'offset', 'data'],
  truncate: ['path', 'bytes', 'executable'],
  folder: ['path'],
  remove: ['path'],
} as const satisfies Record<JobQuestion['kind'], readonly string[]>;
const ANSWER_FIELDS = {
  ok: [],
  refused: ['code', 'sentence'],
  prepared: ['missing'],
  state: [
    'version',
    'state',
    'code',
    'reason',
    'end',
    'queuePosition',
    'health',
    'governor',
    'effectiveCpuPercent',
    'restartsDone',
    'measured',
    'notice',
  ],
  output: ['chunks', 'nextOffset'],
  collected: ['result', 'outputs'],
  entries: ['entries', 'more'],
  bytes: ['data'],
} as const satisfies Record<JobAnswer['kind'], readonly string[]>;

const CODE = /^([A-Z][A-Z0-9_]{0,63})?$/;
const LINE = new RegExp(`^[^\\p{Cc}\\p{Cf}\\p{Cs}\\p{Zl}\\p{Zp}]{0,${SENTENCE_CHARACTERS_MAX}}$`, 'u');
/** What a program said when it crashed: any text, not too much of it. */
const MESSAGE = /^[\s\S]{0,4096}$/;
const IMAGE_ID = /^sha256:[0-9a-f]{64}$/;
const REFERENCE = /^[a-zA-Z0-9][a-zA-Z0-9._/:@-]{0,511}$/;
const VERSION_TEXT = /^[\x21-\x7e]{0,64}$/;

const endForWire = (end: JobEnd): JobEnd => {
  const { message, ...rest } = { message: null, ...end };
  return (message === null ? rest : { ...rest, message: message.slice(0, 4096).toWellFormed() }) as JobEnd;
};

/** @throws nothing: what is encoded is ours */
export const encodeJobQuestion = (question: JobQuestion): Uint8Array => {
  if (question.kind !== 'prepare') return encodeCbor({ v: VERSION, ...question });
  const { kind, lease, job, spec, module, stdin, image, held } = question;
  return encodeCbor({ v: VERSION, kind, lease, job, spec: encodeSpec(spec), module, stdin, image, held });
};
export const encodeJobAnswer = (answer: JobAnswer): Uint8Array => {
  switch (answer.kind) {
    case 'refused':
      return encodeCbor({ v: VERSION, ...answer, sentence: shortened(answer.sentence) });
    case 'state': {
      const { end, reason, notice, measured } = answer;
      return encodeCbor({
        v: VERSION,
        ...answer,
        reason: shortened(reason),
        end: end === null ? null : endForWire(end),
        notice: notice === null ? null : { ...notice, reason: shortened(notice.reason) },
        measured: Object.fromEntries(MEASURED.map((name) => [name, measured[name]])),
      });
    }
    default:
      return encodeCbor({ v: VERSION, ...answer });
  }
};

const createReader = <K extends string>(what: string, fieldsOf: Readonly<Record<K, readonly string[]>>) => {
  const reader = createFieldReader(what, ITEMS_MAX);
  const kinds: readonly string[] = Object.keys(fieldsOf);
  return {
    reader,
    fields: createJobFields(reader),
    open: (encoded: Uint8Array, always: readonly string[]): { kind: K; fields: Record<string, unknown> } => {
      let value: unknown;
      try {
        value = decodeCbor(encoded, ITEMS_MAX);
      } catch (error) {
        throw reader.malformed(messageOf(error));
      }
      const kind = reader.oneOf((value as { kind?: unknown } | null)?.kind, kinds, 'its kind') as K;
      const fields: Record<string, unknown> = reader.fields(value, ['v', 'kind', ...always, ...fieldsOf[kind]], 'it');
      if (fields['v'] !== VERSION) throw reader.malformed(`its version is not ${VERSION}`);
      return { kind, fields };
    },
  };
};
const questions = createReader('The message about a job', QUESTION_FIELDS);
const answers = createReader('The answer about a job', ANSWER_FIELDS);
type Reader = typeof questions.reader;

const COUNT_MAX = Number.MAX_SAFE_INTEGER;
const count = (reader: Reader, value: unknown, where: string): number => reader.whole(value, 0, COUNT_MAX, where);
const contentRef = (value: unknown, where: string): ContentRef | null => {
  if (value === null) return null;
  const { reader, fields: job } = questions;
  const { sha256, bytes } = reader.fields(value, ['sha256', 'bytes'], where);
  return { sha256: job.hash(sha256, where), bytes: count(reader, bytes, where) };
};
const manifest = (value: unknown): ImageManifest | null => {
  if (value === null) return null;
  const { reader } = questions;
  const { id, references, config, layers } = reader.fields(
    value,
    ['id', 'references', 'config', 'layers'],
    'its image',
  );
  const part = (one: unknown): ContentRef => {
    const found = contentRef(one, 'a part of its image');
    if (found === null) throw reader.malformed('a part of its image is missing');
    return found;
  };
  return {
    id: reader.text(id, IMAGE_ID, 'the id of its image'),
    references: reader
      .list(references, 16, 'the names of its image')
      .map((one) => reader.text(one, REFERENCE, 'a name')),
    config: part(config),
    layers: reader.list(layers, 128, 'the layers of its image').map(part),
  };
};

/** @throws {LeaseFormatError} */
export const decodeJobQuestion = (encoded: Uint8Array): JobQuestion => {
  const { reader, fields: job } = questions;
  const { kind, fields } = questions.open(encoded, ['lease', 'job']);
  const ids = decodeIds(reader, fields);
  switch (kind) {
    case 'prepare':
      return {
        kind,
        ...ids,
        spec: job.spec(fields['spec']),
        module: contentRef(fields['module'], 'its module'),
        stdin: contentRef(fields['stdin'], 'its input'),
        image: manifest(fields['image']),
        held: reader.flag(fields['held'], 'whether it is held'),
      };
    case 'start':
    case 'begin':
    case 'stop':
    case 'collect':
    case 'forget':
    case 'resume':
      return { kind, ...ids };
    case 'state':
      return {
        kind,
        ...ids,
        since: count(reader, fields['since'], 'since'),
        waitMs: reader.whole(fields['waitMs'], 0, WAIT_MS_MAX, 'how long it waits'),
      };
    case 'output':
      return { kind, ...ids, offset: count(reader, fields['offset'], 'its offset') };
    case 'handOver':
      return {
        kind,
        ...ids,
        to: reader.text(fields['to'], LINE, 'where it goes'),
        graceMs: reader.whole(fields['graceMs'], 0, 10_000, 'its grace'),
      };
    case 'list':
      return { kind, ...ids, after: reader.whole(fields['after'], 0, ENTRIES_MAX, 'where the list goes on') };
    case 'read':
      return {
        kind,
        ...ids,
        path: job.deepPath(fields['path'], 'its path'),
        offset: count(reader, fields['offset'], 'its offset'),
        bytesMax: reader.whole(fields['bytesMax'], 1, PIECE_BYTES_MAX, 'how much is read'),
      };
    case 'write':
      return {
        kind,
        ...ids,
        path: job.deepPath(fields['path'], 'its path'),
        offset: count(reader, fields['offset'], 'its offset'),
        data: reader.bytesUpTo(fields['data'], 0, PIECE_BYTES_MAX, 'its data'),
      };
    case 'truncate':
      return {
        kind,
        ...ids,
        path: job.deepPath(fields['path'], 'its path'),
        bytes: count(reader, fields['bytes'], 'its size'),
        executable: reader.flag(fields['executable'], 'whether it is a program'),
      };
    case 'folder':
    case 'remove':
      return { kind, ...ids, path: job.deepPath(fields['path'], 'its path') };
  }
};
const decodeIds = (reader: Reader, fields: Record<string, unknown>): Of => {
  const lease = typeof fields['lease'] === 'string' ? parseLeaseId(fields['lease']) : null;
  const job = typeof fields['job'] === 'string' ? parseJobId(fields['job']) : null;
  if (lease === null || job === null) throw reader.malformed('it names no lease and no job');
  return { lease, job };
};

const decodeEnd = (value: unknown): JobEnd | null => {
  if (value === null) return null;
  const { reader } = answers;
  const whys = ['exited', 'crashed', 'cancelled', 'limit', 'owner', 'lost', 'moved', 'unhealthy'] as const;
  const why = reader.oneOf((value as { why?: unknown }).why, whys, 'why it ended');
  const text = (field: unknown): string => reader.text(field, MESSAGE, 'what it said');
  switch (why) {
    case 'exited': {
      const { exitCode } = reader.fields(value, ['why', 'exitCode'], 'its end');
      return { why, exitCode: reader.whole(exitCode, -(2 ** 31), 2 ** 32, 'its exit code') };
    }
    case 'cancelled':
      reader.fields(value, ['why'], 'its end');
      return { why };
    case 'limit': {
      const { limit, message } = reader.fields(value, ['why', 'limit', 'message'], 'its end');
      return { why, limit: reader.oneOf(limit, LIMITS, 'its limit'), message: text(message) };
    }
    case 'moved': {
      const { to, message } = reader.fields(value, ['why', 'to', 'message'], 'its end');
      return { why, to: text(to), message: text(message) };
    }
    default:
      return { why, message: text(reader.fields(value, ['why', 'message'], 'its end').message) };
  }
};
const decodeMeasured = (value: unknown): JobView['measured'] => {
  const { reader, fields: job } = answers;
  const fields = reader.fields(value, MEASURED, 'what was measured');
  return Object.fromEntries(
    MEASURED.map((name) => [
      name,
      fields[name] === null && !SUMS.has(name) ? null : job.amount(fields[name], `what was measured, ${name},`),
    ]),
  ) as JobView['measured'];
};
const decodeState = (fields: Record<string, unknown>): FarState => {
  const { reader, fields: job } = answers;
  const notice =
    fields['notice'] === null ? null : reader.fields(fields['notice'], ['reason', 'noticeMs'], 'its notice');
  return {
    version: count(reader, fields['version'], 'its version'),
    state: reader.oneOf(fields['state'], STATES, 'its state'),
    code: reader.text(fields['code'], CODE, 'its code'),
    reason: reader.text(fields['reason'], LINE, 'its reason'),
    end: decodeEnd(fields['end']),
    queuePosition:
      fields['queuePosition'] === null ? null : reader.whole(fields['queuePosition'], 1, COUNT_MAX, 'its place'),
    health: reader.oneOf(fields['health'], ['none', 'starting', 'healthy', 'failing'], 'its health'),
    governor: reader.oneOf(fields['governor'], ['cgroup', 'duty-cycle', 'engine', 'none'], 'its governor'),
    effectiveCpuPercent: job.amount(fields['effectiveCpuPercent'], 'its share'),
    restartsDone: reader.whole(fields['restartsDone'], 0, 1_000, 'its restarts'),
    measured: decodeMeasured(fields['measured']),
    notice: notice && {
      reason: reader.text(notice.reason, LINE, 'the reason of its notice'),
      noticeMs: count(reader, notice.noticeMs, 'the time of its notice'),
    },
  };
};

/** @throws {LeaseFormatError} */
export const decodeJobAnswer = (encoded: Uint8Array): JobAnswer => {
  const { reader, fields: job } = answers;
  const { kind, fields } = answers.open(encoded, []);
  switch (kind) {
    case 'ok':
      return { kind };
    case 'refused':
      return {
        kind,
        code: reader.text(fields['code'], CODE, 'its code'),
        sentence: reader.text(fields['sentence'], LINE, 'its sentence'),
      };
    case 'prepared':
      return {
        kind,
        missing: reader.list(fields['missing'], 512, 'what is missing').map((one) => job.hash(one, 'what is missing')),
      };
    case 'state':
      return { kind, ...decodeState(fields) };
    case 'output': {
      let left = OUTPUT_PIECE_BYTES_MAX;
      const chunks = reader.list(fields['chunks'], 1_024, 'its output').map((one) => {
        const { stream, data } = reader.fields(one, ['stream', 'data'], 'a piece of its output');
        const bytes = reader.bytesUpTo(data, 1, left, 'its output');
        left -= bytes.length;
        return { stream: reader.oneOf(stream, ['stdout', 'stderr'], 'its stream'), data: bytes };
      });
      return { kind, chunks, nextOffset: count(reader, fields['nextOffset'], 'where its output goes on') };
    }
    case 'collected':
      return {
        kind,
        result:
          fields['result'] === null ? null : reader.bytesUpTo(fields['result'], 1, RESULT_BYTES_MAX, 'its result'),
        outputs: job.files(fields['outputs'], OUTPUT_FILES_MAX, 'its outputs'),
      };
    case 'entries': {
      const entries = reader.list(fields['entries'], ENTRIES_PER_ANSWER, 'its entries').map((one): WorkEntry => {
        const entry = reader.fields(one, ['path', 'kind', 'bytes', 'executable', 'version'], 'an entry');
        return {
          path: job.deepPath(entry.path, 'the path of an entry'),
          kind: reader.oneOf(entry.kind, ['file', 'folder'], 'the kind of an entry'),
          bytes: count(reader, entry.bytes, 'the size of an entry'),
          executable: reader.flag(entry.executable, 'whether an entry is a program'),
          version: reader.text(entry.version, VERSION_TEXT, 'the version of an entry'),
        };
      });
      return { kind, entries, more: reader.flag(fields['more'], 'whether there is more') };
    }
    case 'bytes':
      return { kind, data: reader.bytesUpTo(fields['data'], 0, PIECE_BYTES_MAX, 'its data') };
  }
};

// Opening of `/hypermesh/job-port/1`: a message each way, then raw bytes.

const opening = createFieldReader('The opening of a port', 8);
export const encodePortOpening = (of: Of & { port: number }): Uint8Array => encodeCbor({ v: VERSION, ...of });
/** @throws {LeaseFormatError} */
export const decodePortOpening = (encoded: Uint8Array): Of & { port: number } => {
  const fields = opening.map(encoded, VERSION, ['v', 'lease', 'job', 'port']);
  return { ...decodeIds(opening, fields), port: opening.whole(fields.port, 1, 65_535, 'its port') };
};
