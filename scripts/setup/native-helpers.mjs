// Helper programs for this system, compiled from native-helpers/. Node's built-ins only.
import { existsSync, mkdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { outputTail, run, which } from './command.mjs';
import { root, SetupError } from './project.mjs';

/** Where they lie once they are built, from the root. */
const HELPERS_FOLDER = 'out/helpers';
export const TUN_HELPER = `${HELPERS_FOLDER}/hypermesh-tun`;

/**
 * Warnings are errors, and what runs with a right is hardened: stack guards, checked copies, no writable tables, no loader (a static
 * program loads nothing, whoever starts it).
 */
const FLAGS = [
  '-std=gnu11',
  '-O2',
  '-Wall',
  '-Wextra',
  '-Werror',
  '-Wconversion',
  '-Wshadow',
  '-Wformat=2',
  '-D_FORTIFY_SOURCE=2',
  '-fstack-protector-strong',
  '-fPIE',
  '-static-pie',
  '-s',
  '-Wl,-z,relro,-z,now,-z,noexecstack',
];

/** @returns {string | null} why they cannot be built here, null where they can */
export function helpersUnbuildable() {
  if (process.platform !== 'linux') return 'the VPN needs Linux';
  if (process.arch !== 'x64' && process.arch !== 'arm64') return `the VPN's helper is not written for ${process.arch}`;
  if (which('gcc') === null)
    return 'no gcc here: the VPN will say so; install it with `sudo apt-get install gcc libc6-dev`';
  return null;
}

/**
 * @param {string} target - the program
 * @returns {Promise<import('./command.mjs').CommandResult>} of the compiler
 */
export function compileTunHelper(target) {
  return run('gcc', [...FLAGS, join(root, 'native-helpers/tun/tun.c'), '-o', target], { cwd: root });
}

/**
 * Builds what can be built here; the rest of the program does without.
 *
 * @param {(text: string) => void} say
 * @returns {Promise<void>}
 * @throws {SetupError} when a compiler is there and the sources do not compile
 */
export async function buildHelpers(say) {
  const target = join(root, TUN_HELPER);
  const why = helpersUnbuildable();
  if (why !== null) {
    // One of an older build would not fit the rest.
    rmSync(target, { force: true });
    say(`  Helper of the VPN not built: ${why}`);
    return;
  }
  mkdirSync(join(root, HELPERS_FOLDER), { recursive: true });
  const fresh = `${target}.new`;
  const result = await compileTunHelper(fresh);
  if (result.code !== 0 || !existsSync(fresh)) {
    if (/stdio\.h|arpa\/inet\.h|linux\/[a-z_]+\.h|cannot find -lc/.test(result.stderr)) {
      rmSync(target, { force: true });
      say(
        '  Helper of the VPN not built: no C library headers here; install them with `sudo apt-get install libc6-dev`',
      );
      return;
    }
    throw new SetupError(`${outputTail(result)}\nThe VPN's helper does not compile: see the message above.`);
  }
  // In one step, and never into the file that a running node has started.
  renameSync(fresh, target);
}
