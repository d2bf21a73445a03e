import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { type CliComponents, runCli } from '../../../../main/api/cli/index.ts';
import { createSystemOutside } from '../../../../main/base/index.ts';
import { decodeRequirements, verifyProofFile } from '../../../../main/kernel/proof/index.ts';
import { PROOF_FILE_BYTES_MAX, proofVerdict } from '../../../../preload/contract/index.ts';

// `hypermesh proof verify`: with a proof that holds, by what it asks for; and as a program of its own, in an empty folder.

const root = join(import.meta.dirname, '../../../..');
const vector = join(root, 'test/vectors/proof-file/small.hmproof');
const { nowMs, requirements, nonce } = JSON.parse(
  readFileSync(join(root, 'test/vectors/proof-file/small.json'), 'utf8'),
) as { nowMs: number; requirements: string; nonce: string };
const folder = mkdtempSync(join(tmpdir(), 'hypermesh-verify-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const written = (name: string, bytes: Uint8Array): string => {
  const path = join(folder, name);
  writeFileSync(path, bytes);
  return path;
};

const refuse = (): Promise<never> => Promise.reject(new Error('no node, no settings and no chain in this test'));
const run = async (...args: string[]): Promise<{ code: number; out: string; error: string }> => {
  const said = { out: '', error: '' };
  const components: CliComponents = {
    clock: createSystemOutside().clock,
    terminal: {
      writeOut: (text) => void (said.out += String(text)),
      writeError: (text) => void (said.error += String(text)),
      columns: 100,
      colour: false,
      progress: false,
      readInput: async () => null,
      interactive: false,
      readSecret: async () => null,
      readLine: async () => null,
      clearScreen: () => undefined,
      onInterrupt: () => () => undefined,
    },
    runHeadless: refuse,
    openDesktop: refuse,
    withSettings: refuse,
    verifyChainFile: refuse,
    // The real check, held to what a proof of this size can meet.
    verifyLeaseFile: refuse,
    verifyReceiptFile: refuse,
    verifyJobResult: refuse,
    verifyProofFile: async (file, given) =>
      verifyProofFile(file, {
        nonce: given.nonce,
        nowMs,
        checkSeed: new Uint8Array(32),
        requirements: decodeRequirements(Buffer.from(requirements, 'hex')),
      }),
  };
  const code = await runCli(
    components,
    { dataFolder: '/nonexistent/hypermesh-test', version: '1.2.3', passphraseCredential: null },
    args,
  );
  return { code, ...said };
};

describe('proof verify', () => {
  it('shows four lines and ends with 0 where the proof holds', async () => {
    const { code, out, error } = await run('proof', 'verify', vector);
    expect(error).toBe('');
    expect(code).toBe(0);
    for (const kind of ['space', 'stake', 'work', 'time']) expect(out).toContain(`passed  ${kind}:`);
    expect(out).toContain('The node chose the challenge itself');
  });

  it('gives the contract’s fields as JSON', async () => {
    const { code, out } = await run('proof', 'verify', vector, '--json');
    expect(code).toBe(0);
    expect(proofVerdict.parse(JSON.parse(out)).passed).toBe(true);
  });

  it('holds it to a challenge, and ends with 1 where it answers another', async () => {
    expect((await run('proof', 'verify', vector, '--challenge', nonce)).code).toBe(0);
    const other = await run('proof', 'verify', vector, '--challenge', '0'.repeat(64));
    expect(other.code).toBe(1);
    expect(other.out.match(/CHALLENGE_MISMATCH/g)).toHaveLength(4);
  });

  it('ends with 1 where it cannot be read, and says why', async () => {
    for (const [path, code] of [
      [written('text.hmproof', Buffer.from('hello')), 'PROOF_UNREADABLE'],
      [written('empty.hmproof', new Uint8Array()), 'PROOF_UNREADABLE'],
      [written('half.hmproof', readFileSync(vector).subarray(0, 20_000)), 'PROOF_UNREADABLE'],
      [written('large.hmproof', new Uint8Array(PROOF_FILE_BYTES_MAX + 1)), 'FILE_UNREADABLE'],
      [join(folder, 'nowhere.hmproof'), 'FILE_UNREADABLE'],
      [folder, 'FILE_UNREADABLE'],
    ] as const) {
      const { code: exit, error } = await run('proof', 'verify', path);
      expect(exit, path).toBe(1);
      expect(error).toContain(`(${code})`);
    }
  });

  it('ends with 2 where the command line is wrong', async () => {
    expect((await run('proof', 'verify')).code).toBe(2);
    expect((await run('proof', 'verify', vector, '--challenge', 'abc')).code).toBe(2);
  });
});

describe('the program', () => {
  it('checks a file in an empty folder, with no data folder, and makes nothing there', async () => {
    const empty = mkdtempSync(join(tmpdir(), 'hypermesh-empty-'));
    try {
      const { code, out } = await new Promise<{ code: number | null; out: string }>((resolve) => {
        const child = execFile(
          process.execPath,
          [join(root, 'main/cli.ts'), 'proof', 'verify', vector, '--whole', '--json'],
          { cwd: empty, env: { HOME: empty, HYPERMESH_DATA: join(empty, 'data') } },
          (_error, stdout) => resolve({ code: child.exitCode, out: stdout }),
        );
      });
      // By the defaults it is too small, in all but its signatures: that is a refusal, and every check has run.
      expect(code).toBe(1);
      const verdict = proofVerdict.parse(JSON.parse(out));
      expect(verdict.checks.map((check) => check.code)).toEqual([
        'WINDOW_TOO_SMALL',
        null,
        'TOO_LITTLE_WORK',
        'TOO_FEW_STEPS',
      ]);
      expect(readdirSync(empty)).toEqual([]);
    } finally {
      rmSync(empty, { recursive: true, force: true });
    }
  });
});
