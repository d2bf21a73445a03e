import { assert } from '../../../base/index.ts';
import type { JobEnd } from '../../../../preload/contract/index.ts';
import { COPIES_MAX } from './constants.ts';
import { isOutcome } from './hashes.ts';

/** One run of a job of which there are several. */
export interface Copy {
  job: string;
  /** Who ran it: one owner has one voice, however many copies it ran. */
  signer: string;
  /** `running`: a result may still come. `gone`: none will. */
  state: 'running' | 'ended' | 'gone';
  /** What came of it, where its signature and its input were found to hold; null otherwise. */
  outcome: { end: JobEnd; result: Uint8Array } | null;
}
export interface CopiesVerdict {
  /** `agreed`: so many owners gave the same. `split`: they never will. */
  verdict: 'waiting' | 'agreed' | 'split';
  /** Sha2-256 of the result that counts, hex; null unless agreed. */
  result: string | null;
  /** Jobs that gave another result than the agreed one, in the order in which they were named. */
  wrong: string[];
  sentence: string;
}

/**
 * Compares copies. The same whatever the order of arrival: a result counts once `quorum` different owners gave it and no other result
 * can come to as many. Copies that reached a limit, were stopped or lost say nothing, and are never wrong.
 *
 * @param quorum - 1 to the number of copies
 */
export const compareCopies = (copies: readonly Copy[], quorum: number): CopiesVerdict => {
  assert(copies.length <= COPIES_MAX && quorum >= 1, 'Copies are compared by a quorum, and there are at most nine.');
  /** Owners by result. */
  const votes = new Map<string, Set<string>>();
  const resultOf = new Map<string, string>();
  const open = new Set(copies.filter(({ state }) => state === 'running').map(({ signer }) => signer));
  const resultsOf = new Map<string, Set<string>>();
  for (const { job, signer, state, outcome } of copies) {
    if (state !== 'ended' || outcome === null || !isOutcome(outcome.end)) continue;
    const name = Buffer.from(outcome.result).toString('hex');
    resultOf.set(job, name);
    resultsOf.set(signer, (resultsOf.get(signer) ?? new Set()).add(name));
  }
  // Who has another copy under way has not spoken yet, and who contradicts itself has said nothing.
  for (const [signer, results] of resultsOf)
    if (results.size === 1 && !open.has(signer))
      for (const name of results) votes.set(name, (votes.get(name) ?? new Set()).add(signer));
  const most = [...votes].toSorted((a, b) => b[1].size - a[1].size || (a[0] < b[0] ? -1 : 1));
  const [first, second] = most;
  /** How many owners a result could still come to. */
  const atMost = (owners: number): number => owners + open.size;
  const reached = first !== undefined && first[1].size >= quorum;
  const rivals = atMost(second?.[1].size ?? 0);
  // With a quorum of half or less two results may both reach it: then the larger one counts, and a tie is none.
  if (reached && (rivals < quorum || rivals < first[1].size)) {
    const wrong = copies.filter(({ job }) => resultOf.has(job) && resultOf.get(job) !== first[0]).map(({ job }) => job);
    return {
      verdict: 'agreed',
      result: first[0],
      wrong,
      sentence: `${first[1].size} of ${copies.length} gave the same result${wrong.length === 0 ? '' : `, and ${wrong.length} another one`}.`,
    };
  }
  const possible = atMost(first?.[1].size ?? 0);
  if (open.size > 0 && possible >= quorum)
    return {
      verdict: 'waiting',
      result: null,
      wrong: [],
      sentence: `${copies.filter(({ state }) => state === 'running').length} of ${copies.length} have not ended yet.`,
    };
  return {
    verdict: 'split',
    result: null,
    wrong: [],
    sentence: reached
      ? `Two results were given by ${first[1].size} owners each, so neither counts.`
      : `No result was given by ${quorum} owners; the most was ${first?.[1].size ?? 0}.`,
  };
};
