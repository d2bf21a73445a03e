import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { createStore, createSystemOutside } from '../../../../main/base/index.ts';
import { startChild } from '../../../support/child.ts';
import { createSilentLogger } from '../../../support/silent-logger.ts';

const workerPath = join(import.meta.dirname, '../../../../main/base/store/worker.ts');
const childEntry = join(import.meta.dirname, '../../../support/children/write-rows.ts');
let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'hypermesh-durable-'));
});
afterEach(() => {
  rmSync(folder, { recursive: true });
});

it('loses nothing that was acknowledged when the process is killed in the middle of writing, again and again', async () => {
  const path = join(folder, 'killed.db');
  const acknowledged: string[] = [];
  for (let run = 0; run < 4; run++) {
    const child = startChild(childEntry, [path, workerPath, String(run)]);
    const wanted = 200 + run * 150;
    for (let i = 0; i < wanted; i++) acknowledged.push(await child.nextLine());
    await child.kill();
    acknowledged.push(...child.lines);
  }
  // The last line may have been cut by the kill; a whole one names a lane and a number.
  const whole = acknowledged.filter((key) => /^\d-\d-\d+$/.test(key));
  const store = await createStore(
    { logger: createSilentLogger(), metrics: null, clock: createSystemOutside().clock },
    { path },
  );
  const kept = new Set(
    (await store.all<{ key: string }>('test.keys', 'SELECT key FROM settings')).map((row) => row.key),
  );
  await store.close();
  const isPair = (key: string): boolean => Number(key.split('-')[1]) % 2 === 0;
  const lost = whole.filter((key) => (isPair(key) ? !(kept.has(`${key}-a`) && kept.has(`${key}-b`)) : !kept.has(key)));
  expect(whole.length).toBeGreaterThan(1500);
  expect(lost).toEqual([]);
  // What was not acknowledged is there as a whole or not at all.
  const halves = [...kept].filter(
    (key) =>
      (key.endsWith('-a') && !kept.has(key.replace(/a$/, 'b'))) ||
      (key.endsWith('-b') && !kept.has(key.replace(/b$/, 'a'))),
  );
  expect(halves).toEqual([]);
});
