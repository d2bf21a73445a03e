// The steps of `npm test`, in their order.
import { existsSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { which } from '../setup/command.mjs';
import { pinnedNode, root } from '../setup/project.mjs';
import { afterTryingAgain, isWorthTryingAgain, judge, oneCheck, skippedStep } from './counts.mjs';
import { runStep } from './run-step.mjs';

/** @typedef {import('./counts.mjs').Counts} Counts */

/**
 * What the set-up found out, handed to every step.
 *
 * @typedef {object} Context
 * @property {NodeJS.ProcessEnv} env - of the steps' programs: PATH, display, bus, engine
 * @property {import('../setup/electron.mjs').ElectronDist | null} electron
 * @property {string | null} electronProblem - why there is no Electron, or why it does not start here
 * @property {ReadonlyMap<string, string>} unmet - needs of the system that are not met, with the reason
 * @property {ReadonlySet<string>} chosen - names of the steps of this run
 * @property {() => Promise<void>} build - builds out/; throws with a message
 */

/**
 * @typedef {object} Step
 * @property {string} name
 * @property {string} title
 * @property {ReadonlyArray<'docker' | 'display'>} [services] - what must run beside it, where the machine has it
 * @property {boolean} [needsElectron]
 * @property {(context: Context) => Promise<Counts>} run
 */

/** @param {string} path - inside node_modules */
const tool = (path) => join(root, 'node_modules', path);

/**
 * A program of node_modules that is one check: it is content or it is not.
 *
 * @param {string} name
 * @param {string} title
 * @param {readonly string[]} args - a script, run by the pinned Node, and its arguments
 * @returns {Step}
 */
function check(name, title, args) {
  return {
    name,
    title,
    run: async ({ env }) =>
      oneCheck(
        title,
        (await runStep(name, pinnedNode(), args, { env })).exitCode === 0,
        `see .cache/test-logs/${name}.log`,
      ),
  };
}

/**
 * Runs tests, and the files of those that failed once more by themselves (docs/decisions/0016).
 *
 * @param {string} name
 * @param {string} title
 * @param {(name: string, files: readonly string[]) => ReturnType<typeof runStep>} run - all of them where no files are named
 * @returns {Promise<Counts>}
 */
async function tests(name, title, run) {
  const first = await run(name, []);
  const counts = judge(title, first.counts, first.exitCode);
  if (!isWorthTryingAgain(counts)) return counts;
  const files = [...new Set(counts.failedFiles)];
  process.stdout.write(`\nFailed beside all others, run again by themselves: ${files.join(', ')}\n`);
  const again = await run(`${name}-again`, files);
  return afterTryingAgain(counts, judge(title, again.counts, again.exitCode));
}

const vitest = [tool('vitest/vitest.mjs'), 'run', '--reporter=default', '--reporter=./scripts/test/count-vitest.mjs'];

/**
 * Crypto and everything with native code, once more under Electron: its BoringSSL and its memory cage lack things that Node has.
 */
const UNDER_ELECTRON = ['test/unit/base', 'test/vectors'];

/** @type {readonly Step[]} */
export const STEPS = [
  check('format', 'Format (biome)', [tool('@biomejs/biome/bin/biome'), 'format', '.']),
  check('lint', 'Lint (oxlint, with types)', [tool('oxlint/bin/oxlint'), '--type-aware', '--deny-warnings']),
  check('types', 'Types (TypeScript)', [tool('typescript/bin/tsc'), '-b']),
  check('layers', 'Layer rule, and its fixture that must fail', ['scripts/check-layers.mjs']),
  check('dead-code', 'Dead code (knip)', [tool('knip/bin/knip.js')]),
  check('third-party', 'Licences of what is shipped', ['scripts/third-party.mjs', '--check']),
  {
    name: 'commits',
    title: 'Commit messages',
    run: async ({ env }) => {
      if (which('git') === null || !existsSync(join(root, '.git')))
        return skippedStep('Commit messages', 'this copy has no git history');
      return oneCheck(
        'Commit messages',
        (await runStep('commits', pinnedNode(), ['scripts/check-commits.mjs'], { env })).exitCode === 0,
        'see .cache/test-logs/commits.log',
      );
    },
  },
  {
    name: 'build',
    title: 'Build',
    run: async ({ build }) => {
      try {
        await build();
        return oneCheck('Build', true);
      } catch (error) {
        process.stdout.write(`${error instanceof Error ? error.message : String(error)}\n`);
        return oneCheck('Build', false, 'the sources do not build');
      }
    },
  },
  {
    name: 'unit',
    title: 'Unit, property, vector and compliance tests on Node',
    services: ['docker'],
    run: async ({ env }) =>
      await tests('unit', 'Unit tests', (name, files) => runStep(name, pinnedNode(), [...vitest, ...files], { env })),
  },
  {
    name: 'unit-electron',
    title: 'Crypto and native code under Electron',
    needsElectron: true,
    run: async ({ env, electron }) => {
      const folders = UNDER_ELECTRON.filter((folder) => existsSync(join(root, folder)));
      return await tests('unit-electron', 'Tests under Electron', (name, files) =>
        runStep(
          name,
          electron?.executable ?? '',
          [...vitest, '--project', 'node', ...(files.length > 0 ? files : folders)],
          { env: { ...env, ELECTRON_RUN_AS_NODE: '1' } },
        ),
      );
    },
  },
  {
    name: 'e2e-source',
    title: 'End to end, on the source build',
    services: ['docker', 'display'],
    needsElectron: true,
    // What the installed package is about to be asked need not be asked twice: only what reaches into Electron is left.
    run: async (context) =>
      await endToEnd(
        'e2e-source',
        'source',
        context,
        {},
        context.chosen.has('e2e-installed') && whyNotInstalled(context) === null ? ['--grep=@source'] : [],
      ),
  },
  {
    name: 'package',
    title: 'Package (.deb)',
    needsElectron: true,
    run: async ({ env, unmet }) => {
      if (process.platform !== 'linux') return skippedStep('Package', 'the .deb is made on Linux only');
      const problem = unmet.get('packaging');
      if (problem !== undefined) return skippedStep('Package', problem);
      const { exitCode } = await runStep('package', pinnedNode(), ['packaging/package.mjs'], { env });
      return oneCheck('Package', exitCode === 0 && newestDeb() !== null, 'see .cache/test-logs/package.log');
    },
  },
  {
    name: 'e2e-installed',
    title: 'End to end, on the installed package',
    services: ['docker', 'display'],
    needsElectron: true,
    run: async (context) => {
      const title = 'End to end on the installed package';
      const problem = whyNotInstalled(context);
      if (problem !== null) return skippedStep(title, problem);
      const deb = newestDeb();
      if (deb === null) return oneCheck(title, false, 'dist/ holds no .deb: the step "package" has to run first');
      return await endToEnd('e2e-installed', 'installed', context, { HYPERMESH_TEST_DEB: deb });
    },
  },
];

/**
 * @param {Context} context
 * @returns {string | null} why this machine cannot try the installed package
 */
function whyNotInstalled({ unmet }) {
  if (process.platform !== 'linux') return 'the .deb is installed on Linux only';
  if (process.getuid?.() !== 0)
    return 'only root may install a package and make a fresh account; run `sudo npm test -- --only package,e2e-installed`';
  return unmet.get('packaging') ?? null;
}

/**
 * @param {string} name
 * @param {string} project - of test/e2e/playwright.config.ts
 * @param {Context} context
 * @param {Record<string, string>} extra
 * @param {readonly string[]} [options] - of Playwright
 * @returns {Promise<Counts>}
 */
async function endToEnd(name, project, { env, electron, unmet }, extra, options = []) {
  const problem = unmet.get('display');
  if (
    problem !== undefined &&
    env['DISPLAY'] === undefined &&
    env['WAYLAND_DISPLAY'] === undefined &&
    process.platform === 'linux'
  )
    return skippedStep(name, problem);
  const args = [
    tool('@playwright/test/cli.js'),
    'test',
    '-c',
    'test/e2e/playwright.config.ts',
    `--project=${project}`,
    '--reporter=list,./scripts/test/count-playwright.mjs',
    ...options,
  ];
  return await tests(name, name, (run, files) =>
    // Set-up and removal of the package belong to the project and run with whatever is asked of it.
    runStep(run, pinnedNode(), [...args, ...files.filter((file) => file.endsWith('.e2e.ts'))], {
      env: { ...env, HYPERMESH_TEST_ELECTRON: electron?.folder ?? '', ...extra },
    }),
  );
}

/** @returns {string | null} the package that was made last */
function newestDeb() {
  const folder = join(root, 'dist');
  if (!existsSync(folder)) return null;
  const packages = readdirSync(folder)
    .filter((name) => name.endsWith('.deb'))
    .map((name) => join(folder, name));
  return packages.sort((a, b) => statSync(b).mtimeMs - statSync(a).mtimeMs)[0] ?? null;
}

/**
 * Picks steps by `--only`: exact names, or the part before a dash (`e2e` is `e2e-source` and `e2e-installed`).
 *
 * @param {readonly string[]} names
 * @returns {{ chosen: Step[], unknown: string[] }}
 */
export function chooseSteps(names) {
  /** @param {string} wanted @param {string} name */
  const matches = (wanted, name) => name === wanted || name.startsWith(`${wanted}-`);
  return {
    chosen: STEPS.filter(
      ({ name }) =>
        names.length === 0 ||
        names.some((wanted) => (STEPS.some((step) => step.name === wanted) ? name === wanted : matches(wanted, name))),
    ),
    unknown: names.filter((wanted) => !STEPS.some(({ name }) => matches(wanted, name))),
  };
}
