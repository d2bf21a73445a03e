import { mkdtempSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { createSystemOutside } from '../../../../../main/base/index.ts';
import { checkOf, createDoctorBench, type DoctorBench } from '../../../../support/engine/doctor-bench.ts';
import {
  HELD,
  startFakeEngine,
  startFakeHttp,
  startFakeSocket,
  type FakeContainer,
  type FakeEngine,
  type FakeEngineAnswers,
} from '../../../../support/engine/fake-engine.ts';

const open: { close(): Promise<void> }[] = [];
afterEach(async () => {
  for (const one of open.splice(0).reverse()) await one.close();
});
const kept = <T extends { close(): Promise<void> }>(one: T): T => {
  open.push(one);
  return one;
};
const benchAt = async (
  endpoint: string | null,
  options: Parameters<typeof createDoctorBench>[1] = {},
): Promise<DoctorBench> => kept(await createDoctorBench(endpoint, options));
/** Any file stands for the test program where nothing is run. */
const probe = join(import.meta.dirname, 'broken-engines.test.ts');
const benchWith = async (
  answers: FakeEngineAnswers,
  options: Parameters<typeof createDoctorBench>[1] = {},
): Promise<DoctorBench & { fake: FakeEngine }> => {
  const fake = kept(await startFakeEngine(answers));
  return { ...(await benchAt(fake.endpoint, options)), fake };
};
/** Waits are of no interest: what takes seconds on a real engine takes none. */
const quick = (): ReturnType<typeof createSystemOutside> => {
  const outside = createSystemOutside();
  return {
    ...outside,
    clock: { ...outside.clock, sleep: (ms, signal) => outside.clock.sleep(Math.min(ms, 20), signal) },
  };
};

describe('a machine without an engine', () => {
  it('is told what to install, and nothing more is looked for', async () => {
    const bench = await benchAt(null);
    const state = await bench.examine();
    expect(state.verdict).toBe('bad');
    expect(state.sentence).toBe('No container engine was found.');
    expect(checkOf(state, 'engine').fix).toMatch(/^Install Docker or Podman/);
    expect(state.checks.filter(({ result }) => result === 'bad')).toHaveLength(1);
    expect(state.checks.filter(({ result }) => result === 'skipped')).toHaveLength(state.checks.length - 1);
    expect(bench.logs.filter(({ module, level }) => module === 'container-doctor' && level !== 'info')).toEqual([]);
  });
  it.each([
    ['apt-get', 'linux', /^sudo apt-get install docker\.io$/],
    ['dnf', 'linux', /^sudo dnf install podman/],
    [null, 'darwin', /^brew install podman/],
    [null, 'win32', /^winget install/],
  ] as const)('with %s on %s gets a command that fits', async (program, platform, command) => {
    const systemRoot = mkdtempSync(join(tmpdir(), 'hm-system-'));
    if (program !== null) await writeTree(systemRoot, { [`usr/bin/${program}`]: '' });
    const bench = await benchAt(null, { init: { systemRoot, platform } });
    expect(checkOf(await bench.examine(), 'engine').command).toMatch(command);
  });
  it('starts the own Podman of an ordinary user when it is asked to, never by itself', async () => {
    const systemRoot = mkdtempSync(join(tmpdir(), 'hm-system-'));
    await writeTree(systemRoot, { 'usr/lib/systemd/user/podman.socket': '' });
    const user = { name: 'ada', uid: 1000, groups: [1000] };
    const bench = await benchAt(null, { init: { systemRoot, platform: 'linux', user } });
    const check = checkOf(await bench.examine(), 'engine');
    expect(check).toMatchObject({ fixable: true, command: 'systemctl --user enable --now podman.socket' });
    const root = await benchAt(null, { init: { systemRoot, platform: 'linux', user: { ...user, uid: 0 } } });
    expect(checkOf(await root.examine(), 'engine').fixable).toBe(false);
  });
  it.each([
    ['unix:///hypermesh/none.sock', /^There is no container engine at/],
    ['docker.sock', /^The endpoint docker\.sock is not valid/],
    ['tcp://127.0.0.1:1', /is not running\.$/],
  ])('at the endpoint %s says so', async (endpoint, sentence) => {
    const state = await (await benchAt(endpoint)).examine();
    expect(checkOf(state, 'engine')).toMatchObject({ result: 'bad', sentence: expect.stringMatching(sentence) });
  });
});

describe('what is no engine', () => {
  it.each([
    ['a web server', (_: unknown, response: { end(text: string): void }) => response.end('<html>hello</html>')],
    ['JSON of another kind', (_: unknown, response: { end(text: string): void }) => response.end('{"hello":1}')],
    ['a list', (_: unknown, response: { end(text: string): void }) => response.end('[]')],
  ])('%s is told apart', async (_, answer) => {
    const fake = kept(await startFakeHttp(answer as Parameters<typeof startFakeHttp>[0]));
    const state = await (await benchAt(fake.endpoint)).examine();
    expect(checkOf(state, 'engine').sentence).toMatch(/does not answer like a container engine/);
    expect(state.checks.filter(({ result }) => result === 'bad')).toHaveLength(1);
  });
  it('that speaks no HTTP is told apart', async () => {
    const fake = kept(await startFakeSocket((socket) => socket.end('SSH-2.0-OpenSSH_9.2\r\n')));
    const state = await (await benchAt(fake.endpoint)).examine();
    expect(checkOf(state, 'engine').sentence).toMatch(/does not answer like a container engine/);
  });
  it('that hangs up is told apart', async () => {
    const fake = kept(await startFakeSocket((socket) => socket.destroy()));
    const state = await (await benchAt(fake.endpoint)).examine();
    expect(checkOf(state, 'engine').result).toBe('bad');
  });
  it('that never ends its answer is left after some MiB', async () => {
    let sent = 0;
    const fake = kept(
      await startFakeHttp((request, response) => {
        if (request.url !== '/version') {
          response.end('{}');
          return;
        }
        const part = Buffer.alloc(64 * 1024, 'x');
        const more = (): void => {
          while (!response.destroyed) {
            sent += part.length;
            if (!response.write(part)) break;
          }
        };
        response.on('drain', more);
        more();
      }),
    );
    const state = await (await benchAt(fake.endpoint)).examine();
    expect(checkOf(state, 'engine').sentence).toMatch(/the answer is larger than 4096 KiB/);
    expect(sent).toBeLessThan(16 * 1024 * 1024);
  });
  it('that never answers is waited for some seconds', async () => {
    const fake = kept(await startFakeSocket(() => undefined));
    const beginMs = performance.now();
    const outside = createSystemOutside();
    const hasty = {
      ...outside,
      clock: { ...outside.clock, after: (ms: number, fire: () => void) => outside.clock.after(ms / 20, fire) },
    };
    const state = await (await benchAt(fake.endpoint, { outside: hasty })).examine();
    expect(checkOf(state, 'engine').sentence).toMatch(
      /^Something listens at .*, but there was no whole answer within 5 s\.$/,
    );
    expect(performance.now() - beginMs).toBeLessThan(15_000);
  });
  it('is a file', async () => {
    const file = join(mkdtempSync(join(tmpdir(), 'hm-file-')), 'docker.sock');
    await writeFile(file, '');
    const state = await (await benchAt(`unix://${file}`)).examine();
    expect(checkOf(state, 'engine').sentence).toMatch(/does not answer like a container engine: it is no socket/);
  });
  it('listens on TCP just as well', async () => {
    const server = createServer((_, response) => response.end('no'));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as { port: number };
    const state = await (await benchAt(`tcp://127.0.0.1:${port}`)).examine();
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
    expect(checkOf(state, 'engine').sentence).toMatch(/does not answer like a container engine/);
  });
});

describe('an engine that cannot be used', () => {
  it('is too old', async () => {
    const state = await (await benchWith({ version: { Version: '19.03', ApiVersion: '1.40' } })).examine();
    expect(checkOf(state, 'version')).toMatchObject({
      result: 'bad',
      sentence: 'Docker 19.03 speaks API 1.40; 1.41 is the oldest that can be used.',
    });
    expect(state.sentence).toBe(checkOf(state, 'version').sentence);
    expect(checkOf(state, 'cgroups').result).toBe('skipped');
  });
  it('runs Windows containers', async () => {
    const state = await (await benchWith({ info: { OSType: 'windows' } })).examine();
    expect(checkOf(state, 'version')).toMatchObject({
      result: 'bad',
      fix: expect.stringMatching(/Switch Docker Desktop/),
    });
  });
  it('answers slowly', async () => {
    const bench = await benchWith({
      instead: (request, response) => {
        if (request.url !== '/_ping') return false;
        setTimeout(() => response.end('OK'), 300);
        return true;
      },
    });
    const state = await bench.examine();
    expect(checkOf(state, 'answer')).toMatchObject({ result: 'warning', sentence: expect.stringMatching(/3\d\d ms/) });
    expect(state.verdict).toBe('warning');
  });
  it('goes away in the middle', async () => {
    const bench = await benchWith({
      instead: (request) => {
        if (request.url !== '/_ping') return false;
        request.socket.destroy();
        return true;
      },
    });
    const state = await bench.examine();
    expect(checkOf(state, 'answer').sentence).toBe('The container engine went away in the middle of the examination.');
    expect(checkOf(state, 'leftovers').result).toBe('skipped');
  });
  it('takes no image, and says why', async () => {
    const bench = await benchWith(
      {
        instead: (request, response) => {
          if (request.url?.startsWith('/images/create') !== true) return false;
          request.resume();
          request.on('end', () =>
            response.end('{"status":"Importing"}\n{"error":"write /x: no space left on device"}'),
          );
          return true;
        },
      },
      { init: { probe } },
    );
    const state = await bench.examine();
    expect(checkOf(state, 'test-image')).toMatchObject({
      result: 'bad',
      sentence: 'The engine has no room for an image of 1 MiB.',
    });
    expect(checkOf(state, 'limits-cpu').result).toBe('skipped');
  });
  it('starts no container, which is said once and not for every limit', async () => {
    const bench = await benchWith(
      {
        instead: (request, response) => {
          if (request.url?.endsWith('/start') !== true) return false;
          response.writeHead(500).end('{"message":"OCI runtime create failed"}');
          return true;
        },
      },
      { init: { probe } },
    );
    const state = await bench.examine();
    expect(state.checks.filter(({ result }) => result === 'bad')).toEqual([
      expect.objectContaining({
        id: 'limits-start',
        sentence: 'The container engine could not do this: OCI runtime create failed.',
      }),
    ]);
    // What was made is removed all the same.
    expect(bench.fake.requests.filter((request) => /^DELETE \/containers\/0{63}1/.test(request))).toHaveLength(1);
    expect(bench.fake.requests.filter((request) => request.startsWith('DELETE /images/'))).toHaveLength(1);
  });
});

describe('limits that do not hold', () => {
  const examineWith = async (container: Partial<FakeContainer>): ReturnType<DoctorBench['examine']> => {
    const bench = await benchWith({ container: { ...HELD, ...container } }, { init: { probe }, outside: quick() });
    return bench.examine();
  };
  const look = (change: string, to: string): Partial<FakeContainer> => ({
    printed: { ...HELD.printed, look: (HELD.printed['look'] ?? '').replace(change, to) },
  });

  it('do hold on an engine that is well', async () => {
    const state = await examineWith({});
    expect(state.checks.filter(({ result }) => result !== 'good' && result !== 'skipped')).toEqual([]);
    expect(state.sentence).toMatch(/every limit was measured and holds\.$/);
    expect(checkOf(state, 'limits-cpu').sentence).toMatch(/it got 30\.\d % by the counters of the kernel/);
  });
  it.each([
    ['limits-pids', 'pids 32', 'pids 257', /it started 257/],
    ['limits-network', 'interface lo', 'interface lo\ninterface eth0', /the interface eth0/],
    ['limits-network', 'interface lo', 'interface lo\nsocket /var/run/docker.sock', /docker\.sock/],
    [
      'limits-root',
      'kept /hypermesh-probe-file 30',
      'written /hypermesh-probe-file',
      /could write \/hypermesh-probe-file/,
    ],
    ['limits-rights', 'CapEff 0000000000000000', 'CapEff 00000000a80425fb', /capabilities 00000000a80425fb/],
    ['limits-rights', 'NoNewPrivs 1', 'NoNewPrivs 0', /it may gain rights/],
    ['limits-rights', 'Seccomp 2', 'Seccomp 0', /system calls are not filtered/],
    ['limits-rights', 'Uid 65532', 'Uid 0', /it runs as user 0/],
    ['limits-tmp', 'tmp-bytes 8388608', 'tmp-bytes 16777216', /wrote 16 MiB into a scratch space of 8 MiB/],
    ['limits-tmp', 'tmp-bytes 8388608', 'tmp-bytes 0', /could not write into its scratch space/],
  ])('are found: %s', async (id, from, to, sentence) => {
    const state = await examineWith(look(from, to));
    expect(checkOf(state, id)).toMatchObject({ result: 'bad', sentence: expect.stringMatching(sentence) });
    expect(state.checks.filter(({ result }) => result === 'bad')).toHaveLength(1);
  });
  it('are found: memory', async () => {
    const state = await examineWith({ printed: { ...HELD.printed, memory: 'memory 100663296' } });
    expect(checkOf(state, 'limits-memory').sentence).toBe('It took 96 MiB of memory though only 48 MiB were allowed.');
  });
  it('are found: the processor', async () => {
    const state = await examineWith({ cpuMsPerSecond: 990 });
    expect(checkOf(state, 'limits-cpu')).toMatchObject({
      result: 'bad',
      sentence: expect.stringMatching(/it got (9[89]|100)\.\d %/),
    });
  });
  it('are not confused with a busy machine', async () => {
    expect(checkOf(await examineWith({ cpuMsPerSecond: 150 }), 'limits-cpu').result).toBe('warning');
  });
  it.each(['', '\n\n\n', 'pids minus one', '\u0000\u0001 \u0002'])(
    'are not taken to hold when the container prints %j',
    async (text) => {
      const state = await examineWith({ printed: { look: text, memory: text, burn: text }, cpuMsPerSecond: 0 });
      for (const id of ['limits-pids', 'limits-network', 'limits-root', 'limits-rights', 'limits-tmp', 'limits-cpu'])
        expect(checkOf(state, id).result, id).toBe('bad');
    },
  );
});

const writeTree = async (root: string, files: Record<string, string>): Promise<void> => {
  const { mkdir } = await import('node:fs/promises');
  for (const [path, content] of Object.entries(files)) {
    await mkdir(join(root, path, '..'), { recursive: true });
    await writeFile(join(root, path), content);
  }
};
