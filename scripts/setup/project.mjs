// Where things lie in this repository, for code that runs before any dependency exists. Node's built-ins only.
import { existsSync, readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { delimiter, dirname, join, resolve } from 'node:path';

/** Folder that holds package.json. */
export const root = resolve(import.meta.dirname, '../..');

/** Oldest Node that the set-up itself runs on; `engines.node` of package.json says the same. */
export const NODE_VERSION_MIN = [20, 19];

/**
 * An error whose message is meant for the person at the terminal: it says what happened and what to do. Printed without a stack.
 */
export class SetupError extends Error {
  /** @param {string} message - what happened and what to do about it */
  constructor(message) {
    super(message);
    this.name = 'SetupError';
  }
}

/**
 * The pinned Node (the version Electron carries), as npm installs it from the package `node`.
 *
 * @param {string} [folder] - folder that holds node_modules
 * @returns {string} absolute path, whether it exists or not
 */
export function pinnedNode(folder = root) {
  return join(folder, 'node_modules/node/bin', process.platform === 'win32' ? 'node.exe' : 'node');
}

/**
 * @param {string} path - JSON file
 * @returns {any} its parsed content
 */
export function readJson(path) {
  return JSON.parse(readFileSync(path, 'utf8'));
}

/**
 * Cache of downloads that are shared by all checkouts of one person, by each system's convention.
 *
 * @param {NodeJS.ProcessEnv} [env]
 * @param {string} [platform]
 * @returns {string} absolute path, whether it exists or not
 */
export function sharedCacheFolder(env = process.env, platform = process.platform) {
  const name = 'hypermesh-dev';
  if (platform === 'win32') return join(env['LOCALAPPDATA'] ?? join(homedir(), 'AppData/Local'), name);
  if (platform === 'darwin') return join(homedir(), 'Library/Caches', name);
  // The XDG Base Directory Specification tells programs to ignore a relative path here.
  const configured = env['XDG_CACHE_HOME'];
  return join(configured?.startsWith('/') ? configured : join(homedir(), '.cache'), name);
}

/**
 * How to call npm: by the very file that runs us where npm says which (an `npm` found on the PATH may be another version).
 *
 * @param {NodeJS.ProcessEnv} [env]
 * @returns {{ command: string, args: string[], shell: boolean }}
 */
export function npmCommand(env = process.env) {
  const cli = env['npm_execpath'];
  const node = env['npm_node_execpath'];
  if (cli && node && /npm-cli\.c?js$/.test(cli) && existsSync(cli) && existsSync(node)) {
    return { command: node, args: [cli], shell: false };
  }
  // Windows' npm is a .cmd file, which only a shell can start.
  return process.platform === 'win32'
    ? { command: 'npm.cmd', args: [], shell: true }
    : { command: 'npm', args: [], shell: false };
}

/**
 * The environment without node_modules/.bin on its PATH, for commands that must not depend on the folder they are about to write.
 *
 * @param {NodeJS.ProcessEnv} [env]
 * @returns {NodeJS.ProcessEnv}
 */
export function environmentOutside(env = process.env) {
  const key = Object.keys(env).find((name) => name.toUpperCase() === 'PATH') ?? 'PATH';
  const outside = (env[key] ?? '')
    .split(delimiter)
    .filter((folder) => !folder.replaceAll('\\', '/').includes('node_modules/.bin'));
  return { ...env, [key]: outside.join(delimiter) };
}

/**
 * The environment with node_modules/.bin first on its PATH, as `npm run` has it.
 *
 * @param {NodeJS.ProcessEnv} [env]
 * @returns {NodeJS.ProcessEnv}
 */
export function environmentInside(env = process.env) {
  const outside = environmentOutside(env);
  const key = Object.keys(outside).find((name) => name.toUpperCase() === 'PATH') ?? 'PATH';
  return { ...outside, [key]: [join(root, 'node_modules/.bin'), dirname(pinnedNode()), outside[key]].join(delimiter) };
}

/** @throws {SetupError} when the Node that runs this is too old to set anything up */
export function requireNodeVersion() {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
  const [needMajor = 0, needMinor = 0] = NODE_VERSION_MIN;
  if (major < needMajor || (major === needMajor && minor < needMinor)) {
    throw new SetupError(
      `Node ${process.versions.node} is too old to set this up: install Node ${NODE_VERSION_MIN.join('.')} or newer from https://nodejs.org and run the command again.`,
    );
  }
}
