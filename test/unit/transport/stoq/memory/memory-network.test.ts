import { describe, expect, it } from 'vitest';
import type { Channel } from '../../../../../main/transport/stoq/carriers/interface.ts';
import { createMemoryNetwork } from '../../../../../main/transport/stoq/carriers/memory/create-memory-network.ts';
import type { MemoryNetwork, MemoryNetworkInit } from '../../../../../main/transport/stoq/carriers/memory/interface.ts';
import type { Address } from '../../../../../main/transport/stoq/interface.ts';
import { createManualClock, type ManualClock } from '../../../../support/manual-clock.ts';
import { createSeededRandom } from '../../../../support/seeded-random.ts';

const at = (name: string): Address => `/memory/${name}` as Address;
const bytes = (length: number, start = 0): Uint8Array => Uint8Array.from({ length }, (_, i) => (start + i * 7) & 0xff);

interface Bench {
  clock: ManualClock;
  network: MemoryNetwork;
  dial(from?: string, to?: string): Promise<readonly [Channel, Channel]>;
}
const createBench = (init: MemoryNetworkInit = {}, seed = 1): Bench => {
  const clock = createManualClock();
  const network = createMemoryNetwork({ outside: { clock, random: createSeededRandom(seed) } }, init);
  return {
    clock,
    network,
    dial: async (from = 'a', to = 'b') => {
      let accepted: Channel | null = null;
      const listener = await network.carrier(to).listen(at(to), (channel) => {
        accepted = channel;
      });
      const dialled = network.carrier(from).dial(at(to), { signal: new AbortController().signal });
      await clock.advance(1000);
      const channel = await dialled;
      await listener.close();
      if (accepted === null) throw new Error('the listener heard nothing');
      return [channel, accepted];
    },
  };
};
const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
/** What a promise comes to, asked for before the clock moves on. */
const outcome = (promise: Promise<unknown> | undefined): Promise<unknown> =>
  promise?.catch((error: unknown) => error) ?? Promise.resolve(undefined);
const readAll = async (stream: { read(max: number): Promise<Uint8Array | null> }): Promise<Uint8Array> => {
  const chunks: Uint8Array[] = [];
  for (let chunk = await stream.read(65_536); chunk !== null; chunk = await stream.read(65_536)) chunks.push(chunk);
  return Buffer.concat(chunks);
};

