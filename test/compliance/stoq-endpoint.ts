import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { sha256 } from '../../main/base/index.ts';
import type {
  Address,
  CloseReason,
  Connection,
  EndpointControl,
  PeerId,
  ProtocolSpec,
  Stream,
} from '../../main/transport/stoq/interface.ts';
import type { PeerBook } from '../../main/transport/stoq/standing/interface.ts';
import { createSeededRandom } from '../support/seeded-random.ts';

export interface SuiteNode {
  readonly endpoint: EndpointControl;
  readonly book: PeerBook;
  readonly peerId: PeerId;
  /** Where it listens. */
  readonly address: Address;
}
/** Nodes that can reach each other, and their time. */
export interface EndpointBench {
  /** A fresh, running node that listens. @param number - whose keys it has */
  node(number: number): Promise<SuiteNode>;
  /** Waits for a promise, letting time pass where it does not by itself. */
  drive<T>(promise: Promise<T>): Promise<T>;
  pass(ms: number): Promise<void>;
  /** Lets nothing through between two nodes. Null where that cannot be. @returns what lets it through again */
  sever: ((one: SuiteNode, other: SuiteNode) => () => void) | null;
  /** Stops all nodes. */
  end(): Promise<void>;
}
export interface EndpointSuiteOptions {
  /** Whether {@link EndpointBench.sever} is there. */
  canSever: boolean;
}

const PROTOCOL: ProtocolSpec = {
  name: '/hypermesh/suite/1',
  streamsMax: 64,
  opensPerTenSeconds: 1000,
  bytesMax: null,
  deadlineMs: null,
};
/** What a stream may take in unread, windows of both ends and what lies between together. */
const UNREAD_BYTES_MAX = 24 * 1024 * 1024;

const outcome = <T>(promise: Promise<T>): Promise<T | Error> => promise.catch((error: unknown) => error as Error);
const bytesOf = (length: number, seed = 1): Uint8Array => createSeededRandom(seed).bytes(length);
const readAll = async (stream: Stream): Promise<Uint8Array> => {
  const chunks: Uint8Array[] = [];
  for (let chunk = await stream.read(); chunk !== null; chunk = await stream.read()) chunks.push(chunk);
  return new Uint8Array(Buffer.concat(chunks));
};
const writeAll = async (stream: Stream, bytes: Uint8Array): Promise<void> => {
  await stream.write(bytes);
  await stream.finish();
};
/** Handler that keeps its streams for the test, and lets them live until it ends them. */
const keeper = () => {
  const waiting: Stream[] = [];
  const asking: ((stream: Stream) => void)[] = [];
  const over = Promise.withResolvers<void>();
  return {
    over: over.resolve,
    handler: (stream: Stream): Promise<void> => {
      const ask = asking.shift();
      if (ask === undefined) waiting.push(stream);
      else ask(stream);
      return over.promise;
    },
    next: (): Promise<Stream> => {
      const stream = waiting.shift();
      return stream === undefined ? new Promise((resolve) => asking.push(resolve)) : Promise.resolve(stream);
    },
  };
};
const echo = async (stream: Stream): Promise<void> => {
  await writeAll(stream, await readAll(stream));
};

