import { type ChildProcess, spawn } from 'node:child_process';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import { type Call, calls, type ResponseOf } from '../../preload/contract/index.ts';
import { sourceRoot, temporaryFolder } from '../unit/api/real-node.ts';
import { type CommandDone, runCommandLine } from './command-line.ts';

// Whole nodes in processes of their own that keep to this machine, steered by the command line as their owners steer them.

const program = join(sourceRoot, 'main', 'cli.ts');
const RUNNING_MS_MAX = 30_000;

export interface LoopbackNodes {
  /** A folder of this test alone, for files that commands read and write. */
  readonly root: string;
  readonly passphraseFile: string;
  folderOf(name: string): string;
  /** A folder as after the first run, whose node keeps to this machine. */
  makeFolder(name: string): void;
  /** Resolves when its API answers. @param unlock - with the passphrase of {@link createIdentities} */
  start(name: string, options?: { unlock?: boolean }): Promise<void>;
  kill(name: string, signal: NodeJS.Signals): Promise<void>;
  createIdentities(names: readonly string[]): Promise<void>;
  untilRunning(name: string): Promise<void>;
  hypermesh(name: string, args: readonly string[], input?: string | Uint8Array): Promise<CommandDone>;
  /** Must end with 0 and say nothing on stderr. @returns what it printed */
  good(name: string, args: readonly string[], input?: string | Uint8Array): Promise<string>;
  /** What `--json` prints, checked by the contract. @param code - that the command ends with. @default 0 */
  ask<C extends Call>(name: string, call: C, args: readonly string[], code?: number): Promise<ResponseOf<C>>;
  close(): Promise<void>;
}

export const createLoopbackNodes = (): LoopbackNodes => {
  const root = temporaryFolder();
  const passphraseFile = join(root, 'passphrase');
  writeFileSync(passphraseFile, 'tunnel-violin-harbour-91\n', { mode: 0o600 });
  const children = new Map<string, ChildProcess>();
  const folderOf = (name: string): string => join(root, name);

  const hypermesh: LoopbackNodes['hypermesh'] = (name, args, input) =>
    runCommandLine(folderOf(name), args, { input, columns: 120 });
  const good: LoopbackNodes['good'] = async (name, args, input) => {
    const { code, out, error } = await hypermesh(name, args, input);
    expect(`${code} ${error}`).toBe('0 ');
    return out;
  };
  const ask: LoopbackNodes['ask'] = async (name, call, args, code = 0) => {
    const done = await hypermesh(name, [...args, '--json']);
    expect(`${done.code} ${done.error}`).toBe(`${code} `);
    return calls[call].response.parse(JSON.parse(done.out)) as never;
  };
  const start: LoopbackNodes['start'] = (name, { unlock = false } = {}) =>
    new Promise((resolve, reject) => {
      const more = unlock ? ['--passphrase-file', passphraseFile] : [];
      const child = spawn(process.execPath, [program, 'start', '--headless', '--port', '0', '--json', ...more], {
        env: { ...process.env, HYPERMESH_DATA: folderOf(name), DISPLAY: '', WAYLAND_DISPLAY: '', NO_COLOR: '1' },
        stdio: ['ignore', 'pipe', 'pipe'],
      });
      children.set(name, child);
      let out = '';
      for (const stream of [child.stdout, child.stderr])
        stream.on('data', (part: Buffer) => {
          out += part.toString();
          if (out.includes('"token"')) resolve();
        });
      child.once('close', () => reject(new Error(`it ended: ${out}`)));
    });
  const kill: LoopbackNodes['kill'] = (name, signal) =>
    new Promise((resolve) => {
      const child = children.get(name);
      children.delete(name);
      if (child === undefined || child.exitCode !== null || child.signalCode !== null) return resolve();
      child.once('close', () => resolve());
      child.kill(signal);
    });
  return {
    root,
    passphraseFile,
    folderOf,
    makeFolder: (name) => {
      mkdirSync(folderOf(name), { mode: 0o700 });
      writeFileSync(join(folderOf(name), 'format'), 'hypermesh-data 1\n', { mode: 0o600 });
      const network = { enabled: true, loopbackOnly: true };
      writeFileSync(join(folderOf(name), 'config.json'), JSON.stringify({ version: 1, network }), { mode: 0o600 });
    },
    start,
    kill,
    createIdentities: async (names) => {
      await Promise.all(
        names.map(async (name) => {
          const phraseFile = join(root, `${name}.words`);
          // It notes on stderr where the words are.
          const { code, error } = await hypermesh(name, [
            'identity',
            'create',
            '--phrase-file',
            phraseFile,
            '--passphrase-file',
            passphraseFile,
          ]);
          expect(code, error).toBe(0);
        }),
      );
    },
    untilRunning: (name) =>
      expect
        .poll(async () => (await ask(name, 'network:state', ['net', 'status'])).status, { timeout: RUNNING_MS_MAX })
        .toBe('running'),
    hypermesh,
    good,
    ask,
    close: async () => {
      await Promise.all([...children.keys()].map((name) => kill(name, 'SIGKILL')));
      rmSync(root, { recursive: true, force: true });
    },
  };
};
