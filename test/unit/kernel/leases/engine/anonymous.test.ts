import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { keyIdText } from '../../../../../main/base/crypto/index.ts';
import { createStore, type Store } from '../../../../../main/base/index.ts';
import type { LeaseId } from '../../../../../main/kernel/leases/index.ts';
import { createLeaseWorld, type LeaseNode, type LeaseWorld, TICK_MS } from '../../../../support/leases/lease-world.ts';
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
