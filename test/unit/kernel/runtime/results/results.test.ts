import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeCbor, encodeCbor, isNodeError, sha256 } from '../../../../../main/base/index.ts';
import { type Domain, signRecord } from '../../../../../main/base/crypto/index.ts';
import { jobSpec, type JobEnd, type JobSpecInput } from '../../../../../preload/contract/index.ts';
import type { JobResult } from '../../../../../main/kernel/runtime/interface.ts';
import {
  createStreamHash,
  decodeJobResult,
  encodeJobResult,
  inputHashOf,
  inputOf,
  openJobResult,
  resultHashOf,
  RESULT_FILES_MAX,
  signJobResult,
  verifyJobResult,
} from '../../../../../main/kernel/runtime/results/index.ts';
import { makePeer } from '../../../../support/stoq/make-peer.ts';
import { fromHex, readVectors, toHex } from '../../../../support/vectors.ts';
import { exampleInput, exampleResult } from './example.ts';

const vector = readVectors<{
  inputSha256: string;
  resultSha256: string;
  payload: string;
  record: string;
  signer: string;
  sentences: string[];
  refused: { name: string; payload: string; code: string }[];
}>('job-result', 'result.json');
const peer = makePeer(1);
const sign = (payload: Uint8Array, domain: Domain = 'job-result'): Uint8Array =>
  signRecord(peer.keys.node.public, peer.keys.node.secret, domain, payload);
const codeOf = (work: () => unknown): string => {
  try {
    work();
  } catch (error) {
    if (isNodeError(error)) return error.code;
    throw error;
  }
  return 'none';
};
const wasm = (change: Partial<Extract<JobSpecInput, { kind: 'wasm' }>> = {}) =>
  jobSpec.parse({ kind: 'wasm', name: 'n', module: '', ...change });

