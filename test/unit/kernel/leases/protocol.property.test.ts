import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { encodeCbor } from '../../../../main/base/index.ts';
import { LEASE_STATES } from '../../../../main/kernel/leases/interface.ts';
import { type LeaseId, leaseIdOf } from '../../../../main/kernel/leases/index.ts';
import { decodeFacts, encodeFacts } from '../../../../main/kernel/leases/engine/facts.ts';
import { LeaseFormatError } from '../../../../main/kernel/leases/errors.ts';
import {
  decodeAnswer,
  decodeQuestion,
  encodeAnswer,
  encodeQuestion,
  type LeaseAnswer,
  type LeaseQuestion,
  PROOF_BYTES_MAX,
  QUESTION_BYTES_MAX,
  SENTENCE_CHARACTERS_MAX,
  shortened,
} from '../../../../main/kernel/leases/protocol.ts';
import { fromHex, readVectors, toHex } from '../../../support/vectors.ts';

const lease: fc.Arbitrary<LeaseId> = fc.uint8Array({ minLength: 16, maxLength: 16 }).map(leaseIdOf);
const record = fc.uint8Array({ minLength: 1, maxLength: 8192, size: 'small' });
/** Lone surrogates and what a terminal obeys, too. */
const text = fc
  .array(fc.integer({ min: 0, max: 0xffff }), { maxLength: 600 })
  .map((units) => String.fromCharCode(...units));
const line = text.map(shortened);
const code = fc.stringMatching(/^[A-Z][A-Z0-9_]{0,20}$/);
const question: fc.Arbitrary<LeaseQuestion> = fc.oneof(
  fc.record({ kind: fc.constant('session' as const), record }),
  fc.record({ kind: fc.constantFrom('request' as const, 'receipt' as const), lease, record }),
  fc.record({ kind: fc.constant('proof' as const), lease, file: record }),
  fc.record({ kind: fc.constantFrom('start' as const, 'status' as const), lease }),
  fc.record({ kind: fc.constant('end' as const), lease, reason: line }),
  fc.record({ kind: fc.constant('ended' as const), lease, code, reason: line, record: fc.option(record) }),
);
const answer: fc.Arbitrary<LeaseAnswer> = fc.oneof(
  fc.constant({ kind: 'ok' as const }),
  fc.record({ kind: fc.constantFrom('granted' as const, 'countersigned' as const), record }),
  fc.record({
    kind: fc.constant('prove' as const),
    nonce: fc.uint8Array({ minLength: 32, maxLength: 32 }),
    proofs: fc.subarray(['space', 'stake', 'work', 'time'] as const),
    maxAgeMs: fc.integer({ min: 1, max: 1e9 }),
  }),
  fc.record({
    kind: fc.constant('state' as const),
    state: fc.constantFrom(...LEASE_STATES),
    sequence: fc.nat(),
    code: fc.oneof(fc.constant(''), code),
    reason: line,
  }),
  fc.record({ kind: fc.constant('refused' as const), code, sentence: line }),
);

