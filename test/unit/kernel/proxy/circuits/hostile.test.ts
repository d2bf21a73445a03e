import { Buffer } from 'node:buffer';
import { afterEach, beforeAll, expect, test } from 'vitest';
import { isNodeError, type Logger } from '../../../../../main/base/index.ts';
import { CELL, packFrame, unpackFrame } from '../../../../../main/kernel/proxy/circuits/cells.ts';
import {
  CELL_BYTES,
  CIRCUIT_PROTOCOL,
  HALF_OPEN_PER_PEER_MAX,
  STEP_MS,
} from '../../../../../main/kernel/proxy/circuits/constants.ts';
import { decodeRefusal } from '../../../../../main/kernel/proxy/circuits/messages.ts';
import { type PeerId, request, respond, type Stream } from '../../../../../main/transport/stoq/index.ts';
import {
  type CircuitNode,
  type CircuitWorld,
  createCircuitTown,
  type NodeInit,
} from '../../../../support/proxy/circuit-world.ts';

const ECHO = {
  name: '/hypermesh/test-echo/1',
  streamsMax: 64,
  opensPerTenSeconds: 1000,
  bytesMax: null,
  deadlineMs: null,
};
const SECRET = 'the quick brown secret jumps over the lazy relay';
let world: CircuitWorld | null = null;
afterEach(async () => {
  await world?.stop();
  world = null;
});
const town = async (...given: Parameters<typeof createCircuitTown>) => {
  const made = await createCircuitTown(...given);
  world = made.world;
  made.target.links.handle(ECHO, (stream) => respond(stream, {}, (bytes) => bytes));
  return made;
};
const echo = async (made: Awaited<ReturnType<typeof town>>, text: string): Promise<string> => {
  const { client, target, world: at } = made;
  const link = await at.clock.drive(client.links.open({ peer: target.peerId, route: 'anonymous' }));
  const answer = await at.clock.drive(request(link, ECHO.name, Buffer.from(text), { deadlineMs: 60_000 }));
  return Buffer.from(answer).toString();
};
const codeOf = async (work: Promise<unknown>): Promise<string> =>
  await work.then(
    () => 'none',
    (error: unknown) => (isNodeError(error) ? error.code : String(error)),
  );
/** A stream whose bytes go through `change` on their way out. */
const changed = (stream: Stream, change: (bytes: Buffer) => Uint8Array[]): Stream =>
  Object.create(stream, {
    read: { value: (bytes?: number) => stream.read(bytes) },
    finish: { value: () => stream.finish() },
    acknowledged: { value: () => stream.acknowledged() },
    reset: { value: () => stream.reset() },
    write: {
      value: async (bytes: Uint8Array) => {
        for (const part of change(Buffer.from(bytes))) await stream.write(part);
      },
    },
  }) as Stream;

// Two FALCON pairs take a second once a process.
beforeAll(async () => {
  const made = await town(2);
  await echo(made, 'warm');
}, 60_000);

