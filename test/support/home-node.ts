import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { TestNetwork } from './netns.ts';

// Whole programs in hosts of a test network, as their owners have them, and browsers of who sits there.

const run = promisify(execFile);
const STARTED_MS_MAX = 90_000;
const LOOK_MS = 200;

/** Who runs what: the installed program as an ordinary user, or the one that was built here. */
export interface HomeProgram {
  readonly command: readonly string[];
  /** Null: as whoever runs the test. */
  readonly user: { readonly name: string; readonly home: string } | null;
}
export interface HomeNode {
  readonly host: string;
  /** Where its page is, with the token. */
  readonly url: string;
  cli(...args: string[]): Promise<string>;
  json<T>(...args: string[]): Promise<T>;
  /** A command that takes or gives bytes. @param input - piped to it @returns what it wrote to stdout @throws {Error} when it fails */
  pipe(input: Uint8Array, ...args: string[]): Promise<Buffer>;
  /** The 24 words, and where the node's user finds a file with the passphrase. */
  readonly phrase: string;
  readonly passphraseFile: string;
  stop(): Promise<void>;
}
export interface HomeInit {
  readonly environment?: Readonly<Record<string, string>>;
  /** Words of an identity that is brought back here. @default a new one */
  readonly phrase?: string;
}

/** Starts a node with an identity in a host. Makes no proofs, which would take what little of two cores there is. */
export const startHomeNode = async (
  program: HomeProgram,
  network: TestNetwork,
  host: string,
  { environment = {}, phrase }: HomeInit = {},
): Promise<HomeNode> => {
  const { command, user } = program;
  const base = mkdtempSync(join(tmpdir(), `hypermesh-home-${host}-`));
  const passphraseFile = join(base, 'passphrase');
  const phraseFile = join(base, 'phrase');
  writeFileSync(passphraseFile, 'a passphrase for this host\n', { mode: 0o600 });
  if (phrase !== undefined) writeFileSync(phraseFile, phrase, { mode: 0o600 });
  chmodSync(base, 0o700);
  if (user !== null) await run('chown', ['-R', `${user.name}:`, base]);
  const enter = [
    'netns',
    'exec',
    network.namespaceOf(host),
    ...(user === null ? [] : ['setpriv', `--reuid=${user.name}`, `--regid=${user.name}`, '--init-groups', '--']),
    'env',
    '-i',
    `HOME=${user?.home ?? base}`,
    'PATH=/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
    'LANG=C.UTF-8',
    `HYPERMESH_DATA=${join(base, 'data')}`,
    ...Object.entries(environment).map(([name, value]) => `${name}=${value}`),
    ...command,
  ];
  const cli = async (...args: string[]): Promise<string> =>
    (await run('/usr/sbin/ip', [...enter, ...args], { timeout: 60_000 })).stdout;
  const pipe = (input: Uint8Array, ...args: string[]): Promise<Buffer> =>
    new Promise((resolve, reject) => {
      const options = { timeout: 60_000, maxBuffer: 64 * 1024 * 1024, encoding: 'buffer' } as const;
      const running = execFile('/usr/sbin/ip', [...enter, ...args], options, (error, stdout, stderr) => {
        if (error === null) resolve(stdout);
        else reject(new Error(`${args.join(' ')}: ${stderr.toString()}`));
      });
      // It may end before it has read everything, and says then why.
      running.stdin?.on('error', () => undefined);
      running.stdin?.end(input);
    });
  const child: ChildProcess = spawn('/usr/sbin/ip', [...enter, 'start', '--headless', '--port', '0'], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let said = '';
  for (const stream of [child.stdout, child.stderr])
    stream?.on('data', (data: Buffer) => {
      said += data.toString();
    });
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  const stop = async (): Promise<void> => {
    if (child.exitCode === null) child.kill('SIGTERM');
    await ended;
    rmSync(base, { recursive: true, force: true });
  };
  try {
    const beganAtMs = Date.now();
    while (!/#token=\S+\s/.test(said)) {
      if (child.exitCode !== null || Date.now() - beganAtMs > STARTED_MS_MAX)
        throw new Error(`The node in ${host} did not start: ${said}`);
      await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
    }
    await cli(
      'identity',
      phrase === undefined ? 'create' : 'restore',
      '--phrase-file',
      phraseFile,
      '--passphrase-file',
      passphraseFile,
    );
    await cli('proof', 'set', '--automatic', 'off');
  } catch (error) {
    await stop();
    throw error;
  }
  return {
    host,
    url: /http:\/\/\S+#token=\S+/.exec(said)?.[0] ?? '',
    cli,
    json: async <T>(...args: string[]) => JSON.parse(await cli(...args, '--json')) as T,
    pipe,
    phrase: readFileSync(phraseFile, 'utf8'),
    passphraseFile,
    stop,
  };
};

/** A program that starts a browser in a host, for whoever drives one over a pipe. @returns its path and what removes it */
export const browserIn = (network: TestNetwork, host: string, program: string): { path: string; remove(): void } => {
  const folder = mkdtempSync(join(tmpdir(), 'hypermesh-home-browser-'));
  const path = join(folder, 'browser');
  writeFileSync(path, `#!/bin/sh\nexec /usr/sbin/ip netns exec ${network.namespaceOf(host)} ${program} "$@"\n`);
  chmodSync(path, 0o755);
  return { path, remove: () => rmSync(folder, { recursive: true, force: true }) };
};
