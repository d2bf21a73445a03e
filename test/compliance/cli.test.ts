import { execFileSync, spawn } from 'node:child_process';
import { chmodSync, mkdirSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { type Server, createServer } from 'node:net';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type Call, type RequestInputOf, type ResponseOf, calls } from '../../preload/contract/index.ts';
import { sourceRoot, temporaryFolder } from '../unit/api/real-node.ts';

// The real program, started as a person would start it: every word of it runs in processes of its own.

const program = join(sourceRoot, 'main', 'cli.ts');
let root: string;
let folder: string;
const started: ReturnType<typeof spawn>[] = [];

beforeEach(() => {
  root = temporaryFolder();
  folder = join(root, 'data');
});
afterEach(async () => {
  await Promise.all(started.splice(0).map((child) => end(child, 'SIGKILL')));
  chmodSync(root, 0o700);
  rmSync(root, { recursive: true, force: true });
});

const environment = (): NodeJS.ProcessEnv => ({
  ...process.env,
  HYPERMESH_DATA: folder,
  DISPLAY: '',
  WAYLAND_DISPLAY: '',
  NO_COLOR: '1',
});

interface Done {
  code: number | null;
  signal: NodeJS.Signals | null;
  out: string;
  error: string;
}
/** One command line, to its end. `input` null: no input at all. */
const hypermesh = (
  args: readonly string[],
  input: string | null = null,
  onOutput?: (child: ReturnType<typeof spawn>, out: string) => void,
): Promise<Done> =>
  new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [program, ...args], {
      env: environment(),
      stdio: [input === null ? 'ignore' : 'pipe', 'pipe', 'pipe'],
    });
    started.push(child);
    let out = '';
    let error = '';
    child.stdout?.on('data', (data: Buffer) => {
      out += data.toString('utf8');
      onOutput?.(child, out);
    });
    child.stderr?.on('data', (data: Buffer) => (error += data.toString('utf8')));
    child.once('error', reject);
    child.once('close', (code, signal) => resolve({ code, signal, out, error }));
    child.stdin?.end(input ?? '');
  });
const call = async <C extends Call>(name: C, request: RequestInputOf<C>): Promise<ResponseOf<C>> => {
  const { code, out, error } = await hypermesh(['call', name, JSON.stringify(request)]);
  expect(error).toBe('');
  expect(code).toBe(0);
  return calls[name].response.parse(JSON.parse(out)) as ResponseOf<C>;
};
const end = (child: ReturnType<typeof spawn>, signal: NodeJS.Signals): Promise<void> =>
  new Promise((resolve) => {
    if (child.exitCode !== null || child.signalCode !== null) return resolve();
    child.once('close', () => resolve());
    child.kill(signal);
  });

interface Headless {
  child: ReturnType<typeof spawn>;
  url: string;
  token: string;
  ended: Promise<Done>;
}
/** A node in a process of its own, ready. */
const startHeadless = (...more: string[]): Promise<Headless> =>
  new Promise((resolve, reject) => {
    const ended = hypermesh(['start', '--headless', '--port', '0', '--json', ...more], null, (child, out) => {
      try {
        const { url, token } = JSON.parse(out) as { url: string; token: string };
        resolve({ child, url, token, ended });
      } catch {
        // Not all of it is there yet.
      }
    });
    void ended.then(({ error }) => reject(new Error(`it ended: ${error}`)));
  });
/** One sentence that says what to do, with a stable code, and nothing else. */
const expectRefusal = ({ code, out, error }: Done, exitCode: number, errorCode: string, sentence: RegExp): void => {
  expect(error).toMatch(new RegExp(`^hypermesh: [^\\n]+\\(${errorCode}\\)\\n$`));
  expect(error).toMatch(sentence);
  expect(out).toBe('');
  expect(code).toBe(exitCode);
};

