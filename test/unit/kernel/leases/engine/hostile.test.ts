import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { encodeCbor } from '../../../../../main/base/index.ts';
import { ask } from '../../../../../main/kernel/leases/engine/ask.ts';
import {
  decodeGrant,
  encodeGrant,
  encodeReceipt,
  encodeRequest,
  hashOfRecord,
} from '../../../../../main/kernel/leases/formats/index.ts';
import type { LeaseId, LeaseReceipt, LeaseRequest, Link } from '../../../../../main/kernel/leases/index.ts';
import { newLeaseId } from '../../../../../main/kernel/leases/names.ts';
import type { LeaseAnswer, LeaseQuestion } from '../../../../../main/kernel/leases/protocol.ts';
import {
  createLeaseWorld,
  type LeaseNode,
  type LeaseWorld,
  payloadOf,
  TICK_MS,
} from '../../../../support/leases/lease-world.ts';
import { createPair, type Pair } from '../../../../support/leases/pair.ts';
import { createSeededRandom } from '../../../../support/seeded-random.ts';

let world: LeaseWorld;
let pair: Pair;
let lender: LeaseNode;
let borrower: LeaseNode;
const random = createSeededRandom(77);
beforeEach(async () => {
  world = createLeaseWorld();
  pair = await createPair(world);
  ({ lender, borrower } = pair);
});
afterEach(() => world.stop());

/** Speaks the protocol by hand, from a node that runs no engine of its own. */
const linkFrom = async (
  name: string,
  who: LeaseNode,
  to: LeaseNode,
  route: 'direct' | 'anonymous' = 'direct',
): Promise<Link> => {
  const links = world.net.node(name, { peerId: who.peer.local.peerId, keyId: who.peer.local.keyId });
  return await links.open({ peer: to.peer.local.peerId, route });
};
const say = (link: Link, question: LeaseQuestion): Promise<LeaseAnswer> =>
  world.clock.drive(ask(link, question, { deadlineMs: 1_000 }));

const requestOf = (offer: string, given: Partial<LeaseRequest> = {}): LeaseRequest => ({
  id: newLeaseId(random),
  offer: new Uint8Array(Buffer.from(offer, 'hex')),
  lender: lender.peer.signer.keyIdBytes,
  kind: 'memory',
  amount: 1000,
  durationMs: 60_000,
  priceMicroMax: 0n,
  ledger: null,
  purpose: '',
  issuedAtMs: world.clock.nowMs(),
  expiresAtMs: world.clock.nowMs() + 60_000,
  ...given,
});
const rowsOf = (node: LeaseNode) =>
  node.store.all<{ id: string; state: string }>('test.rows', 'SELECT id, state FROM leases');

