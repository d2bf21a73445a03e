// How the results of all steps of `npm test` add up. Pure.

/**
 * @typedef {object} Skip
 * @property {string} name - what did not run
 * @property {string} reason - why, in words
 */

/**
 * @typedef {object} Counts
 * @property {number} passed
 * @property {number} failed
 * @property {string[]} failures - names, one per failure
 * @property {Skip[]} skips
 * @property {string[]} unsteady - names of what failed among all others and passed by itself; counted as passed, and always told
 * @property {string[]} failedFiles - files that the failures are in, relative to the root; a failure of none is no test's
 */

/** @returns {Counts} */
export function noCounts() {
  return { passed: 0, failed: 0, failures: [], skips: [], unsteady: [], failedFiles: [] };
}

/**
 * @param {string} name
 * @param {string} reason
 * @returns {Counts} of a step that could not run
 */
export function skippedStep(name, reason) {
  return { ...noCounts(), skips: [{ name, reason }] };
}

/**
 * @param {string} name
 * @param {boolean} ok
 * @param {string} [why] - shown with a failure
 * @returns {Counts} of a step that is one check
 */
export function oneCheck(name, ok, why) {
  return ok
    ? { ...noCounts(), passed: 1 }
    : { ...noCounts(), failed: 1, failures: [why === undefined ? name : `${name}: ${why}`] };
}

/**
 * What a test runner's own count is worth beside its exit code: a runner that failed, counted nothing or left no count never passes.
 *
 * @param {string} name
 * @param {Counts | null} counts - null: it wrote none
 * @param {number} exitCode
 * @returns {Counts}
 */
export function judge(name, counts, exitCode) {
  if (counts === null) return oneCheck(name, false, `ended with exit code ${exitCode} before it counted anything`);
  if (counts.passed + counts.failed + counts.skips.length === 0) return oneCheck(name, false, 'ran no test at all');
  if (exitCode !== 0 && counts.failed === 0)
    return add([counts, oneCheck(name, false, `no test failed, but the run ended with exit code ${exitCode}`)]);
  return counts;
}

/**
 * @param {readonly Counts[]} all
 * @returns {Counts}
 */
export function add(all) {
  return {
    passed: all.reduce((sum, { passed }) => sum + passed, 0),
    failed: all.reduce((sum, { failed }) => sum + failed, 0),
    failures: all.flatMap(({ failures }) => failures),
    skips: all.flatMap(({ skips }) => skips),
    unsteady: all.flatMap(({ unsteady }) => unsteady),
    failedFiles: all.flatMap(({ failedFiles }) => failedFiles),
  };
}

/** More files than this do not fail by chance: nothing is tried again then. */
export const TRIED_AGAIN_FILES_MAX = 4;

/**
 * Whether the failures may come from what ran beside them (docs/decisions/0016): few, each in a file that can be run by itself.
 *
 * @param {Counts} counts
 * @returns {boolean}
 */
export function isWorthTryingAgain({ failures, failedFiles }) {
  const files = new Set(failedFiles);
  return (
    failures.length > 0 &&
    files.size > 0 &&
    files.size <= TRIED_AGAIN_FILES_MAX &&
    [...files].every((file) => /\.(test|e2e)\.tsx?$/.test(file)) &&
    failures.every((failure) => [...files].some((file) => failure.startsWith(`${file} > `)))
  );
}

/**
 * What a run counts once those of its files that failed have been run again by themselves.
 *
 * @param {Counts} first
 * @param {Counts} again - of the failed files alone
 * @returns {Counts} what failed in both runs has failed; what failed in the first alone is unsteady
 */
export function afterTryingAgain(first, again) {
  const failures = [...new Set([...first.failures.filter((name) => again.failures.includes(name)), ...again.failures])];
  const unsteady = first.failures.filter((name) => !failures.includes(name));
  return {
    ...first,
    passed: first.passed + unsteady.length,
    failed: failures.length,
    failures,
    unsteady: [...first.unsteady, ...unsteady],
    failedFiles: again.failedFiles,
  };
}

/**
 * @param {Counts} counts
 * @returns {string} `N passed, N failed, N skipped`
 */
export function closingLine({ passed, failed, skips, unsteady }) {
  const again = unsteady.length === 0 ? '' : `, ${unsteady.length} of them only by themselves`;
  return `${passed} passed${again}, ${failed} failed, ${skips.length} skipped`;
}

/**
 * @param {readonly Skip[]} skips
 * @returns {string[]} a line per reason, with what was skipped for it
 */
export function skipLines(skips) {
  /** @type {Map<string, string[]>} */
  const byReason = new Map();
  for (const { name, reason } of skips) byReason.set(reason, [...(byReason.get(reason) ?? []), name]);
  return [...byReason].map(([reason, names]) => `skipped: ${names.join(' · ')}\n    because: ${reason}`);
}
