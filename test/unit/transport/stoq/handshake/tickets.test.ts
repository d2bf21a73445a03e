import fc from 'fast-check';
import { describe, expect, it, vi } from 'vitest';
import type { PeerVerifier, VerifiedPeer, PeerId } from '../../../../../main/transport/stoq/interface.ts';
import {
  TICKET_LIFE_MS_MAX,
  TICKETS_MAX,
  TICKETS_PER_PEER_MAX,
} from '../../../../../main/transport/stoq/handshake/constants.ts';
import { createTicketStore, type Ticket } from '../../../../../main/transport/stoq/handshake/tickets.ts';
import { decodeCbor } from '../../../../../main/base/index.ts';
import { createManualClock } from '../../../../support/manual-clock.ts';
import { createPipe } from '../../../../support/stoq/pipe.ts';
import { dialAs, forgeHello, relay } from './attacker.ts';
import {
  binding,
  channelOf,
  codeOf,
  identity,
  makeNode,
  meet,
  network,
  optionsOf,
  sessionsOf,
  verifier,
  workers,
} from './fixture.ts';

const alice = identity(1).local;
const bob = identity(2).local;
const mallory = identity(3).local;

/** Signatures that were checked, by whoever is handed this. */
const counting = (): { verifier: PeerVerifier; count: () => number } => {
  let count = 0;
  return {
    count: () => count,
    verifier: {
      verify: (certificate) => verifier.verify(certificate),
      openRecord: (domain, record) => {
        count += 1;
        return verifier.openRecord(domain, record);
      },
    },
  };
};
const resumedOf = async (...args: Parameters<typeof meet>): Promise<boolean> => {
  const [x, y] = sessionsOf(await meet(...args));
  expect(x.resumed).toBe(y.resumed);
  expect(x.deriveKey('k')).toEqual(y.deriveKey('k'));
  return x.resumed;
};

