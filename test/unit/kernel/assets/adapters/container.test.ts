import { execFile } from 'node:child_process';
import { chmod, mkdtemp, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, describe, expect, it } from 'vitest';
import { createSystemOutside } from '../../../../../main/base/index.ts';
import {
  containerCapacity,
  containerInventoryOf,
  createContainerAdapter,
  parseEndpoint,
  refusalOf,
} from '../../../../../main/kernel/assets/adapters/container.ts';
import type { AdapterEnvironment } from '../../../../../main/kernel/assets/adapters/index.ts';
import { createSilentLogger } from '../../../../support/silent-logger.ts';

const version = { Version: '20.10.24', ApiVersion: '1.41', Components: [{ Name: 'Engine' }] };
const info = {
  NCPU: 2,
  MemTotal: 1024 ** 3,
  Images: 3,
  ContainersRunning: 1,
  Driver: 'overlay2',
  CgroupVersion: '1',
  CgroupDriver: 'cgroupfs',
  SecurityOptions: ['name=seccomp'],
  Runtimes: { runc: {} },
};

const servers: Server[] = [];
afterEach(async () => {
  for (const server of servers.splice(0)) {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }
});

/** Something that speaks HTTP on a socket. @returns its endpoint */
const listen = async (answer: (path: string) => { status: number; body: string }): Promise<string> => {
  const path = join(await mkdtemp(join(tmpdir(), 'hypermesh-engine-')), 'engine.sock');
  const server = createServer((request, response) => {
    const { status, body } = answer(request.url ?? '');
    response.writeHead(status, { 'content-type': 'application/json' }).end(body);
  });
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(path, resolve));
  return `unix://${path}`;
};
const engine = (change: { version?: object; info?: object } = {}): Promise<string> =>
  listen((path) => ({
    status: 200,
    body: JSON.stringify(path.includes('version') ? { ...version, ...change.version } : { ...info, ...change.info }),
  }));

const adapterFor = (endpoint: string | null, env: AdapterEnvironment = {}, defaultEndpoints: readonly string[] = []) =>
  createContainerAdapter(
    { outside: createSystemOutside(), logger: createSilentLogger(), containerEndpoint: () => endpoint, env },
    { defaultEndpoints },
  );
const reasonOf = async (endpoint: string): Promise<string> => {
  const { inventory, assets } = await adapterFor(endpoint).detect();
  expect(assets[0]?.capacity.known).toBe(false);
  return inventory.known ? 'known' : inventory.reason;
};

