import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeCbor, encodeCbor, type JobId } from '../../../../../main/base/index.ts';
import { LeaseFormatError, type LeaseId } from '../../../../../main/kernel/leases/index.ts';
import {
  decodeJobAnswer,
  decodeJobQuestion,
  decodePortOpening,
  encodeJobAnswer,
  encodeJobQuestion,
  encodePortOpening,
  type FarState,
  type JobAnswer,
  type JobQuestion,
  STATES,
} from '../../../../../main/kernel/runtime/remote/protocol.ts';
import { amountFor, sentSpecOf } from '../../../../../main/kernel/runtime/remote/sent-spec.ts';
import { jobSpec, workPath } from '../../../../../preload/contract/index.ts';
import { fromHex, readVectors, toHex } from '../../../../support/vectors.ts';

const lease = `lease-${'0123456789abcdef'.repeat(2)}` as LeaseId;
const job = 'job-0123456789abcdef' as JobId;
const hash = fc.uint8Array({ minLength: 32, maxLength: 32 }).map(toHex);
const content = fc.record({ sha256: hash, bytes: fc.nat() });
const part = fc.stringMatching(/^[a-z][a-z0-9._-]{0,12}$/).filter((one) => workPath.safeParse(one).success);
const path = fc.array(part, { minLength: 1, maxLength: 4 }).map((parts) => parts.join('/'));
const file = fc.record({ path, sha256: hash, bytes: fc.nat(), executable: fc.boolean() });
const common = {
  name: fc.stringMatching(/^[a-z ]{1,20}$/),
  args: fc.array(
    fc.string({ maxLength: 20 }).filter((text) => !text.includes('\0') && text.isWellFormed()),
    { maxLength: 4 },
  ),
  env: fc.dictionary(fc.stringMatching(/^[A-Z_][A-Z0-9_]{0,8}$/), fc.stringMatching(/^[ -~]{0,20}$/), { maxKeys: 4 }),
  files: fc.array(file, { maxLength: 3 }),
  outputs: fc.array(path, { maxLength: 3 }),
  priority: fc.constantFrom('low', 'normal', 'high'),
  queue: fc.boolean(),
  restarts: fc.integer({ min: 0, max: 10 }),
};
const spec = fc
  .oneof(
    fc.record({ ...common, kind: fc.constantFrom('wasm', 'javascript', 'python'), module: fc.constant('AAAA') }),
    fc.record(
      {
        ...common,
        kind: fc.constant('container'),
        image: fc.constantFrom('busybox:1', 'python:3.13-slim'),
        entrypoint: fc.array(fc.constantFrom('sh', '-c'), { maxLength: 3 }),
        ports: fc.uniqueArray(fc.integer({ min: 1, max: 65_535 }), { maxLength: 4 }),
        cpuPercent: fc.integer({ min: 1, max: 400 }),
        network: fc.constantFrom('none', 'exit'),
        health: fc.record({ command: fc.array(fc.constantFrom('true', 'wget'), { minLength: 1, maxLength: 3 }) }),
      },
      { requiredKeys: ['kind', 'image', 'name'] },
    ),
  )
  .map((given) => sentSpecOf(jobSpec.parse(given)));
const image = fc.record({
  id: hash.map((text) => `sha256:${text}`),
  references: fc.array(fc.constantFrom('busybox:1', 'a/b@sha256:00'), { maxLength: 3 }),
  config: content,
  layers: fc.array(content, { maxLength: 4 }),
});
const of = { lease: fc.constant(lease), job: fc.constant(job) };
const bytes = fc.uint8Array({ maxLength: 300 });
const question = fc.oneof(
  fc.record({
    kind: fc.constant('prepare' as const),
    ...of,
    spec,
    module: fc.option(content),
    stdin: fc.option(content),
    image: fc.option(image),
    held: fc.boolean(),
  }),
  fc.record({ kind: fc.constantFrom('start', 'begin', 'stop', 'collect', 'forget', 'resume'), ...of }),
  fc.record({
    kind: fc.constant('state' as const),
    ...of,
    since: fc.nat(),
    waitMs: fc.integer({ min: 0, max: 20_000 }),
  }),
  fc.record({ kind: fc.constant('output' as const), ...of, offset: fc.nat() }),
  fc.record({
    kind: fc.constant('handOver' as const),
    ...of,
    to: fc.constantFrom('', 'studio'),
    graceMs: fc.integer({ min: 0, max: 10_000 }),
  }),
  fc.record({ kind: fc.constant('list' as const), ...of, after: fc.integer({ min: 0, max: 100_000 }) }),
  fc.record({
    kind: fc.constant('read' as const),
    ...of,
    path,
    offset: fc.nat(),
    bytesMax: fc.integer({ min: 1, max: 1024 * 1024 }),
  }),
  fc.record({ kind: fc.constant('write' as const), ...of, path, offset: fc.nat(), data: bytes }),
  fc.record({ kind: fc.constant('truncate' as const), ...of, path, bytes: fc.nat(), executable: fc.boolean() }),
  fc.record({ kind: fc.constantFrom('folder', 'remove'), ...of, path }),
) as fc.Arbitrary<JobQuestion>;