describe('resuming', () => {
  it('costs no signature, in either direction, and gives keys of its own to the same identities', async () => {
    const checks = counting();
    const a = makeNode(alice, { verifier: checks.verifier });
    const b = makeNode(bob, { verifier: checks.verifier });
    const [first] = sessionsOf(await meet(a, b));
    expect(checks.count()).toBe(2);
    const again = await meet(a, b);
    const [x, y] = sessionsOf(again);
    const [z] = sessionsOf(await meet(b, a));
    expect([x.resumed, y.resumed, z.resumed]).toEqual([true, true, true]);
    expect(checks.count()).toBe(2);
    expect(x.peer).toEqual(first.peer);
    expect(y.peer.peerId).toBe(alice.peerId);
    expect(x.deriveKey('k')).toEqual(y.deriveKey('k'));
    expect(new Set([first, x, z].map(({ id }) => Buffer.from(id).toString('hex'))).size).toBe(3);
    expect(x.remote).toEqual(first.remote);
    // Far smaller, and still three messages.
    expect(again.ends[1].written[0]?.length).toBeLessThan(4096);
    expect(again.ends[0].written).toHaveLength(2);
  });

  it('has fresh shares, so that a ticket that becomes known later opens nothing that was said', async () => {
    const a = makeNode(alice);
    const b = makeNode(bob);
    sessionsOf(await meet(a, b));
    const shares = async (): Promise<string[]> => {
      const { ends } = await meet(a, b);
      const hello = decodeCbor(ends[0].written[0] as Uint8Array) as Record<string, Uint8Array>;
      const answer = decodeCbor((ends[1].written[0] as Uint8Array).subarray(4)) as Record<string, unknown>;
      expect(answer['resumed']).toBe(true);
      return [hello['x25519'], hello['kem'], answer['x25519'], answer['kem']].map((value) =>
        Buffer.from(value as Uint8Array).toString('hex'),
      );
    };
    const all = [...(await shares()), ...(await shares())];
    expect(new Set(all).size).toBe(8);
  });

  it('is refused with an ML-KEM key that is none, as without a ticket', async () => {
    let pairs = 0;
    const from = makeNode(alice, {
      workers: {
        ...workers,
        run: async <I, O>(task: string, input: I): Promise<O> => {
          const output = await workers.run<I, O>(task, input);
          if (task === 'stoq.kemKeys' && ++pairs > 1) (output as { public: Uint8Array }).public.fill(0xff);
          return output;
        },
      },
    });
    const to = makeNode(bob);
    sessionsOf(await meet(from, to));
    await vi.waitFor(() => expect(pairs).toBe(2));
    const { responder } = await meet(from, to);
    expect(codeOf(responder)).toBe('HANDSHAKE_MALFORMED');
  });

  it('needs a ticket of that very peer: whoever else is dialled signs', async () => {
    const a = makeNode(alice);
    sessionsOf(await meet(a, makeNode(bob)));
    expect(await resumedOf(a, makeNode(mallory))).toBe(false);
    // Bob after a restart has no tickets: the same three messages, with signatures.
    expect(await resumedOf(a, makeNode(bob))).toBe(false);
    expect(await resumedOf(a, makeNode(bob), { expected: null })).toBe(false);
  });

  it('proves the networks of now, not those of then', async () => {
    const one = network('one');
    const a = makeNode(alice, { networks: [one] });
    const b = makeNode(bob, { networks: [one] });
    sessionsOf(await meet(a, b));
    b.state.networks = [];
    const [x] = sessionsOf(await meet(a, b));
    expect(x.resumed).toBe(true);
    expect([...x.networks]).toEqual(['public']);
    b.state.networks = [one, network('two')];
    a.state.networks = [network('two')];
    const [y] = sessionsOf(await meet(a, b));
    expect([...y.networks].sort()).toEqual(['public', network('two').id].sort());
  });

  it('ends when either side forgets the other, or all', async () => {
    for (const forget of [
      (a: ReturnType<typeof makeNode>) => a.handshaker.forget(bob.peerId),
      (a: ReturnType<typeof makeNode>) => a.handshaker.forget(),
      (_: unknown, b: ReturnType<typeof makeNode>) => b.handshaker.forget(alice.peerId),
      (_: unknown, b: ReturnType<typeof makeNode>) => b.handshaker.forget(),
    ]) {
      const a = makeNode(alice);
      const b = makeNode(bob);
      sessionsOf(await meet(a, b));
      forget(a, b);
      expect(await resumedOf(a, b)).toBe(false);
    }
    const a = makeNode(alice);
    const b = makeNode(bob);
    sessionsOf(await meet(a, b));
    a.handshaker.forget(mallory.peerId);
    expect(await resumedOf(a, b)).toBe(true);
  });

  it('fails when the peer is forgotten while it resumes, and a full handshake of that moment leaves no ticket', async () => {
    const a = makeNode(alice);
    const b = makeNode(bob);
    sessionsOf(await meet(a, b));
    const [left, one] = createPipe();
    const [two, right] = createPipe();
    relay(one, two, (bytes, way) => {
      if (way === 'back') b.handshaker.forget(alice.peerId);
      return bytes;
    });
    const [, responded] = await Promise.allSettled([
      a.handshaker.initiate(channelOf('out'), left, optionsOf({ expected: bob.peerId })),
      b.handshaker.respond(channelOf('in'), right, optionsOf()),
    ]);
    expect(responded).toMatchObject({ status: 'rejected', reason: { code: 'HANDSHAKE_REFUSED' } });
    expect(await resumedOf(b, a)).toBe(false);
  });

  it('takes each ticket once: shown again, it costs a full handshake', async () => {
    const b = makeNode(bob);
    const a = makeNode(alice);
    const [session] = sessionsOf(await meet(a, b));
    expect(session.resumed).toBe(false);
    const { ends } = await meet(a, b);
    const used = ends[0].written[0] as Uint8Array;
    // The very hello again: the ticket is spent, so that Bob would need signatures, which a replayer has not.
    const [evil, end] = createPipe();
    const responding = b.handshaker.respond(channelOf('in'), end, optionsOf());
    await evil.write(used);
    await evil.write(ends[0].written[1] as Uint8Array);
    await expect(responding).rejects.toMatchObject({ code: 'HANDSHAKE_REFUSED' });
    const answer = decodeCbor((end.written[0] as Uint8Array).subarray(4)) as Record<string, unknown>;
    expect(answer['resumed']).toBe(false);
  });

  it('cannot be used, nor used up, by one who saw the ticket but not its secret, or on another channel', async () => {
    const a = makeNode(alice);
    const b = makeNode(bob);
    sessionsOf(await meet(a, b));
    // Bob is away: Alice shows her ticket to whoever is there, who now has the hello.
    const [left, right] = createPipe();
    const controller = new AbortController();
    const lost = a.handshaker.initiate(
      channelOf('out', binding(5)),
      left,
      optionsOf({ expected: bob.peerId, signal: controller.signal }),
    );
    const bytes = (await right.read(4096)) as Uint8Array;
    const { ticket } = decodeCbor(bytes) as { ticket: Uint8Array };
    const attempts = [
      forgeHello(binding(1), { ticketId: ticket.subarray(0, 16), binder: ticket.subarray(16) }),
      forgeHello(binding(1), { ticketId: ticket.subarray(0, 16) }),
      forgeHello(binding(1), { ticketId: ticket.subarray(0, 16) }, new Uint8Array(32)),
    ];
    for (const hello of attempts) {
      const [evil, end] = createPipe();
      const responding = b.handshaker.respond(channelOf('in'), end, optionsOf());
      responding.catch(() => undefined);
      expect((await dialAs(evil, binding(1), hello)).answer.resumed).toBe(false);
      evil.reset();
    }
    const [evil, end] = createPipe();
    const responding = b.handshaker.respond(channelOf('in', binding(1)), end, optionsOf());
    responding.catch(() => undefined);
    await evil.write(bytes);
    const frame = (await evil.read(65_536)) as Uint8Array;
    expect((decodeCbor(frame.subarray(4)) as Record<string, unknown>)['resumed']).toBe(false);
    // Over the channel that it was made for it still counts: nobody has used it up.
    const [late, lateEnd] = createPipe();
    const again = b.handshaker.respond(channelOf('in', binding(5)), lateEnd, optionsOf());
    again.catch(() => undefined);
    await late.write(bytes);
    const answer = (await late.read(65_536)) as Uint8Array;
    expect((decodeCbor(answer.subarray(4)) as Record<string, unknown>)['resumed']).toBe(true);
    for (const stream of [late, evil]) stream.reset();
    controller.abort(new Error('done'));
    await expect(lost).rejects.toThrow('done');
  });

  it('ends a day after the last signatures, however often it was resumed', async () => {
    const clock = createManualClock();
    const a = makeNode(alice, { clock });
    const b = makeNode(bob, { clock });
    sessionsOf(await meet(a, b));
    for (let hour = 0; hour < 23; hour++) {
      clock.advanceSync(60 * 60 * 1000);
      expect(await resumedOf(a, b)).toBe(true);
    }
    clock.advanceSync(60 * 60 * 1000 - 1);
    expect(await resumedOf(a, b)).toBe(true);
    clock.advanceSync(1);
    expect(await resumedOf(a, b)).toBe(false);
  });

  it('ends when a clock jumps: on beyond the day, or back before the ticket', async () => {
    for (const jumpMs of [TICKET_LIFE_MS_MAX, -1]) {
      const clock = createManualClock();
      const a = makeNode(alice, { clock });
      const b = makeNode(bob);
      sessionsOf(await meet(a, b));
      clock.setNowMs(clock.nowMs() + jumpMs);
      expect(await resumedOf(a, b)).toBe(false);
      expect(await resumedOf(a, b)).toBe(true);
    }
    // Two hours on is none of its business.
    const clock = createManualClock();
    const a = makeNode(alice, { clock });
    const b = makeNode(bob);
    sessionsOf(await meet(a, b));
    clock.setNowMs(clock.nowMs() + 2 * 60 * 60 * 1000);
    expect(await resumedOf(a, b)).toBe(true);
  });

  it('works for several paths that are opened at once', async () => {
    const a = makeNode(alice);
    const b = makeNode(bob);
    await Promise.all([meet(a, b), meet(a, b), meet(b, a)]);
    const [x, y] = await Promise.all([resumedOf(a, b), resumedOf(a, b)]);
    expect([x, y]).toEqual([true, true]);
  });
});

