import { networkInterfaces } from 'node:os';
import type { LogLevel } from '../../../../../main/base/index.ts';
import { createMemoryNetwork } from '../../../../../main/transport/stoq/carriers/memory/create-memory-network.ts';
import type {
  MemoryCarrierOptions,
  MemoryNetworkInit,
} from '../../../../../main/transport/stoq/carriers/memory/interface.ts';
import type { Carrier, CarrierStream, Channel } from '../../../../../main/transport/stoq/carriers/interface.ts';
import { createEndpoint, type EndpointInit } from '../../../../../main/transport/stoq/connection/create-endpoint.ts';
import {
  type ControlMessage,
  decodeControl,
  encodeControl,
  encodeOpening,
  type Opening,
  readFrame,
} from '../../../../../main/transport/stoq/connection/frames.ts';
import { createHandshaker } from '../../../../../main/transport/stoq/handshake/create-handshaker.ts';
import type { Handshaker } from '../../../../../main/transport/stoq/handshake/interface.ts';
import type {
  Address,
  EndpointControl,
  NetworkId,
  PeerId,
  RateGate,
  Stream,
} from '../../../../../main/transport/stoq/interface.ts';
import type { PeerBook } from '../../../../../main/transport/stoq/standing/interface.ts';
import { createPeerBook } from '../../../../../main/transport/stoq/standing/peer-book.ts';
import { createRateGate } from '../../../../../main/transport/stoq/standing/rate-gate.ts';
import { createSelfMadeVerifier } from '../../../../../main/transport/stoq/verifier.ts';
import { createManualClock } from '../../../../support/manual-clock.ts';
import { createSeededRandom } from '../../../../support/seeded-random.ts';
import { createSilentLogger } from '../../../../support/silent-logger.ts';
import { createInlineWorkers } from '../../../../support/stoq/inline-workers.ts';
import { makePeer } from '../../../../support/stoq/make-peer.ts';

export const LIMITS = { connectionsMax: 50, incomingMax: 40, perGroupMax: 8, handshakesMax: 16 };

export interface Node {
  readonly name: string;
  readonly peerId: PeerId;
  readonly endpoint: EndpointControl;
  readonly handshaker: Handshaker;
  readonly book: PeerBook;
  readonly address: Address;
  readonly log: { level: LogLevel; message: string; context: Record<string, unknown> }[];
}
export interface RawPeer {
  readonly peerId: PeerId;
  readonly channel: Channel;
  readonly control: CarrierStream;
  send(message: ControlMessage): Promise<void>;
  receive(): Promise<ControlMessage | null>;
  open(opening: Partial<Opening>): Promise<CarrierStream>;
}
export interface NodeOptions extends Partial<EndpointInit> {
  /** Carriers by name of their host in memory; @default one, with the node's name */
  carriers?: Readonly<Record<string, MemoryCarrierOptions>>;
  gate?: RateGate;
  datagrams?: boolean;
  listens?: boolean;
  /** Networks it is in, besides the public one. */
  memberships?: readonly { id: NetworkId; name: string; key: Uint8Array }[];
  more?: readonly Carrier[];
}

