import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { keyIdText } from '../../../../../main/base/crypto/index.ts';
import { createStore, type Store } from '../../../../../main/base/index.ts';
import { ask } from '../../../../../main/kernel/leases/engine/ask.ts';
import { encodeRequest } from '../../../../../main/kernel/leases/formats/index.ts';
import type { LeaseId } from '../../../../../main/kernel/leases/index.ts';
import { newLeaseId } from '../../../../../main/kernel/leases/names.ts';
import type { LeaseQuestion } from '../../../../../main/kernel/leases/protocol.ts';
import { createLeaseWorld, type LeaseNode, type LeaseWorld, TICK_MS } from '../../../../support/leases/lease-world.ts';
import { createSeededRandom } from '../../../../support/seeded-random.ts';
import { createSilentLogger } from '../../../../support/silent-logger.ts';

let folder: string;
let world: LeaseWorld;
let store: Store;
let lender: LeaseNode;
let borrower: LeaseNode;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'hypermesh-leases-'));
  world = createLeaseWorld();
  store = await createStore(
    { logger: createSilentLogger(), metrics: null, clock: world.clock },
    { path: join(folder, 'lender.db') },
  );
  lender = await world.node('lender', { store });
  borrower = await world.node('borrower');
});
afterEach(async () => {
  await world.stop();
  await rm(folder, { recursive: true, force: true });
});

/** Everything that the lender has on disk or has logged. */
const everythingKept = async (): Promise<Buffer> => {
  const files = await Promise.all((await readdir(folder)).map((name) => readFile(join(folder, name))));
  return Buffer.concat([...files, Buffer.from(JSON.stringify(lender.log))]);
};
/** What names the borrower, as text and as bytes. */
const namesOf = (node: LeaseNode): (string | Uint8Array)[] => [
  node.peer.local.peerId,
  node.peer.local.keyId,
  node.peer.signer.keyIdBytes,
  node.peer.keys.node.public.ed25519,
];
const run = async (route: 'direct' | 'anonymous'): Promise<{ id: LeaseId; far: Uint8Array }> => {
  const { clock } = world;
  const offer = await lender.offer({}, { allocationType: 'Anonymous', privacyLevel: 'FullPublic' });
  const asked = { offer, amount: 1000, minutes: 1, priceMicroMax: 0n, route, purpose: 'a holiday' };
  const { id } = await clock.drive(borrower.engine.request(asked));
  const view = await clock.drive(borrower.engine.settled(id as LeaseId));
  expect(view).toMatchObject({ state: 'running', route });
  await clock.run(2 * TICK_MS + 10);
  const lent = await lender.engine.get(id as LeaseId);
  expect(lent).toMatchObject({ state: 'running', peerId: null, peerName: '', receiptsSigned: 2 });
  const row = await store.get<{ facts: Uint8Array }>('test.facts', 'SELECT facts FROM leases WHERE id = ?', [id]);
  const { decodeFacts } = await import('../../../../../main/kernel/leases/engine/facts.ts');
  return { id: id as LeaseId, far: decodeFacts(row!.facts).far! };
};

it.each(['direct', 'anonymous'] as const)(
  'keeps nothing that names the borrower or links two leases, %s',
  async (route) => {
    const { clock } = world;
    const first = await run(route);
    const second = await run(route);
    // A key for each: nothing links the two.
    expect(Buffer.from(first.far).equals(second.far)).toBe(false);
    expect(Buffer.from(first.far).equals(borrower.peer.signer.keyIdBytes)).toBe(false);
    const during = await everythingKept();
    for (const name of namesOf(borrower))
      expect(during.includes(name as string), `while it runs: ${String(name)}`).toBe(false);

    for (const { id } of [first, second]) {
      await clock.drive(borrower.engine.end(id, 'done'));
      expect(await lender.engine.get(id)).toMatchObject({ state: 'ended', code: 'ENDED_BY_BORROWER', purpose: '' });
    }
    await clock.run(1_000);
    // Sums are left, and nothing else.
    expect(await store.all('test.receipts', 'SELECT * FROM lease_receipts')).toEqual([]);
    const rows = await store.all<Record<string, never>>(
      'test.rows',
      'SELECT offer, request, grant_record, secret, settled FROM leases',
    );
    expect(rows).toEqual(
      [first, second].map(() => ({ offer: null, request: null, grant_record: null, secret: null, settled: 1 })),
    );
    await clock.drive(lender.engine.stop());
    lender.crash();
    await store.close();
    const after = await everythingKept();
    const keys = [first.far, second.far].flatMap((far) => [far, keyIdText(far)]);
    for (const name of [...namesOf(borrower), ...keys, 'a holiday'])
      expect(after.includes(name as string), `once it is over: ${String(name)}`).toBe(false);
  },
);

