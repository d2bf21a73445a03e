import { afterEach, describe, expect, test } from 'vitest';
import { createMeshNetwork } from '../../../../../main/kernel/consensus/mesh/index.ts';
import type { ReplicaNetwork } from '../../../../../main/kernel/consensus/index.ts';
import type { Startable } from '../../../../../main/base/index.ts';
import { createMemoryNetwork } from '../../../../../main/transport/stoq/carriers/memory/create-memory-network.ts';
import type { MemoryNetwork } from '../../../../../main/transport/stoq/carriers/memory/interface.ts';
import { readMessage, writeMessage } from '../../../../../main/transport/stoq/connection/messages.ts';
import type { Address } from '../../../../../main/transport/stoq/interface.ts';
import { type MeshNode, startMeshNode } from '../../../../support/ledger/mesh-world.ts';
import { createSeededRandom } from '../../../../support/seeded-random.ts';
import { createSilentLogger } from '../../../../support/silent-logger.ts';
import { createSimulationClock } from '../../../../support/stoq/simulation-clock.ts';
import { createStoqWorkers } from '../../../../support/stoq/test-node.ts';

const NETWORK = new Uint8Array(32).fill(3);
const OTHER = new Uint8Array(32).fill(4);
const workers = createStoqWorkers();
const clock = createSimulationClock({ isBusy: () => workers.pending > 0 });
const outside = { clock, random: createSeededRandom(1) };
const ends: (() => Promise<void>)[] = [];
let memory: MemoryNetwork = createMemoryNetwork({ outside });
let seed = 1;

interface Member extends MeshNode {
  readonly name: string;
  readonly network: ReplicaNetwork & Startable;
  readonly heard: string[];
  readonly events: string[];
}
const start = async (
  name: string,
  network: Uint8Array = NETWORK,
  options: { answer?: (question: Uint8Array) => Uint8Array | null; isMember?: () => boolean } = {},
): Promise<Member> => {
  const node = await startMeshNode(
    { outside, workers },
    { seed: seed++, carrier: memory.carrier(name), listen: `/memory/${name}` as Address },
  );
  const { isMember } = options;
  const joined = createMeshNetwork(
    { mesh: node.mesh, outside, logger: createSilentLogger(), ...(isMember !== undefined && { isMember }) },
    { network },
  );
  const heard: string[] = [];
  const events: string[] = [];
  joined.serve({
    message: (_, message) => heard.push(Buffer.from(message).toString()),
    answer: (_, question) => Promise.resolve((options.answer ?? ((asked) => asked))(question)),
    joined: () => events.push('joined'),
    left: () => events.push('left'),
  });
  await joined.start();
  ends.push(async () => {
    await joined.stop();
    await node.stop();
  });
  return { ...node, name, network: joined, heard, events };
};
const connect = (from: Member, to: Member): Promise<void> =>
  clock.drive(from.connect(to.node.peerId, `/memory/${to.name}` as Address));
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await clock.drive(end());
  memory = createMemoryNetwork({ outside });
});