describe('messages of leases', () => {
  it('come back as they were', () => {
    fc.assert(
      fc.property(question, (one) => {
        expect(decodeQuestion(encodeQuestion(one))).toEqual(one);
      }),
    );
    fc.assert(
      fc.property(answer, (one) => {
        expect(decodeAnswer(encodeAnswer(one))).toEqual(one);
      }),
    );
  });
  it('are refused with a verdict when a byte is another, or read as something else', () => {
    const tried = fc.tuple(
      fc.oneof(question.map(encodeQuestion), answer.map(encodeAnswer)),
      fc.nat(),
      fc.integer({ min: 1, max: 255 }),
    );
    fc.assert(
      fc.property(tried, ([bytes, place, flip]) => {
        const changed = bytes.slice();
        changed[place % bytes.length]! ^= flip;
        for (const decode of [decodeQuestion, decodeAnswer]) expect(failureOf(() => decode(changed))).toBe(null);
      }),
    );
    fc.assert(
      fc.property(
        fc.oneof(
          fc.uint8Array({ maxLength: 300 }),
          fc.anything().map((value) => safely(value)),
        ),
        (bytes) => {
          for (const decode of [decodeQuestion, decodeAnswer]) expect(failureOf(() => decode(bytes))).toBe(null);
        },
      ),
    );
  });
  it.each<[string, Record<string, unknown>]>([
    ['of another version', { v: 2, kind: 'start', lease: new Uint8Array(16) }],
    ['of a kind that there is not', { v: 1, kind: 'steal', lease: new Uint8Array(16) }],
    ['with a field too many', { v: 1, kind: 'start', lease: new Uint8Array(16), more: 1 }],
    ['with a field too few', { v: 1, kind: 'request', lease: new Uint8Array(16) }],
    ['with an id that is too short', { v: 1, kind: 'start', lease: new Uint8Array(15) }],
    [
      'with a record that is too long',
      { v: 1, kind: 'request', lease: new Uint8Array(16), record: new Uint8Array(8193) },
    ],
    [
      'with a proof that is too long',
      { v: 1, kind: 'proof', lease: new Uint8Array(16), file: new Uint8Array(PROOF_BYTES_MAX + 1) },
    ],
    ['that would write to a terminal', { v: 1, kind: 'end', lease: new Uint8Array(16), reason: 'a\u001b[2J' }],
    ['of several lines', { v: 1, kind: 'end', lease: new Uint8Array(16), reason: 'a\nb' }],
    ['that turn text around', { v: 1, kind: 'end', lease: new Uint8Array(16), reason: 'a\u202eb' }],
  ])('%s are refused', (_name, value) => {
    expect(() => decodeQuestion(encodeCbor(value))).toThrow(
      expect.objectContaining({ data: expect.objectContaining({ verdict: 'reject' }) }),
    );
  });
  it('fit into what is read of them, the largest proof included', () => {
    const id = leaseIdOf(new Uint8Array(16).fill(255));
    const largest = encodeQuestion({ kind: 'proof', lease: id, file: new Uint8Array(PROOF_BYTES_MAX) });
    expect(largest.length).toBeLessThanOrEqual(QUESTION_BYTES_MAX);
    expect(decodeQuestion(largest)).toMatchObject({ kind: 'proof' });
  });
  it('say what we say in one line that others take', () => {
    fc.assert(
      fc.property(text, (words) => {
        const said = shortened(words);
        expect(said.length).toBeLessThanOrEqual(SENTENCE_CHARACTERS_MAX);
        const end: LeaseQuestion = { kind: 'end', lease: leaseIdOf(new Uint8Array(16)), reason: said };
        expect(decodeQuestion(encodeQuestion(end))).toEqual(end);
      }),
    );
  });
});
/** @returns what is thrown and is no refusal of ours; null otherwise */
const failureOf = (work: () => unknown): unknown => {
  try {
    work();
    return null;
  } catch (error) {
    return error instanceof LeaseFormatError ? null : error;
  }
};
/** Whatever dag-cbor can hold of a value; nothing of it otherwise. */
const safely = (value: unknown): Uint8Array => {
  try {
    return encodeCbor(value);
  } catch {
    return new Uint8Array(0);
  }
};

describe('vectors', () => {
  interface Vectors {
    questions: { message: Record<string, unknown>; bytes: string }[];
    answers: { message: Record<string, unknown>; bytes: string }[];
    facts: { bytes: string; values: Record<string, unknown> };
  }
  const vectors = readVectors<Vectors>('lease-messages', 'messages.json');
  /** As the file writes it. */
  const plain = (message: object): Record<string, unknown> =>
    Object.fromEntries(
      Object.entries(message).map(([name, value]) => [
        name,
        value instanceof Uint8Array ? { hex: toHex(value) } : typeof value === 'bigint' ? value.toString() : value,
      ]),
    );
  it.each(vectors.questions)('of the question $message.kind', ({ message, bytes }) => {
    const read = decodeQuestion(fromHex(bytes));
    expect(plain(read)).toEqual(message);
    expect(toHex(encodeQuestion(read))).toBe(bytes);
  });
  it.each(vectors.answers)('of the answer $message.kind', ({ message, bytes }) => {
    const read = decodeAnswer(fromHex(bytes));
    expect(plain(read)).toEqual(message);
    expect(toHex(encodeAnswer(read))).toBe(bytes);
  });
  it('of a kept lease', () => {
    const { bytes, values } = vectors.facts;
    const read = decodeFacts(fromHex(bytes));
    expect(plain(read)).toEqual(values);
    expect(toHex(encodeFacts(read))).toBe(bytes);
    expect(() => decodeFacts(fromHex(`a0${bytes.slice(2)}`))).toThrow(LeaseFormatError);
  });
});