describe('a lender refuses', () => {
  const refusals: [
    string,
    (offer: string) => Promise<{ request: LeaseRequest; signer?: LeaseNode; id?: LeaseId }>,
    string,
  ][] = [
    [
      'a request for another lender',
      async (offer) => ({ request: requestOf(offer, { lender: borrower.peer.signer.keyIdBytes }) }),
      'REQUEST_FOREIGN',
    ],
    [
      'a request that another signed',
      async (offer) => ({ request: requestOf(offer), signer: await world.node('third') }),
      'REQUEST_FOREIGN',
    ],
    [
      'a request of another lease',
      async (offer) => ({ request: requestOf(offer), id: newLeaseId(random) }),
      'REQUEST_FOREIGN',
    ],
    [
      'a request that ran out',
      async (offer) => ({
        request: requestOf(offer, {
          issuedAtMs: world.clock.nowMs() - 86_400_000,
          expiresAtMs: world.clock.nowMs() - 86_300_000,
        }),
      }),
      'REQUEST_EXPIRED',
    ],
    [
      'a request from tomorrow',
      async (offer) => ({
        request: requestOf(offer, {
          issuedAtMs: world.clock.nowMs() + 86_400_000,
          expiresAtMs: world.clock.nowMs() + 86_500_000,
        }),
      }),
      'REQUEST_EXPIRED',
    ],
    ['what it does not offer', async () => ({ request: requestOf('11'.repeat(32)) }), 'OFFER_UNKNOWN'],
    [
      'another kind than it offers',
      async (offer) => ({ request: requestOf(offer, { kind: 'network' }) }),
      'OFFER_UNKNOWN',
    ],
    [
      'more than there is',
      async (offer) => ({ request: requestOf(offer, { amount: Number.MAX_SAFE_INTEGER }) }),
      'CAPACITY_EXCEEDED',
    ],
  ];
  it.each(refusals)('%s, and keeps nothing of it', async (_name, make, code) => {
    const offer = await lender.offer();
    const { request, signer = borrower, id = request.id } = await make(offer);
    const record = signer.sign('lease-request', encodeRequest(request));
    const link = await linkFrom('borrower', borrower, lender);
    expect(await say(link, { kind: 'request', lease: id, record })).toMatchObject({ kind: 'refused', code });
    expect(await rowsOf(lender)).toEqual([]);
    expect(await lender.engine.list({ side: 'all', live: null, after: null })).toEqual([]);
    pair.expectNothingTaken();
  });

  it('records that do not hold, and lets the endpoint know whose fault it is', async () => {
    const offer = await lender.offer();
    const request = requestOf(offer);
    const link = await linkFrom('borrower', borrower, lender);
    const record = borrower.sign('lease-request', encodeRequest(request));
    const forged = record.slice();
    forged[forged.length - 40]! ^= 1;
    const foreign = borrower.sign('lease-grant', encodeRequest(request));
    for (const bad of [forged, foreign, new Uint8Array(9), encodeCbor({ v: 1 })])
      await expect(say(link, { kind: 'request', lease: request.id, record: bad })).rejects.toMatchObject({
        code: 'RESET',
      });
    expect(world.net.failures).toHaveLength(4);
    for (const { error } of world.net.failures) expect(error).toMatchObject({ data: { verdict: 'reject' } });
    expect(await rowsOf(lender)).toEqual([]);
  });

  it('the same id with other words, and answers the same words the same way', async () => {
    const offer = await lender.offer();
    const request = requestOf(offer);
    const record = borrower.sign('lease-request', encodeRequest(request));
    const link = await linkFrom('borrower', borrower, lender);
    const first = await say(link, { kind: 'request', lease: request.id, record });
    expect(first.kind).toBe('granted');
    expect(await say(link, { kind: 'request', lease: request.id, record })).toEqual(first);
    const other = borrower.sign('lease-request', encodeRequest({ ...request, amount: 5 }));
    expect(await say(link, { kind: 'request', lease: request.id, record: other })).toMatchObject({
      code: 'LEASE_CONFLICT',
    });
    expect(lender.book.list()).toHaveLength(1);
    // Nobody begins it: it is given back.
    await world.clock.run(6_000);
    pair.expectNothingTaken();
    expect(await lender.engine.get(request.id)).toMatchObject({ state: 'ended', code: 'NOT_STARTED' });
  });

  it('strangers who know the id of a lease, with the words for one that there is not', async () => {
    const { id } = await pair.lease(await lender.offer());
    const third = await world.node('third');
    const link = await linkFrom('third', third, lender);
    const kinds = ['start', 'status'] as const;
    const unknown = newLeaseId(random);
    for (const kind of kinds) {
      const answer = await say(link, { kind, lease: id as LeaseId });
      expect(answer).toMatchObject({ kind: 'refused', code: 'LEASE_UNKNOWN' });
      expect(answer).toEqual(await say(link, { kind, lease: unknown }));
    }
    await say(link, { kind: 'end', lease: id as LeaseId, reason: 'mine' });
    expect((await lender.engine.get(id as LeaseId)).state).toBe('running');
    expect(() => lender.engine.authorize(link, id as LeaseId)).toThrow(expect.objectContaining({ code: 'NOT_YOURS' }));
  });

  it('as many leases as its owner says, however many ask at once', async () => {
    const offer = await lender.offer({}, { leasesMax: 3 });
    const link = await linkFrom('borrower', borrower, lender);
    const requests = Array.from({ length: 10 }, () => requestOf(offer));
    const answers = await Promise.all(
      requests.map((request) =>
        say(link, {
          kind: 'request',
          lease: request.id,
          record: borrower.sign('lease-request', encodeRequest(request)),
        }),
      ),
    );
    expect(answers.filter(({ kind }) => kind === 'granted')).toHaveLength(3);
    expect(answers.filter((answer) => answer.kind === 'refused' && answer.code === 'TOO_MANY_LEASES')).toHaveLength(7);
  });
});

