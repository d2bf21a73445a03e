import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { assetIdOf, type WorkerPool } from '../../../../../main/base/index.ts';
import type { SignerKeys } from '../../../../../main/base/crypto/index.ts';
import { createLinks } from '../../../../../main/kernel/leases/create-links.ts';
import { type GlobalAddress, globalAddressBytes, globalAddressOf } from '../../../../../main/kernel/leases/index.ts';
import { createPrivacy } from '../../../../../main/kernel/leases/privacy.ts';
import type { AccessTerms } from '../../../../../main/kernel/proxy/index.ts';
import { createRoutes, type RoutesControl } from '../../../../../main/kernel/proxy/routes/index.ts';
import { encodeRoutePayload } from '../../../../../main/kernel/proxy/routes/record.ts';
import { encodeRouteReply } from '../../../../../main/kernel/proxy/routes/messages.ts';
import { createDht, type DhtNode } from '../../../../../main/transport/stoq/discovery/dht/create-dht.ts';
import { createPeerRecords } from '../../../../../main/transport/stoq/discovery/peer-record.ts';
import {
  createMesh,
  type PeerBook,
  type PeerId,
  PUBLIC_NETWORK,
  respond,
  type StoqNode,
} from '../../../../../main/transport/stoq/index.ts';
import { codeOf, createMemorySettings } from '../../../../support/proxy/proxy-node.ts';
import { createSeededRandom } from '../../../../support/seeded-random.ts';
import { createSilentLogger } from '../../../../support/silent-logger.ts';
import { createFakeNetwork, createFakeVerifier, type FakeEndpoint } from '../../../../support/stoq/fake-endpoints.ts';
import { createSimulationClock } from '../../../../support/stoq/simulation-clock.ts';

const NODES = 50;
const clock = createSimulationClock();
const fake = createFakeNetwork({ clock });
const verifier = createFakeVerifier();
/** Checks as the fake peers sign; real signatures have tests of their own. */
const workers = {
  size: 1,
  run: async (_task: string, { domain, record }: { domain: 'stoq-peer'; record: Uint8Array }) =>
    verifier.openRecord(domain, record).then(
      ({ payload, keys }) => ({ ok: true, value: { payload, signer: keys } }),
      (error: Error) => ({ ok: false, problem: error.message }),
    ),
  close: async () => undefined,
} as unknown as WorkerPool;

interface Place {
  peerId: PeerId;
  endpoint: FakeEndpoint;
  dht: DhtNode;
  routes: RoutesControl;
  trusted: Set<PeerId>;
  offences: { peer: PeerId; offence: string }[];
  keys: SignerKeys;
  sign: (domain: 'route', payload: Uint8Array) => Promise<Uint8Array>;
}
const places: Place[] = [];
const place = (number: number): Place => {
  const found = places[number];
  if (found === undefined) throw new Error(`no node ${number}`);
  return found;
};

const terms = (change: Partial<AccessTerms> = {}): AccessTerms => ({
  privacyLevel: 'FullPublic',
  privacyNames: [],
  allocationType: 'Public',
  proxy: { relaysAllowed: true, exitAllowed: false },
  ...change,
});
const assetOf = (number: number): string => assetIdOf('service', { v: 1, number });
const addressOf = (node: number, number: number): GlobalAddress => globalAddressOf(place(node).keys, assetOf(number));

const addPlace = async (number: number): Promise<void> => {
  const endpoint = fake.add(number);
  const outside = { clock, random: createSeededRandom(number + 1) };
  const trusted = new Set<PeerId>();
  const offences: Place['offences'] = [];
  const book = {
    get: (peer: PeerId) => ({ trusted: trusted.has(peer), name: '' }),
    offend: (peer: PeerId, offence: string) => offences.push({ peer, offence }),
  } as unknown as PeerBook;
  const logger = createSilentLogger();
  const records = createPeerRecords({
    outside,
    local: endpoint.local,
    verifier,
    addresses: () => endpoint.addresses(),
  });
  const dht = createDht(
    { outside, logger, metrics: null, endpoint, records, book },
    { network: PUBLIC_NETWORK, key: null, automatic: false },
  );
  await dht.start();
  const keys = { ed25519: endpoint.key, falcon1024: new Uint8Array(0) };
  const sign = endpoint.local.sign as unknown as Place['sign'];
  const mesh = createMesh({ book });
  mesh.set({ endpoint, dht: (network: string) => (network === PUBLIC_NETWORK ? dht : null) } as unknown as StoqNode);
  const routes = createRoutes({
    outside,
    logger,
    metrics: null,
    mesh,
    links: createLinks({ mesh }),
    workers,
    keys: {
      on: () => () => undefined,
      node: () => ({ signer: { keys, sign }, opener: {}, certificate: new Uint8Array(0) }) as never,
      reason: () => null,
    },
    settings: createMemorySettings(),
    privacy: createPrivacy({ book, addressBook: { isIn: () => false }, networks: () => [] }),
    isOwnNode: () => false,
    networks: () => [],
  });
  await routes.start();
  places.push({ peerId: endpoint.local.peerId, endpoint, dht, routes, trusted, offences, keys, sign });
};
const meet = (from: number, to: number): Promise<unknown> =>
  clock.drive(place(from).endpoint.connect(place(to).peerId));

