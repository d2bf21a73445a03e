import { afterEach, describe, expect, it } from 'vitest';
import { createSystemOutside } from '../../../../../main/base/index.ts';
import { circuitAddress, isCircuit, memoryAddress } from '../../../../../main/transport/stoq/address.ts';
import { createMemoryNetwork } from '../../../../../main/transport/stoq/carriers/memory/create-memory-network.ts';
import {
  createRelayCarrier,
  type RelayCarrier,
} from '../../../../../main/transport/stoq/carriers/relay/create-relay-carrier.ts';
import { writeMessage } from '../../../../../main/transport/stoq/connection/messages.ts';
import type { PeerId } from '../../../../../main/transport/stoq/interface.ts';
import {
  createDialBack,
  DIAL_BACK_PROTOCOL,
  encodeDialBackAnswer,
} from '../../../../../main/transport/stoq/reach/dial-back.ts';
import {
  createRelayService,
  RELAY_LIMITS,
  type RelayLimits,
  type RelayService,
} from '../../../../../main/transport/stoq/reach/relay-service.ts';
import { createSilentLogger } from '../../../../support/silent-logger.ts';
import { createSilentMetrics } from '../../../../support/silent-metrics.ts';
import { makePeer } from '../../../../support/stoq/make-peer.ts';
import { createStoqWorkers, startTestNode, type TestNode } from '../../../../support/stoq/test-node.ts';

const outside = createSystemOutside();
const logger = createSilentLogger();
const workers = createStoqWorkers();
const never = new AbortController().signal;
const stopping: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const stop of stopping.splice(0).reverse()) await stop();
});

interface Node extends TestNode {
  circuits: RelayCarrier;
  relay: RelayService;
}
/** Nodes in one memory network, each with its relay carrier and service. */
const createNodes = async (limits: () => RelayLimits | null): Promise<[Node, Node, Node]> => {
  const network = createMemoryNetwork({ outside });
  const start = async (name: string, seed: number): Promise<Node> => {
    const node = await startTestNode(
      { outside, workers, logger },
      { local: makePeer(seed).local, carriers: [network.carrier(name, { canDial: (address) => !isCircuit(address) })] },
    );
    await node.endpoint.listen(memoryAddress(name));
    const { endpoint } = node;
    const circuits = createRelayCarrier(
      { outside, logger, endpoint },
      { onChannel: (channel) => void endpoint.addPath(channel, null).catch(() => undefined) },
    );
    endpoint.addCarrier(circuits);
    const relay = createRelayService(
      { outside, logger, metrics: createSilentMetrics(), endpoint },
      { limits, onIncoming: circuits.onIncoming },
    );
    await relay.start();
    stopping.push(async () => {
      await relay.stop();
      await circuits.stop();
      await node.stop();
    });
    return { ...node, circuits, relay };
  };
  return [await start('relay', 61), await start('alice', 62), await start('bob', 63)];
};
const circuit = (relay: Node) => circuitAddress(memoryAddress('relay'), relay.peerId);
const toRelay = (node: Node, relay: Node) =>
  node.endpoint.connect({ peer: relay.peerId, addresses: [memoryAddress('relay')] });
const problemOf = async (promise: Promise<unknown>): Promise<string> => {
  const failed: unknown = await promise.then(
    () => null,
    (error: unknown) => error,
  );
  return JSON.stringify((failed as { data?: object } | null)?.data ?? null);
};

