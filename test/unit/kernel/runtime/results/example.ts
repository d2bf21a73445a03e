import type { JobId } from '../../../../../main/base/index.ts';
import { sha256 } from '../../../../../main/base/index.ts';
import type { JobInput, JobResult } from '../../../../../main/kernel/runtime/interface.ts';
import { inputHashOf, resultHashOf } from '../../../../../main/kernel/runtime/results/index.ts';

const hashOf = (text: string): Uint8Array => new Uint8Array(sha256(Buffer.from(text)));
const hexOf = (text: string): string => Buffer.from(hashOf(text)).toString('hex');

/** The job of the format page: counts words and leaves a table. */
export const exampleInput = (): JobInput => ({
  kind: 'wasm',
  program: hexOf('module'),
  args: ['--words', 'in.txt'],
  env: { LANG: 'C' },
  stdinSha256: hexOf(''),
  entrypoint: [],
  files: [{ path: 'in.txt', sha256: hexOf('a b a\n'), bytes: 6, executable: false }],
  outputs: ['out'],
});
export const exampleResult = (change: Partial<JobResult> = {}): JobResult => {
  const parts = {
    end: { why: 'exited' as const, exitCode: 0 },
    stdoutSha256: hashOf('2 words\n'),
    outputs: [
      { path: 'out/a.csv', sha256: hexOf('a,2\n'), bytes: 4, executable: false },
      { path: 'out/b.csv', sha256: hexOf('b,1\n'), bytes: 4, executable: false },
    ],
  };
  const result: JobResult = {
    job: 'job-0123456789abcdef' as JobId,
    input: inputHashOf(exampleInput()),
    ...parts,
    result: resultHashOf(parts),
    stderrSha256: hashOf('took 12 ms\n'),
    cpuMs: 12,
    memoryBytesPeak: 3_145_728,
    startedAtMs: 1_767_603_600_000,
    endedAtMs: 1_767_603_600_040,
    lease: 'lease-000102030405060708090a0b0c0d0e0f',
    ...change,
  };
  return change.result === undefined ? { ...result, result: resultHashOf(result) } : result;
};
