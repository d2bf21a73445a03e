// `npm start`: sets everything up, then runs the app: with a display its window and tray, without one or with --headless the node
// alone. Node's built-ins only, since it starts before any dependency exists.
import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { takeOver } from './setup/command.mjs';
import { findElectron } from './setup/electron.mjs';
import { runScript, setUp } from './setup/index.mjs';
import { createProgress } from './setup/progress.mjs';
import { environmentInside, pinnedNode, root, SetupError } from './setup/project.mjs';
import { explainBlockedSandbox, explainMissingLibraries } from './setup/system-packages.mjs';

/**
 * @param {readonly string[]} args
 * @param {NodeJS.ProcessEnv} env
 * @param {string} platform
 * @returns {boolean} whether there is a screen and nobody asked to go without
 */
export function wantsWindow(args, env, platform) {
  if (args.includes('--headless')) return false;
  if (platform === 'darwin' || platform === 'win32') return true;
  return Boolean(env['DISPLAY']) || Boolean(env['WAYLAND_DISPLAY']);
}

/** @param {string} path */
function readText(path) {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return null;
  }
}

async function main() {
  const args = process.argv.slice(2);
  const progress = createProgress();
  await setUp({ progress });
  const env = environmentInside();

  if (!wantsWindow(args, process.env, process.platform)) {
    const rest = args.filter((arg) => arg !== '--headless');
    return await takeOver(pinnedNode(), [join(root, 'out/main/cli.js'), 'start', '--headless', ...rest], {
      cwd: root,
      env,
    });
  }

  const electron = await findElectron({ allowRepublished: true, progress });
  const missing = await explainMissingLibraries(electron.executable);
  if (missing !== null) throw new SetupError(missing);
  /** @type {string[]} */
  const flags = [];
  if (process.platform === 'linux') {
    if (process.getuid?.() === 0) {
      flags.push('--no-sandbox');
      progress.say(
        'Running as root: Electron starts with --no-sandbox, as its sandbox does not work for root. Use an ordinary account for daily use.',
      );
    } else {
      const helper = statSync(join(electron.folder, 'chrome-sandbox'), { throwIfNoEntry: false });
      const blocked = explainBlockedSandbox(
        electron.folder,
        readText,
        helper !== undefined && helper.uid === 0 && (helper.mode & 0o4000) !== 0,
      );
      if (blocked !== null) progress.say(blocked);
    }
  }
  // Some editors' terminals leave this set, and Electron would then be a plain Node.
  delete env['ELECTRON_RUN_AS_NODE'];
  return await takeOver(electron.executable, [...flags, root, ...args], { cwd: root, env });
}

if (process.argv[1] === import.meta.filename) runScript(main);
