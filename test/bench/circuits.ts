import { createSystemOutside } from '../../main/base/index.ts';
import type { Link } from '../../main/kernel/leases/index.ts';
import { CIRCUIT_LIMITS } from '../../main/kernel/proxy/circuits/index.ts';
import type { Connection } from '../../main/transport/stoq/index.ts';
import { createCircuitTown } from '../support/proxy/circuit-world.ts';
import { type Figure, percentile } from './figure.ts';

/** What one run carries, and how often everything is run, one after the other; the median counts. */
const BYTES = 16 * 2 ** 20;
const ROUNDS = 5;
const OPENINGS = 9;
const PINGS = 50;
const CHUNK = new Uint8Array(64 * 1024).fill(7);
const SINK = {
  name: '/hypermesh/bench-sink/1',
  streamsMax: 64,
  opensPerTenSeconds: 10_000,
  bytesMax: null,
  deadlineMs: null,
};

const secondsOf = async (way: Pick<Link, 'openStream'>): Promise<number> => {
  const stream = await way.openStream(SINK.name);
  const beganMs = performance.now();
  for (let sent = 0; sent < BYTES; sent += CHUNK.length) await stream.write(CHUNK);
  await stream.finish();
  await stream.acknowledged();
  return (performance.now() - beganMs) / 1000;
};
const pingOf = async (way: Pick<Connection, 'ping'>): Promise<number> => {
  const times: number[] = [];
  for (let index = 0; index < PINGS; index++) {
    const beganMs = performance.now();
    await way.ping();
    times.push(performance.now() - beganMs);
  }
  return percentile(times, 0.5);
};

/** Client, two relays and target in one thread over memory: six layers put on or taken off a cell stand beside one stream without any. */
export const benchCircuits = async (): Promise<readonly Figure[]> => {
  const real = createSystemOutside();
  const { world, client, target, relays } = await createCircuitTown(4, { delayMs: 0 }, { real });
  const limits = { ...CIRCUIT_LIMITS, bytesPerSecondMax: 10 ** 10, circuitBytesMax: 10 ** 12 };
  for (const relay of relays) relay.limits = limits;
  let moved: { atMs: number }[] | null = null;
  target.links.handle(SINK, async (stream) => {
    for (let chunk = await stream.read(); chunk !== null; chunk = await stream.read())
      moved?.push({ atMs: performance.now() });
    await stream.finish();
  });
  await world.connect(client, target);
  const direct = client.node.endpoint.connection(target.peerId);
  if (direct === null) throw new Error('not connected');

  const openings: number[] = [];
  for (let index = 0; index < OPENINGS; index++) {
    const beganMs = performance.now();
    const opened = await client.links.open({ peer: target.peerId, route: 'anonymous' });
    openings.push(performance.now() - beganMs);
    await opened.close();
  }
  const link = await client.links.open({ peer: target.peerId, route: 'anonymous' });
  await secondsOf(link);
  await secondsOf(direct);
  const seconds = { circuit: [] as number[], direct: [] as number[] };
  for (let round = 0; round < ROUNDS; round++) {
    seconds.direct.push(await secondsOf(direct));
    seconds.circuit.push(await secondsOf(link));
  }
  const gbit = (times: readonly number[]): number => (BYTES * 8) / percentile(times, 0.5) / 1e9;
  const pings = { direct: await pingOf(direct), circuit: await pingOf(link) };

  // A relay dies under a transfer, on lines of 8 MB/s and 5 ms.
  world.network.setDefault({ delayMs: 5, bytesPerSecond: 8_000_000 });
  moved = [];
  const under = secondsOf(link);
  while (moved.length < 20) await real.clock.sleep(1);
  const victim = relays.find(({ circuits }) => circuits.stats().relayed > 0);
  const killedMs = performance.now();
  if (victim === undefined) throw new Error('nobody carries it');
  await Promise.all([victim.crash(), under]);
  const after = moved.map(({ atMs }) => atMs).filter((atMs) => atMs >= killedMs);
  if (after.length === 0) throw new Error('it was over before the relay died');
  const gapMs = Math.max(...[killedMs, ...after].map((atMs, index, all) => atMs - (all[index - 1] ?? atMs)));
  await link.close();
  await world.stop();

  const [fast, floor] = [gbit(seconds.circuit), gbit(seconds.direct)];
  return [
    {
      name: 'anonymous link through two relays, all four nodes in one thread',
      unit: 'Gbit/s',
      value: fast,
      peer: { name: 'one STOQ stream between two of them, in the same thread', value: floor },
      ratio: fast / floor,
      target: 'for information',
    },
    {
      name: 'anonymous link, round trip, p50',
      unit: 'ms',
      value: pings.circuit,
      peer: { name: 'STOQ connection', value: pings.direct },
      ratio: pings.circuit / pings.direct,
      target: 'for information',
    },
    {
      name: 'anonymous link, opening, p50',
      unit: 'ms',
      value: percentile(openings, 0.5),
      target: '< 2000 ms',
      reached: percentile(openings, 0.5) < 2_000,
    },
    {
      name: 'longest pause of a transfer whose relay dies',
      unit: 'ms',
      value: gapMs,
      target: '< 2000 ms',
      reached: gapMs < 2_000,
    },
  ];
};
