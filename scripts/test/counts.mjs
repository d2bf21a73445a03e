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
 */

/** @returns {Counts} */
export function noCounts() {
  return { passed: 0, failed: 0, failures: [], skips: [] };
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
  };
}

/**
 * @param {Counts} counts
 * @returns {string} `N passed, N failed, N skipped`
 */
export function closingLine({ passed, failed, skips }) {
  return `${passed} passed, ${failed} failed, ${skips.length} skipped`;
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
