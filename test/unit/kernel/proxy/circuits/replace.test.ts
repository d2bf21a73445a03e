import { expect, test } from 'vitest';
import type { Link } from '../../../../../main/kernel/leases/index.ts';
import { type CircuitNode, createCircuitTown } from '../../../../support/proxy/circuit-world.ts';

const SINK = {
  name: '/hypermesh/test-sink/1',
  streamsMax: 64,
  opensPerTenSeconds: 1000,
  bytesMax: null,
  deadlineMs: null,
};
const SOURCE = { ...SINK, name: '/hypermesh/test-source/1' };
/** What a transfer carries: another byte at every place, so that nothing can be left out, repeated or moved unseen. */
const bytesAt = (from: number, length: number): Buffer => {
  const bytes = Buffer.allocUnsafe(length);
  for (let index = 0; index < length; index++) bytes[index] = ((from + index) * 2654435761) >>> 24;
  return bytes;
};
const CHUNK = 32 * 1024;

/** Relays that carry something now. */
const carrying = (relays: readonly CircuitNode[]): CircuitNode[] =>
  relays.filter(({ circuits }) => circuits.stats().relayed > 0);

test.each(['crashes', 'falls silent'] as const)(
  'goes on within two seconds, byte for byte, when a relay %s in the middle of a transfer',
  async (how) => {
    // 1 MB/s, so that the transfer is under way for seconds.
    const { world, client, target, relays } = await createCircuitTown(5, { bytesPerSecond: 1_000_000 });
    const { clock, network } = world;
    const total = 3 * 2 ** 20;
    const arrivals: { at: 'client' | 'target'; ms: number; bytes: number }[] = [];
    const check = (at: 'client' | 'target', got: number, chunk: Uint8Array): number => {
      if (!bytesAt(got, chunk.length).equals(chunk)) throw new Error(`other bytes at ${got}`);
      arrivals.push({ at, ms: clock.monotonicMs(), bytes: got + chunk.length });
      return got + chunk.length;
    };
    const counts = { up: 0, down: 0 };
    target.links.handle(SINK, async (stream) => {
      for (let chunk = await stream.read(); chunk !== null; chunk = await stream.read())
        counts.up = check('target', counts.up, chunk);
      await stream.finish();
    });
    target.links.handle(SOURCE, async (stream) => {
      for (let at = 0; at < total; at += CHUNK) await stream.write(bytesAt(at, CHUNK));
      await stream.finish();
    });
    const link: Link = await clock.drive(client.links.open({ peer: target.peerId, route: 'anonymous' }));
    const up = await clock.drive(link.openStream(SINK.name));
    const down = await clock.drive(link.openStream(SOURCE.name));
    const sending = (async () => {
      for (let at = 0; at < total; at += CHUNK) await up.write(bytesAt(at, CHUNK));
      await up.finish();
      await up.acknowledged();
    })();
    const receiving = (async () => {
      for (let chunk = await down.read(); chunk !== null; chunk = await down.read())
        counts.down = check('client', counts.down, chunk);
    })();
    await clock.until(() => Math.min(counts.up, counts.down) > 2 ** 19, 'the transfer is under way');

    const [victim] = carrying(relays);
    if (victim === undefined) throw new Error('nobody carries it');
    const killedAtMs = clock.monotonicMs();
    // Silent: as a machine that lost its power, which says nothing to anybody.
    if (how === 'crashes') await victim.crash();
    else network.setUp(victim.name, false);

    await clock.drive(Promise.all([sending, receiving]), 120_000);
    expect(counts).toEqual({ up: total, down: total });
    for (const end of ['client', 'target'] as const) {
      const times = arrivals.filter(({ at }) => at === end).map(({ ms }) => ms);
      const before = times.filter((ms) => ms <= killedAtMs).at(-1) ?? killedAtMs;
      const gaps = [before, ...times.filter((ms) => ms > killedAtMs)].map(
        (ms, index, all) => ms - (all[index - 1] ?? ms),
      );
      expect(Math.max(...gaps)).toBeLessThan(2_000);
    }
    expect(carrying(relays.filter((one) => one !== victim)).length).toBeGreaterThanOrEqual(2);

    // And the next stream goes over the new circuit.
    counts.up = 0;
    const next = await clock.drive(link.openStream(SINK.name));
    await clock.drive(next.write(bytesAt(0, 10)));
    await clock.drive(next.finish());
    await clock.drive(next.acknowledged());
    expect(counts.up).toBe(10);
    await clock.drive(link.close());
    await world.stop();
  },
);
