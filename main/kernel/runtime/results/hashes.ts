import { createHash } from 'node:crypto';
import { encodeCbor, sha256 } from '../../../base/index.ts';
import type { JobEnd, JobFile, JobSpec } from '../../../../preload/contract/index.ts';
import type { JobInput } from '../interface.ts';

// docs/formats/job-result.md

const VERSION = 1;
/** Of what is encoded; plain bytes, as they come out of a record again. */
const hashOf = (value: unknown): Uint8Array => new Uint8Array(sha256(encodeCbor(value)));
const bytesOfHex = (hex: string): Uint8Array => new Uint8Array(Buffer.from(hex, 'hex'));

/** By UTF-16 units, as plain comparison has it: no locale, the same everywhere. */
const inOrder = (a: { path: string }, b: { path: string }): number => (a.path < b.path ? -1 : a.path > b.path ? 1 : 0);
/** Files as they are hashed and written: in the order of their paths. */
export const plainFiles = (
  files: readonly JobFile[],
): { path: string; sha256: Uint8Array; bytes: number; executable: boolean }[] =>
  files.toSorted(inOrder).map((file) => ({
    path: file.path,
    sha256: bytesOfHex(file.sha256),
    bytes: file.bytes,
    executable: file.executable,
  }));

/**
 * All that a job's result may depend on. Who runs it, under what name, how urgently and within which limits does not belong to it: a
 * limit that is reached is no result.
 *
 * @param program - sha2-256 of the module, hex, or id of the image
 */
export const inputOf = (spec: JobSpec, program: string): JobInput => ({
  kind: spec.kind,
  program,
  args: spec.args,
  env: spec.env,
  stdinSha256: Buffer.from(sha256(Buffer.from(spec.stdin, 'base64'))).toString('hex'),
  entrypoint: spec.kind === 'container' ? (spec.entrypoint ?? []) : [],
  files: spec.files.toSorted(inOrder),
  outputs: [...new Set(spec.outputs)].sort((a, b) => inOrder({ path: a }, { path: b })),
});

/** @returns sha2-256, 32 bytes: the same for the same input, in whatever order its files and variables were named */
export const inputHashOf = (input: JobInput): Uint8Array =>
  hashOf({
    v: VERSION,
    kind: input.kind,
    program: input.program,
    args: [...input.args],
    env: { ...input.env },
    stdin: bytesOfHex(input.stdinSha256),
    entrypoint: [...input.entrypoint],
    files: plainFiles(input.files),
    outputs: [...input.outputs].sort((a, b) => inOrder({ path: a }, { path: b })),
  });

/**
 * Whether an end is the program's own doing, so that every honest machine would see it. A limit, an owner or a lost node says nothing
 * about the program.
 */
export const isOutcome = (end: JobEnd): boolean => end.why === 'exited' || end.why === 'crashed';

/**
 * What copies of a job are compared by: how the program ended, what it wrote to its standard output, and the files that it was to
 * leave. Not its standard error: warnings, progress and times go there, and honest copies would differ. Of a crash only that it was one:
 * each version of an engine words it in its own way.
 *
 * @returns sha2-256, 32 bytes
 */
export const resultHashOf = (parts: {
  end: JobEnd;
  stdoutSha256: Uint8Array;
  outputs: readonly JobFile[];
}): Uint8Array =>
  hashOf({
    v: VERSION,
    end: parts.end.why,
    exitCode: parts.end.why === 'exited' ? parts.end.exitCode : null,
    stdout: parts.stdoutSha256,
    outputs: plainFiles(parts.outputs),
  });

/** Hashes an output stream as it comes, a piece at a time; of a piece of 256 KiB that takes some 0.2 ms. */
export interface StreamHash {
  update(piece: Uint8Array): void;
  /** Of all so far; more may follow. */
  digest(): Uint8Array;
}
export const createStreamHash = (): StreamHash => {
  const hash = createHash('sha256');
  return { update: (piece) => void hash.update(piece), digest: () => new Uint8Array(hash.copy().digest()) };
};
