import { decodeCbor, encodeCbor, messageOf } from '../../base/index.ts';
import type { ProtocolSpec } from '../../transport/stoq/index.ts';
import type { ProofKind } from '../../../preload/contract/index.ts';
import { LEASE_RECORD_BYTES_MAX, PROOF_KINDS } from './constants.ts';
import { createFieldReader } from './fields.ts';
import { LEASE_STATES, type LeaseId, type LeaseState } from './interface.ts';
import { LEASE_ID_BYTES, leaseIdBytes, leaseIdOf } from './names.ts';

// Messages of `/hypermesh/lease/1`: one question and one answer per stream; docs/formats/lease-messages.md. All are idempotent: whoever
// gets no answer asks again.

export const LEASE_PROTOCOL = '/hypermesh/lease/1';
const VERSION = 1;
/** A proof with all that a stranger needs has some 200 KiB; nothing else comes near 16 KiB. */
export const PROOF_BYTES_MAX = 1024 * 1024;
/** Any question. Only a proof may be so long. */
export const QUESTION_BYTES_MAX = PROOF_BYTES_MAX + 1024;
export const ANSWER_BYTES_MAX = 16 * 1024;
/** Sentences and reasons, in characters. */
export const SENTENCE_CHARACTERS_MAX = 300;
const NONCE_BYTES = 32;
/** Fields of a message and the four kinds of proofs. */
const ITEMS_MAX = 32;
const AGE_MS_MAX = 365 * 24 * 3_600_000;

export const leaseSpec: ProtocolSpec = {
  name: LEASE_PROTOCOL,
  streamsMax: 32,
  // A borrower of a hundred leases gets a receipt for each of them in one tick.
  opensPerTenSeconds: 400,
  bytesMax: QUESTION_BYTES_MAX + 64,
  deadlineMs: 90_000,
};

export type LeaseQuestion =
  /** Shows a single-use key on this link. */
  | { kind: 'session'; record: Uint8Array }
  | { kind: 'request'; lease: LeaseId; record: Uint8Array }
  | { kind: 'proof'; lease: LeaseId; file: Uint8Array }
  | { kind: 'start'; lease: LeaseId }
  | { kind: 'status'; lease: LeaseId }
  | { kind: 'end'; lease: LeaseId; reason: string }
  // From the lender to the borrower:
  | { kind: 'receipt'; lease: LeaseId; record: Uint8Array }
  /** `record`: the final receipt, null where nothing ran. */
  | { kind: 'ended'; lease: LeaseId; code: string; reason: string; record: Uint8Array | null };
export type LeaseAnswer =
  | { kind: 'ok' }
  | { kind: 'granted'; record: Uint8Array }
  | { kind: 'prove'; nonce: Uint8Array; proofs: readonly ProofKind[]; maxAgeMs: number }
  | { kind: 'state'; state: LeaseState; sequence: number; code: string; reason: string }
  | { kind: 'countersigned'; record: Uint8Array }
  | { kind: 'refused'; code: string; sentence: string };

/** Cuts what we say to what others take: one line, not too long, nothing that a terminal would obey. */
export const shortened = (sentence: string): string => {
  const line = sentence.toWellFormed().replaceAll(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]+/gu, ' ');
  if (line.length <= SENTENCE_CHARACTERS_MAX) return line;
  return `${line.slice(0, SENTENCE_CHARACTERS_MAX - 3).toWellFormed()}...`;
};

/** The lease in its 16 bytes, everything else as it is. */
const encode = (message: LeaseQuestion | LeaseAnswer): Uint8Array =>
  encodeCbor({
    v: VERSION,
    ...message,
    ...('lease' in message && { lease: leaseIdBytes(message.lease) }),
    ...('reason' in message && { reason: shortened(message.reason) }),
    ...('sentence' in message && { sentence: shortened(message.sentence) }),
    ...('proofs' in message && { proofs: [...message.proofs] }),
  });
export const encodeQuestion = (question: LeaseQuestion): Uint8Array => encode(question);
export const encodeAnswer = (answer: LeaseAnswer): Uint8Array => encode(answer);

const CODE = /^[A-Z][A-Z0-9_]{0,63}$/;
const CODE_OR_NONE = /^([A-Z][A-Z0-9_]{0,63})?$/;
/** One line without control characters (C) and separators of lines, which a terminal of ours would obey. */
const LINE = new RegExp(`^[^\\p{Cc}\\p{Cf}\\p{Cs}\\p{Zl}\\p{Zp}]{0,${SENTENCE_CHARACTERS_MAX}}$`, 'u');

