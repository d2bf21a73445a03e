import type { JobId, WorkerPool } from '../../../base/index.ts';
import type { JobEnd, JobFile } from '../../../../preload/contract/index.ts';
import { createStreamHash, inputHashOf, isOutcome, type ResultOutcome } from '../results/index.ts';
import { isBeneathAny } from '../work-path.ts';
import type { OrderFacts } from './order-facts.ts';
import type { OrderRows } from './order-rows.ts';
import { inputOf } from './sent-spec.ts';

/** Sha2-256 of no bytes. */
const NO_INPUT = 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855';
const sameBytes = (a: Uint8Array, b: Uint8Array): boolean => Buffer.from(a).equals(b);

/** @returns what is wrong with files that a lender says the job left, null when nothing is */
export const problemOfOutputs = (outputs: readonly JobFile[], { spec }: OrderFacts): string | null => {
  if (outputs.some(({ path }) => !isBeneathAny(path, spec.outputs))) return 'a file that was not asked for';
  if (new Set(outputs.map(({ path }) => path)).size !== outputs.length) return 'the same file twice';
  const bytes = outputs.reduce((sum, one) => sum + one.bytes, 0);
  return bytes > spec.scratchBytesMax ? 'more files than its work folder holds' : null;
};

/** What a lender told of a job that has ended. */
interface Told {
  /** The signed result; null: none. */
  file: Uint8Array | null;
  outputs: readonly JobFile[];
  end: JobEnd;
}
/**
 * Checks the signed result against everything else that is known of the job: who was to run it, what it was made from, what came.
 *
 * @returns the hash of the result, null where it has none; a problem where it does not hold
 */
export const checkResult = async (
  { workers, rows }: { workers: Pick<WorkerPool, 'run'>; rows: Pick<OrderRows, 'output' | 'setResult'> },
  { id, facts, outputBytes }: { id: JobId; facts: OrderFacts; outputBytes: number },
  { file, outputs, end }: Told,
): Promise<{ hash: string | null; problem: string | null }> => {
  // A program that ended by itself has a result; what was stopped may have none.
  if (file === null) return { hash: null, problem: isOutcome(end) ? 'the node signed no result' : null };
  const { spec, module, stdin, image, seat, outputBase, far } = facts;
  const wrong = (problem: string): { hash: null; problem: string } => ({ hash: null, problem });
  const outcome = await workers.run<Uint8Array, ResultOutcome>('runtime.openJobResult', file);
  if (!outcome.ok) return wrong(outcome.problem);
  const { signer, result } = outcome;
  if (signer !== seat?.signer) return wrong('another node signed it');
  if (result.lease !== seat.lease) return wrong('it is of another lease');
  // Without an image of ours that node took one of its own, and only it knows which.
  const program = module?.sha256 ?? image?.id ?? null;
  const input = program === null ? null : inputOf(spec, program, stdin?.sha256 ?? NO_INPUT);
  if (input !== null && !sameBytes(result.input, inputHashOf(input))) return wrong('it is the result of another job');
  if (result.end.why !== end.why) return wrong('it names another end than that node told before');
  const named = (files: readonly JobFile[]): string =>
    JSON.stringify(files.map(({ path, sha256 }) => `${path} ${sha256}`).toSorted());
  if (named(result.outputs) !== named(outputs)) return wrong('it names other files than that node told');

  const stdoutSha256 = async (): Promise<Uint8Array> => {
    const hash = createStreamHash();
    for (let offset = 0; offset < outputBytes; ) {
      const { chunks, nextOffset } = await rows.output(id, offset);
      if (nextOffset === offset) break;
      for (const { stream, data } of chunks) if (stream === 'stdout') hash.update(Buffer.from(data, 'base64'));
      offset = nextOffset;
    }
    return hash.digest();
  };
  // What came from other places before, or from tries that failed, is no part of it.
  const isWhole = outputBase === 0 && (far?.restartsDone ?? 0) === 0;
  if (isWhole && isOutcome(end) && !sameBytes(result.stdoutSha256, await stdoutSha256()))
    return wrong('it is of other output than that node sent');
  await rows.setResult(id, file);
  return { hash: isOutcome(end) ? Buffer.from(result.result).toString('hex') : null, problem: null };
};