/** Nodes with real keys, handshakes and books on a network in memory, in virtual time. */
export const createNet = (init: MemoryNetworkInit & { seed?: number } = {}) => {
  const clock = createManualClock();
  const random = createSeededRandom(init.seed ?? 1);
  const outside = { clock, random };
  const network = createMemoryNetwork({ outside }, { delayMs: 5, ...init });
  const workers = createInlineWorkers({
    rooms: { stoq: async () => (await import('../../../../../main/transport/stoq/tasks.ts')).stoqTasks },
    remembered: ['stoq.verifyCertificate', 'stoq.openRecord'],
  });
  const nodes: Node[] = [];

  /** Lets threads answer before time goes on. */
  const idle = async (): Promise<void> => {
    do await new Promise((resolve) => setImmediate(resolve));
    while (workers.pending > 0);
  };
  const pass = async (ms: number): Promise<void> => {
    for (let left = ms; left > 0; left -= 5) {
      await idle();
      await clock.advance(Math.min(5, left));
    }
    await idle();
  };
  /** Lets time pass until `work` is over. */
  const during = async <T>(work: Promise<T>, msMax = 60_000): Promise<T> => {
    let over = false;
    const settled = work.then(
      () => (over = true),
      () => (over = true),
    );
    for (let ms = 0; ms < msMax; ms += 5) {
      await idle();
      if (over) break;
      await clock.advance(5);
    }
    if (!over) throw new Error(`not done within ${msMax} ms of virtual time`);
    await settled;
    return await work;
  };
  const until = (condition: () => boolean, msMax = 60_000): Promise<number> => {
    const startMs = clock.monotonicMs();
    return (async () => {
      for (let ms = 0; ms < msMax; ms += 5) {
        await idle();
        if (condition()) return clock.monotonicMs() - startMs;
        await clock.advance(5);
      }
      throw new Error(`it was not so within ${msMax} ms of virtual time`);
    })();
  };

  /** @param seed - of its keys */
  const add = async (seed: number, options: NodeOptions = {}): Promise<Node> => {
    const name = `n${seed}`;
    const { local } = makePeer(seed);
    const log: Node['log'] & { module: string }[] = [];
    const logger = createSilentLogger(log as never);
    const handshaker = createHandshaker(
      { outside, logger, workers, metrics: null },
      {
        local,
        verifier: createSelfMadeVerifier({ workers }),
        memberships: () => options.memberships ?? [],
        open: () => true,
      },
    );
    const book = createPeerBook({ outside, logger, store: null }, { self: local.peerId });
    const carriers = Object.entries(options.carriers ?? { [name]: {} }).map(([host, of]) => network.carrier(host, of));
    const endpoint = createEndpoint(
      {
        outside,
        logger,
        metrics: null,
        local,
        handshaker,
        carriers: [...carriers, ...(options.more ?? [])],
        book,
        gate: options.gate ?? createRateGate({ clock }),
        datagrams: options.datagrams === true ? network.datagrams(name) : null,
      },
      { limits: LIMITS, agent: 'test/1', interfaces: networkInterfaces, ...options },
    );
    await endpoint.start();
    let address = `/memory/${name}` as Address;
    if (options.listens !== false)
      for (const [host, of] of Object.entries(options.carriers ?? { [name]: {} })) {
        address = of.address ?? (`/memory/${host}` as Address);
        await endpoint.listen(address);
      }
    const node: Node = { name, peerId: local.peerId, endpoint, handshaker, book, address, log };
    nodes.push(node);
    return node;
  };
  const connect = (from: Node, to: Node) => during(from.endpoint.connect({ peer: to.peerId, addresses: [to.address] }));
  /** A peer that shakes hands and then does as a test says, frame by frame. */
  const raw = async (seed: number, to: Node): Promise<RawPeer> => {
    const { local } = makePeer(seed);
    const handshaker = createHandshaker(
      { outside, logger: createSilentLogger(), workers, metrics: null },
      { local, verifier: createSelfMadeVerifier({ workers }), memberships: () => [], open: () => true },
    );
    const carrier = network.carrier(`raw${seed}`);
    const { signal } = new AbortController();
    const channel = await during(carrier.dial(to.address, { signal }));
    const stream = await during(channel.openStream());
    await during(
      handshaker.initiate(channel, stream, {
        signal,
        expected: to.peerId,
        info: { agent: 'raw/1', addresses: [], sidePort: null, relays: false },
        observed: null,
      }),
    );
    const send = (message: ControlMessage): Promise<void> => stream.write(encodeControl(message));
    await during(send({ type: 'hello', id: random.bytes(16), root: null }));
    const hello = await during(readFrame(stream));
    if (hello === null || decodeControl(hello).type !== 'hello') throw new Error('the other end did not say hello');
    return {
      peerId: local.peerId,
      channel,
      control: stream,
      send,
      receive: async () => {
        const frame = await readFrame(stream);
        return frame === null ? null : decodeControl(frame);
      },
      open: async (opening) => {
        const opened = await channel.openStream();
        await opened.write(
          encodeOpening({ number: 0, protocol: ECHO.name, sealed: false, extensions: {}, ...opening }),
        );
        return opened;
      },
    };
  };
  const stop = async (): Promise<void> => {
    await during(Promise.all(nodes.map(({ endpoint }) => endpoint.stop())));
  };
  return { clock, random, outside, network, workers, add, connect, raw, during, until, pass, idle, stop };
};
export type Net = Awaited<ReturnType<typeof createNet>>;

export const readAll = async (stream: Stream): Promise<Uint8Array> => {
  const chunks: Uint8Array[] = [];
  for (let chunk = await stream.read(); chunk !== null; chunk = await stream.read()) chunks.push(chunk);
  return new Uint8Array(Buffer.concat(chunks));
};
export const ECHO = {
  name: '/test/echo/1',
  streamsMax: 8,
  opensPerTenSeconds: 50,
  bytesMax: 10_000_000,
  deadlineMs: null,
};
/** Gives back what comes. */
export const echo = async (stream: Stream): Promise<void> => {
  for (let chunk = await stream.read(); chunk !== null; chunk = await stream.read()) await stream.write(chunk);
  await stream.finish();
};