const QUESTION_FIELDS = {
  session: ['record'],
  request: ['lease', 'record'],
  proof: ['lease', 'file'],
  start: ['lease'],
  status: ['lease'],
  end: ['lease', 'reason'],
  receipt: ['lease', 'record'],
  ended: ['lease', 'code', 'reason', 'record'],
} as const satisfies Record<LeaseQuestion['kind'], readonly string[]>;
const ANSWER_FIELDS = {
  ok: [],
  granted: ['record'],
  prove: ['nonce', 'proofs', 'maxAgeMs'],
  state: ['state', 'sequence', 'code', 'reason'],
  countersigned: ['record'],
  refused: ['code', 'sentence'],
} as const satisfies Record<LeaseAnswer['kind'], readonly string[]>;

const createMessageReader = <K extends string>(what: string, fieldsOf: Readonly<Record<K, readonly string[]>>) => {
  const reader = createFieldReader(what, ITEMS_MAX);
  const kinds: readonly string[] = Object.keys(fieldsOf);
  const record = (value: unknown): Uint8Array => reader.bytesUpTo(value, 1, LEASE_RECORD_BYTES_MAX, 'its record');
  return {
    reader,
    record,
    lease: (value: unknown): LeaseId => leaseIdOf(reader.bytes(value, LEASE_ID_BYTES, 'its lease')),
    line: (value: unknown, where: string): string => reader.text(value, LINE, where),
    code: (value: unknown, pattern: RegExp): string => reader.text(value, pattern, 'its code'),
    /** @returns the kind and all fields of that kind */
    open: (encoded: Uint8Array): { kind: K; fields: Record<string, unknown> } => {
      let value: unknown;
      try {
        value = decodeCbor(encoded, ITEMS_MAX);
      } catch (error) {
        throw reader.malformed(messageOf(error));
      }
      const kind = reader.oneOf((value as { kind?: unknown } | null)?.kind, kinds, 'its kind') as K;
      const fields: Record<string, unknown> = reader.fields(value, ['v', 'kind', ...fieldsOf[kind]], 'it');
      if (fields['v'] !== VERSION) throw reader.malformed(`its version is not ${VERSION}`);
      return { kind, fields };
    },
  };
};
const questions = createMessageReader('The message about a lease', QUESTION_FIELDS);
const answers = createMessageReader('The answer about a lease', ANSWER_FIELDS);

/** @throws {LeaseFormatError} */
export const decodeQuestion = (encoded: Uint8Array): LeaseQuestion => {
  const { reader, lease, line, code, record } = questions;
  const { kind, fields } = questions.open(encoded);
  if (kind !== 'proof' && encoded.length > ANSWER_BYTES_MAX) throw reader.malformed('it is too long for what it is');
  switch (kind) {
    case 'session':
      return { kind, record: record(fields['record']) };
    case 'request':
    case 'receipt':
      return { kind, lease: lease(fields['lease']), record: record(fields['record']) };
    case 'proof': {
      const file = reader.bytesUpTo(fields['file'], 1, PROOF_BYTES_MAX, 'its proof');
      return { kind, lease: lease(fields['lease']), file };
    }
    case 'start':
    case 'status':
      return { kind, lease: lease(fields['lease']) };
    case 'end':
      return { kind, lease: lease(fields['lease']), reason: line(fields['reason'], 'its reason') };
    case 'ended':
      return {
        kind,
        lease: lease(fields['lease']),
        code: code(fields['code'], CODE),
        reason: line(fields['reason'], 'its reason'),
        record: fields['record'] === null ? null : record(fields['record']),
      };
  }
};

/** @throws {LeaseFormatError} */
export const decodeAnswer = (encoded: Uint8Array): LeaseAnswer => {
  const { reader, line, code, record } = answers;
  const { kind, fields } = answers.open(encoded);
  switch (kind) {
    case 'ok':
      return { kind };
    case 'granted':
    case 'countersigned':
      return { kind, record: record(fields['record']) };
    case 'prove': {
      const proofs = reader
        .list(fields['proofs'], PROOF_KINDS.length, 'its proofs')
        .map((proof) => reader.oneOf(proof, PROOF_KINDS, 'a kind of proof'));
      const nonce = reader.bytes(fields['nonce'], NONCE_BYTES, 'its nonce');
      return { kind, nonce, proofs, maxAgeMs: reader.whole(fields['maxAgeMs'], 1, AGE_MS_MAX, 'its age') };
    }
    case 'state':
      return {
        kind,
        state: reader.oneOf(fields['state'], LEASE_STATES, 'its state'),
        sequence: reader.whole(fields['sequence'], 0, Number.MAX_SAFE_INTEGER, 'its sequence'),
        code: code(fields['code'], CODE_OR_NONE),
        reason: line(fields['reason'], 'its reason'),
      };
    case 'refused':
      return { kind, code: code(fields['code'], CODE), sentence: line(fields['sentence'], 'its sentence') };
  }
};
