import { createHash } from 'node:crypto';
import { TAR_END, tarHeader, tarPadding } from '../../../base/index.ts';

/** Of the test image; with a random rest also the name of a test container. */
export const PROBE_REPOSITORY = 'hypermesh-probe';
/** Name of the program within its image. */
export const PROBE_PATH = '/hypermesh-probe';

/** A tar of exactly one executable file, which is all that the test image holds. */
export const tarOfProgram = (program: Uint8Array): Uint8Array =>
  Buffer.concat([
    tarHeader(PROBE_PATH.slice(1), program.length, { mode: 0o555 }),
    program,
    tarPadding(program.length),
    TAR_END,
  ]);

/** @returns of the test image: one for each program and node, so that two nodes on an engine do not meet */
export const probeTag = (program: Uint8Array, mark: string): string =>
  createHash('sha256').update(mark).update(program).digest('hex').slice(0, 12);
