// Reporter for vitest that writes how many tests passed, failed and were skipped (and why) to the file named by HYPERMESH_TEST_COUNTS.
import { writeWhole } from '../setup/stamp.mjs';
import { noCounts } from './counts.mjs';

/** @typedef {import('./counts.mjs').Counts} Counts */

export default class CountReporter {
  /**
   * @param {ReadonlyArray<import('vitest/node').TestModule>} modules
   * @param {ReadonlyArray<{ message?: string }>} unhandledErrors
   */
  onTestRunEnd(modules, unhandledErrors) {
    const path = process.env['HYPERMESH_TEST_COUNTS'];
    if (path === undefined) return;
    /** @type {Counts} */
    const counts = noCounts();
    /** @param {string} name */
    const fail = (name) => {
      counts.failed += 1;
      counts.failures.push(name);
    };
    for (const module of modules) {
      const where = module.relativeModuleId;
      const failedBefore = counts.failed;
      // A file that cannot be loaded has no tests to fail, and must not pass for it.
      for (const error of module.errors()) fail(`${where}: ${error.message}`);
      for (const test of module.children.allTests()) {
        const name = `${where} > ${test.fullName}`;
        const result = test.result();
        if (result.state === 'passed') counts.passed += 1;
        else if (result.state === 'skipped') counts.skips.push({ name, reason: result.note ?? 'no reason given' });
        else fail(name);
      }
      for (const suite of module.children.allSuites())
        for (const error of suite.errors()) fail(`${where} > ${suite.fullName}: ${error.message}`);
      if (counts.failed > failedBefore) counts.failedFiles.push(where);
    }
    for (const error of unhandledErrors) fail(`unhandled error: ${error.message ?? 'unknown'}`);
    writeWhole(path, JSON.stringify(counts));
  }
}