describe('a memory network', () => {
  it('carries streams both ways without a timer when it has no delay', async () => {
    const { network } = createBench();
    const accepted = Promise.withResolvers<Channel>();
    await network.carrier('b').listen(at('b'), accepted.resolve);
    const out = await network.carrier('a').dial(at('b'), { signal: new AbortController().signal });
    const into = await accepted.promise;
    expect([out.direction, into.direction, out.remoteAddress, into.remoteAddress]).toEqual([
      'out',
      'in',
      '/memory/b',
      '/memory/a',
    ]);
    expect(out.binding).toEqual(into.binding);
    const stream = await out.openStream();
    await stream.write(bytes(100_000));
    await stream.finish();
    const taken = await into.acceptStream();
    if (taken === null) throw new Error('no stream came');
    expect(Buffer.compare(await readAll(taken), bytes(100_000))).toBe(0);
    // The other half goes on after the end of the first.
    await taken.write(bytes(3));
    await taken.finish();
    expect(await readAll(stream)).toEqual(Buffer.from(bytes(3)));
  });

  it('takes its delay, and no more', async () => {
    const { clock, dial } = createBench({ delayMs: 50 });
    const [out, into] = await dial();
    const startMs = clock.monotonicMs();
    const stream = await out.openStream();
    await stream.write(bytes(10));
    let arrivedMs = 0;
    const taken = into.acceptStream().then(async (arrived) => {
      expect(await arrived?.read(100)).toEqual(bytes(10));
      arrivedMs = clock.monotonicMs() - startMs;
    });
    await clock.advance(200);
    await taken;
    expect(arrivedMs).toBe(50);
    expect(out.stats().rttMs).toBe(100);
  });

  it('holds a writer back whose reader does not read', async () => {
    const { dial } = createBench({ windowBytes: 1000 });
    const [out, into] = await dial();
    const stream = await out.openStream();
    let written = false;
    const writing = stream.write(bytes(5000)).then(() => {
      written = true;
    });
    const taken = await into.acceptStream();
    await settle();
    expect(written).toBe(false);
    const got: Uint8Array[] = [];
    for (let length = 0; length < 5000; ) {
      const chunk = await taken?.read(300);
      if (chunk === null || chunk === undefined) throw new Error('the stream ended early');
      got.push(chunk);
      length += chunk.length;
    }
    await writing;
    expect(Buffer.compare(Buffer.concat(got), bytes(5000))).toBe(0);
  });

  it('keeps the order of a stream under loss, jitter and reordering', async () => {
    const { clock, network, dial } = createBench({ delayMs: 20, jitterMs: 30, lossRatio: 0.2, reorderRatio: 0.3 }, 7);
    const [out, into] = await dial();
    const stream = await out.openStream();
    const sent = (async () => {
      for (let i = 0; i < 50; i++) await stream.write(bytes(1000, i));
      await stream.finish();
    })();
    const got = into.acceptStream().then(async (taken) => (taken === null ? null : readAll(taken)));
    await clock.advance(5000);
    await sent;
    expect(
      Buffer.compare((await got) ?? bytes(0), Buffer.concat(Array.from({ length: 50 }, (_, i) => bytes(1000, i)))),
    ).toBe(0);
    expect(network.stats().lost).toBeGreaterThan(0);
  });

  it('shares the rate of a link between its streams', async () => {
    const { clock, dial } = createBench({ bytesPerSecond: 100_000, delayMs: 1 });
    const [out, into] = await dial();
    const startMs = clock.monotonicMs();
    const ends: number[] = [];
    const lengths: number[] = [];
    const all = (async () => {
      for (let i = 0; i < 2; i++) {
        const stream = await out.openStream();
        await stream.write(bytes(50_000));
        await stream.finish();
      }
      for (let i = 0; i < 2; i++) {
        const taken = await into.acceptStream();
        lengths.push(taken === null ? 0 : (await readAll(taken)).length);
        ends.push(clock.monotonicMs() - startMs);
      }
    })();
    await clock.advance(3000);
    await all;
    expect(lengths).toEqual([50_000, 50_000]);
    // 100 kB of payload with some 6 % of headers.
    expect(Math.max(...ends)).toBeGreaterThan(1000);
    expect(Math.max(...ends)).toBeLessThan(1200);
  });

  it('tells the other end of a reset, and keeps what arrived whole', async () => {
    const { dial } = createBench();
    const [out, into] = await dial();
    const cut = await out.openStream();
    await cut.write(bytes(10));
    const taken = await into.acceptStream();
    const reading = taken?.read(5);
    await expect(reading).resolves.toEqual(bytes(5));
    cut.reset();
    await settle();
    await expect(taken?.read(5)).rejects.toMatchObject({ code: 'RESET' });
    await expect(taken?.write(bytes(5))).rejects.toMatchObject({ code: 'RESET' });
    const whole = await out.openStream();
    await whole.write(bytes(10));
    await whole.finish();
    await settle();
    whole.reset();
    const kept = await into.acceptStream();
    expect(kept === null ? null : await readAll(kept)).toEqual(Buffer.from(bytes(10)));
  });

  it('ends both ends of a channel when one aborts it', async () => {
    const { clock, network, dial } = createBench({ delayMs: 5 });
    const [out, into] = await dial();
    const stream = await out.openStream();
    const reading = stream.read(10);
    const accepting = into.acceptStream();
    await clock.advance(20);
    const taken = await accepting;
    const next = into.acceptStream();
    const lost = taken?.read(10);
    out.abort();
    await expect(reading).rejects.toMatchObject({ code: 'CLOSED' });
    const rejected = outcome(lost);
    await clock.advance(20);
    expect(await rejected).toMatchObject({ code: 'CLOSED' });
    await Promise.all([out.closed, into.closed]);
    expect(await next).toBeNull();
    await expect(out.openStream()).rejects.toMatchObject({ code: 'CLOSED' });
    expect(network.stats().channels).toBe(0);
  });

  it('refuses more streams than the other end allows, and takes new ones when old ones end', async () => {
    const { dial } = createBench({ streamsMax: 2 });
    const [out, into] = await dial();
    const first = await out.openStream();
    await out.openStream();
    await expect(out.openStream()).rejects.toMatchObject({ code: 'TOO_MANY' });
    first.reset();
    await settle();
    await out.openStream();
    // The one that was reset is not offered.
    expect(await into.acceptStream()).not.toBeNull();
    expect(await into.acceptStream()).not.toBeNull();
  });

  it('goes on after a partition that heals in time, with nothing lost and nothing twice', async () => {
    const { clock, network, dial } = createBench({ delayMs: 10 });
    const [out, into] = await dial();
    const stream = await out.openStream();
    await stream.write(bytes(100));
    const taking = into.acceptStream();
    await clock.advance(50);
    const taken = await taking;
    const heal = network.partition(['a'], ['b']);
    await stream.write(bytes(100, 1));
    await clock.advance(4000);
    // Sent before the healing and arriving after it: it must not overtake what waits.
    await stream.write(bytes(100, 2));
    await clock.advance(5);
    heal();
    await stream.write(bytes(100, 3));
    await stream.finish();
    const got = taken === null ? null : readAll(taken);
    await clock.advance(100);
    expect(Buffer.compare((await got) ?? bytes(0), Buffer.concat([0, 1, 2, 3].map((i) => bytes(100, i))))).toBe(0);
  });

  it('ends channels that a partition severs for longer than the idle time', async () => {
    const { clock, network, dial } = createBench();
    const [out, into] = await dial();
    network.setUp('b', false);
    await clock.advance(9999);
    expect(network.stats().channels).toBe(1);
    await clock.advance(2);
    await Promise.all([out.closed, into.closed]);
    const refused = outcome(network.carrier('a').dial(at('b'), { signal: new AbortController().signal }));
    await clock.advance(10_001);
    expect(await refused).toMatchObject({ code: 'TIMED_OUT' });
  });

  it('tells nobody when a host crashes, and lets it listen again', async () => {
    const { clock, network, dial } = createBench({ delayMs: 1 });
    const [out, into] = await dial();
    network.crash('b');
    await into.closed;
    let closed = false;
    void out.closed.then(() => {
      closed = true;
    });
    await clock.advance(9000);
    expect(closed).toBe(false);
    await clock.advance(1001);
    expect(closed).toBe(true);
    const [again] = await dial();
    expect(again.remoteAddress).toBe('/memory/b');
  });

  it('refuses dials to nobody, listeners at other addresses, and dials that are aborted', async () => {
    const { clock, network } = createBench({ delayMs: 10 });
    const a = network.carrier('a');
    network.carrier('silent');
    const { signal } = new AbortController();
    await expect(a.dial(at('nobody'), { signal })).rejects.toMatchObject({ code: 'UNREACHABLE' });
    const refused = outcome(a.dial(at('silent'), { signal }));
    await clock.advance(20);
    expect(await refused).toMatchObject({ code: 'UNREACHABLE' });
    await expect(a.listen(at('b'), () => undefined)).rejects.toMatchObject({ code: 'NO_SUCH_ADDRESS' });
    await a.listen(at('a'), () => undefined);
    await expect(a.listen(at('a'), () => undefined)).rejects.toMatchObject({ code: 'PORT_IN_USE' });
    const b = network.carrier('b');
    await b.listen(at('b'), () => undefined);
    const abort = new AbortController();
    const dialling = outcome(a.dial(at('b'), { signal: abort.signal }));
    await clock.advance(10);
    abort.abort(new Error('enough'));
    expect(await dialling).toMatchObject({ message: 'enough' });
    await clock.advance(20);
    expect(network.stats().channels).toBe(0);
    await expect(a.dial(at('b'), { signal: abort.signal })).rejects.toThrow('enough');
  });

  it('is the same again with the same seed', async () => {
    const runOnce = async (seed: number): Promise<string> => {
      const { clock, network, dial } = createBench(
        { delayMs: 5, jitterMs: 20, lossRatio: 0.1, reorderRatio: 0.1 },
        seed,
      );
      const [out, into] = await dial();
      const log: string[] = [];
      const receiver = (async () => {
        for (let taken = await into.acceptStream(); taken !== null; taken = await into.acceptStream()) {
          const chunk = await taken.read(10);
          log.push(`${clock.monotonicMs()} ${chunk?.[0] ?? 'end'}`);
        }
      })();
      for (let i = 0; i < 20; i++) await (await out.openStream()).write(Uint8Array.of(i));
      await clock.advance(1000);
      out.abort();
      await clock.advance(1000);
      await receiver;
      return [...log, JSON.stringify(network.stats())].join('\n');
    };
    const [one, again, other] = [await runOnce(3), await runOnce(3), await runOnce(4)];
    expect(again).toBe(one);
    expect(other).not.toBe(one);
    expect(one.split('\n')).toHaveLength(21);
  });
});