describe('a relay', () => {
  it('connects two who cannot reach each other, counts their bytes, and is nobody to them', async () => {
    const [relay, alice, bob] = await createNodes(() => RELAY_LIMITS);
    const place = await toRelay(alice, relay);
    expect(await alice.circuits.reserve(place, never)).toEqual({
      lifeMs: RELAY_LIMITS.reservationMs,
      bytesMax: RELAY_LIMITS.circuitBytesMax,
    });
    let got = 0;
    alice.endpoint.handle(
      { name: '/test/take/1', streamsMax: 4, opensPerTenSeconds: 16, bytesMax: null, deadlineMs: null },
      async (stream, connection) => {
        for (let chunk = await stream.read(); chunk !== null; chunk = await stream.read()) got += chunk.length;
        expect(connection.peer.peerId).toBe(bob.peerId);
        await stream.finish();
      },
    );
    const connection = await bob.endpoint.connect({ peer: alice.peerId, addresses: [circuit(relay)] });
    expect([connection.path?.tier, connection.path?.via]).toEqual(['relay', relay.peerId]);
    const stream = await connection.openStream('/test/take/1');
    await stream.write(new Uint8Array(300_000));
    await stream.finish();
    expect(await stream.read()).toBeNull();
    expect(got).toBe(300_000);
    const { reservations, circuits, bytes } = relay.relay.stats();
    expect([reservations, circuits]).toEqual([1, 1]);
    expect(bytes).toBeGreaterThan(300_000);
    expect(relay.endpoint.connection(alice.peerId)?.networks).toEqual(new Set(['public']));
    await connection.close();
    await expect.poll(() => relay.relay.stats().circuits).toBe(0);
  });
  it('carries for nobody when its owner lends nothing, and not more than lent', async () => {
    let limits: RelayLimits | null = null;
    const [relay, alice, bob] = await createNodes(() => limits);
    const place = await toRelay(alice, relay);
    await expect(alice.circuits.reserve(place, never)).rejects.toMatchObject({
      code: 'RELAY_REFUSED',
      data: { reason: 'off' },
    });
    const dial = (): Promise<string> =>
      problemOf(bob.circuits.dial(circuit(relay), { signal: AbortSignal.timeout(10_000), peer: alice.peerId }));
    expect(await dial()).toContain('relays for nobody');
    limits = { ...RELAY_LIMITS, reservationsMax: 0 };
    await expect(alice.circuits.reserve(place, never)).rejects.toMatchObject({ data: { reason: 'full' } });
    limits = { ...RELAY_LIMITS, circuitsMax: 0 };
    expect(await dial()).toContain('has no place');
    await alice.circuits.reserve(place, never);
    expect(await dial()).toContain('as many as it can');
    // A circuit that ends in the middle of its handshake with what was lent.
    limits = { ...RELAY_LIMITS, circuitBytesMax: 500 };
    expect(await dial()).toContain('ended');
    limits = RELAY_LIMITS;
    expect(await problemOf(relay.circuits.dial(circuit(relay), { signal: never, peer: alice.peerId }))).toContain(
      'relay itself',
    );
    expect(await problemOf(bob.circuits.dial(circuit(relay), { signal: never }))).toContain('who is to be reached');
  });
  it('brings nobody to a node that did not ask it for a place', async () => {
    const [relay, alice, bob] = await createNodes(() => RELAY_LIMITS);
    const place = await toRelay(alice, relay);
    await alice.circuits.reserve(place, never);
    alice.circuits.forget(relay.peerId);
    expect(
      await problemOf(bob.circuits.dial(circuit(relay), { signal: AbortSignal.timeout(10_000), peer: alice.peerId })),
    ).toContain('did not answer');
  });
});

describe('dial-back', () => {
  const setUp = async (honest: boolean) => {
    const network = createMemoryNetwork({ outside });
    const lies: PeerId[] = [];
    const start = async (name: string, seed: number, serves: boolean) => {
      const carriers = [network.carrier(name)];
      const node = await startTestNode({ outside, workers, logger }, { local: makePeer(seed).local, carriers });
      await node.endpoint.listen(memoryAddress(name));
      const dialBack = createDialBack({
        outside,
        logger,
        metrics: null,
        endpoint: node.endpoint,
        carriers,
        onLie: (peer) => lies.push(peer),
      });
      if (serves) await dialBack.start();
      stopping.push(async () => {
        await dialBack.stop();
        await node.stop();
      });
      return { ...node, dialBack };
    };
    const asker = await start('asker', 64, false);
    const witness = await start('witness', 65, honest);
    const connection = await asker.endpoint.connect({ peer: witness.peerId, addresses: [memoryAddress('witness')] });
    return { asker, witness, connection, lies };
  };
  it('reaches who is there, and refuses other hosts of a network that is not global', async () => {
    const { asker, connection, lies } = await setUp(true);
    expect(await asker.dialBack.ask(connection, memoryAddress('asker'), never)).toBe('reached');
    expect(await asker.dialBack.ask(connection, memoryAddress('elsewhere'), never)).toBe('refused');
    expect(lies).toEqual([]);
  });
  it('finds out a witness that says it came and did not', async () => {
    const { asker, witness, connection, lies } = await setUp(false);
    witness.endpoint.handle(
      { name: DIAL_BACK_PROTOCOL, streamsMax: 4, opensPerTenSeconds: 16, bytesMax: null, deadlineMs: null },
      async (stream) => {
        await writeMessage(stream, encodeDialBackAnswer({ result: 'reached' }));
        await stream.finish();
      },
    );
    expect(await asker.dialBack.ask(connection, memoryAddress('asker'), never)).toBe('refused');
    expect(lies).toEqual([witness.peerId]);
  });
});
