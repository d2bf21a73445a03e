// `npm test`: sets up what the tests need, runs everything, and says in its last line what came of it. One failing step does not
// stop the next. `--list` names the steps, `--only lint,types,unit` runs some of them. Node's built-ins only.
import { join } from 'node:path';
import { whenParentIsGone, which } from './setup/command.mjs';
import { build } from './setup/build.mjs';
import { findElectron } from './setup/electron.mjs';
import { runScript, setUp } from './setup/index.mjs';
import { createProgress } from './setup/progress.mjs';
import { environmentInside, SetupError } from './setup/project.mjs';
import { ensureTestNeeds } from './setup/system-packages.mjs';
import { add, closingLine, noCounts, oneCheck, skipLines, skippedStep } from './test/counts.mjs';
import { endRunning, logFolder } from './test/run-step.mjs';
import { startDisplay, startDocker, startSessionBus } from './test/services.mjs';
import { chooseSteps, STEPS } from './test/steps.mjs';

/** @typedef {import('./test/counts.mjs').Counts} Counts */

/**
 * @param {readonly string[]} args
 * @returns {{ list: boolean, only: string[] }}
 */
export function parseArguments(args) {
  const only = [];
  let list = false;
  for (let index = 0; index < args.length; index++) {
    const arg = args[index] ?? '';
    if (arg === '--list') list = true;
    else if (arg === '--only') only.push(...(args[++index] ?? '').split(','));
    else if (arg.startsWith('--only=')) only.push(...arg.slice('--only='.length).split(','));
    else throw new SetupError(`npm test does not know ${arg}: it takes --list and --only NAME,NAME.`);
  }
  return { list, only: only.filter((name) => name !== '') };
}

async function main() {
  const { list, only } = parseArguments(process.argv.slice(2));
  if (list) {
    for (const { name, title } of STEPS) process.stdout.write(`${name.padEnd(16)}${title}\n`);
    return 0;
  }
  const { chosen, unknown } = chooseSteps(only);
  if (unknown.length > 0)
    throw new SetupError(`There is no step ${unknown.join(', ')}: \`npm test -- --list\` names them all.`);

  const progress = createProgress();
  await setUp({ progress, withBuild: false });
  /** @type {NodeJS.ProcessEnv} */
  const env = { ...environmentInside(), ...(process.stdout.isTTY ? { FORCE_COLOR: '1' } : {}) };
  delete env['ELECTRON_RUN_AS_NODE'];

  /** @type {import('./setup/electron.mjs').ElectronDist | null} */
  let electron = null;
  let electronProblem = null;
  if (chosen.some((step) => step.needsElectron)) {
    try {
      electron = await findElectron({ allowRepublished: true, progress });
    } catch (error) {
      electronProblem = error instanceof Error ? error.message : String(error);
      progress.say(electronProblem);
    }
  }
  const needsSystem = chosen.some((step) => step.needsElectron || step.services !== undefined);
  const unmet = needsSystem
    ? await ensureTestNeeds(progress, { electronExecutable: electron?.executable ?? null })
    : new Map();
  electronProblem ??= unmet.get('electron libraries') ?? null;
  const browser = ['chromium', 'chromium-browser', 'google-chrome'].map(which).find((path) => path !== null);
  if (browser !== undefined) env['HYPERMESH_TEST_BROWSER'] = browser ?? '';

  /** @type {import('./test/services.mjs').Service[]} */
  const services = [];
  const stopServices = async () => {
    for (const service of services.splice(0).reverse()) await service.stop();
  };
  let isInterrupted = false;
  /** @param {NodeJS.Signals} signal */
  const interrupted = (signal) => {
    if (isInterrupted) return;
    isInterrupted = true;
    process.stdout.write(`\nInterrupted (${signal}): ending what runs.\n`);
    endRunning('SIGTERM');
    void stopServices().finally(() => process.exit(signal === 'SIGINT' ? 130 : 143));
  };
  for (const signal of /** @type {const} */ (['SIGINT', 'SIGTERM', 'SIGHUP']))
    process.once(signal, () => interrupted(signal));
  whenParentIsGone(() => interrupted('SIGTERM'));

  /** @type {Counts[]} */
  const results = [];
  try {
    await startServices(chosen, services, env, progress);
    const context = {
      env,
      electron,
      electronProblem,
      unmet,
      chosen: new Set(chosen.map(({ name }) => name)),
      build: async () => void (await build(progress)),
    };
    for (const [index, step] of chosen.entries()) {
      process.stdout.write(`\n━━ ${index + 1}/${chosen.length} ${step.title}\n`);
      const startedMs = performance.now();
      const counts =
        step.needsElectron && electronProblem !== null
          ? skippedStep(step.title, electronProblem)
          : await step
              .run(context)
              .catch((error) => oneCheck(step.title, false, error instanceof Error ? error.message : String(error)));
      // The handler above ends this process once the services are down; until then no further step begins.
      if (isInterrupted) return await new Promise(() => {});
      results.push(counts);
      process.stdout.write(
        `── ${step.name}: ${closingLine(counts)} (${((performance.now() - startedMs) / 1000).toFixed(1)} s)\n`,
      );
    }
  } finally {
    await stopServices();
  }

  const total = add([noCounts(), ...results]);
  process.stdout.write('\n');
  for (const line of skipLines(total.skips)) process.stdout.write(`${line}\n`);
  for (const name of total.unsteady) process.stdout.write(`unsteady: ${name}\n`);
  for (const failure of total.failures) process.stdout.write(`failed: ${failure}\n`);
  if (total.failed > 0) process.stdout.write(`Logs of every step: ${logFolder}\n`);
  process.stdout.write(`${closingLine(total)}\n`);
  return total.failed > 0 ? 1 : 0;
}

/**
 * Starts what the chosen steps run against and puts where it is found into `env`. What cannot be started is said; the tests that want
 * it then skip themselves with that reason (HYPERMESH_TEST_DOCKER_MISSING).
 *
 * @param {readonly import('./test/steps.mjs').Step[]} chosen
 * @param {import('./test/services.mjs').Service[]} services - those started are added
 * @param {NodeJS.ProcessEnv} env
 * @param {import('./setup/progress.mjs').Progress} progress
 */
async function startServices(chosen, services, env, progress) {
  /** @param {'docker' | 'display'} name */
  const wants = (name) => chosen.some((step) => step.services?.includes(name));
  /**
   * @param {string} title
   * @param {() => Promise<import('./test/services.mjs').Service | string>} start
   */
  const begin = async (title, start) => {
    const stage = progress.stage(title);
    const service = await start();
    if (typeof service === 'string') {
      stage.failed(service);
      return service;
    }
    services.push(service);
    Object.assign(env, service.env);
    stage.done(Object.values(service.env).join(' '));
    return null;
  };
  if (wants('docker')) {
    const problem = await begin('Docker engine of the tests’ own', () =>
      startDocker({ logPath: join(logFolder, 'dockerd.log') }),
    );
    if (problem !== null) env['HYPERMESH_TEST_DOCKER_MISSING'] = problem;
  }
  if (wants('display') && process.platform === 'linux') {
    await begin('Display', startDisplay);
    await begin('Session bus', startSessionBus);
  }
}

if (process.argv[1] === import.meta.filename) runScript(main);
