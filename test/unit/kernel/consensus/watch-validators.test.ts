import { expect, it, vi } from 'vitest';
import { peerIdOf } from '../../../../main/base/crypto/index.ts';
import { Emitter } from '../../../../main/base/index.ts';
import type { FollowedLedger, LedgersEvents } from '../../../../main/kernel/consensus/index.ts';
import { watchValidators } from '../../../../main/kernel/consensus/watch-validators.ts';

const WELL = { signed: 100, blocks: 100, missedProposals: 0, leftOut: 0 };
type Told = typeof WELL;

/** A ledger of which nothing is real but how its validators are doing. */
const open = (init: { reports: Told[]; sync?: 'current' | 'blocks' }) => {
  const events = new Emitter<Pick<LedgersEvents, 'final'>>();
  const world = { ...init, sync: init.sync ?? 'current' };
  const keysOf = (place: number): Uint8Array => new Uint8Array(32).fill(place + 1);
  const ledger = {
    id: 'one',
    replica: {
      status: () => ({ sync: { state: world.sync } }),
      reports: () =>
        world.reports.map((told, place) => ({ ...told, validator: { keys: { ed25519: keysOf(place) }, power: 10 } })),
    },
  } as unknown as FollowedLedger;
  const doubt = vi.fn();
  const end = watchValidators({ on: (name, listener) => events.on(name as 'final', listener as never) }, { doubt });
  return {
    world,
    doubt,
    end,
    peer: (place: number) => peerIdOf(keysOf(place)),
    blocks: (from: number, to: number) => {
      for (let height = from; height <= to; height++)
        events.emit('final', { ledger, block: { block: { header: { height } } } } as LedgersEvents['final']);
    },
  };
};

it('doubts each that is silent, slow or leaves out, once in a hundred blocks, with a sentence', () => {
  const { blocks, doubt, peer } = open({
    reports: [WELL, { ...WELL, signed: 0 }, { ...WELL, signed: 50 }, { ...WELL, leftOut: 7 }],
  });
  blocks(1, 119);
  expect(doubt.mock.calls).toEqual([
    [peer(1), 'silent', expect.stringContaining('0 of the last 100')],
    [peer(2), 'slow', expect.stringContaining('50 of the last 100')],
    [peer(3), 'censoring', expect.stringContaining('7 transactions')],
  ]);
  blocks(120, 120);
  expect(doubt).toHaveBeenCalledTimes(6);
});

it('forgets who does well again, and doubts nobody while it catches up itself', () => {
  const { world, blocks, doubt } = open({ reports: [{ ...WELL, signed: 0 }], sync: 'blocks' });
  blocks(1, 100);
  expect(doubt).not.toHaveBeenCalled();
  world.sync = 'current';
  blocks(101, 120);
  expect(doubt).toHaveBeenCalledTimes(1);
  world.reports = [WELL];
  blocks(121, 400);
  expect(doubt).toHaveBeenCalledTimes(1);
});

it('ends', () => {
  const { blocks, doubt, end } = open({ reports: [{ ...WELL, signed: 0 }] });
  end();
  blocks(1, 200);
  expect(doubt).not.toHaveBeenCalled();
});
