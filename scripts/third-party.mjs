// THIRD_PARTY.md: everything that is shipped and not ours, with its licence. Made from the lock and node_modules; `--check` compares.
// Fails on a licence that does not let us ship it.
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { readJson, root } from './setup/project.mjs';
import { writeWhole } from './setup/stamp.mjs';

/** Licences that permit shipping as part of an Apache-2.0 program; what they ask for is to be named with their text, which this does. */
const PERMISSIVE = new Set([
  'MIT',
  'MIT-0',
  'ISC',
  'BSD-2-Clause',
  'BSD-3-Clause',
  'Apache-2.0',
  'Apache-2.0 WITH LLVM-exception',
  '0BSD',
  'Unlicense',
  'CC0-1.0',
  'BlueOak-1.0.0',
  'Python-2.0',
  'Zlib',
  'WTFPL',
  'CC-BY-4.0',
]);

/**
 * Licences that a package states in its own files only (the LICENSE file of each was read), by name, whatever the version.
 *
 * @type {Readonly<Record<string, string>>}
 */
const STATED_ELSEWHERE = { buildcheck: 'MIT', 'cpu-features': 'MIT', ssh2: 'MIT' };

/**
 * Whether an SPDX expression lets us ship: of `A OR B` one is enough, of `A AND B` both are needed.
 *
 * @param {string} expression
 * @returns {boolean}
 */
export function isPermissive(expression) {
  const text = expression.trim().replace(/^\((.*)\)$/, '$1');
  if (PERMISSIVE.has(text)) return true;
  if (text.includes('(')) return false;
  if (/ OR /.test(text)) return text.split(/ OR /).some((part) => isPermissive(part));
  return / AND /.test(text) && text.split(/ AND /).every((part) => isPermissive(part));
}

/**
 * @typedef {object} LockEntry
 * @property {string} [version]
 * @property {string} [license]
 * @property {boolean} [optional]
 * @property {string[]} [os]
 * @property {Record<string, string>} [dependencies]
 * @property {Record<string, string>} [optionalDependencies]
 * @property {Record<string, string>} [peerDependencies]
 * @property {Record<string, { optional?: boolean }>} [peerDependenciesMeta]
 */

/**
 * Everything that `roots` bring with them, as Node would find it: in the nearest node_modules.
 *
 * @param {Readonly<Record<string, LockEntry>>} packages - of package-lock.json
 * @param {readonly string[]} roots - names of direct dependencies
 * @returns {string[]} keys of `packages`, sorted
 */
export function closure(packages, roots) {
  /** @type {Set<string>} */
  const seen = new Set();
  const queue = roots.map((name) => ({ name, from: '' }));
  for (let next = queue.pop(); next !== undefined; next = queue.pop()) {
    const { name } = next;
    let { from } = next;
    let key;
    for (;;) {
      const candidate = `${from === '' ? '' : `${from}/`}node_modules/${name}`;
      if (packages[candidate] !== undefined) {
        key = candidate;
        break;
      }
      if (from === '') break;
      from = from.includes('/node_modules/') ? from.slice(0, from.lastIndexOf('/node_modules/')) : '';
    }
    if (key === undefined || seen.has(key)) continue;
    seen.add(key);
    const entry = packages[key] ?? {};
    for (const dependency of Object.keys({
      ...entry.dependencies,
      ...entry.optionalDependencies,
      ...entry.peerDependencies,
    })) {
      // Taken when something else brings it, never brought along.
      if (entry.peerDependenciesMeta?.[dependency]?.optional === true) continue;
      queue.push({ name: dependency, from: key });
    }
  }
  return [...seen].sort((a, b) => (a < b ? -1 : 1));
}

/**
 * Packages that the sources of a folder import, of which a bundle then holds the code.
 *
 * @param {string} folder
 * @returns {Set<string>}
 */