describe('the result of a job', () => {
  it('is written as published', () => {
    expect(toHex(inputHashOf(exampleInput()))).toBe(vector.inputSha256);
    expect(toHex(exampleResult().result)).toBe(vector.resultSha256);
    expect(toHex(encodeJobResult(exampleResult()))).toBe(vector.payload);
    expect(decodeJobResult(fromHex(vector.payload))).toEqual(exampleResult());
    const verdict = verifyJobResult(fromHex(vector.record));
    expect(verdict).toMatchObject({
      passed: true,
      result: { signer: vector.signer, resultSha256: vector.resultSha256 },
    });
    expect(verdict.findings.map(({ sentence }) => sentence)).toEqual(vector.sentences);
  });

  it.each(vector.refused)('is refused when $name', ({ payload, code }) => {
    expect(codeOf(() => decodeJobResult(fromHex(payload)))).toBe(code);
    expect(openJobResult(sign(fromHex(payload)))).toMatchObject({ ok: false });
    expect(verifyJobResult(sign(fromHex(payload)))).toMatchObject({ passed: false, result: null });
  });

  it('is signed, opened and verified', async () => {
    const record = await signJobResult(peer.signer, exampleResult());
    expect(openJobResult(record)).toEqual({ ok: true, result: exampleResult(), signer: peer.signer.keyId });
    expect(verifyJobResult(record)).toMatchObject({
      passed: true,
      result: { job: 'job-0123456789abcdef', exitCode: 0, cpuMs: 12, memoryBytesPeak: 3_145_728 },
    });
  });

  it.each<JobEnd>([
    { why: 'exited', exitCode: -3 },
    { why: 'crashed', message: 'unreachable' },
    { why: 'cancelled' },
    { why: 'limit', limit: 'memory', message: 'too much' },
    { why: 'owner', message: '' },
    { why: 'lost', message: 'x' },
    { why: 'moved', to: 'elsewhere', message: 'm' },
    { why: 'unhealthy', message: 'u' },
  ])('carries every end: $why', (end) => {
    const result = exampleResult({ end });
    expect(decodeJobResult(encodeJobResult(result))).toEqual(result);
    const { exitCode = null } = end as { exitCode?: number };
    expect(verifyJobResult(sign(encodeJobResult(result))).result?.exitCode).toBe(exitCode);
  });

  it('keeps the beginning of a long message, whole characters only', () => {
    const end = { why: 'crashed' as const, message: 'a'.repeat(1_023) + '\u{1F600}'.repeat(50) };
    const { end: kept } = decodeJobResult(encodeJobResult(exampleResult({ end })));
    expect(kept).toMatchObject({ why: 'crashed', message: `${'a'.repeat(1_023)}\uFFFD` });
  });

  it('contradicts nobody unnoticed: the hash must be that of what it names', () => {
    const result = exampleResult();
    const lies: Partial<JobResult>[] = [
      { end: { why: 'exited', exitCode: 1 } },
      { stdoutSha256: new Uint8Array(32) },
      { outputs: result.outputs.slice(1) },
      { result: new Uint8Array(32) },
    ];
    for (const lie of lies) {
      const record = sign(encodeJobResult(exampleResult({ ...lie, result: lie.result ?? result.result })));
      expect(openJobResult(record)).toMatchObject({ ok: false });
      const verdict = verifyJobResult(record);
      expect(verdict.findings.map(({ check, passed }) => `${check} ${passed}`)).toEqual([
        'signatures true',
        'fields true',
        'result false',
      ]);
    }
  });

  it('holds in its own domain only, and only as it was signed', () => {
    const payload = encodeJobResult(exampleResult());
    expect(verifyJobResult(sign(payload, 'probe'))).toMatchObject({ passed: false, result: null });
    const record = sign(payload);
    const bent = Uint8Array.from(record);
    const at = Buffer.from(record).indexOf('exited');
    bent.set(Buffer.from('exitec'), at);
    expect(verifyJobResult(bent)).toMatchObject({ passed: false });
    expect(openJobResult(bent)).toMatchObject({ ok: false });
    expect(codeOf(() => verifyJobResult(new Uint8Array(200 * 1024)))).toBe('RESULT_MALFORMED');
    expect(codeOf(() => verifyJobResult(new Uint8Array()))).toBe('RESULT_MALFORMED');
    expect(codeOf(() => decodeJobResult(Uint8Array.of(...payload, 0)))).toBe('RESULT_MALFORMED');
    expect(openJobResult(new Uint8Array(200 * 1024))).toMatchObject({ ok: false });
  });

  it('has room for so many files and no more', () => {
    const files = (count: number, name: string): JobResult['outputs'] =>
      Array.from({ length: count }, (_, n) => ({
        path: `${String(n).padStart(4, '0')}${name}`,
        sha256: '00'.repeat(32),
        bytes: n,
        executable: false,
      }));
    const outputs = files(RESULT_FILES_MAX, 'x'.repeat(120));
    expect(decodeJobResult(encodeJobResult(exampleResult({ outputs }))).outputs).toEqual(outputs);
    expect(codeOf(() => encodeJobResult(exampleResult({ outputs: files(RESULT_FILES_MAX + 1, '') })))).toBe(
      'RESULT_TOO_LARGE',
    );
    expect(
      codeOf(() =>
        encodeJobResult(exampleResult({ outputs: files(256, `${'\u{4E00}'.repeat(120)}/${'\u{4E00}'.repeat(120)}`) })),
      ),
    ).toBe('RESULT_TOO_LARGE');
  });

  it('never crashes its reader', () => {
    const good = encodeJobResult(exampleResult());
    const record = sign(good);
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 400 }), fc.nat(), fc.nat(255), (noise, at, byte) => {
        const bent = Uint8Array.from(good);
        bent[at % bent.length] = byte;
        expect(['RESULT_MALFORMED', 'RESULT_VERSION', 'none']).toContain(codeOf(() => decodeJobResult(bent)));
        expect(codeOf(() => decodeJobResult(noise))).toBe('RESULT_MALFORMED');
        expect(codeOf(() => verifyJobResult(noise))).toBe('RESULT_MALFORMED');
        expect(openJobResult(record.subarray(0, at % record.length)).ok).toBe(false);
      }),
      { numRuns: 300 },
    );
  });

  it('has one encoding: whatever is read is written the same', () => {
    const fields = decodeCbor(encodeJobResult(exampleResult())) as Record<string, unknown>;
    fc.assert(
      fc.property(
        fc.constantFrom(...Object.keys(fields)),
        fc.oneof(fc.nat(), fc.constant(null), fc.anything()),
        (name, value) => {
          let bytes: Uint8Array;
          try {
            bytes = encodeCbor({ ...fields, [name]: value });
          } catch {
            // Not everything can be written at all.
            return;
          }
          // Any other error than one of ours is thrown.
          fc.pre(codeOf(() => decodeJobResult(bytes)) === 'none');
          const read = decodeJobResult(bytes);
          expect(toHex(encodeJobResult(read))).toBe(toHex(bytes));
        },
      ),
      { numRuns: 300 },
    );
  });
});

