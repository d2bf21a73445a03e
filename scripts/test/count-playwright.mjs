// Reporter for Playwright that writes how many tests passed, failed and were skipped (and why) to the file named by HYPERMESH_TEST_COUNTS.
import { relative } from 'node:path';
import { writeWhole } from '../setup/stamp.mjs';
import { noCounts } from './counts.mjs';

export default class CountReporter {
  /** @type {import('@playwright/test/reporter').Suite | null} */
  #suite = null;
  /** @type {string[]} */
  #errors = [];

  /**
   * @param {import('@playwright/test/reporter').FullConfig} _config
   * @param {import('@playwright/test/reporter').Suite} suite
   */
  onBegin(_config, suite) {
    this.#suite = suite;
  }

  /** @param {import('@playwright/test/reporter').TestError} error - one that belongs to no test */
  onError(error) {
    this.#errors.push(error.message ?? error.value ?? 'unknown');
  }

  onEnd() {
    const path = process.env['HYPERMESH_TEST_COUNTS'];
    if (path === undefined) return;
    /** @type {import('./counts.mjs').Counts} */
    const counts = {
      ...noCounts(),
      failures: this.#errors.map((error) => `outside of any test: ${error.split('\n')[0]}`),
    };
    for (const test of this.#suite?.allTests() ?? []) {
      const file = relative(process.cwd(), test.location.file);
      const name = `${file} > ${test.titlePath().slice(3).join(' > ')}`;
      const outcome = test.outcome();
      if (outcome === 'expected') counts.passed += 1;
      else if (outcome === 'skipped') {
        const annotations = [...test.annotations, ...test.results.flatMap((result) => result.annotations)];
        const why = annotations.find(
          ({ type, description }) => (type === 'skip' || type === 'fixme') && description,
        )?.description;
        // Without an annotation it never began, because one before it in a serial group failed.
        counts.skips.push({ name, reason: why ?? 'an earlier step of the same walk failed' });
      } else {
        counts.failures.push(outcome === 'flaky' ? `${name} (passed only when tried again)` : name);
        if (!counts.failedFiles.includes(file)) counts.failedFiles.push(file);
      }
    }
    counts.failed = counts.failures.length;
    writeWhole(path, JSON.stringify(counts));
  }
}