describe('memory datagrams', () => {
  const id = new Uint8Array(16).fill(9);
  const [one, two] = [new Uint8Array(32).fill(1), new Uint8Array(32).fill(2)];
  const openBoth = (network: MemoryNetwork, secondKey = one) => {
    const got: { a: number[]; b: number[] } = { a: [], b: [] };
    const b = network.datagrams('b').open({
      id,
      sendKey: two,
      receiveKey: secondKey,
      remote: null,
      onDatagram: (payload) => got.b.push(payload[0] ?? -1),
    });
    const a = network.datagrams('a').open({
      id,
      sendKey: one,
      receiveKey: two,
      remote: { host: 'b', port: network.datagrams('b').port },
      onDatagram: (payload) => got.a.push(payload[0] ?? -1),
    });
    return { a, b, got };
  };

  it('answers where a datagram came from, and only then', async () => {
    const { clock, network } = createBench({ delayMs: 5 });
    const { a, b, got } = openBoth(network);
    expect(b.send(Uint8Array.of(1))).toBe(false);
    expect(a.send(Uint8Array.of(2))).toBe(true);
    await clock.advance(5);
    expect([got.b, b.confirmed, a.confirmed]).toEqual([[2], true, false]);
    expect(b.send(Uint8Array.of(3))).toBe(true);
    await clock.advance(5);
    expect([got.a, a.confirmed]).toEqual([[3], true]);
    expect(a.stats()).toEqual({ sent: 1, received: 1, sentBytes: 1, receivedBytes: 1 });
    expect(a.send(new Uint8Array(1200))).toBe(false);
    a.close();
    expect(a.send(Uint8Array.of(4))).toBe(false);
  });

  it('loses and reorders as the link says, and takes nothing under another key', async () => {
    const { clock, network } = createBench({ delayMs: 5, lossRatio: 0.3, reorderRatio: 0.2 }, 5);
    const { a, got } = openBoth(network);
    for (let i = 0; i < 200; i++) {
      a.send(Uint8Array.of(i));
      await clock.advance(1);
    }
    await clock.advance(100);
    expect(got.b.length).toBeGreaterThan(110);
    expect(got.b.length).toBeLessThan(170);
    expect(got.b).not.toEqual(got.b.toSorted((x, y) => x - y));
    expect(new Set(got.b).size).toBe(got.b.length);
    const other = createBench();
    const wrong = openBoth(other.network, two);
    wrong.a.send(Uint8Array.of(1));
    await other.clock.advance(1);
    expect(wrong.got.b).toEqual([]);
  });
});