const line = fc.stringMatching(/^[ -~]{0,40}$/);
const end = fc.oneof(
  fc.record({ why: fc.constant('exited' as const), exitCode: fc.integer({ min: -1, max: 255 }) }),
  fc.constant({ why: 'cancelled' as const }),
  fc.record({
    why: fc.constantFrom('crashed', 'owner', 'lost', 'unhealthy'),
    message: fc.string().filter((one) => one.isWellFormed()),
  }),
  fc.record({ why: fc.constant('limit' as const), limit: fc.constantFrom('memory', 'time'), message: line }),
  fc.record({ why: fc.constant('moved' as const), to: line, message: line }),
);
const number = fc.double({ min: 0, max: 1e12, noNaN: true }).map((one) => (Object.is(one, -0) ? 0 : one));
const measured = fc.record({
  cpuMs: fc.option(number),
  cpuPercentMean: fc.option(number),
  cpuPercentNow: fc.option(number),
  throttledPercentNow: fc.option(number),
  memoryBytesNow: fc.option(fc.nat()),
  memoryBytesPeak: fc.option(fc.nat()),
  pids: fc.option(fc.nat()),
  readBytes: fc.option(fc.nat()),
  writtenBytes: fc.option(fc.nat()),
  sentBytes: fc.nat(),
  receivedBytes: fc.nat(),
  outputBytes: fc.nat(),
  startMs: fc.option(number),
});
const state = fc.record({
  version: fc.nat(),
  state: fc.constantFrom(...STATES),
  code: fc.constantFrom('', 'IMAGE_REFUSED'),
  reason: line,
  end: fc.option(end),
  queuePosition: fc.option(fc.integer({ min: 1, max: 1_000 })),
  health: fc.constantFrom('none', 'healthy'),
  governor: fc.constantFrom('engine', 'none'),
  effectiveCpuPercent: number,
  restartsDone: fc.integer({ min: 0, max: 10 }),
  measured,
  notice: fc.option(fc.record({ reason: line, noticeMs: fc.nat() })),
}) as fc.Arbitrary<FarState>;
const answer = fc.oneof(
  fc.constant({ kind: 'ok' as const }),
  fc.record({ kind: fc.constant('refused' as const), code: fc.constantFrom('', 'NOT_YOURS'), sentence: line }),
  fc.record({ kind: fc.constant('prepared' as const), missing: fc.array(hash, { maxLength: 4 }) }),
  state.map((one) => ({ kind: 'state' as const, ...one })),
  fc.record({
    kind: fc.constant('output' as const),
    chunks: fc.array(
      fc.record({ stream: fc.constantFrom('stdout', 'stderr'), data: fc.uint8Array({ minLength: 1, maxLength: 50 }) }),
      { maxLength: 4 },
    ),
    nextOffset: fc.nat(),
  }),
  fc.record({
    kind: fc.constant('collected' as const),
    result: fc.option(fc.uint8Array({ minLength: 1, maxLength: 100 })),
    outputs: fc.array(file, { maxLength: 4 }),
  }),
  fc.record({
    kind: fc.constant('entries' as const),
    entries: fc.array(
      fc.record({
        path,
        kind: fc.constantFrom('file', 'folder'),
        bytes: fc.nat(),
        executable: fc.boolean(),
        version: fc.stringMatching(/^[0-9.]{0,20}$/),
      }),
      { maxLength: 4 },
    ),
    more: fc.boolean(),
  }),
  fc.record({ kind: fc.constant('bytes' as const), data: bytes }),
) as fc.Arbitrary<JobAnswer>;

