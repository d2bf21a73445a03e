import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { calls } from '../../preload/contract/index.ts';
import { type CommandDone, runCommandLine } from '../support/command-line.ts';
import { sourceRoot, temporaryFolder } from '../unit/api/real-node.ts';

// The real program and a real node, as an owner or a server's script uses them. Everything that any process writes is kept,
// and looked through for secrets at the end.

const program = join(sourceRoot, 'main', 'cli.ts');
const root = temporaryFolder();
const folder = join(root, 'data');
const inFile = (name: string): string => join(root, name);
const PASSPHRASE = 'tunnel-violin-harbour-91';
const SECOND = 'second-passphrase-kettle';
const BACKUP = 'backup-passphrase-orchard';
const WRONG = 'wrong-passphrase-meadow';

let everything = '';
const children: ChildProcess[] = [];
interface Options {
  /** Piped to the command. */
  input?: string;
  data?: string;
}
const hypermesh = async (args: readonly string[], { input, data = folder }: Options = {}): Promise<CommandDone> => {
  const done = await runCommandLine(data, args, { input });
  everything += done.out + done.error;
  return done;
};
/** A node in a process of its own, as an owner or a service manager starts it. Resolves when it is ready. */
const startNode = (more: readonly string[] = [], { data = folder, env = {} }: Options & { env?: object } = {}) =>
  new Promise<void>((resolve, reject) => {
    const child = spawn(process.execPath, [program, 'start', '--headless', '--port', '0', '--json', ...more], {
      env: { ...process.env, HYPERMESH_DATA: data, DISPLAY: '', WAYLAND_DISPLAY: '', NO_COLOR: '1', ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    children.push(child);
    let out = '';
    for (const stream of [child.stdout, child.stderr])
      stream.on('data', (part: Buffer) => {
        out += part.toString();
        everything += part.toString();
        if (out.includes('"token"')) resolve();
      });
    child.once('close', () => reject(new Error(`it ended: ${out}`)));
  });
const identityOf = async (data = folder) => {
  const { out } = await hypermesh(['identity', 'show', '--json'], { data });
  return calls['identity:get'].response.parse(JSON.parse(out));
};
const stopNode = async (data = folder): Promise<void> => {
  await hypermesh(['stop'], { data });
  while (existsSync(join(data, 'node.json'))) await new Promise((resolve) => setTimeout(resolve, 50));
};
const refused = ({ code, out, error }: CommandDone, exitCode: number, errorCode: string): void => {
  expect(error.trimEnd().split('\n').at(-1)).toMatch(new RegExp(`^hypermesh: .+\\(${errorCode}\\)$`));
  expect({ code, out }).toEqual({ code: exitCode, out: '' });
};
const secret = (name: string, content: string, mode = 0o600): string => {
  writeFileSync(inFile(name), content, { mode });
  return inFile(name);
};

beforeAll(async () => {
  secret('passphrase', `${PASSPHRASE}\n`);
  secret('second', SECOND);
  secret('backup-passphrase', BACKUP);
  await startNode();
  // The loudest log there is.
  await hypermesh(['config', 'set', 'logLevel', 'debug']);
});
afterAll(async () => {
  await Promise.all(
    children.map(
      (child) =>
        new Promise<void>((resolve) => {
          if (child.exitCode !== null || child.signalCode !== null) return resolve();
          child.once('close', () => resolve());
          child.kill('SIGKILL');
        }),
    ),
  );
  rmSync(root, { recursive: true, force: true });
});

// Keys are derived and nodes started several times over, beside whatever else the machine does.
const MS_MAX = 240_000;

describe('an identity without a terminal', { timeout: MS_MAX }, () => {
  it('is not made by halves', async () => {
    expect((await identityOf()).status).toBe('none');
    const create = ['identity', 'create', '--phrase-file', inFile('words'), '--passphrase-file'];
    refused(await hypermesh(['identity', 'create']), 1, 'TERMINAL_NEEDED');
    refused(await hypermesh(['identity', 'create', '--phrase-file', inFile('words')]), 1, 'TERMINAL_NEEDED');
    refused(
      await hypermesh(['identity', 'create', '--phrase-file', inFile('words'), '--key-store']),
      1,
      'KEY_STORE_UNAVAILABLE',
    );
    secret('short', 'short');
    const short = await hypermesh([...create, inFile('short')]);
    refused(short, 2, 'BAD_REQUEST');
    secret('open', PASSPHRASE, 0o644);
    const open = await hypermesh([...create, inFile('open')]);
    refused(open, 1, 'SECRET_FILE_OPEN');
    expect(existsSync(inFile('words'))).toBe(false);
    expect((await identityOf()).status).toBe('none');
  });

  it('is made once, with its words in a file of their own', async () => {
    const create = ['identity', 'create', '--passphrase-file', inFile('passphrase'), '--phrase-file'];
    const { code, out, error } = await hypermesh([...create, inFile('words')]);
    expect(code, error).toBe(0);
    expect(out).toMatch(/^Identity +unlocked$/m);
    const words = readFileSync(inFile('words'), 'utf8').trim().split(' ');
    expect(words).toHaveLength(24);
    expect(out + error).not.toContain(words.slice(0, 3).join(' '));
    expect(statSync(inFile('words')).mode & 0o777).toBe(0o600);
    expect(statSync(join(folder, 'identity')).mode & 0o777).toBe(0o600);
    refused(await hypermesh([...create, inFile('words')]), 1, 'IDENTITY_EXISTS');
    refused(await hypermesh([...create, inFile('other-words')]), 1, 'IDENTITY_EXISTS');
    refused(await hypermesh(['identity', 'restore'], { input: words.join(' ') }), 1, 'IDENTITY_EXISTS');
  });

  it('is locked and unlocked, by pipe and by file, and never by argument', async () => {
    expect((await hypermesh(['identity', 'lock'])).out).toMatch(/^Identity +locked$/m);
    expect((await hypermesh(['status'])).out).toMatch(/IDENTITY_LOCKED/);
    refused(await hypermesh(['identity', 'unlock']), 1, 'TERMINAL_NEEDED');
    refused(await hypermesh(['identity', 'unlock'], { input: `${WRONG}\n` }), 1, 'PASSPHRASE_WRONG');
    expect((await hypermesh(['identity', 'unlock'], { input: `${PASSPHRASE}\n` })).code).toBe(0);
    await hypermesh(['identity', 'lock']);
    expect((await hypermesh(['identity', 'unlock', '--passphrase-file', inFile('passphrase')])).code).toBe(0);
    refused(await hypermesh(['call', 'identity:unlock', '{"passphrase":"x"}']), 1, 'SECRET_IN_ARGUMENTS');
    const piped = await hypermesh(['call', 'identity:unlock', '-'], {
      input: JSON.stringify({ passphrase: PASSPHRASE }),
    });
    expect(piped.code).toBe(0);
    refused(await hypermesh(['identity', 'unlock', PASSPHRASE.slice(0, 3)]), 2, 'USAGE');
  });

  it('is backed up, drilled and sealed anew', async () => {
    const backup = ['identity', 'backup', inFile('node.hmbackup'), '--present-passphrase-file', inFile('passphrase')];
    const stranger = ['identity', 'backup', inFile('stolen.hmbackup')];
    // Unlocked is not enough: the file is as good as the phrase.
    refused(
      await hypermesh([
        ...stranger,
        '--passphrase-file',
        inFile('backup-passphrase'),
        '--present-passphrase-file',
        inFile('backup-passphrase'),
      ]),
      1,
      'PASSPHRASE_WRONG',
    );
    expect(existsSync(inFile('stolen.hmbackup'))).toBe(false);
    expect((await hypermesh([...backup, '--passphrase-file', inFile('backup-passphrase')])).code).toBe(0);
    const before = readFileSync(inFile('node.hmbackup'));
    expect(statSync(inFile('node.hmbackup')).mode & 0o777).toBe(0o600);
    refused(await hypermesh([...backup, '--passphrase-file', inFile('passphrase')]), 1, 'FILE_EXISTS');
    expect(readFileSync(inFile('node.hmbackup'))).toEqual(before);
    const drill = ['identity', 'drill', '--backup', inFile('node.hmbackup')];
    refused(await hypermesh(drill, { input: WRONG }), 1, 'PASSPHRASE_WRONG');
    expect((await hypermesh(drill, { input: BACKUP })).out).toMatch(/The drill passed/);
    const words = readFileSync(inFile('words'), 'utf8');
    refused(await hypermesh(['identity', 'drill'], { input: words.replace(/^\w+/, 'hypermesh') }), 1, 'PHRASE_WORD');
    // 23 times the first word of the list and the one that makes the checksum: sound, and nobody's.
    const foreign = await hypermesh(['identity', 'drill'], { input: `${'abandon '.repeat(23)}art` });
    expect(foreign.out).toMatch(/The drill failed/);
    expect(foreign.code).toBe(1);
    const files = ['--passphrase-file', inFile('passphrase'), '--new-passphrase-file', inFile('second')];
    expect((await hypermesh(['identity', 'seal', ...files])).code).toBe(0);
    refused(await hypermesh(['identity', 'seal', ...files]), 1, 'PASSPHRASE_WRONG');
  });

  it('is locked after a start, unless that is given the passphrase', async () => {
    const before = await identityOf();
    await stopNode();
    refused(await hypermesh(['start', '--headless', '--passphrase-file', inFile('open')]), 1, 'SECRET_FILE_OPEN');
    refused(await hypermesh(['start', '--headless', '--passphrase-file', inFile('none')]), 1, 'FILE_UNREADABLE');
    refused(await hypermesh(['start', '--passphrase-file', inFile('second')]), 2, 'USAGE');
    // A wrong one keeps nobody from their node: it is locked, and says so.
    await startNode(['--passphrase-file', inFile('passphrase')]);
    expect(await identityOf()).toMatchObject({ status: 'locked', identity: before.identity });
    await stopNode();
    // As systemd hands it over, with permissions of its own making.
    const credentials = inFile('credentials');
    mkdirSync(credentials);
    writeFileSync(join(credentials, 'hypermesh-passphrase'), SECOND, { mode: 0o440 });
    await startNode([], { env: { CREDENTIALS_DIRECTORY: credentials } });
    expect((await identityOf()).status).toBe('unlocked');
  });

  it('comes back elsewhere, and is never replaced by another', async () => {
    const elsewhere = inFile('elsewhere');
    await startNode([], { data: elsewhere });
    const restored = await hypermesh(
      ['identity', 'restore', '--backup', inFile('node.hmbackup'), '--passphrase-file', inFile('passphrase')],
      { data: elsewhere, input: BACKUP },
    );
    expect(restored.code, restored.error).toBe(0);
    expect((await identityOf(elsewhere)).identity?.keyId).toBe((await identityOf()).identity?.keyId);
    const replace = ['identity', 'restore', '--replace-sealing', '--passphrase-file', inFile('second')];
    const other = await hypermesh(replace, { data: elsewhere, input: `${'abandon '.repeat(23)}art` });
    refused(other, 1, 'IDENTITY_OTHER');
    await stopNode(elsewhere);
  });

  it('leaves no secret in any log or output, at the loudest level', async () => {
    await stopNode();
    const logs = [folder, inFile('elsewhere')]
      .flatMap((data) => readdirSync(join(data, 'logs')).map((name) => join(data, 'logs', name)))
      .map((path) => readFileSync(path, 'utf8'))
      .join('\n');
    expect(logs).toMatch(/Identity unlocked/);
    expect(logs).toMatch(/"level":"debug"/);
    const words = readFileSync(inFile('words'), 'utf8').trim().split(' ');
    for (const text of [logs, everything]) {
      for (const passphrase of [PASSPHRASE, SECOND, BACKUP, WRONG]) expect(text).not.toContain(passphrase);
      for (const [index, word] of words.slice(1).entries())
        expect(text).not.toMatch(new RegExp(`\\b${words[index]}\\W+${word}\\b`));
    }
    // Nor in the clear on disk; the plain words are in the one file that was asked for.
    for (const name of readdirSync(folder, { withFileTypes: true }).filter((entry) => entry.isFile())) {
      const content = readFileSync(join(folder, name.name)).toString('latin1');
      expect(content.includes(words.slice(0, 3).join(' ')), name.name).toBe(false);
      expect(content.includes(SECOND), name.name).toBe(false);
    }
  });
});

const whyNoTerminal =
  spawnSync('script', ['--version']).status === 0
    ? null
    : 'script(1) of util-linux, which gives a terminal, is missing';
describe.skipIf(whyNoTerminal !== null)(
  `an identity at a terminal (skipped where ${whyNoTerminal ?? 'there is none'})`,
  { timeout: MS_MAX },
  () => {
    it('is made by a person: words shown once, asked for, passphrase never echoed', async () => {
      const data = inFile('at-terminal');
      await startNode([], { data });
      const command = `stty cols 100; exec ${process.execPath} ${program} identity create`;
      const child = spawn('script', ['-qec', command, '/dev/null'], {
        env: { ...process.env, HYPERMESH_DATA: data, TERM: 'xterm', NO_COLOR: '1' },
        stdio: ['pipe', 'pipe', 'pipe'],
      });
      children.push(child);
      let seen = '';
      let from = 0;
      const waiting = new Set<() => void>();
      child.stdout.on('data', (part: Buffer) => {
        seen += part.toString();
        for (const wake of waiting) wake();
      });
      const until = async (pattern: RegExp): Promise<RegExpExecArray> => {
        for (;;) {
          const found = pattern.exec(seen.slice(from));
          if (found !== null) {
            from += found.index + found[0].length;
            return found;
          }
          await new Promise<void>((resolve) => {
            const wake = (): void => {
              waiting.delete(wake);
              resolve();
            };
            waiting.add(wake);
          });
        }
      };
      const ended = new Promise<number | null>((resolve) => void child.once('close', resolve));
      const type = (line: string): void => void child.stdin.write(`${line}\r`);
      await until(/New passphrase for the keys.*: /);
      type(PASSPHRASE);
      await until(/The same again: /);
      type(PASSPHRASE);
      const [shown] = await until(/ 1\. [\s\S]*Press Enter[^\n]*asked for\. /);
      const words = new Map(
        [...shown.matchAll(/(\d+)\. ([a-z]+)/g)].map(([, place, word]) => [Number(place), word ?? '']),
      );
      expect(words.size).toBe(24);
      type('');
      // Off the screen, and out of what can be scrolled back to.
      await until(/\x1b\[H\x1b\[2J\x1b\[3J/);
      for (let asked = 0; asked < 4; asked++) {
        const [, place] = await until(/Word (\d+): /);
        type(asked === 3 ? 'zebra' : (words.get(Number(place)) ?? ''));
      }
      await until(/not the words at the places[\s\S]*2 tries are left/);
      for (let asked = 0; asked < 4; asked++) {
        const [, place] = await until(/Word (\d+): /);
        type(words.get(Number(place)) ?? '');
      }
      await until(/Identity +unlocked/);
      expect(await ended).toBe(0);
      expect(seen).not.toContain(PASSPHRASE);
      expect((await identityOf(data)).sealedBy).toBe('passphrase');
      await stopNode(data);
    });
  },
);
