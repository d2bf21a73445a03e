import { NodeError } from '../../../base/index.ts';

export class ResultError extends NodeError<
  /** No signed result, or one that its format does not allow. */
  | { code: 'RESULT_MALFORMED'; problem: string; verdict: 'reject' }
  | { code: 'RESULT_VERSION'; found: number; verdict: 'ignore' }
  /** It names more files, or longer names, than a result holds. The job's doing. */
  | { code: 'RESULT_TOO_LARGE'; bytes: number }
> {
  override readonly name = 'ResultError';
}

export const resultMalformed = (problem: string): ResultError =>
  new ResultError(
    { code: 'RESULT_MALFORMED', problem, verdict: 'reject' },
    `This is not the signed result of a job as its format has it (${problem}); ask for the file again.`,
  );
export const resultVersion = (found: number): ResultError =>
  new ResultError(
    { code: 'RESULT_VERSION', found, verdict: 'ignore' },
    `This result has version ${found}, and this program knows 1; a newer version of HyperMesh may read it.`,
  );
export const resultTooLarge = (bytes: number): ResultError =>
  new ResultError(
    { code: 'RESULT_TOO_LARGE', bytes },
    'The job left more files than a signed result names; let it put them into one archive.',
  );