describe('what a result depends on', () => {
  const program = '00'.repeat(32);
  const hash = (spec: Parameters<typeof inputOf>[0]): string => toHex(inputHashOf(inputOf(spec, program)));
  const file = (path: string) => ({ path, sha256: '11'.repeat(32), bytes: 1 });

  it('is the same in whatever order it was named', () => {
    const one = wasm({ env: { A: '1', B: '2' }, files: [file('a'), file('b')], outputs: ['x', 'y'] });
    const other = wasm({ env: { B: '2', A: '1' }, files: [file('b'), file('a')], outputs: ['y', 'x', 'y'] });
    expect(hash(one)).toBe(hash(other));
  });

  it('leaves out who runs it, how urgently and within which limits', () => {
    expect(
      hash(wasm({ name: 'other', priority: 'high', queue: true, timeMsMax: 100, memoryBytes: 2 ** 20, restarts: 3 })),
    ).toBe(hash(wasm()));
  });

  it('has all the rest in it', () => {
    const different = [
      hash(wasm()),
      hash(wasm({ args: ['a'] })),
      hash(wasm({ args: ['a', ''] })),
      hash(wasm({ env: { A: '' } })),
      hash(wasm({ stdin: 'QQ==' })),
      hash(wasm({ files: [file('a')] })),
      hash(wasm({ files: [{ ...file('a'), executable: true }] })),
      hash(wasm({ outputs: ['a'] })),
      hash(jobSpec.parse({ kind: 'javascript', name: 'n', module: '' })),
      hash(jobSpec.parse({ kind: 'container', name: 'n', image: 'a' })),
      hash(jobSpec.parse({ kind: 'container', name: 'n', image: 'a', entrypoint: ['a'] })),
      toHex(inputHashOf(inputOf(wasm(), '22'.repeat(32)))),
    ];
    expect(new Set(different).size).toBe(different.length);
    expect(inputOf(wasm({ stdin: 'QQ==' }), program).stdinSha256).toBe(toHex(sha256(Buffer.from('A'))));
  });

  it('of a result does not count what was written to standard error, nor how a crash is worded', () => {
    const one = exampleResult({ stderrSha256: new Uint8Array(32), end: { why: 'crashed', message: 'a' } });
    const other = exampleResult({ end: { why: 'crashed', message: 'b' } });
    expect(toHex(resultHashOf(one))).toBe(toHex(resultHashOf(other)));
    expect(toHex(resultHashOf(other))).not.toBe(toHex(exampleResult().result));
  });

  it('hashes a stream as it comes', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array()), (pieces) => {
        const hashed = createStreamHash();
        for (const piece of pieces) {
          hashed.update(piece);
          // May be asked in between: of all so far.
          hashed.digest();
        }
        expect(toHex(hashed.digest())).toBe(toHex(sha256(Buffer.concat(pieces))));
      }),
    );
  });
});
