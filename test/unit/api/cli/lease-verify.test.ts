import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { runCommandLine } from '../../../support/command-line.ts';
import { fromHex, readVectors } from '../../../support/vectors.ts';
import { temporaryFolder } from '../real-node.ts';

const vector = readVectors<{ file: string }>('lease-formats', 'file.json');
const folder = temporaryFolder();
const path = join(folder, 'lease.hmlease');
const verify = (bytes: Uint8Array, ...more: string[]) => {
  writeFileSync(path, bytes);
  return runCommandLine('/nonexistent/hypermesh-test', ['lease', 'verify', path, ...more]);
};
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe('lease verify', () => {
  const good = fromHex(vector.file);
  it('checks a file without any node', async () => {
    const { code, out, error } = await verify(good);
    expect([code, error]).toEqual([0, '']);
    expect(out).toMatch(/^holds +countersigned: /m);
    expect(out).toMatch(/^The file holds\.$/m);
  });
  it('says what does not hold, for programs too', async () => {
    const bad = Uint8Array.from(good);
    // Within the signature of some record: the bytes are those of a file still.
    bad[bad.length - 40] = (bad[bad.length - 40] ?? 0) ^ 1;
    const { code, out } = await verify(bad, '--json');
    expect(code).toBe(1);
    expect((JSON.parse(out) as { passed: boolean }).passed).toBe(false);
  });
  it.each([
    ['no file of a lease', new Uint8Array([1, 2, 3]), 'LEASE_RECORD_MALFORMED'],
    ['nothing', new Uint8Array(0), 'LEASE_RECORD_MALFORMED'],
    ['too much', new Uint8Array(200_000), 'FILE_UNREADABLE'],
  ])('refuses %s', async (_name, bytes, code) => {
    const refused = await verify(bytes);
    expect(refused.code).toBe(1);
    expect(refused.error).toContain(`(${code})`);
  });
  it('refuses a name that nothing has', async () => {
    const { code, error } = await runCommandLine(folder, ['lease', 'verify', join(folder, 'none')]);
    expect(code).toBe(1);
    expect(error).toMatch(/cannot be read.*\(FILE_UNREADABLE\)/);
  });
});