describe('a network over STOQ', () => {
  test('greets as docs/formats/ledger-mesh.md has it, and ends streams of whoever greets otherwise', async () => {
    const [a, b] = [await start('a'), await start('b', OTHER)];
    const protocol = '/hypermesh/ledger/1/03030303030303030303030303030303';
    await connect(b, a);
    const connection = b.node.endpoint.connection(a.node.peerId)!;
    const greet = async (hello: Uint8Array): Promise<Uint8Array | null> => {
      const stream = await connection.openStream(protocol);
      await writeMessage(stream, hello);
      return await readMessage(stream);
    };
    const hello = Buffer.from(`a2617601676e6574776f726b5820${'03'.repeat(32)}`, 'hex');
    expect(Buffer.from((await clock.drive(greet(hello)))!).equals(hello)).toBe(true);
    const wrong = Uint8Array.from(hello);
    wrong[45] = 4;
    await expect(clock.drive(greet(wrong))).rejects.toMatchObject({ code: 'RESET' });
    expect(a.node.book.get(b.node.peerId)?.points).toBeGreaterThan(0);
  });

  test('members that are connected find each other, and hear what is sent in its order', async () => {
    const [a, b] = [await start('a'), await start('b')];
    await connect(a, b);
    await clock.until(() => a.network.peers().length === 1 && b.network.peers().length === 1, 'both are members');
    expect(a.network.peers()).toEqual([b.node.peerId]);
    for (let i = 0; i < 50; i++) a.network.send(b.node.peerId, bytes(`${i}`));
    b.network.send(a.node.peerId, new Uint8Array(2 * 1024 * 1024));
    await clock.until(() => b.heard.length === 50 && a.heard.length === 1, 'all is heard');
    expect(b.heard).toEqual(Array.from({ length: 50 }, (_, i) => `${i}`));
    expect(a.heard[0]).toHaveLength(2 * 1024 * 1024);
    expect(a.events).toEqual(['joined']);
  });

  test('who follows another network is no peer, until it follows this one as well', async () => {
    const [a, b] = [await start('a'), await start('b', OTHER)];
    await connect(a, b);
    await clock.run(5_000);
    expect([a.network.peers(), b.network.peers()]).toEqual([[], []]);
    const second = createMeshNetwork({ mesh: b.mesh, outside, logger: createSilentLogger() }, { network: NETWORK });
    second.serve({
      message: () => undefined,
      answer: () => Promise.resolve(null),
      joined: () => undefined,
      left: () => undefined,
    });
    await clock.drive(second.start());
    await clock.until(() => a.network.peers().length === 1 && second.peers().length === 1, 'both are members');
    expect(a.node.book.get(b.node.peerId)?.points ?? 0).toBe(0);
    await second.stop();
    await clock.until(() => a.network.peers().length === 0, 'it left');
    expect(a.events).toEqual(['joined', 'left']);
  });

  test('questions have answers of their own; nothing is an answer that throws, and so is silence', async () => {
    const [a, b] = [
      await start('a'),
      await start('b', NETWORK, { answer: (asked) => (asked[0] === 0 ? null : new Uint8Array(3_000_000).fill(7)) }),
    ];
    await connect(a, b);
    await clock.until(() => a.network.peers().length === 1, 'a member');
    const answer = await clock.drive(a.network.request(b.node.peerId, Uint8Array.of(1), { bytesMax: 3_000_000 }));
    expect(answer).toHaveLength(3_000_000);
    expect(answer[2_999_999]).toBe(7);
    await expect(clock.drive(a.network.request(b.node.peerId, Uint8Array.of(0)))).rejects.toMatchObject({
      code: 'CLOSED',
    });
    await expect(
      clock.drive(a.network.request(b.node.peerId, Uint8Array.of(1), { bytesMax: 1_000 })),
    ).rejects.toMatchObject({ code: 'TOO_LARGE' });
    await expect(clock.drive(a.network.request('nobody', Uint8Array.of(1)))).rejects.toMatchObject({ code: 'CLOSED' });
  });

  test('a connection that breaks is made again', async () => {
    const [a, b] = [await start('a'), await start('b')];
    await connect(a, b);
    await clock.until(() => a.network.peers().length === 1 && b.network.peers().length === 1, 'members');
    await clock.drive(a.node.endpoint.connection(b.node.peerId)!.close());
    await clock.until(() => a.events.includes('left') && b.events.includes('left'), 'both notice');
    await clock.until(() => a.network.peers().length === 1 && b.network.peers().length === 1, 'members again', 120_000);
    expect(a.events).toEqual(['joined', 'left', 'joined']);
  });

  test('what a slow peer does not read is dropped, and the node goes on', async () => {
    const [a, b] = [await start('a'), await start('b')];
    memory.setLink('a', 'b', { bytesPerSecond: 10_000 });
    await connect(a, b);
    await clock.until(() => a.network.peers().length === 1, 'a member');
    for (let i = 0; i < 200; i++) a.network.send(b.node.peerId, new Uint8Array(1024 * 1024));
    memory.setLink('a', 'b', { bytesPerSecond: null });
    await clock.run(60_000);
    expect(b.heard.length).toBeGreaterThan(5);
    expect(b.heard.length).toBeLessThan(40);
  });

  test('only members are talked to where somebody says who they are', async () => {
    const [a, b] = [await start('a', NETWORK, { isMember: () => false }), await start('b')];
    await connect(a, b);
    await clock.run(15_000);
    expect([a.network.peers(), b.network.peers()]).toEqual([[], []]);
  });

  test('offences are told to the book', async () => {
    const [a, b] = [await start('a'), await start('b')];
    await connect(a, b);
    await clock.until(() => a.network.peers().length === 1, 'a member');
    a.network.offend(b.node.peerId, 'forged', 'a vote that does not hold');
    expect(a.node.book.get(b.node.peerId)?.points).toBeGreaterThan(0);
  });
});
