import type { Command } from 'commander';
import { describe, expect, it } from 'vitest';
import { type Call, type CallDefinition, calls } from '../../../../preload/contract/index.ts';
import { createSystemOutside } from '../../../../main/base/index.ts';
import { type CliComponents, HAND_WRITTEN, Session, buildProgram, runCli } from '../../../../main/api/cli/index.ts';

/** A terminal that keeps what is written to it. */
const createPipe = (): { components: CliComponents; out: () => string; error: () => string } => {
  const written = { out: '', error: '' };
  const text = (data: string | Uint8Array): string =>
    typeof data === 'string' ? data : Buffer.from(data).toString('utf8');
  return {
    out: () => written.out,
    error: () => written.error,
    components: {
      clock: createSystemOutside().clock,
      terminal: {
        writeOut: (data) => void (written.out += text(data)),
        writeError: (data) => void (written.error += text(data)),
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
      runHeadless: () => Promise.reject(new Error('no node in this test')),
      openDesktop: async () => ({ opened: false, reason: 'There is no screen here.' }),
      withSettings: () => Promise.reject(new Error('no settings in this test')),
      verifyProofFile: () => Promise.reject(new Error('no proof in this test')),
      verifyLeaseFile: () => Promise.reject(new Error('no lease in this test')),
      verifyReceiptFile: () => Promise.reject(new Error('no receipt in this test')),
      verifyJobResult: () => Promise.reject(new Error('no result in this test')),
      verifyChainFile: () => Promise.reject(new Error('no chain in this test')),
    },
  };
};
const init = { dataFolder: '/nonexistent/hypermesh-test', version: '1.2.3', passphraseCredential: null };
const run = async (...args: string[]): Promise<{ code: number; out: string; error: string }> => {
  const pipe = createPipe();
  const code = await runCli(pipe.components, init, args);
  return { code, out: pipe.out(), error: pipe.error() };
};
const find = (program: Command, words: string): Command | undefined =>
  words
    .split(' ')
    .reduce<Command | undefined>((at, word) => at?.commands.find((each) => each.name() === word), program);
const everyCommand = (command: Command): Command[] =>
  command.commands.flatMap((child) => [child, ...everyCommand(child)]);

describe('the command line', () => {
  const program = buildProgram(new Session(createPipe().components, init));

  it.each(Object.entries(calls) as [Call, CallDefinition][])('has a command for %s', (name, { cli }) => {
    const words = HAND_WRITTEN[name] ?? cli?.command.split(' --')[0];
    expect(words, 'neither derived nor hand-written').toBeDefined();
    expect(find(program, words ?? ''), words).toBeDefined();
  });

  it('gives every example of the contract a command that takes its words', () => {
    for (const { cli } of Object.values(calls) as CallDefinition[])
      for (const example of cli?.examples ?? []) {
        expect(example).toMatch(/^hypermesh /);
        expect(find(program, cli?.command.split(' --')[0] ?? ''), example).toBeDefined();
      }
  });

  it('has help with examples for every command', async () => {
    for (const command of everyCommand(program)) {
      const words: string[] = [];
      for (let at: Command | null = command; at !== null && at !== program; at = at.parent) words.unshift(at.name());
      const { code, out } = await run(...words, '--help');
      expect(code, words.join(' ')).toBe(0);
      expect(out, words.join(' ')).toMatch(/Examples:\n {2}\$ /);
      expect(command.description(), words.join(' ')).not.toBe('');
    }
  });

  it('prints its version', async () => {
    expect(await run('--version')).toEqual({ code: 0, out: '1.2.3\n', error: '' });
  });

  it.each([
    [['teapot']],
    [['share', 'teapot']],
    [['share', 'set']],
    [['share', 'set', 'cpu']],
    [['share', 'set', 'cpu', '101']],
    [['share', 'set', 'cpu', 'many']],
    [['share', 'set', 'cpu', '--privacy', 'Open']],
    [['share', 'grid', 'cpu', '--day', 'someday', '--percent', '5']],
    [['share', 'grid', 'cpu', '--hours', '9-25', '--percent', '5']],
    [['share', 'grid', 'cpu', '--day', 'mon']],
    [['share', 'preview', '--at', 'soon']],
    [['pause', 'whenever']],
    [['run', '--memory', 'much', 'x']],
    [['run', '--timeout', 'long', 'x']],
    [['logs', '--level', 'loud']],
    [['logs', '--limit', '0']],
    [['config', 'set', 'colour', 'red']],
    [['call', 'tea:make']],
    [['call', 'node:status', '{']],
    [['completion', 'tcsh']],
    [['start', '--headless', '--port', '70000']],
    [['status', '--loud']],
  ])('%j is wrong usage: exit code 2, one sentence, nothing on stdout', async (args) => {
    const { code, out, error } = await run(...args);
    expect(code).toBe(2);
    expect(out).toBe('');
    expect(error).toMatch(/^hypermesh: [^\n]+\(USAGE\)\n$/);
    const machine = await run('--json', ...args);
    expect(machine.code).toBe(2);
    expect(JSON.parse(machine.error)).toEqual({ error: { code: 'USAGE', message: expect.any(String) as string } });
  });

  it('shows the help of a group that was named alone, and calls it wrong usage', async () => {
    const { code, out, error } = await run('share');
    expect(code).toBe(2);
    expect(out).toBe('');
    expect(error).toContain('Usage: hypermesh share');
  });

  it.each([
    [['status']],
    [['share', 'get']],
    [['job', 'list']],
    [['stop']],

    [['logs', '--follow']],
    [['call', 'node:status']],
    [['benchmark']],
    [['hardware']],
  ])('%j says that no node runs: exit code 3', async (args) => {
    const { code, out, error } = await run(...args);
    expect(code).toBe(3);
    expect(out).toBe('');
    expect(error).toMatch(/^hypermesh: No node runs; start it with [^\n]+ \(NO_NODE\)\n$/);
    expect(JSON.parse((await run(...args, '--json')).error)).toMatchObject({ error: { code: 'NO_NODE' } });
  });

  it('names a program that cannot be read', async () => {
    const { code, error } = await run('run', '/nonexistent/program.wasm');
    expect(code).toBe(1);
    expect(error).toMatch(/program\.wasm cannot be read .* \(FILE_UNREADABLE\)\n$/);
  });

  it('tells where everything lies without a node', async () => {
    expect(JSON.parse((await run('config', 'path', '--json', '--data', '/tmp/elsewhere')).out)).toMatchObject({
      dataFolder: '/tmp/elsewhere',
      config: '/tmp/elsewhere/config.json',
    });
  });

  it.each(['bash', 'zsh', 'fish'])('completes in %s', async (shell) => {
    const { code, out } = await run('completion', shell);
    expect(code).toBe(0);
    for (const word of ['share set', 'preview', 'headless']) expect(out).toContain(word);
  });
});