describe('the store of tickets', () => {
  const peer = (name: string): VerifiedPeer => ({
    peerId: name as PeerId,
    keyId: 'key:x' as VerifiedPeer['keyId'],
    keys: { ed25519: new Uint8Array(0), falcon1024: new Uint8Array(0) },
    kem: new Uint8Array(0),
    certificate: new Uint8Array(0),
  });

  it('stays within its bounds, whatever is added, and gives what was added last', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.nat(3), fc.boolean()), { maxLength: 60 }), (adds) => {
        const store = createTicketStore({ clock: createManualClock() });
        const last = new Map<string, Ticket>();
        const added: Ticket[] = [];
        const found: (Ticket | null)[] = [];
        adds.forEach(([who, ours], n) => {
          const id = new Uint8Array(16);
          new DataView(id.buffer).setUint32(0, n);
          const ticket = { id, secret: new Uint8Array(32), peer: peer(`p${who}`), provedAt: store.now() };
          store.add(ours ? 'ours' : 'theirs', ticket);
          if (ours) last.set(`p${who}`, ticket);
          found.push(ours ? ticket : store.find(id));
          added.push(ticket);
        });
        expect(found).toEqual(added);
        expect(store.size).toBeLessThanOrEqual(2 * 4 * TICKETS_PER_PEER_MAX);
        for (const [name, ticket] of last) expect(store.take(name as PeerId)).toBe(ticket);
      }),
    );
  });

  it('forgets the oldest of many peers', () => {
    const store = createTicketStore({ clock: createManualClock() });
    for (let n = 0; n < TICKETS_MAX + 5; n++) {
      const id = new Uint8Array(16);
      new DataView(id.buffer).setUint32(0, n);
      store.add('theirs', { id, secret: id, peer: peer(`p${n}`), provedAt: store.now() });
    }
    expect(store.size).toBe(TICKETS_MAX);
    expect(store.find(new Uint8Array(16))).toBeNull();
  });
});