/** Changes one value somewhere in it, or takes a field away, or adds one. */
const bent = (value: unknown, pick: () => number): unknown => {
  const strange = [
    null,
    -1,
    1.5,
    '../../etc/passwd',
    '/etc',
    new Uint8Array(3),
    [],
    {},
    true,
    'x'.repeat(5_000),
    2 ** 53 - 1,
  ];
  if (typeof value !== 'object' || value === null || value instanceof Uint8Array)
    return strange[pick() % strange.length];
  if (Array.isArray(value)) return value.length === 0 ? [1] : value.with(pick() % value.length, bent(value[0], pick));
  const entries = Object.entries(value);
  if (entries.length === 0 || pick() % 6 === 0) return { ...value, more: 1 };
  const [name, inner] = entries[pick() % entries.length] as [string, unknown];
  if (pick() % 4 === 0) return Object.fromEntries(entries.filter(([one]) => one !== name));
  return { ...value, [name]: bent(inner, pick) };
};
const expectRefusedOrSame = <M>(
  encoded: Uint8Array,
  decode: (bytes: Uint8Array) => M,
  encode: (message: M) => Uint8Array,
): void => {
  let message: M;
  try {
    message = decode(encoded);
  } catch (error) {
    expect(error).toBeInstanceOf(LeaseFormatError);
    return;
  }
  expect(toHex(encode(message))).toBe(toHex(encoded));
};

describe('messages about jobs', () => {
  it('come back as they were', () => {
    fc.assert(
      fc.property(question, (one) => {
        expect(decodeJobQuestion(encodeJobQuestion(one))).toEqual(one);
      }),
      { numRuns: 300 },
    );
    fc.assert(
      fc.property(answer, (one) => {
        expect(decodeJobAnswer(encodeJobAnswer(one))).toEqual(one);
      }),
      { numRuns: 300 },
    );
    const opening = { lease, job, port: 80 };
    expect(decodePortOpening(encodePortOpening(opening))).toMatchObject(opening);
  });
  it('are refused, or mean exactly their bytes, whatever somebody made of them', () => {
    const bend = fc.tuple(fc.infiniteStream(fc.nat(10_000)));
    fc.assert(
      fc.property(question, bend, (one, [picks]) => {
        const encoded = encodeCbor(bent(decodeCbor(encodeJobQuestion(one)), () => picks.next().value as number));
        expectRefusedOrSame(encoded, decodeJobQuestion, encodeJobQuestion);
      }),
      { numRuns: 600 },
    );
    fc.assert(
      fc.property(answer, bend, (one, [picks]) => {
        const encoded = encodeCbor(bent(decodeCbor(encodeJobAnswer(one)), () => picks.next().value as number));
        expectRefusedOrSame(encoded, decodeJobAnswer, encodeJobAnswer);
      }),
      { numRuns: 600 },
    );
  });
  it('are refused where they are noise', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 400 }), (noise) => {
        for (const decode of [decodeJobQuestion, decodeJobAnswer, decodePortOpening])
          expect(() => decode(noise)).toThrow(LeaseFormatError);
      }),
      { numRuns: 300 },
    );
  });
  it.each(['../up', '/root', 'a//b', 'a/./b', 'a/..', '', 'a\0b'])('never name a path such as %j', (bad) => {
    const one = encodeJobQuestion({ kind: 'folder', lease, job, path: bad });
    expect(() => decodeJobQuestion(one)).toThrow(LeaseFormatError);
  });
  it('are as their page has them', () => {
    const vectors = readVectors<Record<'questions' | 'answers', { message: object; bytes: string }[]>>(
      'job-messages',
      'messages.json',
    );
    const revive = (value: unknown): unknown => {
      if (typeof value !== 'object' || value === null) return value;
      if ('hex' in value) return fromHex(value.hex as string);
      if (Array.isArray(value)) return value.map(revive);
      return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, revive(inner)]));
    };
    for (const { message, bytes: encoded } of vectors.questions) {
      expect(decodeJobQuestion(fromHex(encoded))).toEqual(revive(message));
      expect(toHex(encodeJobQuestion(revive(message) as JobQuestion))).toBe(encoded);
    }
    for (const { message, bytes: encoded } of vectors.answers) {
      expect(decodeJobAnswer(fromHex(encoded))).toEqual(revive(message));
      expect(toHex(encodeJobAnswer(revive(message) as JobAnswer))).toBe(encoded);
    }
  });
  it('ask for as much of a lease as a job needs', () => {
    const amount = (given: object): number =>
      amountFor(sentSpecOf(jobSpec.parse({ kind: 'container', name: 'x', image: 'busybox:1', ...given })));
    const MIB = 1024 * 1024;
    expect(amount({ cpuPercent: 25, memoryBytes: 64 * MIB, scratchBytesMax: 64 * MIB })).toBe(1);
    expect(amount({ cpuPercent: 26, memoryBytes: 64 * MIB, scratchBytesMax: 64 * MIB })).toBe(2);
    expect(amount({ cpuPercent: 1, memoryBytes: 1024 * MIB, scratchBytesMax: 1 })).toBe(9);
    expect(amountFor(sentSpecOf(jobSpec.parse({ kind: 'wasm', name: 'x', module: 'AAAA', cpuPercent: 30 })))).toBe(300);
  });
});
