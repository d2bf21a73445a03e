import { execFile } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { receiptVerdict } from '../../../../preload/contract/index.ts';
import { runCommandLine } from '../../../support/command-line.ts';
import { temporaryFolder } from '../real-node.ts';

// `hypermesh receipt verify` on a machine that has no node: by what it says, and as a program of its own in an empty folder.

const root = join(import.meta.dirname, '../../../..');
const vector = join(root, 'test/vectors/caesar/receipt.hmreceipt');
const good = new Uint8Array(readFileSync(vector));
const folder = temporaryFolder();
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const verify = (bytes: Uint8Array, ...more: string[]) => {
  const path = join(folder, 'one.hmreceipt');
  writeFileSync(path, bytes);
  return runCommandLine('/nonexistent/hypermesh-test', ['receipt', 'verify', path, ...more]);
};

describe('receipt verify', () => {
  it('says what was lent, how it was proved, what was paid, in which block, and who signed', async () => {
    const { code, out, error } = await verify(good);
    expect([code, error]).toEqual([0, '']);
    const { receipt } = receiptVerdict.parse(JSON.parse((await verify(good, '--json')).out));
    expect(receipt).not.toBeNull();
    for (const name of ['Lease', 'Lent', 'Used', 'By', 'To', 'Proved', 'Paid', 'Network', 'Paid in', 'Signed by'])
      expect(out).toMatch(new RegExp(`^${name} `, 'm'));
    // What was burnt is no part of what the lender got.
    expect(out).toMatch(/^Paid +\S+ CAES to the lender; \S+ CAES more were burnt$/m);
    for (const said of [receipt!.lease, receipt!.networkId, `block ${receipt!.height}`, ...receipt!.signers])
      expect(out.replaceAll(/\s+/g, ' ')).toContain(said);
  });

  it('ends with 1 for one with a changed byte, wherever it is', async () => {
    for (const part of [0.03, 0.3, 0.6, 0.97]) {
      const bad = Uint8Array.from(good);
      bad[Math.floor(bad.length * part)]! ^= 1;
      const { code, out, error } = await verify(bad);
      expect(code).toBe(1);
      expect(out + error).toMatch(/FAILED|RECEIPT_MALFORMED/);
    }
  });

  it.each([
    ['another file', Buffer.from('hello'), 'RECEIPT_MALFORMED'],
    ['nothing', new Uint8Array(), 'RECEIPT_MALFORMED'],
    ['half of one', good.subarray(0, 20_000), 'RECEIPT_MALFORMED'],
    ['too much', new Uint8Array(6_000_001), 'FILE_UNREADABLE'],
  ])('refuses %s', async (_name, bytes, expected) => {
    const { code, error } = await verify(bytes);
    expect(code).toBe(1);
    expect(error).toContain(`(${expected})`);
  });
});

it('is a program of its own, with no node, no keys and no data folder, and makes nothing', async () => {
  const empty = mkdtempSync(join(tmpdir(), 'hypermesh-empty-'));
  try {
    const { code, out } = await new Promise<{ code: number | null; out: string }>((resolve) => {
      const child = execFile(
        process.execPath,
        [join(root, 'main/cli.ts'), 'receipt', 'verify', vector, '--json'],
        { cwd: empty, env: { HOME: empty, HYPERMESH_DATA: join(empty, 'data') } },
        (_error, stdout) => resolve({ code: child.exitCode, out: stdout }),
      );
    });
    expect(code).toBe(0);
    const { verdict } = JSON.parse(readFileSync(join(root, 'test/vectors/caesar/receipt.json'), 'utf8')) as {
      verdict: unknown;
    };
    expect(receiptVerdict.parse(JSON.parse(out))).toEqual(verdict);
    expect(readdirSync(empty)).toEqual([]);
  } finally {
    rmSync(empty, { recursive: true, force: true });
  }
}, 60_000);