describe('a node without a screen', () => {
  it('starts, says where its page is, answers, and stops when asked', async () => {
    const running = hypermesh(['start', '--headless', '--port', '0'], null, (_child, out) => {
      if (out.includes('#token=') && out.endsWith('hypermesh stop\n')) void hypermesh(['stop']);
    });
    const { code, out, error } = await running;
    expect(out).toMatch(
      /^HyperMesh runs\. Its page, with the token of this start:\n {2}http:\/\/(\[::1\]|127\.0\.0\.1):\d+\/#token=[\w-]{43}\n/,
    );
    expect(error).toBe('');
    expect(code).toBe(0);
    expect(readdirSync(folder)).not.toContain('node.json');
    expect((await hypermesh(['status'])).code).toBe(3);
  });

  it.each(['SIGTERM', 'SIGINT'] as const)('stops cleanly on %s', async (signal) => {
    const { child, ended } = await startHeadless();
    child.kill(signal);
    expect(await ended).toMatchObject({ code: 0, error: '' });
    expect(readdirSync(folder)).not.toContain('node.json');
  });

  it('without --headless says that there is no screen and runs all the same', async () => {
    const running = hypermesh(['start', '--port', '0'], null, (child, out) => {
      if (out.includes('hypermesh stop\n')) child.kill('SIGTERM');
    });
    const { code, error } = await running;
    expect(error).toBe('There is no screen here. The node starts without a window.\n');
    expect(code).toBe(0);
  });

  it('keeps its folder to its user', async () => {
    await startHeadless();
    expect(statSync(folder).mode & 0o777).toBe(0o700);
    for (const name of ['node.json', 'hypermesh.db']) expect(statSync(join(folder, name)).mode & 0o077, name).toBe(0);
  });

  it('is found again after its power was cut, with all that was set', async () => {
    const first = await startHeadless();
    await call('share:set', { resource: 'cpu', percentMax: 37 });
    await call('config:set', { theme: 'dark' });
    const job = await call('job:start', {
      name: 'endless',
      kind: 'javascript',
      module: Buffer.from('for (;;) {}').toString('base64'),
      cpuPercent: 5,
    });
    first.child.kill('SIGKILL');
    expect((await first.ended).signal).toBe('SIGKILL');
    expectRefusal(await hypermesh(['status']), 3, 'NO_NODE', /start it with/);
    await startHeadless();
    expect((await call('share:get', {})).resources.find(({ resource }) => resource === 'cpu')?.percentMax).toBe(37);
    expect((await call('config:get', {})).theme).toBe('dark');
    expect(await call('job:get', { id: job.id })).toMatchObject({ state: 'ended', end: { why: 'lost' } });
    expect(await call('share:allocations', {})).toEqual([]);
  });

  it('refuses a second node in its folder, and says where the first listens', async () => {
    const { url, token } = await startHeadless();
    const second = await hypermesh(['start', '--headless', '--port', '0']);
    expectRefusal(second, 4, 'NODE_RUNNING', /HyperMesh runs already/);
    expect(second.error).toContain(`${url}#token=${token}`);
    const machine = await hypermesh(['start', '--headless', '--json']);
    expect(machine.code).toBe(4);
    expect(JSON.parse(machine.error)).toMatchObject({ error: { code: 'NODE_RUNNING' } });
  });

  it('waits for its jobs when told to', async () => {
    const { url, token, ended } = await startHeadless();
    // Straight to the API: a command line takes longer to start than the job to end.
    const send = async (method: string, path: string, body: object): Promise<unknown> =>
      (
        await fetch(`${url}v1/${path}`, {
          method,
          headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
          ...(method === 'GET' ? {} : { body: JSON.stringify(body) }),
        })
      ).json();
    const text = 'const end = Date.now() + 3000; while (Date.now() < end) {}';
    const job = { name: 'short', kind: 'javascript', module: Buffer.from(text).toString('base64') };
    await send('POST', 'jobs', job);
    expect(await send('POST', 'node/stop', { afterJobs: true })).toBeNull();
    expect(await send('GET', 'node', {})).toMatchObject({ state: 'stopping', jobsRunning: 1 });
    expect(await send('POST', 'jobs', job)).toMatchObject({ error: { code: 'STOPPING' } });
    expect(await ended).toMatchObject({ code: 0 });
  });
});

