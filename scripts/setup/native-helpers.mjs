// Helper programs for this system, compiled from native-helpers/. Node's built-ins only.
import { existsSync, mkdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { outputTail, run, which } from './command.mjs';
import { root, SetupError } from './project.mjs';

/** Where they lie once they are built, from the root. */
const HELPERS_FOLDER = 'out/helpers';
const TUN_HELPER = `${HELPERS_FOLDER}/hypermesh-tun`;
const HOLDER_HELPER = `${HELPERS_FOLDER}/hypermesh-holder`;
const PROBE_HELPER = `${HELPERS_FOLDER}/hypermesh-probe`;

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
  if (process.platform !== 'linux') return 'the VPN and jobs in containers need Linux';
  if (process.arch !== 'x64' && process.arch !== 'arm64') return `the helpers are not written for ${process.arch}`;
  if (which('gcc') === null)
    return 'no gcc here: the VPN and jobs in containers will say so; install it with `sudo apt-get install gcc libc6-dev`';
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
 * The only program in the image of its name: static like the other, so that it needs nothing beside it.
 *
 * @param {string} target - the program
 * @param {readonly string[]} [flags] - instead of those that it ships with: a test looks at it with sanitizers
 * @returns {Promise<import('./command.mjs').CommandResult>} of the compiler
 */
export function compileHolderHelper(target, flags = FLAGS) {
  const sources = ['holder', 'channels', 'files'].map((name) => join(root, `native-helpers/holder/${name}.c`));
  return run('gcc', [...flags, ...sources, '-o', target], { cwd: root });
}

/**
 * What the container doctor runs in its test container.
 *
 * @param {string} target - the program
 * @returns {Promise<import('./command.mjs').CommandResult>} of the compiler
 */
export function compileProbeHelper(target) {
  return run('gcc', [...FLAGS, join(root, 'native-helpers/probe/probe.c'), '-o', target], { cwd: root });
}

const HELPERS = [
  { target: TUN_HELPER, compile: compileTunHelper, whose: "The VPN's helper" },
  { target: HOLDER_HELPER, compile: compileHolderHelper, whose: "The jobs' holder" },
  { target: PROBE_HELPER, compile: compileProbeHelper, whose: "The container doctor's test program" },
];

/** @returns {boolean} whether all are there, of whatever age */
export function areHelpersBuilt() {
  return HELPERS.every(({ target }) => existsSync(join(root, target)));
}

/**
 * Builds what can be built here; the rest of the program does without.
 *
 * @param {(text: string) => void} say
 * @returns {Promise<void>}
 * @throws {SetupError} when a compiler is there and the sources do not compile
 */
export async function buildHelpers(say) {
  const why = helpersUnbuildable();
  if (why !== null) {
    // One of an older build would not fit the rest.
    for (const { target } of HELPERS) rmSync(join(root, target), { force: true });
    say(`  Helpers of the VPN and of jobs in containers not built: ${why}`);
    return;
  }
  mkdirSync(join(root, HELPERS_FOLDER), { recursive: true });
  for (const helper of HELPERS) {
    const target = join(root, helper.target);
    const fresh = `${target}.new`;
    const result = await helper.compile(fresh);
    if (result.code !== 0 || !existsSync(fresh)) {
      if (/stdio\.h|arpa\/inet\.h|linux\/[a-z0-9_]+\.h|cannot find -lc/.test(result.stderr)) {
        rmSync(target, { force: true });
        say(
          `  ${helper.whose} not built: no C library headers here; install them with \`sudo apt-get install libc6-dev\``,
        );
        continue;
      }
      throw new SetupError(`${outputTail(result)}\n${helper.whose} does not compile: see the message above.`);
    }
    // In one step, and never into the file that a running node has started.
    renameSync(fresh, target);
  }
}