describe('proofs', () => {
  it('are made for the nonce of the lender, and the lease runs', async () => {
    const offer = await lender.offer({}, { requiredProofs: ['work'] });
    expect(await pair.lease(offer)).toMatchObject({ state: 'running' });
  });
  it.each([
    ['of another nonce', () => `${borrower.peer.local.keyId} lease ${'00'.repeat(32)}`],
    ['of another node', (nonce: string) => `${lender.peer.local.keyId} lease ${nonce}`],
    ['that are none', () => 'x'],
  ])('%s are refused, and nothing is taken', async (_name, file) => {
    const offer = await lender.offer({}, { requiredProofs: ['work'] });
    const request = requestOf(offer);
    const link = await linkFrom('borrower', borrower, lender);
    const record = borrower.sign('lease-request', encodeRequest(request));
    const asked = await say(link, { kind: 'request', lease: request.id, record });
    if (asked.kind !== 'prove') throw new Error('no proofs are asked for');
    const bytes = new TextEncoder().encode(file(Buffer.from(asked.nonce).toString('hex')));
    expect(await say(link, { kind: 'proof', lease: request.id, file: bytes })).toMatchObject({ code: 'PROOFS_FAILED' });
    expect(await lender.engine.get(request.id)).toMatchObject({ state: 'refused', code: 'PROOFS_FAILED' });
    pair.expectNothingTaken();
  });
  it('that never come are not waited for', async () => {
    const offer = await lender.offer({}, { requiredProofs: ['work'] });
    const request = requestOf(offer);
    const link = await linkFrom('borrower', borrower, lender);
    await say(link, {
      kind: 'request',
      lease: request.id,
      record: borrower.sign('lease-request', encodeRequest(request)),
    });
    await world.clock.run(21_000);
    expect(await lender.engine.get(request.id)).toMatchObject({ state: 'refused', code: 'PROOFS_LATE' });
  });
});

describe('whoever never proves anything', () => {
  it('takes a few places of those that wait, and none of others', async () => {
    const offer = await lender.offer({}, { requiredProofs: ['work'] });
    const link = await linkFrom('borrower', borrower, lender);
    const askAs = async (who: LeaseNode, over: Link): Promise<LeaseAnswer> => {
      const request = requestOf(offer);
      return await say(over, {
        kind: 'request',
        lease: request.id,
        record: who.sign('lease-request', encodeRequest(request)),
      });
    };
    const answers: LeaseAnswer[] = [];
    for (let i = 0; i < 12; i++) answers.push(await askAs(borrower, link));
    expect(answers.filter(({ kind }) => kind === 'prove')).toHaveLength(4);
    expect(answers.filter((answer) => answer.kind === 'refused' && answer.code === 'BUSY')).toHaveLength(8);
    expect(await rowsOf(lender)).toHaveLength(4);
    const third = await world.node('third');
    expect((await askAs(third, await linkFrom('third', third, lender))).kind).toBe('prove');
    // Who is late makes room.
    await world.clock.run(21_000);
    expect((await askAs(borrower, link)).kind).toBe('prove');
  });
});

describe('a lease in use', () => {
  it('goes over no relay and no circuit that its owner does not allow', async () => {
    const { id } = await pair.lease(await lender.offer());
    const link = await linkFrom('borrower', borrower, lender);
    const party = {
      kind: 'peer',
      peerId: borrower.peer.local.peerId,
      keyId: borrower.peer.local.keyId,
      networks: new Set<never>(),
    } as const;
    const over = (route: Link['route']) => () => lender.engine.authorize({ ...link, party, route }, id as LeaseId);
    expect(over('direct')()).toMatchObject({ id });
    expect(over('relay')).toThrow(expect.objectContaining({ code: 'NOT_YOURS' }));
    expect(over('anonymous')).toThrow(expect.objectContaining({ code: 'NOT_YOURS' }));

    const relayed = await pair.lease(await lender.offer({}, { proxy: { relaysAllowed: true, exitAllowed: false } }));
    expect(lender.engine.authorize({ ...link, party, route: 'relay' }, relayed.id as LeaseId)).toMatchObject({
      id: relayed.id,
    });
  });
});