describe('a start that cannot be', () => {
  const blocked = new Set<Server>();
  afterAll(() => {
    for (const server of blocked) server.close();
  });
  const start = (): Promise<Done> => hypermesh(['start', '--headless', '--port', '0']);

  it('for a port in use: names it, what to do, and that works', async () => {
    const server = createServer();
    blocked.add(server);
    const port = await new Promise<number>((resolve) =>
      server.listen({ host: '::1', port: 0 }, () => resolve((server.address() as { port: number }).port)),
    );
    expectRefusal(
      await hypermesh(['start', '--headless', '--port', String(port)]),
      1,
      'PORT_IN_USE',
      new RegExp(`Port ${port} is in use .*hypermesh config set apiPort`),
    );
    // The folder is free again, and the settings can be changed without a node.
    const set = await hypermesh(['config', 'set', 'apiPort', '0', '--json']);
    expect(set).toMatchObject({ code: 0, error: '' });
    expect(JSON.parse(set.out)).toMatchObject({ apiPort: 0 });
    await new Promise<void>((resolve) => {
      void hypermesh(['start', '--headless', '--json'], null, (child, out) => {
        if (!out.includes('"url"')) return;
        child.kill('SIGTERM');
        resolve();
      });
    });
  });

  it.each<[string, (path: string) => void, number, string]>([
    ['a folder of other things', (path) => writeFileSync(join(path, 'letter.txt'), 'Dear'), 4, 'DATA_FOLDER_FOREIGN'],
    [
      'a folder of a newer version',
      (path) => writeFileSync(join(path, 'format'), 'hypermesh-data 99\n'),
      4,
      'DATA_FOLDER_NEWER',
    ],
    [
      'a folder with another kind of mark',
      (path) => writeFileSync(join(path, 'format'), 'something else\n'),
      4,
      'DATA_FOLDER_FOREIGN',
    ],
    ['settings that are no JSON', (path) => writeSettings(path, '{"apiPort":'), 1, 'CONFIG_MALFORMED'],
    [
      'settings with an unknown key',
      (path) => writeSettings(path, '{"version":1,"colour":"red"}'),
      1,
      'CONFIG_UNKNOWN_KEY',
    ],
    [
      'settings with a wrong value',
      (path) => writeSettings(path, '{"version":1,"apiPort":70000}'),
      1,
      'CONFIG_INVALID',
    ],
    ['settings of a newer version', (path) => writeSettings(path, '{"version":9}'), 1, 'CONFIG_NEWER'],
    ['a database of noise', (path) => writeDatabase(path, Buffer.alloc(8192, 7)), 1, 'DATABASE_CORRUPT'],
  ])('for %s: one sentence, and nothing is touched', async (_name, spoil, exitCode, errorCode) => {
    mkdirSync(folder, { mode: 0o700 });
    spoil(folder);
    const before = contentsOf(folder);
    expectRefusal(await start(), exitCode, errorCode, /./);
    for (const [name, content] of before) expect(readFileSync(join(folder, name)).equals(content), name).toBe(true);
    expect(readdirSync(folder)).not.toContain('node.json');
  });

  it('for a database of a newer version', async () => {
    const { child, ended } = await startHeadless();
    child.kill('SIGTERM');
    await ended;
    execFileSync(
      process.execPath,
      [
        '-e',
        `const D = require('better-sqlite3'); const d = new D(process.argv[1]); d.pragma('user_version = 99990'); d.close();`,
        join(folder, 'hypermesh.db'),
      ],
      { cwd: sourceRoot },
    );
    expectRefusal(await start(), 4, 'DATABASE_NEWER', /newer version/);
  });

  it('for a file where the folder should be', async () => {
    writeFileSync(folder, '');
    expectRefusal(await start(), 4, 'DATA_FOLDER_FOREIGN', /file/);
  });

  // Root may write everywhere, and may not be made somebody else without a second account.
  it.runIf(process.getuid?.() === 0)('for a folder of somebody else', async () => {
    mkdirSync(folder, { mode: 0o700 });
    execFileSync('chown', ['1234:1234', folder]);
    expectRefusal(await start(), 4, 'DATA_FOLDER_NOT_OURS', /belongs to another user/);
  });
  it('for a folder that cannot be written', async (context) => {
    if (process.getuid?.() === 0) context.skip('root can write everywhere');
    mkdirSync(folder, { mode: 0o500 });
    expectRefusal(await start(), 4, 'DATA_FOLDER_READ_ONLY', /writable/);
    chmodSync(folder, 0o700);
  });

  const writeSettings = (path: string, text: string): void => {
    writeFileSync(join(path, 'format'), 'hypermesh-data 1\n');
    writeFileSync(join(path, 'config.json'), text);
  };
  const writeDatabase = (path: string, content: Buffer): void => {
    writeFileSync(join(path, 'format'), 'hypermesh-data 1\n');
    writeFileSync(join(path, 'hypermesh.db'), content);
  };
  const contentsOf = (path: string): [string, Buffer][] =>
    readdirSync(path).map((name) => [name, readFileSync(join(path, name))]);
});

