import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import type { Call, RequestInputOf, ResponseOf } from '../../preload/contract/index.ts';
import { startChild } from '../support/child.ts';
import { smallProving } from '../support/small-proofs.ts';
import { openTestNode, sourceRoot, temporaryFolder } from '../unit/api/real-node.ts';

const root = temporaryFolder();
const folder = join(root, 'data');
afterAll(() => rmSync(root, { recursive: true, force: true }));

/** Where each run is killed: the first line that it says of this, and so long after it. */
const KILLS = [
  { at: 'working plot', afterMs: 100 },
  { at: 'working block', afterMs: 0 },
  { at: 'working block', afterMs: 60 },
  { at: 'block ', afterMs: 0 },
] as const;

describe('a node that is killed while it proves', () => {
  it('finds at its next start what is missing, and does nothing twice', async () => {
    let stored = 0;
    for (const { at, afterMs } of KILLS) {
      const child = startChild(join(sourceRoot, 'test', 'support', 'children', 'prove.ts'), [folder]);
      for (let line = await child.nextLine(); !line.startsWith(at); line = await child.nextLine())
        if (line.startsWith('block ')) stored = Math.max(stored, Number(line.slice(6)));
      if (afterMs > 0) await new Promise((resolve) => setTimeout(resolve, afterMs));
      await child.kill();
      for (const line of child.lines) if (line.startsWith('block ')) stored = Math.max(stored, Number(line.slice(6)));
    }

    const test = await openTestNode({ folder, proving: smallProving });
    const ask = async <C extends Call>(name: C, request: RequestInputOf<C>): Promise<ResponseOf<C>> => {
      const reply = await test.node.dispatcher.call(name, request, { face: 'window' });
      if (!reply.ok) throw new Error(reply.error.message);
      return reply.value;
    };
    try {
      // Everything that was told of is there.
      expect((await ask('chain:head', {})).height ?? 0).toBeGreaterThanOrEqual(stored);
      await ask('identity:unlock', { passphrase: 'a passphrase of a test' });
      await expect
        .poll(
          async () =>
            (await ask('proof:assets', {}))
              .filter(({ present }) => present)
              .every(({ marks }) => marks.every(({ status }) => status === 'passed')),
          { timeout: 90_000, interval: 500 },
        )
        .toBe(true);
      await expect.poll(async () => (await ask('proof:state', {})).status).toBe('idle');

      const assets = (await ask('proof:assets', {})).filter(({ present }) => present);
      const head = await ask('chain:head', {});
      expect(head.height).toBe(assets.length);
      for (const { asset } of assets)
        expect((await ask('chain:asset', { asset })).map(({ kind }) => kind)).toEqual([
          'asset.registered',
          'asset.proved',
        ]);
      // Each proof that is listed stands in the block that it names, and no block is without one.
      const entries = await ask('proof:list', { limit: 100 });
      expect(entries.map(({ height }) => height).toSorted((a, b) => (a ?? 0) - (b ?? 0))).toEqual(
        assets.map((_, index) => index + 1),
      );
      for (const { height, id } of entries)
        expect((await ask('chain:block', { height: height ?? 0 })).proof?.combined).toBe(id);
      await ask('chain:verify', {});
      await expect
        .poll(async () => await ask('chain:verification', {}), { timeout: 60_000 })
        .toMatchObject({ status: 'done', holds: true, problems: [] });
    } finally {
      await test.end();
    }
  }, 240_000);
});
