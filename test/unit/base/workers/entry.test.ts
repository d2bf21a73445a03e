import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join, sep } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createWorkerPool, type WorkerPool } from '../../../../main/base/index.ts';
import { createManualClock } from '../../../support/manual-clock.ts';
import { createSilentLogger } from '../../../support/silent-logger.ts';

const main = join(import.meta.dirname, '../../../../main');
const workerPath = join(main, 'worker.ts');
let pool: WorkerPool;
beforeAll(() => {
  pool = createWorkerPool(
    { logger: createSilentLogger(), metrics: null, clock: createManualClock() },
    { workerPath, size: 1 },
  );
});
afterAll(() => pool.close());

describe('the entry of the threads', () => {
  it('runs a task of its own, and one of a room that it loads for it', async () => {
    const bytes = Uint8Array.of(1, 2, 3);
    const hash = createHash('sha256').update(bytes).digest();
    expect(Buffer.from(await pool.run<Uint8Array, Uint8Array>('hash.sha256', bytes))).toEqual(hash);
    const costs = { memoryKiB: 64, passes: 1, lanes: 1 };
    const input = { passphrase: 'correct horse', salt: new Uint8Array(16), costs };
    expect(await pool.run<unknown, Uint8Array>('crypto.passphraseKey', input)).toHaveLength(32);
  });

  it.each(['crypto.nothing', 'nothing.at.all', 'nothing', '__proto__', 'constructor.name', 'crypto'])(
    'says that there is no task %s',
    async (name) => {
      await expect(pool.run(name, null)).rejects.toMatchObject({ code: 'TASK_FAILED', data: { task: name } });
      await expect(pool.run(name, null)).rejects.toThrow(`There is no task ${name}`);
    },
  );

  it('knows the room of every task that there is', () => {
    const sources = readdirSync(main, { withFileTypes: true, recursive: true })
      .filter((entry) => entry.isFile() && /(^|-)tasks\.ts$/.test(entry.name))
      .map((entry) => join(entry.parentPath, entry.name));
    expect(sources.map((path) => path.split(sep).slice(-2).join('/'))).toContain('crypto/tasks.ts');
    const names = sources.flatMap((path) =>
      [...readFileSync(path, 'utf8').matchAll(/^ {2}'([a-z]+)\.[a-zA-Z0-9.]+':/gm)].map((match) => match[1]),
    );
    const entry = readFileSync(workerPath, 'utf8');
    expect(names.length).toBeGreaterThan(20);
    expect([...new Set(names)].filter((room) => !entry.includes(`    ${room}: async () => (await import(`))).toEqual(
      [],
    );
  });
});