describe('without a node', () => {
  it('doctor checks what can be seen', async () => {
    const { code, out } = await hypermesh(['doctor', '--json']);
    const checks = calls['doctor:run'].response.parse(JSON.parse(out));
    expect(checks.map(({ id }) => id)).toEqual(
      expect.arrayContaining([
        'node',
        'data-folder',
        'disk-space',
        'api-port',
        'ipv6-loopback',
        'container-engine',
        'sensors',
        'clock',
        'cpu-share',
        'open-files',
      ]),
    );
    expect(code).toBe(checks.some(({ status }) => status === 'problem') ? 1 : 0);
    expect(readdirSync(root)).toEqual([]);
  });
  it('doctor names a settings file that is wrong', async () => {
    mkdirSync(folder, { mode: 0o700 });
    writeFileSync(join(folder, 'format'), 'hypermesh-data 1\n');
    writeFileSync(join(folder, 'config.json'), '{"version":1,"colour":"red"}');
    const { code, out } = await hypermesh(['doctor']);
    expect(code).toBe(1);
    expect(out).toMatch(/problem {2}Settings: .*colour/);
  });
  it('logs come from their files', async () => {
    const { child, ended } = await startHeadless();
    child.kill('SIGTERM');
    await ended;
    const { code, out } = await hypermesh(['logs', '--json']);
    expect(code).toBe(0);
    expect(calls['logs:read'].response.parse(JSON.parse(out)).map(({ message }) => message)).toEqual(
      expect.arrayContaining(['Node starting', 'Node running', 'Node stopped']),
    );
  });
});