describe('a borrower who does not sign', () => {
  it('gets nothing after one tick, and loses the lease after another', async () => {
    const { id } = await pair.lease(await lender.offer());
    await world.clock.run(2 * TICK_MS + 10);
    const running = lender.provider.running.get(id)!;
    expect(running.effective).toBe(1000);
    // It hears, and says nothing that counts.
    world.net
      .node('borrower', { peerId: borrower.peer.local.peerId, keyId: borrower.peer.local.keyId })
      .handle(
        { name: '/hypermesh/lease/1', streamsMax: 1, opensPerTenSeconds: 1, bytesMax: null, deadlineMs: null },
        (stream) => {
          stream.reset();
          return Promise.resolve();
        },
      );
    await world.clock.run(2 * TICK_MS);
    expect(running.effective).toBe(0);
    await world.clock.run(2 * TICK_MS);
    expect(['ending', 'ended']).toContain((await lender.engine.get(id as LeaseId)).state);
    await world.clock.run(6_000);
    const lent = await lender.engine.get(id as LeaseId);
    expect(lent).toMatchObject({ state: 'ended', code: 'NOT_COUNTERSIGNED', receiptsSigned: 2 });
    // What it took without signing is a tick at most.
    expect(lent.unitSeconds).toBeLessThanOrEqual(2_000);
    pair.expectNothingTaken();
  });
  it('and vanishes, is not waited for', async () => {
    const { id } = await pair.lease(await lender.offer());
    borrower.crash();
    await world.clock.run(12_000);
    expect(await lender.engine.get(id as LeaseId)).toMatchObject({ state: 'ended', code: 'NOT_COUNTERSIGNED' });
    pair.expectNothingTaken();
    await borrower.restart();
    await world.clock.run(5_000);
    expect(await borrower.engine.get(id as LeaseId)).toMatchObject({ state: 'ended', code: 'NOT_COUNTERSIGNED' });
  });
});

