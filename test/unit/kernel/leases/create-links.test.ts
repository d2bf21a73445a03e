import { afterEach, beforeEach, expect, it } from 'vitest';
import type { Link, LinkCarrier, LinkHandler } from '../../../../main/kernel/leases/index.ts';
import { createLinks } from '../../../../main/kernel/leases/index.ts';
import { createMemoryNetwork } from '../../../../main/transport/stoq/carriers/memory/create-memory-network.ts';
import { request, respond } from '../../../../main/transport/stoq/connection/messages.ts';
import type { Address, ProtocolSpec } from '../../../../main/transport/stoq/interface.ts';
import { createMesh, type MeshControl } from '../../../../main/transport/stoq/mesh.ts';
import type { StoqNode } from '../../../../main/transport/stoq/stoq-node.ts';
import { createSeededRandom } from '../../../support/seeded-random.ts';
import { makePeer } from '../../../support/stoq/make-peer.ts';
import { createSimulationClock, type SimulationClock } from '../../../support/stoq/simulation-clock.ts';
import { createStoqWorkers, startTestNode, type TestNode } from '../../../support/stoq/test-node.ts';

const SPEC: ProtocolSpec = {
  name: '/test/links/1',
  streamsMax: 8,
  opensPerTenSeconds: 100,
  bytesMax: 4096,
  deadlineMs: 5_000,
};
const ADDRESS = '/memory/far' as Address;
let clock: SimulationClock;
let nodes: TestNode[];
let near: MeshControl;
let far: MeshControl;
/** A mesh needs only the endpoint of its node. */
const nodeOf = ({ endpoint }: TestNode): StoqNode => ({ endpoint }) as unknown as StoqNode;

beforeEach(async () => {
  const workers = createStoqWorkers();
  await workers.run('stoq.kemKeys', new Uint8Array(64));
  clock = createSimulationClock({ isBusy: () => workers.pending > 0 });
  const network = createMemoryNetwork({ outside: { clock, random: createSeededRandom(1) } }, { delayMs: 5 });
  nodes = [];
  for (const [number, name] of ['near', 'far'].entries())
    nodes.push(
      await startTestNode(
        { outside: { clock, random: createSeededRandom(number + 2) }, workers },
        { local: makePeer(300 + number).local, carriers: [network.carrier(name)], interfaces: () => ({}) },
      ),
    );
  await nodes[1]!.endpoint.listen(ADDRESS);
  nodes[0]!.book.learn(nodes[1]!.peerId, [ADDRESS], 'owner');
  [near, far] = nodes.map(({ book }) => createMesh({ book })) as [MeshControl, MeshControl];
  near.set(nodeOf(nodes[0]!));
  far.set(nodeOf(nodes[1]!));
});
afterEach(async () => {
  near.set(null);
  far.set(null);
  for (const node of nodes) await clock.drive(node.stop());
});
const answering =
  (seen: Link[]): LinkHandler =>
  async (stream, link) => {
    seen.push(link);
    await respond(stream, {}, (bytes) => bytes);
  };

it('is one link for a connection, with the party and the secret of both ends', async () => {
  const [links, others] = [createLinks({ mesh: near }), createLinks({ mesh: far })];
  const seen: Link[] = [];
  others.handle(SPEC, answering(seen));
  const link = await clock.drive(links.open({ peer: nodes[1]!.peerId, route: 'direct' }));
  expect(await clock.drive(links.open({ peer: nodes[1]!.peerId, route: 'direct' }))).toBe(link);
  for (let turn = 0; turn < 2; turn++)
    expect([...(await clock.drive(request(link, SPEC.name, Uint8Array.of(7))))]).toEqual([7]);
  expect(seen).toHaveLength(2);
  expect(seen[1]).toBe(seen[0]);
  expect(link.party).toMatchObject({ kind: 'peer', peerId: nodes[1]!.peerId, keyId: makePeer(301).local.keyId });
  expect(seen[0]?.party).toMatchObject({ kind: 'peer', peerId: nodes[0]!.peerId });
  expect(link.party.kind === 'peer' && [...link.party.networks]).toEqual(['public']);
  expect(link.route).toBe('direct');
  expect(link.exportKey('lease-session')).toEqual(seen[0]?.exportKey('lease-session'));
  expect(link.exportKey('other')).not.toEqual(link.exportKey('lease-session'));
  expect(await clock.drive(link.ping())).toBeGreaterThanOrEqual(10);
  // Others use the connection: it stays.
  await link.close();
  expect([...(await clock.drive(request(link, SPEC.name, Uint8Array.of(1))))]).toEqual([1]);
});

it('is handled no more once it is withdrawn, and not opened while there is no network', async () => {
  const [links, others] = [createLinks({ mesh: near }), createLinks({ mesh: far })];
  const seen: Link[] = [];
  const withdraw = others.handle(SPEC, answering(seen));
  const link = await clock.drive(links.open({ peer: nodes[1]!.peerId, route: 'direct' }));
  await clock.drive(request(link, SPEC.name, Uint8Array.of(7)));
  expect(seen).toHaveLength(1);
  withdraw();
  withdraw();
  await expect(clock.drive(request(link, SPEC.name, Uint8Array.of(7)))).rejects.toMatchObject({
    code: 'PROTOCOL_UNKNOWN',
  });
  near.set(null);
  await expect(links.open({ peer: nodes[1]!.peerId, route: 'direct' })).rejects.toMatchObject({ code: 'NOT_RUNNING' });
});

it('takes what carriers bring, for protocols that were there before and come after', async () => {
  const links = createLinks({ mesh: near });
  await expect(links.open({ peer: nodes[1]!.peerId, route: 'anonymous' })).rejects.toMatchObject({
    code: 'ROUTE_UNKNOWN',
  });
  const handled: string[] = [];
  const made = { party: { kind: 'anonymous' } } as Link;
  const carrier: LinkCarrier = {
    open: () => Promise.resolve(made),
    handle: ({ name }) => {
      handled.push(`+${name}`);
      return () => handled.push(`-${name}`);
    },
  };
  const before = links.handle(SPEC, () => Promise.resolve());
  const takeOut = links.addCarrier('anonymous', carrier);
  links.handle({ ...SPEC, name: '/test/after/1' }, () => Promise.resolve());
  expect(handled).toEqual(['+/test/links/1', '+/test/after/1']);
  expect(await links.open({ peer: nodes[1]!.peerId, route: 'anonymous' })).toBe(made);
  before();
  takeOut();
  expect(handled.slice(2)).toEqual(['-/test/links/1', '-/test/after/1']);
  await expect(links.open({ peer: nodes[1]!.peerId, route: 'anonymous' })).rejects.toMatchObject({
    code: 'ROUTE_UNKNOWN',
  });
});
