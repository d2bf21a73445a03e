import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/**
 * Reads a file of `test/vectors/<folder>/`. A missing or empty one throws, and so does one whose SHA-256 the README beside it
 * does not name: what is compared with is what was published, or the README is wrong.
 */
export const readVectors = <T>(folder: string, file: string): T => {
  const path = join(import.meta.dirname, '../vectors', folder);
  const content = readFileSync(join(path, file));
  const hash = createHash('sha256').update(content).digest('hex');
  const line = readFileSync(join(path, 'README.md'), 'utf8')
    .split('\n')
    .find((text) => text.includes(`\`${file}\``) && text.includes(hash));
  if (line === undefined) throw new Error(`README.md of test/vectors/${folder} does not name ${file} with ${hash}`);
  const value = JSON.parse(content.toString('utf8')) as T;
  if (Object.keys(value as object).length === 0) throw new Error(`test/vectors/${folder}/${file} is empty`);
  return value;
};

export const fromHex = (hex: string): Uint8Array => {
  if (!/^([0-9a-f]{2})*$/.test(hex)) throw new Error('not hexadecimal');
  return new Uint8Array(Buffer.from(hex, 'hex'));
};
export const toHex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