describe('a lender that lies', () => {
  /** A running lease whose real lender is silent, so that another voice can speak with its keys. */
  const silence = async () => {
    const { id } = await pair.lease(await lender.offer());
    await world.clock.run(2 * TICK_MS + 10);
    const kept = await borrower.store.get<{ grant_record: Uint8Array }>(
      'test.grant',
      'SELECT grant_record FROM leases',
    );
    const signed = await borrower.store.get<{ receipt: Uint8Array }>(
      'test.receipt',
      'SELECT receipt FROM lease_receipts',
    );
    lender.crash();
    world.net.up('lender');
    const link = await linkFrom('lender', lender, borrower);
    const grant = kept!.grant_record;
    const tell = (given: Partial<LeaseReceipt>, signer: LeaseNode = lender) =>
      say(link, {
        kind: 'receipt',
        lease: id as LeaseId,
        record: signer.sign(
          'lease-receipt',
          encodeReceipt({
            id: id as LeaseId,
            grant: hashOfRecord(grant),
            sequence: 3,
            unitSeconds: 2_500,
            sentBytes: 0,
            receivedBytes: 0,
            owedMicro: 0n,
            atMs: world.clock.nowMs(),
            final: false,
            ...given,
          }),
        ),
      });
    return { id: id as LeaseId, tell, link, old: signed!.receipt, grant };
  };
  it('gets a signature for what was used', async () => {
    const { tell } = await silence();
    expect(await tell({})).toMatchObject({ kind: 'countersigned' });
  });
  it.each<[string, Partial<LeaseReceipt>, string]>([
    ['claims more than there was time for', { unitSeconds: 6_000 }, 'RECEIPT_WRONG'],
    ['takes back what it said', { unitSeconds: 1 }, 'RECEIPT_WRONG'],
    ['asks for money that was not agreed', { owedMicro: 1n }, 'RECEIPT_WRONG'],
  ])('and %s gets none, and loses the lease', async (_name, given, code) => {
    const { id, tell } = await silence();
    expect(await tell(given)).toMatchObject({ kind: 'refused', code });
    expect(borrower.offences).toMatchObject([{ offence: 'lied' }]);
    await world.clock.run(6_000);
    expect(await borrower.engine.get(id)).toMatchObject({ state: 'ended', code: 'LENDER_LIED', receiptsSigned: 2 });
  });
  it('and shows old, early, foreign or forged receipts gets nothing for them', async () => {
    const { id, tell, link, old } = await silence();
    const third = await world.node('third');
    expect(await tell({ sequence: 1, unitSeconds: 1_000 })).toMatchObject({ code: 'RECEIPT_OLD' });
    expect(await tell({ sequence: 5 })).toMatchObject({ code: 'RECEIPT_GAP' });
    expect(await tell({ grant: new Uint8Array(32) })).toMatchObject({ code: 'RECEIPT_FOREIGN' });
    expect(await tell({ id: newLeaseId(random) })).toMatchObject({ code: 'RECEIPT_FOREIGN' });
    expect(await tell({ final: true })).toMatchObject({ code: 'RECEIPT_FOREIGN' });
    expect(await tell({}, third)).toMatchObject({ code: 'RECEIPT_FOREIGN' });
    expect((await borrower.engine.get(id)).receiptsSigned).toBe(2);
    // The last one again gets the signature that it got before, and counts once.
    const again = await say(link, { kind: 'receipt', lease: id, record: old });
    expect(again).toMatchObject({ kind: 'countersigned' });
    expect(await say(link, { kind: 'receipt', lease: id, record: old })).toEqual(again);
    expect((await borrower.engine.get(id)).receiptsSigned).toBe(2);
  });
  it('is believed about its end only where it is the lender', async () => {
    const { id } = await silence();
    const third = await world.node('third');
    const link = await linkFrom('third', third, borrower);
    const ended: LeaseQuestion = { kind: 'ended', lease: id, code: 'OVER', reason: 'I say so', record: null };
    expect(await say(link, ended)).toMatchObject({ code: 'LEASE_UNKNOWN' });
    expect((await borrower.engine.get(id)).state).toBe('running');
  });
  it.each<[string, (good: Uint8Array) => Uint8Array]>([
    ['a grant that another signed', (good) => borrower.sign('lease-grant', payloadOf(good))],
    [
      'a grant for more',
      (good) => lender.sign('lease-grant', encodeGrant({ ...decodeGrant(payloadOf(good)), amount: 2000 })),
    ],
    [
      'a grant for another',
      (good) =>
        lender.sign(
          'lease-grant',
          encodeGrant({ ...decodeGrant(payloadOf(good)), borrower: lender.peer.signer.keyIdBytes }),
        ),
    ],
    [
      'a grant of another request',
      (good) =>
        lender.sign('lease-grant', encodeGrant({ ...decodeGrant(payloadOf(good)), request: new Uint8Array(32) })),
    ],
    [
      'a grant that costs more',
      (good) => lender.sign('lease-grant', encodeGrant({ ...decodeGrant(payloadOf(good)), priceMicro: 5n })),
    ],
    [
      'a grant that ran out',
      (good) =>
        lender.sign('lease-grant', encodeGrant({ ...decodeGrant(payloadOf(good)), startsAtMs: 1, endsAtMs: 2 })),
    ],
    [
      'an old grant',
      () =>
        lender.sign(
          'lease-grant',
          encodeGrant({
            id: newLeaseId(random),
            request: new Uint8Array(32),
            borrower: borrower.peer.signer.keyIdBytes,
            amount: 1000,
            address: 'fd00::1' as never,
            priceMicro: 0n,
            tickMs: 1000,
            startsAtMs: world.clock.nowMs(),
            endsAtMs: world.clock.nowMs() + 60_000,
          }),
        ),
    ],
    ['no grant', () => new Uint8Array(40)],
  ])('and answers with %s is not believed', async (_name, forge) => {
    const offer = await lender.offer();
    // A good one first, to be made bad.
    const good = await pair.lease(offer);
    const kept = await borrower.store.get<{ grant_record: Uint8Array }>(
      'test.grant',
      'SELECT grant_record FROM leases WHERE id = ?',
      [good.id],
    );
    const { encodeAnswer } = await import('../../../../../main/kernel/leases/protocol.ts');
    const { respond } = await import('../../../../../main/transport/stoq/index.ts');
    world.net
      .node('lender', { peerId: lender.peer.local.peerId, keyId: lender.peer.local.keyId })
      .handle(
        { name: '/hypermesh/lease/1', streamsMax: 1, opensPerTenSeconds: 1, bytesMax: null, deadlineMs: null },
        (stream) => respond(stream, {}, () => encodeAnswer({ kind: 'granted', record: forge(kept!.grant_record) })),
      );
    expect(await pair.lease(offer)).toMatchObject({ state: 'ended', code: 'GRANT_INVALID' });
    expect(borrower.offences).toMatchObject([{ offence: 'lied' }]);
    expect(borrower.escrowed.size).toBe(1);
  });
});