describe('commands on a node', () => {
  // One node for all of them: what each does is looked at through the contract.
  let own: string;
  let node: Headless;
  const ownStarted: ReturnType<typeof spawn>[] = [];
  beforeAll(async () => {
    own = temporaryFolder();
    folder = join(own, 'data');
    node = await startHeadless();
    ownStarted.push(...started.splice(0));
    await call('share:setGrid', { resource: 'cpu', cells: Array.from({ length: 168 }, () => 100) });
    await call('share:set', {
      resource: 'cpu',
      percentMax: 100,
      usingPercent: 100,
      awayPercent: 100,
      batteryPercent: 100,
    });
    await call('share:set', { resource: 'memory', percentMax: 50, usingPercent: 100 });
  });
  beforeEach(() => {
    folder = join(own, 'data');
  });
  afterAll(async () => {
    await Promise.all(ownStarted.map((child) => end(child, 'SIGTERM')));
    rmSync(own, { recursive: true, force: true });
  });
  const ok = async (...args: string[]): Promise<string> => {
    const { code, out, error } = await hypermesh(args);
    expect(error).toBe('');
    expect(code).toBe(0);
    return out;
  };
  const script = (text: string): string => {
    const path = join(root, 'job.js');
    writeFileSync(path, text);
    return path;
  };

  it.each<[Call, string[]]>([
    ['node:status', ['status']],
    ['hardware:inventory', ['hardware']],
    ['hardware:detect', ['hardware', 'detect']],
    ['hardware:assets', ['hardware', 'assets']],
    ['hardware:live', ['hardware', 'live']],
    ['benchmark:get', ['benchmark', 'show']],
    ['benchmark:cancel', ['benchmark', 'cancel']],
    ['share:get', ['share', 'get']],
    ['share:levels', ['share', 'levels']],
    ['share:promises', ['share', 'promises']],
    ['share:allocations', ['share', 'allocations']],
    [
      'share:preview',
      [
        'share',
        'preview',
        '--at',
        'fri 20:00',
        '--away',
        '--battery',
        '--metered',
        '--temperature',
        '90',
        '--program',
        'blender',
      ],
    ],
    [
      'share:set',
      [
        'share',
        'set',
        'storage',
        '30',
        '--using',
        '10',
        '--away',
        '90',
        '--battery',
        '5',
        '--metered',
        '6',
        '--privacy',
        'P2P',
        '--privacy-name',
        'friends',
        '--allocation',
        'Verified',
        '--leases',
        '3',
        '--lease-minutes',
        '60',
        '--proofs',
        'space,stake',
        '--relays',
        'on',
        '--exit',
        'off',
        '--price',
        '125',
      ],
    ],
    ['share:setGrid', ['share', 'grid', 'storage', '--day', 'fri-mon', '--hours', '22-6', '--percent', '15']],
    [
      'share:setRules',
      [
        'share',
        'rules',
        '--away-minutes',
        '9',
        '--temperature',
        '70',
        '--program',
        'steam=0',
        '--send-max',
        '2MB',
        '--monthly-max',
        '100GB',
      ],
    ],
    ['share:pause', ['pause', '1h']],
    ['share:resume', ['resume']],
    ['config:get', ['config', 'get']],
    ['config:set', ['config', 'set', 'theme', 'light']],
    ['logs:read', ['logs', '--limit', '5']],
    ['doctor:run', ['doctor']],
    ['disk:ledger', ['config', 'disk']],
    ['bundle:preview', ['bundle', 'preview']],
    ['bundle:create', ['bundle', 'create']],
    ['job:list', ['job', 'list']],
  ])("%s: `hypermesh %j` speaks to people, and with --json in the contract's words", async (name, args) => {
    expect((await ok(...args)).length).toBeGreaterThan(5);
    const parsed = calls[name].response.safeParse(JSON.parse(await ok(...args, '--json')));
    expect(parsed.error).toBeUndefined();
  });

  it('sets every preference that it names', async () => {
    const storage = (await call('share:get', {})).resources.find(({ resource }) => resource === 'storage');
    expect(storage).toMatchObject({
      percentMax: 30,
      usingPercent: 10,
      awayPercent: 90,
      batteryPercent: 5,
      meteredPercent: 6,
      terms: {
        privacyLevel: 'P2P',
        privacyNames: ['friends'],
        allocationType: 'Verified',
        leasesMax: 3,
        leaseMinutesMax: 60,
        requiredProofs: ['space', 'stake'],
        proxy: { relaysAllowed: true, exitAllowed: false },
        price: { mode: 'fixed', microPerHour: '125' },
      },
    });
    // Friday 22:00 to Monday, over the end of the week; not Thursday, and not the day.
    const cell = (day: number, hour: number): number | undefined => storage?.grid[day * 24 + hour];
    expect([cell(4, 22), cell(6, 3), cell(0, 5), cell(4, 6), cell(3, 22), cell(4, 21)]).toEqual([
      15, 15, 15, 100, 100, 100,
    ]);
  });

  it('takes a grid from a file, and refuses one with 167 cells', async () => {
    const path = join(root, 'grid.json');
    writeFileSync(
      path,
      JSON.stringify(Array.from({ length: 7 }, (_, day) => Array.from({ length: 24 }, () => day * 10))),
    );
    await ok('share', 'grid', 'storage', '--file', path);
    expect((await call('share:get', {})).resources.find(({ resource }) => resource === 'storage')?.grid[167]).toBe(60);
    expect(JSON.parse(await ok('share', 'grid', 'storage', '--json'))).toHaveLength(168);
    writeFileSync(path, JSON.stringify(Array.from({ length: 167 }, () => 1)));
    expectRefusal(await hypermesh(['share', 'grid', 'storage', '--file', path]), 2, 'BAD_REQUEST', /168 cells/);
    writeFileSync(path, 'text');
    expectRefusal(await hypermesh(['share', 'grid', 'storage', '--file', path]), 2, 'USAGE', /holds no week grid/);
  });

  it.each<[string[], number, string]>([
    [['share', 'set', 'teapot', '5'], 2, 'BAD_REQUEST'],
    [['share', 'set', 'gpu:none', '5'], 1, 'RESOURCE_UNKNOWN'],
    [['share', 'set', 'cpu', '--leases', '10001'], 2, 'BAD_REQUEST'],
    [['job', 'show', 'job-0123456789abcdef'], 1, 'JOB_UNKNOWN'],
    [['job', 'show', 'nonsense'], 2, 'BAD_REQUEST'],
    [['job', 'logs', 'job-0123456789abcdef'], 1, 'JOB_UNKNOWN'],
    [['config', 'set', 'apiPort', '70000'], 2, 'BAD_REQUEST'],
    [['pause', '2020-01-01'], 1, 'PAUSE_IN_THE_PAST'],
  ])('`hypermesh %j` ends with %d and %s', async (args, exitCode, errorCode) => {
    expectRefusal(await hypermesh(args), exitCode, errorCode, /./);
  });

  it('runs a job with its arguments and input, and passes on what it writes and its exit code', async () => {
    const path = script('console.log("args " + args.join(" ")); console.error("problem");');
    const { code, out, error } = await hypermesh(['run', path, 'one', '--two', '--json']);
    expect(error).toBe('problem\n');
    expect(out).toContain('one --two --json');
    expect(code).toBe(0);
    const machine = JSON.parse(await ok('run', '--json', path)) as { job: unknown; stdout: string };
    expect(calls['job:get'].response.safeParse(machine.job).success).toBe(true);
    expect(Buffer.from(machine.stdout, 'base64').toString('utf8')).toContain('args');
  });

  it.each<[string, string, string[], number]>([
    ['was over its time', 'for (;;) {}', ['--timeout', '1s', '--cpu', '50'], 124],
    ['crashed', 'throw new Error("no")', [], 70],
    ['wrote too much', 'for (;;) console.log("x".repeat(1000))', ['--output', '4KiB'], 125],
  ])('says by its exit code that the job %s', async (_name, text, flags, exitCode) => {
    const { code, error } = await hypermesh(['run', ...flags, script(text)]);
    expect(error).not.toBe('');
    expect(code).toBe(exitCode);
  });

  it('cancels its job on Ctrl-C', async () => {
    const { code, error } = await hypermesh(['run', script('console.log("here"); for (;;) {}')], null, (child, out) => {
      if (out.includes('here')) child.kill('SIGINT');
    });
    expect(error).toBe('The job was cancelled.\n');
    expect(code).toBe(130);
    expect((await call('job:list', {}))[0]).toMatchObject({ state: 'ended', end: { why: 'cancelled' } });
  });

  it('leaves a detached job running, shows it, follows it and removes it', async () => {
    const id = (
      await ok(
        'run',
        '--detach',
        script(
          'console.log("begun"); const end = Date.now() + 1000; while (Date.now() < end) {} console.log("ended");',
        ),
      )
    ).trim();
    expect(id).toMatch(/^job-[0-9a-z]{16}$/);
    expect(await ok('job', 'show', id)).toContain(id);
    expect(await ok('job', 'logs', '--follow', id)).toBe('begun\nended\n');
    expect(await ok('job', 'logs', id)).toBe('begun\nended\n');
    expect(await ok('job', 'remove', id)).toBe('Removed.\n');
    const second = (await ok('run', '--detach', script('for (;;) {}'))).trim();
    expectRefusal(await hypermesh(['job', 'remove', second]), 1, 'JOB_RUNNING', /./);
    expect(await ok('job', 'stop', second)).toContain('cancelled');
  });

  it.each<[string, Buffer, string]>([
    ['text', Buffer.from('not wasm'), 'MODULE_INVALID'],
    ['cut short', Buffer.from([0, 0x61, 0x73, 0x6d, 1, 0, 0]), 'MODULE_INVALID'],
    ['empty', Buffer.alloc(0), 'MODULE_INVALID'],
    ['too large', Buffer.alloc(33 * 1024 * 1024), 'MODULE_TOO_LARGE'],
  ])('refuses a module that is %s', async (_name, content, errorCode) => {
    const path = join(root, 'job.wasm');
    writeFileSync(path, content);
    expectRefusal(await hypermesh(['run', path]), 1, errorCode, /./);
  });

  it('refuses jobs while paused, and ends those that run when told to', async () => {
    const id = (await ok('run', '--detach', script('for (;;) {}'))).trim();
    expect(await ok('pause', '--stop-jobs')).toMatch(/1 job/);
    expect(await call('job:get', { id })).toMatchObject({ end: { why: 'owner' } });
    expectRefusal(await hypermesh(['run', script('1')]), 1, 'PAUSED', /resume/);
    await ok('resume');
  });

  it('measures the machine, and stops at Ctrl-C', async () => {
    const cancelled = await new Promise<Done>((resolve, reject) => {
      const child = spawn(process.execPath, [program, 'benchmark', '--json'], {
        env: environment(),
        stdio: ['ignore', 'pipe', 'pipe'],
      });
      let out = '';
      child.stdout.on('data', (data: Buffer) => (out += data.toString('utf8')));
      child.once('error', reject);
      child.once('close', (code, signal) => resolve({ code, signal, out, error: '' }));
      // Only a benchmark that runs can be cancelled.
      const look = async (): Promise<void> => {
        if ((await call('benchmark:get', {})).status === 'running') child.kill('SIGINT');
        else await look();
      };
      look().catch(reject);
    });
    expect(JSON.parse(cancelled.out)).toMatchObject({ status: 'cancelled' });
    expect(cancelled.code).toBe(130);
  });

  it('follows the log until Ctrl-C', async () => {
    let interrupted = false;
    const { code, out } = await hypermesh(['logs', '--follow', '--json'], null, (child, soFar) => {
      if (!soFar.includes('"message"') || interrupted) return;
      // Once: a second one would end it the hard way.
      interrupted = true;
      child.kill('SIGINT');
    });
    for (const line of out.trimEnd().split('\n')) expect(JSON.parse(line)).toHaveProperty('message');
    expect(code).toBe(0);
  });

  it('writes a bundle that holds what the preview shows, and nothing that names owner or machine', async () => {
    const shown = JSON.parse(await ok('bundle', 'preview', '--json')) as {
      name: string;
      content: string;
      sizeBytes: number;
    }[];
    const { path } = JSON.parse(await ok('bundle', 'create', '--json')) as { path: string };
    execFileSync('tar', ['-xzf', path, '-C', root]);
    expect(readdirSync(join(root, 'hypermesh-support')).sort()).toEqual(shown.map(({ name }) => name).sort());
    for (const { name, content, sizeBytes } of shown) {
      const file = readFileSync(join(root, 'hypermesh-support', name), 'utf8');
      expect(file, name).toBe(content);
      expect(Buffer.byteLength(file)).toBe(sizeBytes);
      expect(file).not.toContain(node.token);
      expect(file).not.toMatch(/([0-9a-f]{2}:){5}[0-9a-f]{2}/i);
    }
    expect(statSync(path).mode & 0o077).toBe(0);
  });

  it("prints a page address that opens the page's border with its token", async () => {
    const [, url, token] = /(http:\S+)#token=(\S+)/.exec(await ok('status')) ?? [];
    const answer = await fetch(`${url}v1/node`, { headers: { authorization: `Bearer ${token}` } });
    expect(answer.status).toBe(200);
  });
});
