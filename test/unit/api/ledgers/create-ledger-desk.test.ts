import { expect, it } from 'vitest';
import { readSlashing } from '../../../../main/apps/caesar/index.ts';
import { createLedgerDesk, type LedgerDesk } from '../../../../main/api/ledgers/index.ts';
import { keyIdText } from '../../../../main/base/crypto/index.ts';
import type { Evidence } from '../../../../main/kernel/consensus/index.ts';
import { createManualClock } from '../../../support/manual-clock.ts';
import { createSeededRandom } from '../../../support/seeded-random.ts';
import { CONSENSUS, createWorld, nodeId, type World } from '../../apps/caesar/ledger/world.ts';

const lie = (node: Uint8Array, height: number): Evidence => ({
  kind: 'votes',
  validator: node,
  height,
  first: null as never,
  second: null as never,
});
/** A desk over a ledger of which the node has these blocks. */
const deskOver = (
  world: World,
  lies: ReadonlyMap<number, Evidence>,
): { desk: LedgerDesk; final(height: number): void; read: number[] } => {
  const read: number[] = [];
  let tell: (event: unknown) => void = () => undefined;
  const blockOf = (height: number) => {
    const one = lies.get(height);
    return {
      block: { header: { height, timeMs: 1_000 * height } },
      evidence: one === undefined ? [] : [one],
    };
  };
  const ledger = {
    id: 'a'.repeat(64),
    name: 'meadow',
    home: false,
    replica: {
      genesis: world.genesis,
      status: () => ({ height: world.height, timeMs: world.timeMs, hash: null, halted: null, silent: null, peers: 0 }),
      state: () => world.tree.frozen(),
      params: () => CONSENSUS,
      validators: () => world.app.validators(world.tree),
      reports: () => [],
      block: (height: number) => {
        read.push(height);
        // The oldest is not kept.
        return Promise.resolve(height < 2 ? null : blockOf(height));
      },
    },
  };
  const desk = createLedgerDesk({
    outside: { clock: createManualClock(), random: createSeededRandom(1) },
    workers: null as never,
    ledgers: {
      find: () => ledger,
      list: () => [ledger],
      current: () => ledger,
      on: (_name: string, listener: typeof tell) => {
        tell = listener;
        return () => undefined;
      },
    } as never,
    identity: { node: () => null, account: () => null, reason: () => null },
    wallet: { nameOf: () => '', view: () => Promise.resolve({ accounts: [] } as never) },
    network: { peers: () => [], peer: () => null as never },
    mesh: null as never,
  });
  return { desk, read, final: (height) => tell({ ledger, block: blockOf(height) }) };
};

it('shows who was put out, also before the node was started', async () => {
  const world = createWorld();
  const lies = new Map<number, Evidence>();
  const lieInNext = (node: number): void => {
    const one = lie(nodeId(node), world.height);
    world.block([], { evidence: [one] });
    lies.set(world.height, one);
  };
  world.block();
  lieInNext(1);
  world.block();
  // Started now: nothing was heard of the block of before.
  const { desk, final, read } = deskOver(world, lies);
  const shown = async () => (await desk.view('current')).evidence.map(({ validator, inBlock }) => [validator, inBlock]);
  expect(await shown()).toEqual([[keyIdText(nodeId(1)), 2]]);
  lieInNext(0);
  final(world.height);
  const both = [
    [keyIdText(nodeId(0)), 4],
    [keyIdText(nodeId(1)), 2],
  ];
  expect(await shown()).toEqual(both);
  expect(await shown()).toEqual(both);
  expect((await desk.view('current')).evidence[0]?.sentence).toMatch(/two votes that contradict each other at block 3/);
  const burnt = (await desk.view('current')).evidence.map(({ slashedMicro }) => BigInt(slashedMicro ?? -1));
  expect(burnt).toEqual([readSlashing(world.tree, nodeId(0))?.burnt, readSlashing(world.tree, nodeId(1))?.burnt]);
  expect(burnt.every((micro) => micro > 0n)).toBe(true);
  expect(read).toEqual([2]);
  desk.stop();
});
