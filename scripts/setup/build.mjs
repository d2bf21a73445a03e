// The build, done again only when what it is made from has changed. Needs the dependencies, but no Electron.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { outputTail, run } from './command.mjs';
import { areHelpersBuilt, buildHelpers, helpersUnbuildable } from './native-helpers.mjs';
import { environmentInside, pinnedNode, root, SetupError } from './project.mjs';
import { hashFiles, removeStamp, stampFits, writeWhole } from './stamp.mjs';

/** Everything that out/ is made from. */
const SOURCES = [
  'main',
  'native-helpers',
  'preload',
  'renderer',
  'electron.vite.config.ts',
  'tsconfig.base.json',
  'package.json',
  'package-lock.json',
];
/** Without one of these there is nothing to run. */
export const BUILT_ENTRIES = ['out/main/index.js', 'out/main/cli.js'];

/** @returns {boolean} whether a build of any age is there */
export function isBuilt() {
  return BUILT_ENTRIES.every((path) => existsSync(join(root, path)));
}

/**
 * Builds out/ from main/, preload/, renderer/ and native-helpers/.
 *
 * @param {import('./progress.mjs').Progress} progress
 * @returns {Promise<boolean>} whether anything was built
 * @throws {SetupError} when the sources do not build
 */
export async function build(progress) {
  const stampPath = join(root, 'out/.stamp');
  const stamp = hashFiles(root, SOURCES);
  // A compiler that came after the last build is a reason to build again.
  const helpersMissing = helpersUnbuildable() === null && !areHelpersBuilt();
  if (stampFits(stampPath, stamp) && isBuilt() && !helpersMissing) return false;
  removeStamp(stampPath);
  const stage = progress.stage('Build');
  const result = await run(pinnedNode(), [join(root, 'node_modules/electron-vite/bin/electron-vite.js'), 'build'], {
    cwd: root,
    env: environmentInside(),
    onLine: (line) => {
      const target = /building .*(main|preload|renderer|ssr|client|environment)/i.exec(line);
      if (target !== null) stage.detail(line.trim().slice(0, 60));
    },
  });
  if (result.code !== 0 || !isBuilt()) {
    stage.failed('the sources do not build');
    throw new SetupError(
      `${outputTail(result)}\nThe build failed: put right what the message above names and run the command again.`,
    );
  }
  await buildHelpers(progress.say);
  writeWhole(stampPath, `${stamp}\n`);
  stage.done('main, preload, renderer');
  return true;
}
