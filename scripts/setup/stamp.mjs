// Stamps: "this was made from exactly that". A stage whose stamp still fits is not done again. Node's built-ins only.
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

/**
 * Hash over names and contents of files, so that a renamed, an added and a changed file all give another stamp. By content and
 * not by time, because a checkout changes times and an editor may keep them.
 *
 * @param {string} folder - names are taken relative to it
 * @param {readonly string[]} paths - files and folders (read to the bottom) in it; one that is missing counts as missing
 * @param {readonly string[]} [extra] - anything else the result depends on, such as a version
 * @returns {string} SHA-256, hexadecimal
 */
export function hashFiles(folder, paths, extra = []) {
  const hash = createHash('sha256');
  for (const text of extra) hash.update(`extra ${text.length} ${text}\n`);
  /** @param {string} path */
  const add = (path) => {
    const full = join(folder, path);
    const info = statSync(full, { throwIfNoEntry: false });
    if (info === undefined) {
      hash.update(`missing ${path}\n`);
    } else if (info.isDirectory()) {
      for (const name of readdirSync(full).sort()) add(`${path}/${name}`);
    } else {
      const content = readFileSync(full);
      hash.update(`file ${path} ${content.length}\n`).update(content);
    }
  };
  for (const path of paths) add(path);
  return hash.digest('hex');
}

/**
 * @param {string} path - the stamp's file
 * @param {string} value - what it must hold
 * @returns {boolean} whether the stage can be left out; false for a stamp that is missing or torn
 */
export function stampFits(path, value) {
  return existsSync(path) && readFileSync(path, 'utf8').trim() === value;
}

/**
 * Writes a whole file or nothing: beside it first, then renamed over it.
 *
 * @param {string} path
 * @param {string | Uint8Array} content
 */
export function writeWhole(path, content) {
  mkdirSync(dirname(path), { recursive: true });
  const temporary = `${path}.${process.pid}.tmp`;
  try {
    writeFileSync(temporary, content);
    renameSync(temporary, path);
  } finally {
    rmSync(temporary, { force: true });
  }
}

/** @param {string} path - stamp to take away before its stage begins, so that an interrupted stage is seen as undone */
export function removeStamp(path) {
  rmSync(path, { force: true });
}
