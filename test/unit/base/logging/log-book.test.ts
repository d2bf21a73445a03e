import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createLogBook, createSystemOutside, formatLogLine, type LogLine } from '../../../../main/base/index.ts';
import { createManualClock } from '../../../support/manual-clock.ts';

const components = { clock: createSystemOutside().clock };
let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'hypermesh-logs-'));
});
afterEach(() => {
  rmSync(folder, { recursive: true });
});

describe('memory', () => {
  it('answers by level, module and limit, oldest first', async () => {
    const book = await createLogBook(
      { clock: createManualClock({ nowMs: 1000 }) },
      { folder: null, level: 'debug', stderr: false },
    );
    const store = book.logger.child('store');
    book.logger.info('Node started', { port: 9470 });
    store.debug('Opened');
    store.warn('Slow query', { query: 'jobs.insert' });
    expect(book.read({ level: 'debug', limit: 10 }).map((line) => line.message)).toEqual([
      'Node started',
      'Opened',
      'Slow query',
    ]);
    expect(book.read({ level: 'info', limit: 10, module: 'store' })).toEqual([
      { atMs: 1000, level: 'warn', module: 'store', message: 'Slow query', context: { query: 'jobs.insert' } },
    ]);
    expect(book.read({ level: 'debug', limit: 1 })[0]?.message).toBe('Slow query');
  });

  it('holds the newest 5000', async () => {
    const book = await createLogBook(components, { folder: null, level: 'info', stderr: false });
    for (let i = 0; i < 5100; i++) book.logger.info('Line', { i });
    const lines = book.read({ level: 'debug', limit: 10_000 });
    expect([lines.length, lines[0]?.context['i'], lines.at(-1)?.context['i']]).toEqual([5000, 100, 5099]);
  });

  it('follows a change of the level, in children made before as well', async () => {
    const book = await createLogBook(components, { folder: null, level: 'warn', stderr: false });
    const child = book.logger.child('early');
    child.info('unheard');
    book.setLevel('debug');
    child.debug('heard');
    book.setLevel('error');
    child.warn('unheard');
    expect(book.read({ level: 'debug', limit: 10 }).map((line) => line.message)).toEqual(['heard']);
  });
});

describe('listeners', () => {
  it('hear lines from info upwards after redaction, and may log themselves', async () => {
    const book = await createLogBook(components, { folder: null, level: 'debug', stderr: false });
    const heard: LogLine[] = [];
    const stop = book.onLine((line) => {
      heard.push(line);
      book.logger.warn('Said while listening');
    });
    book.logger.debug('quiet');
    book.logger.info('loud', { token: 'x' });
    stop();
    book.logger.info('late');
    expect(heard.map((line) => [line.message, line.context])).toEqual([['loud', { token: '[redacted]' }]]);
    expect(book.read({ level: 'warn', limit: 10 })).toHaveLength(1);
  });
});

describe('files', () => {
  it('hold one line of JSON per entry, readable by their owner alone', async () => {
    const book = await createLogBook(
      { clock: createManualClock({ nowMs: 5 }) },
      { folder, level: 'info', stderr: false },
    );
    book.logger.child('api').error('Line\nbreak', { text: 'a\r\nb', password: 'p' });
    await book.flush();
    const text = readFileSync(join(folder, 'hypermesh.1.log'), 'utf8');
    expect(
      text
        .trimEnd()
        .split('\n')
        .map((line): unknown => JSON.parse(line)),
    ).toEqual([
      {
        level: 'error',
        atMs: 5,
        module: 'api',
        context: { text: 'a\\u{d}\\u{a}b', password: '[redacted]' },
        message: 'Line\\u{a}break',
      },
    ]);
    expect(statSync(join(folder, 'hypermesh.1.log')).mode & 0o777).toBe(0o600);
    await book.close();
    await book.close();
  });

  it('go on where the last run ended', async () => {
    for (const run of ['first', 'second']) {
      const book = await createLogBook(components, { folder, level: 'info', stderr: false });
      book.logger.info(run);
      await book.close();
    }
    expect(readFileSync(join(folder, 'hypermesh.1.log'), 'utf8').trimEnd().split('\n')).toHaveLength(2);
  });

  it('are bounded in size and number', async () => {
    const book = await createLogBook(components, { folder, level: 'info', stderr: false });
    const text = 'lorem ipsum '.repeat(160);
    // Some 45 MB: nine files' worth. The disk must keep up, or lines are left out and the test shows less than it says.
    for (let i = 0; i < 24_000; i++) {
      book.logger.info('Filler', { text });
      if (i % 500 === 0) await book.flush();
    }
    await book.close();
    const files = readdirSync(folder);
    const sizes = files.map((file) => statSync(join(folder, file)).size);
    expect(files.length).toBeGreaterThan(1);
    expect(files.length).toBeLessThanOrEqual(6);
    expect(Math.max(...sizes)).toBeLessThan(8 * 1024 * 1024);
    expect(files).not.toContain('hypermesh.1.log');
  });

  it('that cannot be written leave the node running, and one line says so', async () => {
    const book = await createLogBook(components, { folder: join(folder, 'missing'), level: 'info', stderr: false });
    book.logger.info('still here');
    await book.flush();
    expect(book.read({ level: 'info', limit: 10 }).map((line) => line.message)).toEqual([
      'Log file not written; check the space and the permissions of the logs folder',
      'still here',
    ]);
    await book.close();
  });

  it('on a full disk leave the node running, and one line says so', async () => {
    // Writes to /dev/full fail with ENOSPC (man 4 full); the book opens it in place of its first file.
    symlinkSync('/dev/full', join(folder, 'hypermesh.1.log'));
    const book = await createLogBook(components, { folder, level: 'info', stderr: false });
    book.logger.info('one');
    await book.flush();
    book.logger.info('two');
    await book.flush();
    const lines = book.read({ level: 'error', limit: 10 });
    expect(lines).toHaveLength(1);
    expect(lines[0]?.context['reason']).toContain('ENOSPC');
    await book.close();
  });
});

it('shows a line to a person as time, level, module, message and context', () => {
  expect(formatLogLine({ atMs: 0, level: 'warn', module: 'store', message: 'Slow query', context: { ms: 41 } })).toBe(
    '1970-01-01T00:00:00.000Z warn  store: Slow query {"ms":41}',
  );
  expect(formatLogLine({ atMs: 0, level: 'error', module: 'node', message: 'Stopped', context: {} })).toBe(
    '1970-01-01T00:00:00.000Z error node: Stopped',
  );
});

describe('the terminal', () => {
  const entry = join(import.meta.dirname, '../../../support/children/log-to-terminal.ts');

  it('shows lines to a person, after redaction', () => {
    const { stderr, status } = spawnSync(process.execPath, [entry], { encoding: 'utf8' });
    expect(status).toBe(0);
    expect(stderr).toMatch(/^\S+Z info {2}node: Node started \{"port":9470,"token":"\[redacted\]"\}$/m);
  });

  it('may go away without ending the node', async () => {
    const child = spawn(process.execPath, [entry], { stdio: ['ignore', 'pipe', 'pipe'] });
    child.stderr.destroy();
    let said = '';
    child.stdout.on('data', (data: Buffer) => {
      said += data.toString();
    });
    const status = await new Promise((resolve) => {
      child.once('close', resolve);
    });
    expect([said, status]).toEqual(['still here\n', 0]);
  });
});
