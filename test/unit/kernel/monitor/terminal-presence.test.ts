import { utimes } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { createTerminalPresence } from '../../../../main/kernel/monitor/index.ts';
import { createManualClock } from '../../../support/manual-clock.ts';
import { createSeededRandom } from '../../../support/seeded-random.ts';
import { createTree } from './fixture-tree.ts';

const build = async (ages: Record<string, number>) => {
  const clock = createManualClock();
  const tree = await createTree(Object.fromEntries(Object.keys(ages).map((name) => [name, ''])));
  for (const [name, ageMs] of Object.entries(ages))
    await utimes(`${tree.path}/${name}`, (clock.nowMs() - ageMs) / 1000, 0);
  return createTerminalPresence({ outside: { clock, random: createSeededRandom(1) } }, { devicePath: tree.path });
};

describe.runIf(process.platform !== 'win32')('createTerminalPresence', () => {
  it('takes the terminal that was used last', async () => {
    expect(await (await build({ 'pts/0': 90_000, 'pts/3': 5_000, 'pts/ptmx': 0 })).idleMs()).toEqual({
      known: true,
      value: 5_000,
    });
  });
  it('knows nothing without a terminal', async () => {
    expect(await (await build({ 'pts/ptmx': 0 })).idleMs()).toEqual({
      known: false,
      reason: expect.stringContaining('nobody is logged in'),
    });
  });
  it('does not take a stamp from the future for a person', async () => {
    expect((await (await build({ 'pts/0': -3_600_000 })).idleMs()).known).toBe(false);
    expect(await (await build({ 'pts/0': -2_000 })).idleMs()).toEqual({ known: true, value: 0 });
  });
});
