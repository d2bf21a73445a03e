// The set-up that `npm start`, `npm test` and `npx hypermesh` share. Runs on the system's Node before any dependency exists, may be
// run twice, interrupted and run again. Node's built-ins only.
import { join } from 'node:path';
import { build } from './build.mjs';
import { installDependencies } from './dependencies.mjs';
import { withLock } from './lock.mjs';
import { createProgress } from './progress.mjs';
import { requireNodeVersion, root } from './project.mjs';

/**
 * Brings node_modules and out/ up to date. Cheap when they are: it hashes the sources and nothing more.
 *
 * @param {{ progress?: import('./progress.mjs').Progress, withBuild?: boolean }} [options]
 * @returns {Promise<void>}
 * @throws {import('./project.mjs').SetupError} with a message for the person at the terminal
 */
export async function setUp({ progress = createProgress(), withBuild = true } = {}) {
  requireNodeVersion();
  await withLock(
    join(root, '.cache/setup/lock'),
    async () => {
      await installDependencies(progress);
      if (withBuild) await build(progress);
    },
    { say: progress.say },
  );
}

/**
 * Ends a script with a sentence instead of a stack where the person can do something about it.
 *
 * @param {() => Promise<number>} main - returns the exit code
 */
export function runScript(main) {
  main().then(
    (code) => {
      process.exitCode = code;
    },
    (error) => {
      process.stderr.write(
        `\n${error instanceof Error && error.name === 'SetupError' ? error.message : (error?.stack ?? error)}\n`,
      );
      process.exitCode = 1;
    },
  );
}
