import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { checkChainFile } from '../../second-reader/chain-file.ts';
import { hex } from '../../second-reader/fields.ts';
import { checkProofFile } from '../../second-reader/proof.ts';
import { checkRequirements, defaults } from '../../second-reader/requirements.ts';
import { verifierAt } from '../../second-reader/time.ts';

const run = promisify(execFile);
const program = new URL('../../../main/cli.ts', import.meta.url).pathname;

/** The program as anybody has it: its command line, and the files that it writes. */
describe('files of the running program, by the second reader', () => {
  const folder = mkdtempSync(join(tmpdir(), 'second-reader-'));
  const environment = { ...process.env, HYPERMESH_DATA: join(folder, 'data') };
  const passphrase = join(folder, 'passphrase');
  let node: ChildProcess;

  const call = (...words: string[]) => {
    const called = run(process.execPath, [program, ...words], { env: environment });
    called.child.stdin?.end();
    return called;
  };

  beforeAll(async () => {
    writeFileSync(passphrase, 'as long as it must be, and longer', { mode: 0o600 });
    node = spawn(process.execPath, [program, 'start', '--headless', '--port', '0'], { env: environment });
    await once(node.stdout!, 'data');
    await call('share', 'set', 'cpu', '100');
    await call('proof', 'set', '--automatic', 'off', '--space', '1MiB');
    await call('identity', 'create', '--phrase-file', join(folder, 'phrase'), '--passphrase-file', passphrase);
  }, 120_000);

  afterAll(async () => {
    node.kill('SIGTERM');
    if (node.exitCode === null) await once(node, 'exit');
    rmSync(folder, { recursive: true, force: true });
  });

  const told = async () =>
    JSON.parse((await call('chain', 'head', '--json')).stdout) as { network: string; height: number };

  it('checks a proof that was asked for', async () => {
    const nonce = '9f'.repeat(32);
    const file = join(folder, 'cpu.hmproof');
    await call('proof', 'make', '--asset', 'cpu', '--challenge', nonce, '--out', file);
    const combined = checkProofFile(readFileSync(file), verifierAt(Date.now(), 64));
    checkRequirements(combined, defaults, Date.now());
    expect([hex(combined.challenge.nonce), combined.space[0]?.bytes]).toEqual([nonce, 1024 * 1024]);
  }, 240_000);

  it('checks a chain with an asset and a plot', async () => {
    await call('proof', 'set', '--automatic', 'on');
    await vi.waitUntil(async () => (await told()).height > 0, { timeout: 200_000, interval: 1000 });
    await call('proof', 'set', '--automatic', 'off');
    for (const [name, ...flags] of [['open'], ['sealed', '--sealed']] as const) {
      await call('chain', 'export', '--to', '1', '--out', join(folder, `${name}.hmchain`), ...flags);
    }
    const rules = { verifier: verifierAt(Date.now(), 64) };
    const open = checkChainFile(readFileSync(join(folder, 'open.hmchain')), rules);
    const sealed = checkChainFile(readFileSync(join(folder, 'sealed.hmchain')), rules);
    const { network } = await told();
    expect([hex(open.network), hex(sealed.network)]).toEqual([network, network]);
    expect([open.headers.length, open.bodies.length, sealed.headers.length, sealed.bodies.length]).toEqual([
      2, 2, 2, 0,
    ]);
    expect(new Set([...open.state.keys()].map((key) => key.split('/')[0]))).toEqual(
      new Set(['asset', 'chain', 'plot']),
    );
  }, 240_000);
});