function importedBy(folder) {
  /** @type {Set<string>} */
  const names = new Set();
  for (const entry of readdirSync(join(root, folder), { withFileTypes: true, recursive: true })) {
    if (!entry.isFile() || !/\.(ts|tsx|css)$/.test(entry.name)) continue;
    const text = readFileSync(join(entry.parentPath, entry.name), 'utf8');
    for (const match of text.matchAll(/(?:\bfrom|\bimport|@import)\s*\(?\s*['"]((?:@[^/'"]+\/)?[^./'"@][^/'"]*)/g))
      names.add(match[1] ?? '');
  }
  return names;
}

/**
 * @param {string} key - of the lock
 * @returns {{ text: string, file: string }[]} licence and notice files of a package
 */
function licenceFiles(key) {
  const folder = join(root, key);
  if (!existsSync(folder)) return [];
  return readdirSync(folder)
    .filter(
      (name) => /^(licen[cs]e|copying|notice|unlicense)([-.].*)?$/i.test(name) && !/\.(js|ts|cjs|mjs)$/.test(name),
    )
    .sort()
    .map((file) => ({ file, text: readFileSync(join(folder, file), 'utf8').replaceAll('\r\n', '\n').trim() }));
}

/** @returns {{ document: string, problems: string[], count: number }} */
function generate() {
  const manifest = readJson(join(root, 'package.json'));
  /** @type {Record<string, LockEntry>} */
  const packages = readJson(join(root, 'package-lock.json')).packages;
  const problems = [];

  const bundled = [...new Set([...importedBy('main'), ...importedBy('preload'), ...importedBy('renderer')])].filter(
    (name) => manifest.devDependencies[name] !== undefined && name !== 'electron',
  );
  const shipped = closure(packages, [...Object.keys(manifest.dependencies), ...bundled]);

  const rows = [];
  /** @type {Map<string, { text: string, users: string[] }>} */
  const texts = new Map();
  for (const key of shipped) {
    const entry = packages[key] ?? {};
    const name = key.slice(key.lastIndexOf('node_modules/') + 'node_modules/'.length);
    const title = `${name}@${entry.version}`;
    const licence = entry.license ?? STATED_ELSEWHERE[name];
    if (licence === undefined)
      problems.push(
        `${title} names no licence: look it up in its files and add it to STATED_ELSEWHERE in scripts/third-party.mjs.`,
      );
    else if (!isPermissive(licence))
      problems.push(`${title} is under ${licence}, which is not among the licences we ship: take another package.`);
    rows.push(`| ${name} | ${entry.version} | ${licence ?? 'unknown'} |`);
    // A package for another system is not here to be read, and the document must be the same on every system.
    if (entry.optional || entry.os !== undefined) continue;
    for (const { text } of licenceFiles(key)) {
      const id = createHash('sha256').update(text.replace(/\s+/g, ' ')).digest('hex');
      const known = texts.get(id);
      if (known === undefined) texts.set(id, { text, users: [title] });
      else if (!known.users.includes(title)) known.users.push(title);
    }
  }

  const document = [
    '# Third-party software',
    '',
    'What HyperMesh Desktop ships that others wrote. Made by `npm run third-party`; `npm test` checks that it is up to date.',
    '',
    `The app runs in Electron ${manifest.devDependencies.electron} (MIT), which carries Chromium, V8, Node.js ${manifest.devDependencies.node} and FFmpeg; their`,
    'licences are in `LICENSES.chromium.html` of every package. Jobs, the command line and the node with no screen run on the plain Node.js of the same version (MIT), shipped beside it.',
    '',
    '| Package | Version | Licence |',
    '| --- | --- | --- |',
    ...[...new Set(rows)].sort(),
    '',
    '## Licence texts',
    ...[...texts.values()].flatMap(({ text, users }) => [
      '',
      `### ${users.join(', ')}`,
      '',
      '```text',
      text.replaceAll('```', "'''"),
      '```',
    ]),
    '',
  ].join('\n');
  return { document, problems, count: new Set(rows).size };
}

if (process.argv[1] === import.meta.filename) {
  const path = join(root, 'THIRD_PARTY.md');
  const { document, problems, count } = generate();
  if (process.argv.includes('--check')) {
    if (!existsSync(path) || readFileSync(path, 'utf8') !== document)
      problems.push('THIRD_PARTY.md is not up to date: run "npm run third-party" and commit it.');
  } else {
    writeWhole(path, document);
  }
  for (const problem of problems) process.stderr.write(`${problem}\n`);
  if (problems.length === 0)
    process.stdout.write(`${count} packages are shipped, all under licences that permit it.\n`);
  process.exitCode = problems.length === 0 ? 0 : 1;
}