beforeAll(async () => {
  for (let number = 0; number < NODES; number++) {
    await addPlace(number);
    if (number > 0) await meet(number, 0);
    await clock.run(100);
  }
  for (const number of [0, 7, 12, 20, 21, 33]) await clock.drive(place(number).dht.refresh());
});
afterAll(async () => {
  for (const { routes, dht } of places) {
    await routes.stop();
    await dht.stop();
  }
});

describe('routes of fifty nodes', () => {
  it('are found in the DHT, then in the cache, and are gone once revoked', async () => {
    const revoke = await clock.drive(
      place(7).routes.publish({ asset: assetOf(1), services: [{ protocol: 'tcp', port: 80 }], terms: terms() }),
    );
    await clock.run(5_000);
    const address = addressOf(7, 1);
    expect(place(7).routes.unheard(address)).toEqual([]);
    expect(await clock.drive(place(33).dht.providers(globalAddressBytes(address)))).toContain(place(7).peerId);
    const found = await clock.drive(place(33).routes.resolve(address));
    // Whoever is connected to the owner by now hears it from there as soon.
    expect([PUBLIC_NETWORK, 'peers']).toContain(found.source);
    expect(found).toMatchObject({
      record: { host: place(7).peerId, services: [{ protocol: 'tcp', port: 80 }] },
    });
    const again = await place(33).routes.resolve(address);
    expect(again.source).toBe('cache');
    await clock.drive(revoke());
    await clock.run(5_000);
    // What is cached counts for ten minutes; whoever asks afresh hears of it at once.
    expect((await place(33).routes.resolve(address)).source).toBe('cache');
    expect(await codeOf(clock.drive(place(33).routes.resolve(address, { fresh: true })))).toBe('REVOKED');
    expect(await codeOf(place(33).routes.resolve(address))).toBe('REVOKED');
    expect(await codeOf(clock.drive(place(12).routes.resolve(address)))).toBe('REVOKED');
  });

  it('are made anew before they expire', async () => {
    await clock.drive(
      place(3).routes.publish({ asset: assetOf(2), services: [], terms: terms({ privacyLevel: 'P2P' }) }),
    );
    const before = (await place(3).routes.resolve(addressOf(3, 2))).record;
    await clock.run(6 * 3_600_000 + 600_000);
    const after = (await place(3).routes.resolve(addressOf(3, 2))).record;
    expect(after.sequence).toBeGreaterThan(before.sequence);
    expect(after.expiresAtMs).toBeGreaterThan(before.expiresAtMs);
  }, 60_000);

  it('of levels that name no network are in none, and trusted peers alone are told', async () => {
    await clock.drive(
      place(20).routes.publish({ asset: assetOf(3), services: [], terms: terms({ privacyLevel: 'P2P' }) }),
    );
    await clock.run(5_000);
    const address = addressOf(20, 3);
    const dht = place(21).dht;
    expect(await clock.drive(dht.providers(globalAddressBytes(address)))).toEqual([]);
    await meet(21, 20);
    await meet(22, 20);
    // The owner trusts one; both trust the owner.
    place(20).trusted.add(place(21).peerId);
    for (const asker of [21, 22]) place(asker).trusted.add(place(20).peerId);
    expect((await clock.drive(place(21).routes.resolve(address))).source).toBe('peers');
    expect(await codeOf(clock.drive(place(22).routes.resolve(address)))).toBe('ADDRESS_UNKNOWN');
  });

  it('that somebody else answers for are refused and cost standing', async () => {
    const address = addressOf(41, 4);
    const nowMs = clock.nowMs();
    const content = {
      address,
      asset: assetOf(4),
      services: [],
      relaysAllowed: true,
      sequence: nowMs,
      revoked: false,
      issuedAtMs: nowMs,
      expiresAtMs: nowMs + 1000,
    };
    // A true record of the victim in the liar's mouth, then one that the liar signed.
    const records = [
      await place(41).sign('route', encodeRoutePayload(content)),
      await place(40).sign('route', encodeRoutePayload(content)),
    ];
    await place(40).routes.stop();
    let next = 0;
    place(40).endpoint.handle(
      { name: '/hypermesh/route/1', streamsMax: 8, opensPerTenSeconds: 100, bytesMax: 8192, deadlineMs: 4000 },
      (stream) => respond(stream, {}, () => encodeRouteReply(records[next++] ?? null)),
    );
    await meet(42, 40);
    place(42).trusted.add(place(40).peerId);
    const { offences } = place(42);
    const liar = place(40).peerId;
    expect(await codeOf(clock.drive(place(42).routes.resolve(address)))).toBe('ADDRESS_UNKNOWN');
    expect(offences).toEqual([{ peer: liar, offence: 'lied' }]);
    await clock.run(6_000);
    expect(await codeOf(clock.drive(place(42).routes.resolve(address)))).toBe('ADDRESS_UNKNOWN');
    expect(next).toBe(2);
    expect(offences.slice(1)).toEqual([{ peer: liar, offence: 'badRecord' }]);
  });

  it('that nobody has are looked for once by all who ask, and not again for a moment', async () => {
    const address = addressOf(1, 99);
    const asked = await clock.drive(
      Promise.all(Array.from({ length: 50 }, () => codeOf(place(2).routes.resolve(address)))),
    );
    expect(new Set(asked)).toEqual(new Set(['ADDRESS_UNKNOWN']));
    const begin = clock.monotonicMs();
    expect(await codeOf(place(2).routes.resolve(address))).toBe('ADDRESS_UNKNOWN');
    expect(clock.monotonicMs()).toBe(begin);
  });
});
