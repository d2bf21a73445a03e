import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server, type ServerResponse } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createSystemOutside } from '../../../../../main/base/index.ts';
import {
  createEngine,
  type Engine,
  ENGINE_MARK_SETTING,
  type EngineInit,
} from '../../../../../main/kernel/runtime/engine/index.ts';
import { createSilentLogger } from '../../../../support/silent-logger.ts';

const outside = createSystemOutside();
const { clock } = outside;

/** Speaks as much of an engine's protocol as looking for one and watching it takes. */
const answers: Record<string, unknown> = {};
let listening: ServerResponse[] = [];
const open = async (path: string): Promise<Server> => {
  const server = createServer((request, response) => {
    const name = request.url!.split('?')[0]!;
    if (name === '/events') {
      response.writeHead(200);
      response.flushHeaders();
      listening.push(response);
    } else if (answers[name] === undefined) response.writeHead(404).end('{}');
    else response.end(typeof answers[name] === 'string' ? answers[name] : JSON.stringify(answers[name]));
  });
  await new Promise<void>((resolve) => server.listen(path, resolve));
  return server;
};
const until = async (condition: () => boolean): Promise<void> => {
  while (!condition()) await clock.sleep(5);
};

describe('the container engine', () => {
  let folder: string;
  let path: string;
  let server: Server | null;
  let engine: Engine;
  let settings: Map<string, unknown>;
  let configured: string | null;
  const make = (env = {}, init: EngineInit = {}): Engine => {
    engine = createEngine(
      {
        outside,
        logger: createSilentLogger(),
        settings: {
          get: async (key) => settings.get(key),
          set: async (key, value) => void settings.set(key, value),
          remove: async (key) => void settings.delete(key),
        },
        containerEndpoint: () => configured,
        env,
      },
      { lookMs: 20, pingMs: 20, ...init },
    );
    return engine;
  };
  const shut = (): void => {
    server?.closeAllConnections();
    server?.close();
    server = null;
  };

  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), 'hm-engine-unit-'));
    path = join(folder, 'engine.sock');
    configured = `unix://${path}`;
    settings = new Map();
    listening = [];
    Object.assign(answers, {
      '/_ping': 'OK',
      '/version': { Version: '27.1.0', ApiVersion: '1.46' },
      '/info': {
        NCPU: 2,
        MemTotal: 1,
        Images: 0,
        ContainersRunning: 0,
        CgroupVersion: '2',
        SecurityOptions: ['name=rootless', 'name=userns'],
      },
    });
    server = await open(path);
  });
  afterEach(async () => {
    await engine.stop();
    shut();
    rmSync(folder, { recursive: true, force: true });
  });

  it('is found where the owner says, and described', async () => {
    make();
    expect(engine.state().ok).toBe(false);
    await engine.start();
    expect(await engine.refresh()).toEqual({
      ok: true,
      sentence: '',
      endpoint: configured,
      engine: 'Docker',
      version: '27.1.0',
      apiVersion: '1.46',
      cgroupVersion: '2',
      rootless: true,
      userns: true,
    });
    expect((await (await engine.client()).ping()).toString()).toBe('OK');
  });

  it('is found where the environment says, and in the usual places last', async () => {
    configured = null;
    make({ DOCKER_HOST: `unix://${path}` });
    await engine.start();
    expect(await engine.refresh()).toMatchObject({ ok: true, endpoint: `unix://${path}` });
    await engine.stop();
    make({}, { defaultEndpoints: [`unix://${folder}/none.sock`, `unix://${path}`] });
    await engine.start();
    expect(await engine.refresh()).toMatchObject({ ok: true, endpoint: `unix://${path}` });
    await engine.stop();
    make({}, { defaultEndpoints: [`unix://${folder}/none.sock`] });
    await engine.start();
    expect(await engine.refresh()).toMatchObject({
      ok: false,
      sentence: expect.stringMatching(/^No container engine .*install Docker or Podman/),
    });
  });

  it('keeps the name of its own things, and makes another in place of one that is none', async () => {
    make();
    await engine.start();
    const { mark } = engine;
    expect(mark).toMatch(/^[0-9a-f]{32}$/);
    await engine.stop();
    await make().start();
    expect(engine.mark).toBe(mark);
    await engine.stop();
    settings.set(ENGINE_MARK_SETTING, 'x"; rm -rf /');
    await make().start();
    expect(engine.mark).toMatch(/^[0-9a-f]{32}$/);
  });

  it('is missed at once when it goes, and found again when it comes', async () => {
    make();
    const told: boolean[] = [];
    engine.on('changed', ({ ok }) => told.push(ok));
    await engine.start();
    await until(() => engine.state().ok && listening.length === 1);
    shut();
    const goneAtMs = clock.monotonicMs();
    await until(() => !engine.state().ok);
    expect(clock.monotonicMs() - goneAtMs).toBeLessThan(2000);
    await expect(engine.client()).rejects.toMatchObject({
      code: 'ENGINE_MISSING',
      message: expect.stringMatching(/^There is no .*\.$/),
    });
    answers['/version'] = { Version: '28.0.0', ApiVersion: '1.47' };
    server = await open(path);
    await until(() => engine.state().ok);
    expect(engine.state().version).toBe('28.0.0');
    expect(told).toEqual([true, false, true]);
  });

  it('tells what happens to our containers, and leaves an engine that babbles', async () => {
    make();
    const told: string[] = [];
    engine.on('container', ({ id, name, action, attributes }) =>
      told.push(`${id} ${name} ${action} ${attributes['exitCode'] ?? ''}`),
    );
    await engine.start();
    await until(() => listening.length === 1);
    const event = JSON.stringify({
      Type: 'container',
      Action: 'die',
      Actor: { ID: 'a1', Attributes: { name: 'b', exitCode: '3', n: 7 } },
    });
    listening[0]!.write(event.slice(0, 20));
    await clock.sleep(20);
    listening[0]!.write(`${event.slice(20)}\n${JSON.stringify({ Type: 'image' })}\n`);
    await until(() => told.length === 1);
    expect(told).toEqual(['a1 b die 3']);
    listening[0]!.write('no event\n');
    await until(() => listening.length === 2);
    listening[1]!.write('x'.repeat(100_000));
    await until(() => listening.length === 3);
    expect(engine.state().ok).toBe(true);
  });

  it.each([
    ['is too old', { '/version': { Version: '18', ApiVersion: '1.38' } }, /too old \(API 1\.38\)/],
    ['answers no JSON', { '/info': '<html>' }, /did not answer like a container engine/],
    ['answers without end', { '/info': 'x'.repeat(2 * 1024 * 1024) }, /answer is too long/],
    ['knows no versions', { '/version': undefined }, /did not answer like a container engine/],
  ])('is refused with a sentence when it %s', async (_, changed, sentence) => {
    Object.assign(answers, changed);
    make();
    await engine.start();
    expect((await engine.refresh()).sentence).toMatch(sentence);
  });

  it('says what is wrong with an endpoint that is none', async () => {
    configured = 'somewhere';
    make();
    await engine.start();
    expect(await engine.refresh()).toMatchObject({ ok: false, sentence: expect.stringMatching(/is not valid/) });
    writeFileSync(join(folder, 'file'), '');
    // Changed in the settings while the node runs.
    configured = `unix://${folder}/file`;
    await until(() => engine.state().sentence.includes('not a socket'));
    expect(engine.state().ok).toBe(false);
  });
});
