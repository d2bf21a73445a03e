import { describe, expect, it } from 'vitest';
import { subjectProblem } from '../../../scripts/check-commits.mjs';
import { parseArguments } from '../../../scripts/test.mjs';
import {
  add,
  afterTryingAgain,
  closingLine,
  isWorthTryingAgain,
  judge,
  noCounts,
  oneCheck,
  skipLines,
  skippedStep,
} from '../../../scripts/test/counts.mjs';
import { chooseSteps, STEPS } from '../../../scripts/test/steps.mjs';
import { closure, isPermissive } from '../../../scripts/third-party.mjs';

describe('counts', () => {
  it('add up to the closing line', () => {
    const total = add([
      oneCheck('lint', true),
      oneCheck('types', false, 'see log'),
      skippedStep('e2e', 'no display'),
      { ...noCounts(), passed: 40 },
    ]);
    expect(closingLine(total)).toBe('41 passed, 1 failed, 1 skipped');
    expect(total.failures).toEqual(['types: see log']);
  });

  it('say why something was skipped, once per reason', () => {
    const lines = skipLines([
      { name: 'a', reason: 'no display' },
      { name: 'b', reason: 'no engine' },
      { name: 'c', reason: 'no display' },
    ]);
    expect(lines).toHaveLength(2);
    expect(lines[0]).toContain('a · c');
    expect(lines[0]).toContain('no display');
  });

  it('never pass for a runner that failed, counted nothing or crashed', () => {
    const good = { ...noCounts(), passed: 3 };
    expect(judge('unit', good, 0)).toBe(good);
    expect(judge('unit', good, 1)).toMatchObject({ passed: 3, failed: 1 });
    expect(judge('unit', noCounts(), 0)).toMatchObject({ passed: 0, failed: 1 });
    expect(judge('unit', null, 0)).toMatchObject({ passed: 0, failed: 1 });
    const bad = { ...noCounts(), failed: 1, failures: ['x'] };
    expect(judge('unit', bad, 1)).toBe(bad);
  });
});

describe('the steps', () => {
  it('have names of their own, and the package comes before what is done with it', () => {
    const names = STEPS.map(({ name }) => name);
    expect(new Set(names).size).toBe(names.length);
    expect(names.indexOf('build')).toBeLessThan(names.indexOf('e2e-source'));
    expect(names.indexOf('package')).toBeLessThan(names.indexOf('e2e-installed'));
  });

  it('are picked by name, by family, or all', () => {
    const picked = (...names: string[]): string[] => chooseSteps(names).chosen.map(({ name }) => name);
    expect(picked()).toHaveLength(STEPS.length);
    expect(picked('unit', 'lint')).toEqual(['lint', 'unit']);
    expect(picked('e2e')).toEqual(['e2e-source', 'e2e-installed']);
    expect(chooseSteps(['nonsense', 'lint']).unknown).toEqual(['nonsense']);
  });

  it('are named by the arguments, and nothing else is taken', () => {
    expect(parseArguments(['--only', 'lint,types', '--only=unit'])).toEqual({
      list: false,
      only: ['lint', 'types', 'unit'],
    });
    expect(parseArguments(['--list'])).toEqual({ list: true, only: [] });
    expect(() => parseArguments(['--fast'])).toThrow('does not know --fast');
  });
});

describe('commit messages', () => {
  it.each([
    'feat(stoq): drop peers that stay silent',
    'fix!: refuse newer data',
    'docs: say what it is',
    'feat(store, config): answer from a thread',
  ])('takes %s', (subject) => {
    expect(subjectProblem(subject)).toBeNull();
  });

  it.each([
    'add things',
    'feat: Add things',
    'feat: add things.',
    'feature: add things',
    'feat(Store): add things',
    `feat: ${'a'.repeat(70)}`,
  ])('refuses %s', (subject) => {
    expect(subjectProblem(subject)).not.toBeNull();
  });
});

describe('licences', () => {
  it.each(['MIT', '(MIT OR GPL-3.0)', 'Apache-2.0 OR MIT', 'MIT AND ISC', 'BlueOak-1.0.0'])('ships %s', (licence) =>
    expect(isPermissive(licence)).toBe(true),
  );

  it.each(['GPL-3.0', 'AGPL-3.0-only', 'MIT AND GPL-3.0', 'UNLICENSED', 'SEE LICENSE IN LICENSE', ''])(
    'does not ship "%s"',
    (licence) => {
      expect(isPermissive(licence)).toBe(false);
    },
  );

  it('follows dependencies to the nearest copy, and leaves optional peers out', () => {
    const packages = {
      '': {},
      'node_modules/a': {
        dependencies: { b: '1' },
        peerDependencies: { p: '1', q: '1' },
        peerDependenciesMeta: { q: { optional: true } },
      },
      'node_modules/a/node_modules/b': { dependencies: { c: '1' } },
      'node_modules/b': {},
      'node_modules/c': { dependencies: { a: '1' } },
      'node_modules/p': {},
      'node_modules/q': {},
    };
    expect(closure(packages, ['a'])).toEqual([
      'node_modules/a',
      'node_modules/a/node_modules/b',
      'node_modules/c',
      'node_modules/p',
    ]);
  });
});

describe('tests that are tried again', () => {
  const failed = (failures: string[], failedFiles: string[]) => ({
    ...noCounts(),
    passed: 10,
    failed: failures.length,
    failures,
    failedFiles,
  });

  it('are those of few files, and nothing that is no test', () => {
    expect(isWorthTryingAgain(noCounts())).toBe(false);
    expect(isWorthTryingAgain(failed(['a.test.ts > one', 'a.test.ts > two'], ['a.test.ts']))).toBe(true);
    expect(isWorthTryingAgain(failed(['unhandled error: x'], []))).toBe(false);
    expect(isWorthTryingAgain(failed(['a.test.ts > one', 'unhandled error: x'], ['a.test.ts']))).toBe(false);
    expect(isWorthTryingAgain(failed(['install.setup.ts > one'], ['install.setup.ts']))).toBe(false);
    const many = ['a', 'b', 'c', 'd', 'e'].map((name) => `${name}.test.ts`);
    expect(
      isWorthTryingAgain(
        failed(
          many.map((file) => `${file} > one`),
          many,
        ),
      ),
    ).toBe(false);
  });

  it('pass when they pass by themselves, and are told', () => {
    const first = failed(['a.test.ts > one', 'a.test.ts > two'], ['a.test.ts']);
    const after = afterTryingAgain(first, { ...noCounts(), passed: 2 });
    expect(after).toMatchObject({
      passed: 12,
      failed: 0,
      failures: [],
      unsteady: ['a.test.ts > one', 'a.test.ts > two'],
    });
    expect(closingLine(after)).toBe('12 passed, 2 of them only by themselves, 0 failed, 0 skipped');
  });

  it('fail when they fail again, when another one does, or when the second run counts nothing', () => {
    const first = failed(['a.test.ts > one', 'a.test.ts > two'], ['a.test.ts']);
    expect(afterTryingAgain(first, failed(['a.test.ts > two'], ['a.test.ts']))).toMatchObject({
      passed: 11,
      failed: 1,
      failures: ['a.test.ts > two'],
      unsteady: ['a.test.ts > one'],
    });
    expect(afterTryingAgain(first, failed(['a.test.ts > three'], ['a.test.ts'])).failed).toBe(1);
    expect(afterTryingAgain(first, judge('again', null, 1)).failed).toBe(1);
  });
});
