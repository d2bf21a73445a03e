import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { encodeCbor } from '../../../../../main/base/index.ts';
import { HopError } from '../../../../../main/transport/stoq/extensions/errors.ts';
import { addHop, printHops, readHop, verifyHops } from '../../../../../main/transport/stoq/extensions/hops.ts';
import type { Tier } from '../../../../../main/transport/stoq/interface.ts';
import { stoqTasks } from '../../../../../main/transport/stoq/tasks.ts';
import { createSelfMadeVerifier } from '../../../../../main/transport/stoq/verifier.ts';
import { createManualClock } from '../../../../support/manual-clock.ts';
import { createInlineWorkers } from '../../../../support/stoq/inline-workers.ts';
import { makePeer, type TestPeer } from '../../../../support/stoq/make-peer.ts';

const verifier = createSelfMadeVerifier({
  workers: createInlineWorkers({ rooms: { stoq: async () => stoqTasks }, remembered: ['stoq.verifyRecord'] }),
});
const clock = createManualClock();
const peers = Array.from({ length: 10 }, (_, i) => makePeer(20 + i));
const subject = new Uint8Array(32).fill(5);
const peer = (place: number): TestPeer => peers[place] as TestPeer;
const idOf = (place: number) => peer(place).local.peerId;

/** The hops of a message that began at the first of these peers. */
const chainOf = async (places: readonly number[], tier: Tier = 'quic', about = subject) => {
  let hops: readonly Uint8Array[] = [];
  for (const [index, place] of places.entries())
    if (index > 0)
      hops = await addHop({ clock, local: peer(place).local }, about, hops, {
        from: idOf(places[index - 1] as number),
        tier,
      });
  return hops;
};

describe('a hop record', () => {
  it('shows the way of a message', async () => {
    const hops = await chainOf([0, 1, 2, 3]);
    const way = await verifyHops(verifier, subject, hops, idOf(0));
    expect(way.map((hop) => hop.peer)).toEqual([idOf(1), idOf(2), idOf(3)]);
    expect(way[0]).toEqual({ peer: idOf(1), from: idOf(0), tier: 'quic', atMs: clock.nowMs() });
    expect(printHops(idOf(0), way.slice(0, 2))).toBe(`${idOf(0)} →quic ${idOf(1)} →quic ${idOf(2)}`);
    expect(await verifyHops(verifier, subject, [], idOf(0))).toEqual([]);
  });

  it('holds for no other message, origin, order or part of the way', async () => {
    const hops = await chainOf([0, 1, 2, 3]);
    const [one, two, three] = hops as [Uint8Array, Uint8Array, Uint8Array];
    const check = (chain: readonly Uint8Array[], about = subject, origin = idOf(0)) =>
      verifyHops(verifier, about, chain, origin);
    await expect(check(hops, new Uint8Array(32))).rejects.toMatchObject({ code: 'HOPS_BROKEN', data: { hop: 0 } });
    await expect(check(hops, subject, idOf(4))).rejects.toMatchObject({ code: 'HOPS_BROKEN', data: { hop: 0 } });
    await expect(check([two, three])).rejects.toMatchObject({ data: { hop: 0 } });
    await expect(check([one, three])).rejects.toMatchObject({ data: { hop: 1 } });
    await expect(check([one, three, two])).rejects.toMatchObject({ data: { hop: 1 } });
    await expect(check([one, one])).rejects.toMatchObject({ data: { hop: 1 } });
    // Another message's hop of the same peer, put in between.
    const [, other] = await chainOf([0, 1, 2], 'quic', new Uint8Array(32).fill(6));
    await expect(check([one, other as Uint8Array, three])).rejects.toMatchObject({ data: { hop: 1 } });
    // A way that comes back, and one that says it came from another.
    await expect(check(await chainOf([0, 1, 2, 1]))).rejects.toMatchObject({ data: { hop: 2 } });
    const lied = await addHop({ clock, local: peer(2).local }, subject, [one], { from: idOf(5), tier: 'tls' });
    await expect(check(lied)).rejects.toMatchObject({ data: { hop: 1 } });
    // Signed by one, in the name of another; who signed is looked at first.
    const payload = { v: 1, peer: idOf(3), from: idOf(0), tier: 'quic', atMs: 1, previous: one.slice(0, 32) };
    const forged = await peer(4).local.sign('stoq-hop', encodeCbor(payload));
    await expect(check([forged])).rejects.toMatchObject({ code: 'HOPS_BROKEN', data: { hop: 0 } });
  });

  it('has eight hops at most', async () => {
    const hops = await chainOf([0, 1, 2, 3, 4, 5, 6, 7, 8]);
    expect(await verifyHops(verifier, subject, hops, idOf(0))).toHaveLength(8);
    await expect(
      addHop({ clock, local: peer(9).local }, subject, hops, { from: idOf(8), tier: 'quic' }),
    ).rejects.toMatchObject({ code: 'HOPS_TOO_MANY' });
    await expect(verifyHops(verifier, subject, [...hops, hops[0] as Uint8Array], idOf(0))).rejects.toMatchObject({
      code: 'HOPS_TOO_MANY',
    });
  });

  it('is refused with an error of ours, whatever bytes it has', async () => {
    const [hop] = (await chainOf([0, 1])) as [Uint8Array];
    await fc.assert(
      fc.asyncProperty(fc.nat(hop.length - 1), fc.integer({ min: 1, max: 255 }), async (at, change) => {
        const changed = hop.slice();
        changed[at] = (changed[at] as number) ^ change;
        await expect(verifyHops(verifier, subject, [changed], idOf(0))).rejects.toMatchObject({
          data: { verdict: 'reject' },
        });
      }),
      { numRuns: 100 },
    );
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        expect(() => readHop(bytes)).toThrow(HopError);
      }),
      { numRuns: 1000 },
    );
  });
});
