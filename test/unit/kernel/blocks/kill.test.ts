import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { build } from 'vite';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { encodeCbor } from '../../../../main/base/index.ts';
import type { ChainHead, ChainVerification } from '../../../../preload/contract/index.ts';
import { testKeys } from '../../../support/chain.ts';
import { startChild } from '../../../support/child.ts';
import { createSeededRandom } from '../../../support/seeded-random.ts';

/** Chains that are killed again and again, and how often each. Short chains are verified as a whole after every kill. */
const CHAINS = 14;
const KILLS_EACH = 15;
/** Chains that run at the same time. */
const AT_ONCE = 2;
const root = join(import.meta.dirname, '../../../..');

let folder: string;
let child: string;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'hypermesh-kill-'));
  // One file starts in half the time of a hundred: most of a run would otherwise go into loading.
  await build({
    configFile: false,
    root,
    logLevel: 'error',
    ssr: { noExternal: true, external: ['better-sqlite3'] },
    build: {
      ssr: join(root, 'test/support/children/append-blocks.ts'),
      outDir: join(folder, 'out'),
      target: 'node24',
      rollupOptions: { output: { format: 'es', entryFileNames: 'append-blocks.mjs' } },
    },
  });
  symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'));
  child = join(folder, 'out', 'append-blocks.mjs');
  writeFileSync(join(folder, 'keys'), encodeCbor(testKeys(9)));
});
afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

interface Started {
  verification: ChainVerification;
  head: ChainHead;
  /** Newest first. */
  hashes: string[];
}
interface Stored {
  stored: number;
  hash: string;
}

/** A line that the kill has cut in two is none. */
const parse = (line: string): Started | Stored | null => {
  try {
    return JSON.parse(line) as Started | Stored;
  } catch {
    return null;
  }
};

it('loses no acknowledged block and keeps a chain that verifies, killed 200 times while it appends', {
  timeout: 600_000,
}, async () => {
  let kills = 0;
  let killedWhileAppending = 0;
  let blocks = 0;
  const wrong: string[] = [];
  const oneChain = async (number: number): Promise<void> => {
    const random = createSeededRandom(number);
    const path = join(folder, `chain-${number}.db`);
    const acknowledged = new Map<number, string>();
    const acknowledge = (line: string): void => {
      const said = parse(line);
      if (said !== null && 'stored' in said) acknowledged.set(said.stored, said.hash);
    };
    // One start more than kills: each start shows what the kill before it has left.
    for (let run = 0; run <= KILLS_EACH; run++) {
      const one = startChild(child, [path, join(folder, 'keys')]);
      const spared = run === 0 || run === KILLS_EACH;
      if (!spared && random.below(10) === 0) {
        // In the middle of a start, of its recovery or of its verification.
        await new Promise((resolve) => setTimeout(resolve, random.below(300)));
      } else {
        for (;;) {
          const line = await one.nextLine();
          acknowledge(line);
          const said = parse(line);
          if (said === null || 'stored' in said) continue;
          const { verification, head } = said;
          if (verification.status !== 'done' || !verification.holds)
            wrong.push(`chain ${number}, start ${run}: ${JSON.stringify(verification)}`);
          const found = said.hashes.toReversed();
          if (found.length !== head.blocks)
            wrong.push(`chain ${number}, start ${run}: ${found.length} of ${head.blocks}`);
          for (const [height, hash] of acknowledged)
            if (found[height] !== hash) wrong.push(`chain ${number}, start ${run}: height ${height} is lost`);
          blocks = Math.max(blocks, found.length);
          break;
        }
        if (run < KILLS_EACH) {
          for (let wanted = random.below(3); wanted > 0; wanted--) acknowledge(await one.nextLine());
          await new Promise((resolve) => setTimeout(resolve, random.below(60)));
          killedWhileAppending += 1;
        }
      }
      await one.kill();
      for (const line of one.lines) acknowledge(line);
      if (run < KILLS_EACH) kills += 1;
    }
  };
  const numbers = Array.from({ length: CHAINS }, (_, i) => i);
  await Promise.all(
    Array.from({ length: AT_ONCE }, async () => {
      for (let number = numbers.shift(); number !== undefined; number = numbers.shift()) await oneChain(number);
    }),
  );
  expect(wrong).toEqual([]);
  expect(kills).toBeGreaterThanOrEqual(200);
  expect(killedWhileAppending).toBeGreaterThan(kills / 2);
  expect(blocks).toBeGreaterThan(KILLS_EACH / 2);
});
