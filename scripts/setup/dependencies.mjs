// Dependencies from the lock file, and the pinned Node that comes with them. Node's built-ins only.
import { existsSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { outputTail, run } from './command.mjs';
import { environmentOutside, npmCommand, pinnedNode, readJson, root, SetupError } from './project.mjs';
import { hashFiles, removeStamp, stampFits, writeWhole } from './stamp.mjs';

/** @typedef {import('./progress.mjs').Progress} Progress */

/** Lines of a difference shown to the person; the first few tell the story. */
const DIFFERENCES_SHOWN = 5;

/**
 * Compares package.json with the lock before npm does, because npm would quietly rewrite the lock instead of complaining.
 *
 * @param {any} manifest - parsed package.json
 * @param {any} lock - parsed package-lock.json
 * @returns {string[]} one sentence per difference; empty when they agree
 */
export function lockDifferences(manifest, lock) {
  const own = lock?.packages?.[''];
  if (own === undefined) return ['package-lock.json does not list this package itself'];
  const differences = [];
  for (const kind of ['dependencies', 'devDependencies', 'optionalDependencies']) {
    const wanted = manifest[kind] ?? {};
    const locked = own[kind] ?? {};
    for (const name of new Set([...Object.keys(wanted), ...Object.keys(locked)])) {
      if (wanted[name] !== locked[name]) {
        differences.push(
          `${name}: package.json has ${wanted[name] ?? 'none'}, package-lock.json has ${locked[name] ?? 'none'}`,
        );
      }
    }
  }
  return differences;
}

/**
 * @param {any} manifest - parsed package.json
 * @param {any} lock - parsed package-lock.json
 * @param {string} folder - holds node_modules
 * @returns {string[]} direct dependencies whose installed version is not the locked one
 */
export function wronglyInstalled(manifest, lock, folder) {
  const names = [...Object.keys(manifest.dependencies ?? {}), ...Object.keys(manifest.devDependencies ?? {})];
  return names.filter((name) => {
    const path = join(folder, 'node_modules', name, 'package.json');
    return !existsSync(path) || readJson(path).version !== lock.packages[`node_modules/${name}`]?.version;
  });
}

/**
 * @param {string} folder
 * @returns {string} stamp of what node_modules is made from
 */
export function dependenciesStamp(folder = root) {
  return hashFiles(folder, ['package.json', 'package-lock.json'], [process.platform, process.arch]);
}

/**
 * Installs exactly what the lock names, unless that is what node_modules holds already. Interrupted, it starts from an empty
 * node_modules the next time: npm takes a half-written package for a whole one.
 *
 * @param {Progress} progress
 * @returns {Promise<boolean>} whether anything was installed
 * @throws {SetupError} when package.json and the lock differ, npm fails, or npm changed the lock
 */
export async function installDependencies(progress) {
  const stampPath = join(root, 'node_modules/.hypermesh-stamp');
  const begunPath = join(root, '.cache/setup/dependencies-begun');
  const stamp = dependenciesStamp();
  if (stampFits(stampPath, stamp) && !existsSync(begunPath) && existsSync(pinnedNode())) return false;

  const manifest = readJson(join(root, 'package.json'));
  const lockPath = join(root, 'package-lock.json');
  const lockBefore = readFileSync(lockPath);
  const lock = JSON.parse(lockBefore.toString('utf8'));
  const differences = lockDifferences(manifest, lock);
  if (differences.length > 0) {
    throw new SetupError(
      `package.json and package-lock.json do not agree (${differences.slice(0, DIFFERENCES_SHOWN).join('; ')}${differences.length > DIFFERENCES_SHOWN ? '; …' : ''}): run "npm install" yourself, look at the change of package-lock.json and commit it.`,
    );
  }

  if (existsSync(begunPath) && existsSync(join(root, 'node_modules'))) {
    progress.say('  The last installation was interrupted: starting from an empty node_modules.');
    const aside = join(root, '.cache/setup/node_modules-aside');
    rmSync(aside, { recursive: true, force: true });
    renameSync(join(root, 'node_modules'), aside);
    rmSync(aside, { recursive: true, force: true });
  }
  removeStamp(stampPath);
  writeWhole(begunPath, `${process.pid}\n`);

  const stage = progress.stage('Dependencies from package-lock.json');
  let fetched = 0;
  // --no-save: the lock is read, never written, so that every npm from 10 on installs the same and leaves it alone.
  // Not `npm ci`: npm 11.19 refuses a lock whose other-platform packages a registry mirror does not carry.
  const npm = npmCommand();
  const result = await run(
    npm.command,
    [...npm.args, 'install', '--no-save', '--no-audit', '--no-fund', '--loglevel=http'],
    {
      cwd: root,
      env: environmentOutside(),
      shell: npm.shell,
      onLine: (line) => {
        if (/\bhttp (fetch|cache) .*\.tgz\b/.test(line)) stage.detail(`${++fetched} packages fetched`);
      },
    },
  );
  if (result.code !== 0) {
    stage.failed('npm could not install them');
    throw new SetupError(
      `${withoutFetches(outputTail(result))}\nnpm could not install the dependencies (exit code ${result.code}): look at its message above, then run the command again.`,
    );
  }
  if (!readFileSync(lockPath).equals(lockBefore)) {
    writeWhole(lockPath, lockBefore);
    stage.failed('npm changed package-lock.json');
    throw new SetupError(
      'npm changed package-lock.json although nothing asked for it; it was put back. Run "npm install" yourself, look at what it changes and commit that if it is right.',
    );
  }
  const wrong = wronglyInstalled(manifest, lock, root);
  if (wrong.length > 0) {
    stage.failed('npm installed other versions');
    throw new SetupError(
      `npm did not install the locked version of ${wrong.join(', ')}: remove the folder node_modules and run the command again.`,
    );
  }
  await installPinnedNode(manifest.devDependencies.node, stage);
  writeWhole(stampPath, `${stamp}\n`);
  removeStamp(begunPath);
  stage.done(`${Object.keys(lock.packages).length - 1} locked, ${fetched} fetched`);
  return true;
}

/**
 * The package `node` fetches its program in an install script, which newer versions of npm leave out unless told otherwise.
 *
 * @param {string} version
 * @param {import('./progress.mjs').Stage} stage
 */
async function installPinnedNode(version, stage) {
  if (!(await runsAs(version))) {
    stage.detail(`Node ${version}`);
    const result = await run(process.execPath, ['installArchSpecificPackage.js'], {
      cwd: join(root, 'node_modules/node'),
      env: environmentOutside(),
    });
    if (result.code !== 0 || !(await runsAs(version))) {
      stage.failed(`Node ${version} could not be installed`);
      throw new SetupError(
        `${outputTail(result)}\nThe package "node" could not fetch Node ${version}: look at the message above, then run the command again.`,
      );
    }
  }
}

/**
 * @param {string} version
 * @returns {Promise<boolean>} whether the pinned Node is there and is what it should be
 */
async function runsAs(version) {
  if (!existsSync(pinnedNode())) return false;
  const result = await run(pinnedNode(), ['--version']);
  return result.code === 0 && result.stdout.trim() === `v${version}`;
}

/** @param {string} text - npm's output without the lines that only count fetches */
function withoutFetches(text) {
  return text
    .split('\n')
    .filter((line) => !/\bhttp (fetch|cache) /.test(line))
    .join('\n');
}
