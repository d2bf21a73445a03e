import * as fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createMemoryNetwork } from '../../../../../main/transport/stoq/carriers/memory/create-memory-network.ts';
import { TRACE_PROTOCOL } from '../../../../../main/transport/stoq/extensions/constants.ts';
import { TraceError } from '../../../../../main/transport/stoq/extensions/errors.ts';
import { frameOf } from '../../../../../main/transport/stoq/extensions/frames.ts';
import {
  createTrace,
  encodeAnswer,
  encodeQuestion,
  readAnswer,
  readQuestion,
  type Trace,
  type TraceInit,
} from '../../../../../main/transport/stoq/extensions/trace.ts';
import type { Address, Connection, Endpoint, PeerId } from '../../../../../main/transport/stoq/interface.ts';
import { createSeededRandom } from '../../../../support/seeded-random.ts';
import { createSilentLogger } from '../../../../support/silent-logger.ts';
import { makePeer } from '../../../../support/stoq/make-peer.ts';
import { createSimulationClock, type SimulationClock } from '../../../../support/stoq/simulation-clock.ts';
import { createStoqWorkers, startTestNode, type TestNode } from '../../../../support/stoq/test-node.ts';

let clock: SimulationClock;
let nodes: TestNode[];
let outside: { clock: SimulationClock; random: ReturnType<typeof createSeededRandom> };

const node = (number: number): TestNode => nodes[number] as TestNode;
const offer = (number: number, init: TraceInit = {}, endpoint: Endpoint = node(number).endpoint): Trace =>
  createTrace({ outside, logger: createSilentLogger(), endpoint, verifier: node(number).verifier }, init);
/** The endpoint of a node that reaches a peer through another one. */
const through = (number: number, target: PeerId, via: PeerId): Endpoint => {
  const { endpoint } = node(number);
  const far = { peer: { peerId: target }, path: { tier: 'relay', via } } as unknown as Connection;
  return Object.assign(Object.create(endpoint) as Endpoint, {
    connection: (peer: PeerId) => (peer === target ? far : endpoint.connection(peer)),
  });
};
const outcome = (promise: Promise<unknown>): Promise<unknown> => promise.catch((error: unknown) => error);

beforeEach(async () => {
  const workers = createStoqWorkers();
  clock = createSimulationClock({ isBusy: () => workers.pending > 0 });
  outside = { clock, random: createSeededRandom(1) };
  const network = createMemoryNetwork({ outside }, { delayMs: 10 });
  nodes = [];
  for (let number = 0; number < 3; number++) {
    const started = await startTestNode(
      { outside: { clock, random: createSeededRandom(number) }, workers },
      { local: makePeer(40 + number).local, carriers: [network.carrier(`n${number}`)], keepsPeers: false },
    );
    await started.endpoint.listen(`/memory/n${number}` as Address);
    nodes.push(started);
  }
  // A line: the first knows the second, the second the third.
  for (const [from, to] of [
    [0, 1],
    [1, 2],
  ] as const)
    await clock.drive(node(from).endpoint.connect({ peer: node(to).peerId, addresses: [`/memory/n${to}` as Address] }));
});
afterEach(async () => {
  await clock.drive(Promise.all(nodes.map((one) => one.stop())));
});

describe('a trace', () => {
  it('shows the one hop of a direct peer', async () => {
    const trace = offer(0);
    offer(1);
    const result = await clock.drive(trace.trace(node(1).peerId));
    expect(result.hops).toMatchObject([{ peer: node(1).peerId, from: node(0).peerId, tier: 'memory', rttMs: 20 }]);
    expect(result.text).toBe(`${node(0).peerId} →memory ${node(1).peerId}`);
  });

  it('shows the relay in between, which signed too', async () => {
    const target = node(2).peerId;
    const relay = node(1).peerId;
    const trace = offer(0, {}, through(0, target, relay));
    offer(1, { mayForward: (from, to) => from === node(0).peerId && to === target });
    offer(2);
    const result = await clock.drive(trace.trace(target));
    expect(result.hops.map(({ peer, rttMs }) => ({ peer, rttMs }))).toEqual([
      { peer: relay, rttMs: 20 },
      { peer: target, rttMs: 40 },
    ]);
  });

  it('is not passed on by who does not relay for the two, nor to who is not there', async () => {
    const target = node(2).peerId;
    const relay = node(1).peerId;
    const trace = offer(0, {}, through(0, target, relay));
    const closed = offer(1);
    const refused = await clock.drive(outcome(trace.trace(target)));
    expect(refused).toMatchObject({ code: 'TRACE_REFUSED', data: { by: relay, reason: 'notAllowed' } });
    closed.stop();
    offer(1, { mayForward: () => true });
    await clock.drive(node(2).endpoint.stop());
    await clock.run(1000);
    expect(await clock.drive(outcome(trace.trace(target)))).toMatchObject({ data: { reason: 'notConnected' } });
  });

  it('does not go round in circles', async () => {
    const target = node(2).peerId;
    // The relay believes that the way to the target leads through who asks.
    offer(1, { mayForward: () => true }, through(1, target, node(0).peerId));
    const trace = offer(0, {}, through(0, target, node(1).peerId));
    expect(await clock.drive(outcome(trace.trace(target)))).toMatchObject({ data: { reason: 'loop' } });
    const last = encodeQuestion({ nonce: new Uint8Array(32), target, left: 1, hops: [] });
    const stream = await clock.drive(
      (node(0).endpoint.connection(node(1).peerId) as Connection).openStream(TRACE_PROTOCOL),
    );
    await clock.drive(stream.write(frameOf(last)).then(() => stream.finish()));
    const answer = await clock.drive(stream.read());
    expect(readAnswer((answer ?? new Uint8Array(4)).slice(4))).toMatchObject({ refusal: 'tooFar' });
  });

  it('costs standing where somebody asks with garbage', async () => {
    offer(1);
    const connection = node(0).endpoint.connection(node(1).peerId) as Connection;
    const stream = await clock.drive(connection.openStream(TRACE_PROTOCOL));
    await clock.drive(stream.write(frameOf(Uint8Array.of(1, 2, 3))).then(() => stream.finish()));
    expect(await clock.drive(outcome(stream.read()))).toBeInstanceOf(Error);
    await clock.run(100);
    expect(node(1).book.get(node(0).peerId)?.lastOffence).toMatchObject({ offence: 'malformed' });
  });

  it('reads nothing but what it writes', () => {
    const question = { nonce: new Uint8Array(32), target: node(2).peerId, left: 3, hops: [Uint8Array.of(1)] };
    expect(readQuestion(encodeQuestion(question))).toEqual(question);
    const encoded = [encodeQuestion(question), encodeAnswer({ hops: question.hops })];
    for (const [index, read] of [readQuestion, readAnswer].entries())
      fc.assert(
        fc.property(
          fc.oneof(
            fc.uint8Array({ maxLength: 200 }),
            fc.tuple(fc.nat(), fc.integer({ min: 1, max: 255 })).map(([at, change]) => {
              const changed = (encoded[index] as Uint8Array).slice();
              changed[at % changed.length] = (changed[at % changed.length] as number) ^ change;
              return changed;
            }),
          ),
          (bytes) => {
            let found: unknown;
            try {
              found = index === 0 ? encodeQuestion(readQuestion(bytes)) : encodeAnswer(readAnswer(bytes));
            } catch (error) {
              found = error;
            }
            const same = found instanceof Uint8Array && Buffer.compare(found, bytes) === 0;
            expect(same || found instanceof TraceError, String(read)).toBe(true);
          },
        ),
        { numRuns: 1000 },
      );
  });
});