test('no relay learns both ends, nor a byte of what they say', async () => {
  const sights = new Map<number, { peers: Set<PeerId>; bytes: Buffer[]; log: string[] }>();
  const watch = (index: number): NodeInit => {
    const sight = { peers: new Set<PeerId>(), bytes: [] as Buffer[], log: [] as string[] };
    sights.set(index, sight);
    const note = (message: string, context?: object): void => {
      sight.log.push(`${message} ${JSON.stringify(context)}`);
    };
    const logger: Logger = { error: note, warn: note, info: note, debug: note, child: () => logger };
    return {
      logger,
      mesh: (mesh) =>
        new Proxy(mesh, {
          get: (from, name) => {
            if (name !== 'connect') return Reflect.get(from, name, from) as unknown;
            return async (peer: PeerId, options?: object) => {
              sight.peers.add(peer);
              return await from.connect(peer, options);
            };
          },
        }),
      tap: (stream, peer) => {
        sight.peers.add(peer);
        const own = changed(stream, (bytes) => {
          sight.bytes.push(bytes);
          return [bytes];
        });
        return Object.create(own, {
          read: {
            value: async (bytes?: number) => {
              const read = await stream.read(bytes);
              if (read !== null) sight.bytes.push(Buffer.from(read));
              return read;
            },
          },
        }) as Stream;
      },
    };
  };
  const made = await town(4, {}, { relay: watch });
  const { client, target } = made;
  expect(await echo(made, SECRET.repeat(500))).toBe(SECRET.repeat(500));

  const used = [...sights.values()].filter(({ bytes }) => bytes.length > 0);
  expect(used).toHaveLength(2);
  for (const { peers, bytes, log } of used) {
    // One before and one behind: never both ends.
    expect(peers.size).toBe(2);
    expect([...peers].filter((peer) => peer === client.peerId || peer === target.peerId)).toHaveLength(1);
    const all = Buffer.concat(bytes);
    expect(all.length).toBeGreaterThan(2 * SECRET.length * 500);
    for (const { peer } of [client, target])
      for (const trace of [
        Buffer.from(peer.local.peerId),
        Buffer.from(peer.local.keyId),
        Buffer.from(peer.keys.node.public.ed25519),
        Buffer.from(peer.keys.kem.public.subarray(0, 32)),
        Buffer.from(SECRET),
        Buffer.from(ECHO.name),
      ])
        expect(all.includes(trace)).toBe(false);
    // Whoever reads the log of both relays learns no more than that.
    for (const line of log) expect(line).not.toMatch(/12D3KooW|memory\//);
  }
  expect(made.relays.filter(({ circuits }) => circuits.stats().relayed === 1)).toHaveLength(2);
});

test.each(['changed', 'left out', 'repeated', 'swapped'] as const)(
  'notices a cell that a relay %s, and goes on over other relays',
  async (how) => {
    let done = 0;
    let held: Buffer | null = null;
    const evil = (): NodeInit => ({
      tap: (stream) => {
        let cells = 0;
        return changed(stream, (bytes) => {
          cells += bytes.length / CELL_BYTES;
          // Once the circuit is there, and once only in the whole town.
          if (cells < 8 || done > 0) return [bytes];
          if (how === 'swapped' && held === null) {
            held = bytes;
            return [];
          }
          done += 1;
          if (how === 'changed') bytes[1234] = (bytes[1234] ?? 0) ^ 4;
          if (how === 'left out') return bytes.length > CELL_BYTES ? [bytes.subarray(CELL_BYTES)] : [];
          if (how === 'repeated') return [bytes, bytes];
          return held === null ? [bytes] : [bytes, held];
        });
      },
    });
    const made = await town(4, {}, { relay: evil });
    const { client, target, world: at } = made;
    const link = await at.clock.drive(client.links.open({ peer: target.peerId, route: 'anonymous' }));
    for (let round = 0; round < 12; round++) {
      const text = `${round} ${SECRET}`.repeat(200);
      const answer = await at.clock.drive(request(link, ECHO.name, Buffer.from(text), { deadlineMs: 60_000 }));
      expect(Buffer.from(answer).toString()).toBe(text);
    }
    expect(done).toBe(1);
  },
);

test.each(['another certificate', 'the right certificate and other keys'] as const)(
  'does not believe a relay that leads elsewhere and shows %s',
  async (what) => {
    let diverted = 0;
    const nodes: { mallory?: CircuitNode; target?: CircuitNode } = {};
    const evil = (): NodeInit => ({
      mesh: (mesh) =>
        new Proxy(mesh, {
          get: (from, name) => {
            if (name !== 'connect') return Reflect.get(from, name, from) as unknown;
            return async (peer: PeerId, options?: object) => {
              const { mallory, target } = nodes;
              if (peer !== target?.peerId || mallory === undefined) return await from.connect(peer, options);
              diverted += 1;
              const connection = await from.connect(mallory.peerId, options);
              if (what === 'another certificate') return connection;
              const shown = { ...connection.peer, certificate: target.peer.local.certificate };
              return new Proxy(connection, {
                get: (inner, key) => (key === 'peer' ? shown : (Reflect.get(inner, key, inner) as unknown)),
              });
            };
          },
        }),
    });
    const made = await town(3, {}, { relay: evil });
    nodes.target = made.target;
    nodes.mallory = await made.world.node('mallory');
    let caught = 0;
    nodes.mallory.links.handle(ECHO, async () => {
      caught += 1;
    });
    const code = await codeOf(
      made.world.clock.drive(made.client.links.open({ peer: made.target.peerId, route: 'anonymous' }), 120_000),
    );
    expect(code).toBe('WRONG_KEYS');
    expect(diverted).toBeGreaterThan(0);
    expect(caught).toBe(0);
    expect(nodes.mallory.circuits.stats().sessions).toBe(0);
  },
);

test('takes so many half-open circuits of one peer and no more, and forgets them', async () => {
  const made = await town(2);
  const [relay] = made.relays;
  if (relay === undefined) throw new Error('no relay');
  const { clock } = made.world;
  const connection = made.client.node.endpoint.connection(relay.peerId);
  if (connection === null) throw new Error('not connected');
  const streams = await Promise.all(Array.from({ length: 100 }, () => connection.openStream(CIRCUIT_PROTOCOL)));
  const answers = streams.map(async (stream) => {
    // The first byte makes the opening leave.
    await stream.write(Uint8Array.of(CELL.create));
    return await stream.read().catch(() => null);
  });
  await clock.run(1_000);
  expect(relay.circuits.stats().halfOpen).toBe(HALF_OPEN_PER_PEER_MAX);
  await clock.run(STEP_MS);
  expect(relay.circuits.stats().halfOpen).toBe(0);
  const cells = (await clock.drive(Promise.all(answers))).filter((cell) => cell !== null);
  expect(cells).toHaveLength(100 - HALF_OPEN_PER_PEER_MAX);
  for (const cell of cells) expect(decodeRefusal(unpackFrame(Buffer.from(cell)).body)).toBe('full');
  // Somebody who means it has a place again.
  expect(await echo(made, 'hello')).toBe('hello');
});

test('says no where its owner does: relays, ends, and links that would name the one who hides', async () => {
  const made = await town(2);
  const { client, target, relays, world: at } = made;
  const open = () => codeOf(at.clock.drive(client.links.open({ peer: target.peerId, route: 'anonymous' }), 120_000));
  target.accepts = false;
  target.limits = null;
  expect(await open()).toBe('CIRCUIT_REFUSED');
  target.limits = {
    ...(relays[0]?.limits ?? {
      circuitsMax: 1,
      circuitsPerPeerMax: 1,
      circuitBytesMax: 1,
      circuitMs: 1,
      bytesPerSecondMax: 1,
    }),
  };
  // It relays, and nothing ends there.
  expect(await open()).toBe('CIRCUIT_REFUSED');
  expect(target.circuits.stats().sessions).toBe(0);
  target.accepts = true;
  for (const relay of relays) relay.limits = null;
  expect(await open()).toBe('CIRCUIT_REFUSED');

  for (const relay of relays) relay.limits = target.limits;
  const link = await at.clock.drive(client.links.open({ peer: target.peerId, route: 'anonymous' }));
  expect(link.route).toBe('anonymous');
  // The client offers something, and the target may not have it over the circuit.
  client.links.handle({ ...ECHO, name: '/hypermesh/test-name/1' }, (stream) =>
    respond(stream, {}, () => Buffer.from(client.peerId)),
  );
  let answer = '';
  target.links.handle({ ...ECHO, name: '/hypermesh/test-call/1' }, async (stream, far) => {
    answer = await codeOf(request(far, '/hypermesh/test-name/1', new Uint8Array(1)));
    await stream.finish();
  });
  const call = await at.clock.drive(link.openStream('/hypermesh/test-call/1'));
  await at.clock.drive(call.finish());
  await at.clock.drive(call.read());
  expect(answer).toBe('PROTOCOL_UNKNOWN');
});

test('says how many relays are missing', async () => {
  const made = await town(1);
  const work = made.client.links.open({ peer: made.target.peerId, route: 'anonymous' });
  await expect(made.world.clock.drive(work)).rejects.toMatchObject({
    code: 'NO_RELAYS',
    data: { found: 1, needed: 2 },
  });
});

test('a first cell of anything else costs a peer its circuit and nobody anything', async () => {
  const made = await town(2);
  const [relay] = made.relays;
  const connection = relay && made.client.node.endpoint.connection(relay.peerId);
  if (relay === undefined || connection === null || connection === undefined) throw new Error('not connected');
  const cell = Buffer.alloc(CELL_BYTES);
  const firsts = [
    cell,
    Buffer.alloc(CELL_BYTES, 255),
    (packFrame(cell, CELL.data, Buffer.alloc(10)), Buffer.from(cell)),
    (packFrame(cell, CELL.create, Buffer.alloc(1601, 9)), Buffer.from(cell)),
    (packFrame(cell, CELL.create, Buffer.alloc(100)), Buffer.from(cell)),
  ];
  for (const first of firsts) {
    const stream = await connection.openStream(CIRCUIT_PROTOCOL);
    await made.world.clock.drive(stream.write(first));
    expect(await codeOf(made.world.clock.drive(stream.read()))).toBe('RESET');
  }
  expect(relay.circuits.stats()).toMatchObject({ halfOpen: 0, relayed: 0, sessions: 0 });
  expect(relay.node.book.get(made.client.peerId)?.points ?? 0).toBe(0);
});
