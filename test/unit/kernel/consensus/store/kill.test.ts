import { mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { build } from 'vite';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { startChild } from '../../../../support/child.ts';
import { createSeededRandom } from '../../../../support/seeded-random.ts';

const root = join(import.meta.dirname, '../../../../..');
const KILLS = 16;
let folder: string;
let childEntry: string;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'hypermesh-ledger-kill-'));
  // One file starts in a fourth of the time of a hundred.
  await build({
    configFile: false,
    root,
    logLevel: 'error',
    ssr: { noExternal: true, external: ['better-sqlite3'] },
    build: {
      ssr: true,
      outDir: join(folder, 'out'),
      target: 'node24',
      rollupOptions: {
        input: {
          'keep-ledger': join(root, 'test/support/children/keep-ledger.ts'),
          worker: join(root, 'main/base/store/worker.ts'),
        },
        output: { format: 'es', entryFileNames: '[name].mjs' },
      },
    },
  });
  symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'));
  childEntry = join(folder, 'out', 'keep-ledger.mjs');
});
afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

interface Said {
  height: number;
  remembered?: number;
  problem?: string | null;
}
/** A line that the kill has cut in two is none. */
const parse = (line: string): Said | null => {
  try {
    return JSON.parse(line) as Said;
  } catch {
    return null;
  }
};

it('has whole states of one height and all that was promised, killed again and again in the middle of everything', async () => {
  const random = createSeededRandom(70);
  const path = join(folder, 'ledger.db');
  const wrong: string[] = [];
  let promised: Said = { height: -1, remembered: 0 };
  const heed = (line: string): void => {
    const said = parse(line);
    if (said !== null && said.problem === undefined) promised = said;
  };
  for (let run = 0; run <= KILLS; run++) {
    const child = startChild(childEntry, [path, join(folder, 'out', 'worker.mjs')]);
    const found = parse(await child.nextLine())!;
    if (found.problem !== null) wrong.push(`start ${run}: ${found.problem}`);
    if (
      found.height < promised.height ||
      (found.height === promised.height && (found.remembered ?? 0) < (promised.remembered ?? 0))
    )
      wrong.push(`start ${run}: ${JSON.stringify(found)} for ${JSON.stringify(promised)}`);
    promised = { height: found.height, remembered: found.remembered ?? 0 };
    // Some in the middle of a state that is taken over, which takes longest, others anywhere.
    for (let wanted = random.below(60); wanted > 0 && run < KILLS; wanted--) heed(await child.nextLine());
    await sleep(random.below(40));
    await child.kill();
    for (const line of child.lines) heed(line);
  }
  expect(wrong).toEqual([]);
  expect(promised.height).toBeGreaterThan(100);
});
