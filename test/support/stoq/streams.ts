import type { CarrierStream } from '../../../main/transport/stoq/carriers/interface.ts';
import { createMemoryNetwork } from '../../../main/transport/stoq/carriers/memory/create-memory-network.ts';
import type { MemoryNetwork, MemoryNetworkInit } from '../../../main/transport/stoq/carriers/memory/interface.ts';
import type { Address, Stream } from '../../../main/transport/stoq/interface.ts';
import { createManualClock, type ManualClock } from '../manual-clock.ts';
import { createSeededRandom } from '../seeded-random.ts';

/** A carrier's stream as users of an endpoint have streams, with nothing in between. */
export const asStream = (inner: CarrierStream, direction: 'in' | 'out'): Stream => ({
  protocol: '/hypermesh/test/1',
  direction,
  extensions: {},
  read: (maxBytes = 64 * 1024) => inner.read(maxBytes),
  write: (bytes) => inner.write(bytes),
  finish: () => inner.finish(),
  acknowledged: () => Promise.resolve(),
  reset: () => {
    inner.reset();
  },
});

/** Streams between two ends over as many paths as wanted, each of which can be cut by itself. */
export interface StreamPaths {
  readonly clock: ManualClock;
  readonly network: MemoryNetwork;
  /** A new stream over a path: our end and the other one. */
  open(path: number): Promise<readonly [Stream, Stream]>;
  /** Ends a path at once, at both ends. */
  cut(path: number): Promise<void>;
}
export const createStreamPaths = async (count: number, init: MemoryNetworkInit = {}): Promise<StreamPaths> => {
  const clock = createManualClock();
  const network = createMemoryNetwork({ outside: { clock, random: createSeededRandom(count) } }, init);
  const channels = await Promise.all(
    Array.from({ length: count }, async (_, path) => {
      const accepted = Promise.withResolvers<Parameters<Parameters<typeof listen>[1]>[0]>();
      const address = `/memory/b${path}` as Address;
      const { listen } = network.carrier(`b${path}`);
      await listen(address, accepted.resolve);
      const dialled = network.carrier(`a${path}`).dial(address, { signal: new AbortController().signal });
      await clock.advance(1000);
      return [await dialled, await accepted.promise] as const;
    }),
  );
  return {
    clock,
    network,
    open: async (path) => {
      const [out, into] = channels[path] as (typeof channels)[number];
      const taking = into.acceptStream();
      const stream = await out.openStream();
      await clock.advance(1000);
      const taken = await taking;
      if (taken === null) throw new Error('the path is cut');
      return [asStream(stream, 'out'), asStream(taken, 'in')];
    },
    cut: async (path) => {
      const [out, into] = channels[path] as (typeof channels)[number];
      into.abort();
      out.abort();
      await clock.advance(0);
    },
  };
};