it('authorizes whoever shows the key of the lease, and nobody else at the same node', async () => {
  const { id } = await run('anonymous');
  const link = await borrower.engine.borrowed(id).link();
  const seen: boolean[] = [];
  const withdraw = lender.links.handle(
    { name: '/test/1', streamsMax: 1, opensPerTenSeconds: 1, bytesMax: null, deadlineMs: null },
    (stream, at) => {
      try {
        seen.push(lender.engine.authorize(at, id).anonymous);
      } catch {
        seen.push(false);
      }
      stream.reset();
      return Promise.resolve();
    },
  );
  await world.clock.drive(link.openStream('/test/1'));
  const other = await borrower.links.open({ peer: lender.peer.local.peerId, route: 'direct' });
  await world.clock.drive(other.openStream('/test/1'));
  await world.clock.run(10);
  withdraw();
  expect(seen).toEqual([true, false]);
});

it('is known to nobody who asks the borrower by its name for a lease of the same id', async () => {
  const { id } = await run('anonymous');
  const links = world.net.node('lender', { peerId: lender.peer.local.peerId, keyId: lender.peer.local.keyId });
  const link = await links.open({ peer: borrower.peer.local.peerId, route: 'direct' });
  const nowMs = world.clock.nowMs();
  const requested = (lease: LeaseId, offer: string): Uint8Array =>
    lender.sign(
      'lease-request',
      encodeRequest({
        id: lease,
        offer: new Uint8Array(Buffer.from(offer, 'hex')),
        lender: borrower.peer.signer.keyIdBytes,
        kind: 'memory',
        amount: 1000,
        durationMs: 60_000,
        priceMicroMax: 0n,
        ledger: null,
        purpose: '',
        issuedAtMs: nowMs,
        expiresAtMs: nowMs + 60_000,
      }),
    );
  const say = (question: LeaseQuestion): Promise<unknown> =>
    world.clock.drive(ask(link, question, { deadlineMs: 1_000 })).catch((error: unknown) => (error as Error).message);
  const other = newLeaseId(createSeededRandom(5));
  const records: ((lease: LeaseId) => Uint8Array)[] = [
    () => new Uint8Array(9),
    (lease) => requested(lease, '11'.repeat(32)),
    () => requested(newLeaseId(createSeededRandom(6)), '11'.repeat(32)),
  ];
  for (const make of records)
    expect(await say({ kind: 'request', lease: id, record: make(id) })).toEqual(
      await say({ kind: 'request', lease: other, record: make(other) }),
    );
  // Who may have something of it hears that nothing is free, and not that there is one of that id.
  const offer = await borrower.offer();
  expect(await say({ kind: 'request', lease: id, record: requested(id, offer) })).toMatchObject({
    kind: 'refused',
    code: 'CAPACITY_EXCEEDED',
  });
  expect((await borrower.engine.get(id)).state).toBe('running');
});

it('is taken up again by the key alone after the lender was started again', async () => {
  lender.provider.survivesRestart = true;
  const { id } = await run('anonymous');
  lender.crash();
  await world.clock.run(500);
  await lender.restart();
  await world.clock.run(4 * TICK_MS);
  expect(await lender.engine.get(id)).toMatchObject({ state: 'running' });
  expect((await lender.engine.get(id)).receiptsSigned).toBeGreaterThan(3);
});