/** What every endpoint must do, over whatever carriers. @param make - a bench without nodes; it is ended here */
export const describeEndpoint = (
  name: string,
  make: () => Promise<EndpointBench>,
  options: EndpointSuiteOptions,
): void => {
  describe(`endpoint over ${name}`, () => {
    let bench: EndpointBench;
    let a: SuiteNode;
    let b: SuiteNode;

    beforeEach(async () => {
      bench = await make();
      a = await bench.node(1);
      b = await bench.node(2);
    });
    afterEach(() => bench.end());

    const at = (node: SuiteNode, peer: PeerId | null = node.peerId) => ({ peer, addresses: [node.address] });
    const connect = async (): Promise<[Connection, Connection]> => {
      const coming = Promise.withResolvers<Connection>();
      const off = b.endpoint.on('connected', ({ connection }) => {
        coming.resolve(connection);
      });
      const out = await bench.drive(a.endpoint.connect(at(b)));
      const into = await bench.drive(coming.promise);
      off();
      return [out, into];
    };
    const closing = (connection: Connection): Promise<CloseReason> =>
      new Promise((resolve) => {
        connection.on('closed', ({ reason }) => {
          resolve(reason);
        });
      });

    describe('connections', () => {
      it('are of peers that both proved who they are, with a secret of both', async () => {
        const [out, into] = await connect();
        expect([out.peer.peerId, into.peer.peerId]).toEqual([b.peerId, a.peerId]);
        expect([out.direction, into.direction]).toEqual(['out', 'in']);
        expect([...out.networks]).toEqual(['public']);
        expect(out.peer.kem).toHaveLength(1568);
        expect(out.exportKey('one')).toHaveLength(32);
        expect(out.exportKey('one')).toEqual(into.exportKey('one'));
        expect(out.exportKey('one')).not.toEqual(out.exportKey('two'));
        expect(out.path).toMatchObject({ direction: 'out', chosen: true, via: null });
        expect(out.path?.why).not.toBe('');
        expect(out.paths()).toHaveLength(1);
      });

      it('are one for a peer, whoever asks', async () => {
        const both = await bench.drive(Promise.all([a.endpoint.connect(at(b)), a.endpoint.connect(at(b))]));
        expect(both[0]).toBe(both[1]);
        expect(await bench.drive(a.endpoint.connect(b.peerId))).toBe(both[0]);
        expect(a.endpoint.connection(b.peerId)).toBe(both[0]);
        expect(a.endpoint.connections()).toHaveLength(1);
      });

      it('take whoever answers where nobody is expected, and nobody else where somebody is', async () => {
        const anyone = await bench.drive(a.endpoint.connect(at(b, null)));
        expect(anyone.peer.peerId).toBe(b.peerId);
        const c = await bench.node(3);
        const wrong = await bench.drive(outcome(c.endpoint.connect(at(b, a.peerId))));
        expect(wrong).toMatchObject({ name: 'PeerError', code: 'WRONG_PEER' });
        expect(c.endpoint.connections()).toHaveLength(0);
      });

      it('are refused to oneself, to banned peers, and by those who banned', async () => {
        expect(await bench.drive(outcome(a.endpoint.connect(a.peerId)))).toMatchObject({ code: 'SELF' });
        a.book.learn(b.peerId, [b.address], 'owner');
        a.book.ban(b.peerId, { untilMs: null, reason: 'test', byOwner: true });
        expect(await bench.drive(outcome(a.endpoint.connect(at(b))))).toMatchObject({ code: 'BANNED' });
        const refused = await bench.drive(outcome(b.endpoint.connect(at(a))));
        expect(refused).toBeInstanceOf(Error);
        expect(a.endpoint.connections()).toHaveLength(0);
      });

      it('end with a reason at both ends, and can begin again', async () => {
        const [out, into] = await connect();
        const [here, there] = [closing(out), closing(into)];
        await bench.drive(out.close('sleeping'));
        expect(await bench.drive(Promise.all([here, there]))).toEqual(['sleeping', 'sleeping']);
        await out.close('done');
        expect(a.endpoint.connection(b.peerId)).toBeNull();
        expect(await bench.drive(outcome(out.openStream(PROTOCOL.name)))).toMatchObject({ code: 'CLOSED' });
        const [again] = await connect();
        expect(again).not.toBe(out);
      });

      it('end with a ban', async () => {
        const [out, into] = await connect();
        const [here, there] = [closing(out), closing(into)];
        b.book.ban(a.peerId, { untilMs: null, reason: 'test', byOwner: true });
        expect(await bench.drive(Promise.all([here, there]))).toEqual(['banned', 'banned']);
      });

      it('measure their round trip and count what they carry', async () => {
        const [out] = await connect();
        expect(await bench.drive(out.ping())).toBeGreaterThanOrEqual(0);
        b.endpoint.handle(PROTOCOL, echo);
        const stream = await bench.drive(out.openStream(PROTOCOL.name));
        await bench.drive(Promise.all([writeAll(stream, bytesOf(100_000)), readAll(stream)]));
        await bench.pass(600);
        expect(a.endpoint.stats().sentBytes).toBeGreaterThan(100_000);
        expect(a.endpoint.stats()).toMatchObject({ connections: 1, handshakes: { full: 1 } });
      });
    });

    describe('streams', () => {
      it('carry bytes both ways, each direction with an end of its own', async () => {
        b.endpoint.handle(PROTOCOL, echo);
        const [out] = await connect();
        const message = bytesOf(1_000_000);
        const stream = await bench.drive(out.openStream(PROTOCOL.name));
        const [, back] = await bench.drive(Promise.all([writeAll(stream, message), readAll(stream)]));
        expect(sha256(back)).toEqual(sha256(message));
      });

      it('are many at once, in both directions', async () => {
        a.endpoint.handle(PROTOCOL, echo);
        b.endpoint.handle(PROTOCOL, echo);
        const [out, into] = await connect();
        const all = Array.from({ length: 40 }, async (_, i) => {
          const stream = await (i % 2 === 0 ? out : into).openStream(PROTOCOL.name);
          const [, back] = await Promise.all([writeAll(stream, bytesOf(5000, i)), readAll(stream)]);
          return Buffer.compare(back, bytesOf(5000, i)) === 0;
        });
        expect((await bench.drive(Promise.all(all))).every(Boolean)).toBe(true);
      });

      it('carry extensions with their opening', async () => {
        const kept = keeper();
        b.endpoint.handle(PROTOCOL, kept.handler);
        const [out] = await connect();
        const extensions = { token: bytesOf(3000) };
        const stream = await bench.drive(out.openStream(PROTOCOL.name, { extensions }));
        const taken = await bench.drive(kept.next());
        expect(taken).toMatchObject({ protocol: PROTOCOL.name, direction: 'in' });
        expect(Buffer.compare(taken.extensions['token'] ?? bytesOf(0), extensions.token)).toBe(0);
        stream.reset();
        kept.over();
      });

      it('hold a writer back whose reader does not read, and lose nothing', async () => {
        const kept = keeper();
        b.endpoint.handle(PROTOCOL, kept.handler);
        const [out] = await connect();
        const stream = await bench.drive(out.openStream(PROTOCOL.name));
        let written = 0;
        const piece = bytesOf(256 * 1024);
        const total = 2 * UNREAD_BYTES_MAX;
        const writing = (async () => {
          for (; written < total; written += piece.length) await stream.write(piece);
          await stream.finish();
        })();
        const taken = await bench.drive(kept.next());
        for (let before = -1; before < written; ) {
          before = written;
          await bench.pass(200);
        }
        expect(written).toBeLessThanOrEqual(UNREAD_BYTES_MAX);
        const back = await bench.drive(readAll(taken));
        await bench.drive(writing);
        expect(back).toHaveLength(total);
        kept.over();
      });

      it('tell when the reader has read everything, and not before', async () => {
        const kept = keeper();
        b.endpoint.handle(PROTOCOL, kept.handler);
        const [out] = await connect();
        const stream = await bench.drive(out.openStream(PROTOCOL.name));
        await bench.drive(writeAll(stream, bytesOf(10_000)));
        let acknowledged = false;
        const all = stream.acknowledged().then(() => {
          acknowledged = true;
        });
        const taken = await bench.drive(kept.next());
        await bench.pass(300);
        expect(acknowledged).toBe(false);
        expect(await bench.drive(readAll(taken))).toHaveLength(10_000);
        await bench.drive(all);
        expect(acknowledged).toBe(true);
        kept.over();
      });

      it('let what was acknowledged arrive before a connection closes', async () => {
        const got = Promise.withResolvers<number>();
        b.endpoint.handle(PROTOCOL, async (stream) => {
          got.resolve((await readAll(stream)).length);
        });
        const [out] = await connect();
        const stream = await bench.drive(out.openStream(PROTOCOL.name));
        await bench.drive(writeAll(stream, bytesOf(500_000)));
        await bench.drive(out.close());
        expect(await bench.drive(got.promise)).toBe(500_000);
      });

      it('tell the other end of a reset', async () => {
        const kept = keeper();
        b.endpoint.handle(PROTOCOL, kept.handler);
        const [out] = await connect();
        const stream = await bench.drive(out.openStream(PROTOCOL.name));
        await bench.drive(stream.write(bytesOf(10)));
        const taken = await bench.drive(kept.next());
        await bench.drive(taken.read());
        const reading = outcome(taken.read());
        stream.reset();
        stream.reset();
        expect(await bench.drive(reading)).toMatchObject({ name: 'StreamError', code: 'RESET' });
        expect(await bench.drive(outcome(taken.write(bytesOf(10))))).toMatchObject({ code: 'RESET' });
        kept.over();
      });

      it('end with their deadline, whatever they do', async () => {
        const kept = keeper();
        b.endpoint.handle(PROTOCOL, kept.handler);
        const [out] = await connect();
        const stream = await bench.drive(out.openStream(PROTOCOL.name, { deadlineMs: 300 }));
        const reading = await bench.drive(outcome(stream.read()));
        expect(reading).toMatchObject({ name: 'StreamError', code: 'DEADLINE' });
        const taken = await bench.drive(kept.next());
        expect(await bench.drive(outcome(taken.read()))).toMatchObject({ code: 'RESET' });
        kept.over();
      });

      it('end with the signal of who opened them', async () => {
        const kept = keeper();
        b.endpoint.handle(PROTOCOL, kept.handler);
        const [out] = await connect();
        const abort = new AbortController();
        const stream = await bench.drive(out.openStream(PROTOCOL.name, { signal: abort.signal }));
        const reading = outcome(stream.read());
        await bench.drive(kept.next());
        abort.abort(new Error('enough'));
        expect(await bench.drive(reading)).toBeInstanceOf(Error);
        kept.over();
      });

      it('end with their connection, never as if they were whole', async () => {
        const kept = keeper();
        b.endpoint.handle(PROTOCOL, kept.handler);
        const [out, into] = await connect();
        const stream = await bench.drive(out.openStream(PROTOCOL.name));
        await bench.drive(stream.write(bytesOf(10)));
        const taken = await bench.drive(kept.next());
        await bench.drive(taken.read());
        const [mine, theirs] = [outcome(stream.read()), outcome(taken.read())];
        await bench.drive(Promise.all([out.close(), closing(into)]));
        expect(await bench.drive(mine)).toBeInstanceOf(Error);
        expect(await bench.drive(theirs)).toBeInstanceOf(Error);
        kept.over();
      });
    });

    describe('protocols', () => {
      it('are unknown where nobody handles them', async () => {
        const [out] = await connect();
        const stream = await bench.drive(out.openStream('/hypermesh/nobody/1'));
        expect(await bench.drive(outcome(stream.read()))).toMatchObject({ code: 'PROTOCOL_UNKNOWN' });
        const withdraw = b.endpoint.handle(PROTOCOL, echo);
        withdraw();
        const late = await bench.drive(out.openStream(PROTOCOL.name));
        expect(await bench.drive(outcome(late.read()))).toMatchObject({ code: 'PROTOCOL_UNKNOWN' });
      });

      it('allow as many streams as they say', async () => {
        const kept = keeper();
        b.endpoint.handle({ ...PROTOCOL, streamsMax: 2 }, kept.handler);
        const [out] = await connect();
        const streams = await bench.drive(Promise.all([0, 1, 2].map(() => out.openStream(PROTOCOL.name))));
        const ends = streams.map((stream) => outcome(stream.read()));
        const refused = await bench.drive(Promise.race(ends));
        expect(refused).toMatchObject({ code: 'TOO_MANY' });
        for (const stream of streams) stream.reset();
        kept.over();
      });

      it('cost standing where their limits are broken', async () => {
        b.endpoint.handle({ ...PROTOCOL, bytesMax: 1000 }, async (stream) => {
          await readAll(stream);
        });
        const offences: string[] = [];
        b.endpoint.on('offended', ({ peer, offence }) => {
          if (peer === a.peerId) offences.push(offence);
        });
        const [out] = await connect();
        const stream = await bench.drive(out.openStream(PROTOCOL.name));
        await bench.drive(outcome(writeAll(stream, bytesOf(1001))));
        expect(await bench.drive(outcome(readAll(stream)))).toBeInstanceOf(Error);
        expect(offences).toEqual(['limitBroken']);
        expect(b.book.get(a.peerId)?.points).toBeGreaterThan(0);
      });

      it('bear the failure of a handler', async () => {
        b.endpoint.handle(PROTOCOL, async (stream) => {
          await stream.read();
          stream.reset();
        });
        const [out] = await connect();
        const stream = await bench.drive(out.openStream(PROTOCOL.name));
        await bench.drive(stream.write(bytesOf(1)));
        expect(await bench.drive(outcome(stream.read()))).toMatchObject({ code: 'RESET' });
        expect(await bench.drive(out.ping())).toBeGreaterThanOrEqual(0);
      });
    });

    it('carries datagrams to who takes them, and none that are too large', async () => {
      const got: number[] = [];
      b.endpoint.handle({ ...PROTOCOL, datagramBytesPerSecondMax: 100_000 }, echo, (payload) => {
        got.push(payload.length);
      });
      const [out] = await connect();
      // Where they are lost, more of them are not.
      for (let i = 0; i < 50 && got.length === 0; i++) {
        out.sendDatagram(PROTOCOL.name, bytesOf(1100));
        await bench.pass(50);
      }
      expect(got[0]).toBe(1100);
      expect(() => out.sendDatagram(PROTOCOL.name, bytesOf(1101))).toThrow('one packet');
    });

    it('goes on after a short break of the path, and closes after a long one', async ({ skip }) => {
      skip(!options.canSever, 'this carrier’s path cannot be cut in a test');
      const kept = keeper();
      b.endpoint.handle(PROTOCOL, kept.handler);
      const [out, into] = await connect();
      const stream = await bench.drive(out.openStream(PROTOCOL.name));
      await bench.drive(stream.write(bytesOf(10)));
      const taken = await bench.drive(kept.next());
      await bench.drive(taken.read());
      let heal = bench.sever?.(a, b);
      await bench.pass(500);
      heal?.();
      await bench.drive(stream.write(bytesOf(10)));
      expect(await bench.drive(taken.read())).toHaveLength(10);
      const [here, there] = [closing(out), closing(into)];
      const reading = outcome(taken.read());
      heal = bench.sever?.(a, b);
      expect(await bench.drive(Promise.all([here, there]))).toEqual(['lost', 'lost']);
      expect(await bench.drive(reading)).toMatchObject({ code: 'CLOSED' });
      heal?.();
      const again = await bench.drive(a.endpoint.connect(at(b)));
      expect(again.peer.peerId).toBe(b.peerId);
      kept.over();
    });
  });
};
