import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openCanary } from '../../../../../main/kernel/proxy/guard/canary.ts';
import { readNeighbours } from '../../../../../main/kernel/proxy/guard/find-targets.ts';
import { CONNECT_MODULE, PROBE_MODULE } from '../../../../../main/kernel/proxy/guard/probe-module.ts';
import { PROBE_SCRIPT } from '../../../../../main/kernel/proxy/guard/probe-script.ts';
import { wasmFixture } from '../../../../support/wasm.ts';
import createWabt from 'wabt';
import { spawn, spawnSync } from 'node:child_process';
import { connect } from 'node:net';

// A probe that finds nothing proves nothing unless it is seen to find what is there: here it runs where there is no sandbox.

let folder: string;
let secret: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'hypermesh-probes-'));
  secret = join(folder, 'identity');
  await writeFile(secret, 'secret');
});
afterAll(() => rm(folder, { recursive: true }));

describe('the script of the guard', () => {
  it('finds every way out where nothing holds it', async () => {
    const server = createServer((_, response) => response.end('here'));
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const lines = [
      { host: '127.0.0.1', port, path: null },
      { host: '127.0.0.1', port: 1, path: null },
      { host: '', port: 0, path: secret },
      { host: '', port: 0, path: join(folder, 'nothing') },
    ].map((one) => JSON.stringify(one));
    const shell = `const stdin = { lines: () => ${JSON.stringify(lines)} }; const print = console.log; const scratch = { readFile: () => { throw 0 } };\n`;
    const file = join(folder, 'probe.mjs');
    await writeFile(file, `${shell}${PROBE_SCRIPT}\nprocess.exit(0);\n`);
    const { promise, resolve } = Promise.withResolvers<string>();
    const child = spawn(process.execPath, [file], { stdio: ['ignore', 'pipe', 'inherit'] });
    let text = '';
    child.stdout.on('data', (chunk: Buffer) => (text += chunk.toString()));
    child.on('close', () => resolve(text));
    const answers = (await promise)
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as { reached: boolean; how: string });
    server.close();
    server.closeAllConnections();
    expect(answers.map(({ reached }) => reached)).toEqual([true, false, true, false]);
    expect(answers[0]?.how).toBe('fetch, node:net');
    expect(answers[2]?.how).toContain('node:fs');
  });
});

describe('the WASI program of the guard', () => {
  it.each([
    ['guard-probe', PROBE_MODULE],
    ['guard-connect', CONNECT_MODULE],
  ])('%s is the one whose text lies beside the tests', async (name, held) => {
    const wabt = await createWabt();
    const module = wabt.parseWat(
      name,
      await readFile(join(import.meta.dirname, `../../../../fixtures/wasm/${name}.wat`), 'utf8'),
    );
    expect(Buffer.from(module.toBinary({}).buffer).toString('base64')).toBe(held);
    expect((await wasmFixture(name)).length).toBeGreaterThan(100);
  });

  it('opens what it can where a folder was given', async () => {
    const script = `
      const { WASI } = await import('node:wasi');
      const wasi = new WASI({ version: 'preview1', args: ['probe', 'identity', '/identity', '../../etc/passwd', 'nothing'], preopens: { '/': ${JSON.stringify(folder)} } });
      const module = await WebAssembly.compile(Buffer.from('${PROBE_MODULE}', 'base64'));
      wasi.start(await WebAssembly.instantiate(module, wasi.getImportObject()));`;
    const { stdout } = spawnSync(process.execPath, ['--no-warnings', '--input-type=module', '-e', script], {
      encoding: 'utf8',
    });
    // The name of the program, a file, the same from the root of the folder, one above it, and none.
    expect(stdout.slice(0, 5)).toBe('nYnnn');
  });
});

describe('what the guard finds', () => {
  it('reads neighbours that have answered', () => {
    expect(
      readNeighbours(
        'IP address HW type Flags HW address Mask Device\n10.0.0.2 0x1 0x2 02:00:00:00:00:02 * eth0\n10.0.0.3 0x1 0x0 02:00:00:00:00:03 * eth0\n10.0.0.4 0x1 0x2 00:00:00:00:00:00 * eth0\nnonsense\n999.1.1.1 0x1 0x2 02:00:00:00:00:02 * eth0\n',
      ),
    ).toEqual(['10.0.0.2']);
    expect(readNeighbours('')).toEqual([]);
  });

  it('counts who comes to the canary', async () => {
    const canary = await openCanary();
    expect(canary.places[0]?.host).toBe('127.0.0.1');
    expect(canary.hits()).toBe(0);
    for (const place of canary.places) await once(connect(place), 'close');
    expect(canary.hits()).toBe(canary.places.length);
    await canary.close();
  });
});