describe.runIf(process.platform !== 'win32')('container adapter', () => {
  it('tells what the engine says, and how many containers fit', async () => {
    const endpoint = await engine();
    const adapter = adapterFor(endpoint);
    const { inventory, assets } = await adapter.detect();
    expect(inventory).toEqual({
      known: true,
      value: {
        engine: 'Docker',
        version: '20.10.24',
        apiVersion: '1.41',
        endpoint,
        storageDriver: 'overlay2',
        cgroupVersion: '1',
        cgroupDriver: 'cgroupfs',
        cpus: 2,
        memoryBytes: 1024 ** 3,
        rootless: false,
        runtimes: ['runc'],
        images: 3,
        containersRunning: 1,
      },
    });
    expect(assets[0]?.capacity).toEqual({ known: true, value: 8 });
    expect(await adapter.measure('container')).toMatchObject({
      used: { known: true, value: 1 },
      usedPercent: { known: true, value: 12.5 },
    });
  });
  it('prefers what is configured, then the environment, then the usual places', async () => {
    const [first, second, third] = await Promise.all([
      engine({ version: { Version: '1' } }),
      engine({ version: { Version: '2' } }),
      engine({ version: { Version: '3' } }),
    ]);
    const versionOf = async (adapter: ReturnType<typeof adapterFor>): Promise<string | null> => {
      const { inventory } = await adapter.detect();
      return inventory.known ? inventory.value.version : null;
    };
    expect(await versionOf(adapterFor(first, { DOCKER_HOST: second }, [third]))).toBe('1');
    expect(await versionOf(adapterFor(null, { DOCKER_HOST: second }, [third]))).toBe('2');
    expect(await versionOf(adapterFor(null, { DOCKER_HOST: '' }, ['unix:///hypermesh/none.sock', third]))).toBe('3');
  });
  it('names each thing that can be wrong, and what to do', async () => {
    expect(await reasonOf('unix:///hypermesh/none.sock')).toMatch(/no container engine at .* start it/);
    expect(await reasonOf('docker.sock')).toMatch(/not valid; write it like/);
    const file = join(await mkdtemp(join(tmpdir(), 'hypermesh-engine-')), 'file');
    await writeFile(file, '');
    expect(await reasonOf(`unix://${file}`)).toMatch(/did not answer like a container engine/);
    expect(await reasonOf('tcp://127.0.0.1:1')).toMatch(/is not running; start it/);
    expect(await reasonOf(await engine({ version: { ApiVersion: '1.24' } }))).toMatch(
      /too old \(API 1\.24\); update it/,
    );
    expect(await reasonOf(await listen(() => ({ status: 200, body: 'hello' })))).toMatch(
      /did not answer like a container engine/,
    );
    expect(await reasonOf(await listen(() => ({ status: 500, body: '{"message":"broken"}' })))).toMatch(
      /did not answer like a container engine .*broken/,
    );
    expect(await reasonOf(await engine({ info: { NCPU: 'two' } }))).toMatch(/did not answer like a container engine/);
    expect((await adapterFor(null).detect()).inventory).toEqual({
      known: false,
      reason: expect.stringMatching(/no container engine was found; install/),
    });
  });
  it('names a socket of another user', async () => {
    const endpoint = await engine();
    await chmod(endpoint.slice('unix://'.length), 0);
    // Root may use every socket, so root asks as somebody else.
    const child = process.getuid?.() === 0 ? { uid: 65_534, gid: 65_534 } : {};
    const entry = new URL('../../../../../main/kernel/assets/adapters/container.ts', import.meta.url).href;
    const base = new URL('../../../../../main/base/index.ts', import.meta.url).href;
    const script = `const { createContainerAdapter } = await import(${JSON.stringify(entry)}); const { createSystemOutside } = await import(${JSON.stringify(base)});
      const adapter = createContainerAdapter({ outside: createSystemOutside(), logger: null, containerEndpoint: () => ${JSON.stringify(endpoint)}, env: {} });
      console.log((await adapter.detect()).inventory.reason);`;
    await chmod(dirname(endpoint.slice('unix://'.length)), 0o755);
    const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '-e', script], {
      ...child,
      cwd: '/',
    });
    expect(stdout).toMatch(/may not use the container engine at .*; add the user to the group docker and log in again/);
  });
});

it('knows the words for causes that need other users or slow engines', () => {
  expect(refusalOf('unix:///s', 'EACCES', '')).toMatch(/add the user to the group docker and log in again/);
  expect(refusalOf('unix:///s', 'ESOCKETTIMEDOUT', '')).toMatch(/did not answer within 5 s; restart it/);
});

it('reads endpoints', () => {
  expect(parseEndpoint('unix:///run/docker.sock')).toEqual({ socketPath: '/run/docker.sock' });
  expect(parseEndpoint('npipe:////./pipe/docker_engine')).toEqual({ socketPath: '//./pipe/docker_engine' });
  expect(parseEndpoint('tcp://[::1]:2375')).toEqual({ protocol: 'http', host: '::1', port: 2375 });
  expect(parseEndpoint('https://build.example')).toEqual({ protocol: 'https', host: 'build.example', port: 2376 });
  for (const text of ['', 'unix://', '/run/docker.sock', 'ftp://x', 'tcp://']) expect(parseEndpoint(text)).toBeNull();
});

it('tells Podman and rootless engines', () => {
  const part = containerInventoryOf(
    'unix:///s',
    { ...version, Components: [{ Name: 'Podman Engine' }] },
    { ...info, SecurityOptions: ['name=rootless'], CgroupVersion: '2' },
  );
  expect(part).toMatchObject({ known: true, value: { engine: 'Podman', rootless: true, cgroupVersion: '2' } });
  expect(containerCapacity({ cpus: 64, memoryBytes: 128 * 1024 ** 2 * 3.5 })).toBe(3);
});
