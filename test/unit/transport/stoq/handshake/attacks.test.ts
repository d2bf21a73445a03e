import { describe, expect, it } from 'vitest';
import { decodeCbor, encodeCbor } from '../../../../../main/base/index.ts';
import { signRecord } from '../../../../../main/base/crypto/index.ts';
import { HELLO_BYTES } from '../../../../../main/transport/stoq/handshake/constants.ts';
import type { Session } from '../../../../../main/transport/stoq/handshake/interface.ts';
import {
  encodeIntroduction,
  encodeStatement,
  type Introduction,
} from '../../../../../main/transport/stoq/handshake/messages.ts';
import type { PeerId } from '../../../../../main/transport/stoq/interface.ts';
import { createManualClock } from '../../../../support/manual-clock.ts';
import { createPipe, type PipeEnd } from '../../../../support/stoq/pipe.ts';
import { answerAs, dialAs, forgeHello, readExactly, readFrame, relay, writeFrame } from './attacker.ts';
import {
  binding,
  channelOf,
  codeOf,
  identity,
  makeNode,
  meet,
  type Meeting,
  network,
  optionsOf,
  sessionsOf,
  type TestNode,
} from './fixture.ts';

const alice = identity(1).local;
const bob = identity(2).local;
const mallory = identity(3).local;

/** Both handshakers run, each on a channel of its own, with somebody between them. */
const meetThrough = async (
  from: TestNode,
  to: TestNode,
  middle: (left: PipeEnd, right: PipeEnd) => void,
  options: { bindings?: [Uint8Array, Uint8Array]; expected?: PeerId | null } = {},
): Promise<Omit<Meeting, 'ends'>> => {
  const [a, left] = createPipe();
  const [right, b] = createPipe();
  const [one, two] = options.bindings ?? [binding(1), binding(1)];
  middle(left, right);
  const expected = options.expected === undefined ? to.peerId : options.expected;
  const [initiator, responder] = await Promise.allSettled([
    from.handshaker.initiate(channelOf('out', one), a, optionsOf({ expected })),
    to.handshaker.respond(channelOf('in', two), b, optionsOf()),
  ]);
  return { initiator, responder };
};
const blank = (certificate: Uint8Array | null, networks: Uint8Array | null): Introduction => ({
  certificate,
  record: null,
  networks,
  open: true,
  info: { agent: 'evil/1', addresses: [], sidePort: null, relays: false },
  observed: null,
});

describe('somebody in the middle', () => {
  it('who changes nothing on one channel is not noticed: the tests below fail for what they change', async () => {
    const { initiator, responder } = await meetThrough(makeNode(alice), makeNode(bob), relay);
    expect([codeOf(initiator), codeOf(responder)]).toEqual(['fulfilled', 'fulfilled']);
  });

  it('with a channel to each end and every byte passed on is noticed by the binding', async () => {
    const { initiator, responder } = await meetThrough(makeNode(alice), makeNode(bob), relay, {
      bindings: [binding(1), binding(2)],
    });
    expect(codeOf(initiator)).toBe('HANDSHAKE_REFUSED');
    expect(codeOf(responder)).toBe('RESET');
  });

  it('who takes the better version out of the list is noticed, and so is one who takes the worse one in', async () => {
    // The list lies behind the longer names; 82 02 01 is [2, 1], 81 01 is [1].
    const strip = (bytes: Uint8Array, way: 'there' | 'back', place: number): Uint8Array => {
      if (way === 'back' || place > 0) return bytes;
      const hello = decodeCbor(bytes) as Record<string, unknown> & { v: number[]; pad: Uint8Array };
      expect(hello.v).toEqual([2, 1]);
      const changed = { ...hello, v: [1], pad: new Uint8Array(hello.pad.length + 1) };
      expect(encodeCbor(changed)).toHaveLength(HELLO_BYTES);
      return encodeCbor(changed);
    };
    const old = { versions: [2, 1] };
    const { initiator, responder } = await meetThrough(makeNode(alice, old), makeNode(bob, old), (left, right) =>
      relay(left, right, strip),
    );
    expect(codeOf(initiator)).toBe('HANDSHAKE_REFUSED');
    expect(codeOf(responder)).toBe('RESET');

    const lower = (bytes: Uint8Array, way: 'there' | 'back', place: number): Uint8Array => {
      if (way === 'there' || place > 0) return bytes;
      const answer = decodeCbor(bytes.subarray(4)) as Record<string, unknown>;
      expect(answer['v']).toBe(2);
      return new Uint8Array([...bytes.subarray(0, 4), ...encodeCbor({ ...answer, v: 1 })]);
    };
    const second = await meetThrough(makeNode(alice, old), makeNode(bob, old), (left, right) =>
      relay(left, right, lower),
    );
    expect(codeOf(second.initiator)).toBe('HANDSHAKE_REFUSED');
  });

  it('who changes any single byte of any message is noticed by both ends', async () => {
    const { ends } = await meet(makeNode(alice, { seed: 1 }), makeNode(bob, { seed: 2 }));
    const sizes = {
      hello: HELLO_BYTES,
      answer: ends[1].written[0]?.length ?? 0,
      finish: ends[0].written[1]?.length ?? 0,
    };
    for (const [way, from, size] of [
      ['there', 0, sizes.hello],
      ['back', 0, sizes.answer],
      ['there', HELLO_BYTES, sizes.finish],
    ] as const)
      for (let n = 0; n < 24; n++) {
        // The length in front of a frame may also make the other end wait: that is for the deadline, tested elsewhere.
        const at = from + (from === 0 && way === 'there' ? 0 : 4) + Math.floor(((size - 4) * n) / 24);
        const { initiator, responder } = await meetThrough(makeNode(alice), makeNode(bob), (left, right) =>
          relay(left, right, (bytes, which, place) => {
            if (which !== way || at < place || at >= place + bytes.length) return bytes;
            const changed = bytes.slice();
            changed[at - place] = (changed[at - place] as number) ^ (1 << (n % 8));
            return changed;
          }),
        );
        expect(codeOf(responder), `${way} ${at}`).not.toBe('fulfilled');
        // The third message is the last: its sender is done with it.
        expect(codeOf(initiator) === 'fulfilled', `${way} ${at}`).toBe(from > 0);
      }
  });

  it('who lets another node answer is told by the identity that was expected, and does not learn who dialled', async () => {
    const meeting = await meet(makeNode(alice), makeNode(mallory), { expected: bob.peerId });
    expect(codeOf(meeting.initiator)).toBe('WRONG_PEER');
    expect(meeting.ends[0].written).toHaveLength(1);
    expect(codeOf(meeting.responder)).toBe('RESET');
  });
});

describe('a node that answers', () => {
  /** @param introduce - what it says in place of the truth */
  const tryOn = async (
    introduce: Parameters<typeof answerAs>[2],
    options: { expected?: PeerId | null; change?: Parameters<typeof answerAs>[3]; node?: TestNode } = {},
  ): Promise<string> => {
    const [a, evil] = createPipe();
    const dialled = (options.node ?? makeNode(alice)).handshaker.initiate(
      channelOf('out'),
      a,
      optionsOf({ expected: options.expected ?? null }),
    );
    const [result] = await Promise.allSettled([dialled, answerAs(evil, binding(1), introduce, options.change)]);
    return codeOf(result);
  };
  const signedBy = (
    number: number,
    introduction: Introduction,
    statement: Partial<Parameters<typeof encodeStatement>[0]>,
  ): Introduction => {
    const { keys, local } = identity(number);
    const payload = encodeStatement({
      role: 'responder',
      transcript: new Uint8Array(64),
      introduction,
      initiator: null,
      responder: local.peerId,
      ...statement,
    });
    return { ...introduction, record: signRecord(keys.node.public, keys.node.secret, 'stoq-handshake', payload) };
  };

  it('is believed when it keeps to the rules', async () => {
    const said = blank(mallory.certificate, new Uint8Array(512));
    expect(await tryOn((transcript) => signedBy(3, said, { transcript }))).toBe('fulfilled');
  });

  it('with someone else’s certificate is refused, whatever it signs', async () => {
    const said = blank(bob.certificate, new Uint8Array(512));
    expect(await tryOn((transcript) => signedBy(3, said, { transcript, responder: bob.peerId }))).toBe(
      'HANDSHAKE_REFUSED',
    );
    expect(await tryOn((transcript) => signedBy(3, said, { transcript }))).toBe('HANDSHAKE_REFUSED');
  });

  it('with a live answer that the other one gave to it is refused: another handshake was signed', async () => {
    // Mallory dials Bob as herself, and shows Alice what Bob has just signed for her.
    const [toBob, b] = createPipe();
    const responding = makeNode(bob).handshaker.respond(channelOf('in', binding(2)), b, optionsOf());
    responding.catch(() => undefined);
    const { theirs } = await dialAs(toBob, binding(2), forgeHello(binding(2)));
    expect(theirs.certificate).toEqual(bob.certificate);
    expect(await tryOn(() => theirs, { expected: bob.peerId })).toBe('HANDSHAKE_REFUSED');
    toBob.reset();
  });

  it('with a signature for another role, transcript, saying, peer or purpose is refused', async () => {
    const said = blank(mallory.certificate, new Uint8Array(512));
    const tries: ((transcript: Uint8Array) => Introduction)[] = [
      (transcript) => signedBy(3, said, { transcript, role: 'initiator' }),
      (transcript) => signedBy(3, said, { transcript: transcript.map((byte) => byte ^ 1) }),
      (transcript) => ({ ...signedBy(3, said, { transcript }), networks: new Uint8Array(512).fill(1) }),
      (transcript) => ({
        ...signedBy(3, said, { transcript }),
        observed: null,
        info: { ...said.info, agent: 'other' },
      }),
      (transcript) => signedBy(3, said, { transcript, responder: bob.peerId }),
      (transcript) => signedBy(3, said, { transcript, initiator: alice.peerId }),
      (transcript) => {
        const { keys } = identity(3);
        const payload = encodeStatement({
          role: 'responder',
          transcript,
          introduction: said,
          initiator: null,
          responder: mallory.peerId,
        });
        return { ...said, record: signRecord(keys.node.public, keys.node.secret, 'stoq-peer', payload) };
      },
      // The account's keys are in the certificate too, and are not the node's.
      (transcript) => {
        const { keys } = identity(3);
        const payload = encodeStatement({
          role: 'responder',
          transcript,
          introduction: said,
          initiator: null,
          responder: mallory.peerId,
        });
        return { ...said, record: signRecord(keys.account.public, keys.account.secret, 'stoq-handshake', payload) };
      },
    ];
    for (const [n, attempt] of tries.entries()) expect(await tryOn(attempt), String(n)).toBe('HANDSHAKE_REFUSED');
  });

  it('with a certificate that is none, or was changed, is refused', async () => {
    const changed = mallory.certificate.slice();
    changed[4000] = (changed[4000] as number) ^ 1;
    for (const certificate of [Uint8Array.of(1), changed, new Uint8Array(16_384)]) {
      const said = blank(certificate, new Uint8Array(512));
      expect(await tryOn((transcript) => signedBy(3, said, { transcript }))).toBe('CERTIFICATE_REFUSED');
    }
  });

  it('with a share of small order, or one that takes the secret out, is refused', async () => {
    const said = blank(mallory.certificate, new Uint8Array(512));
    const zero = new Uint8Array(32);
    expect(await tryOn((transcript) => signedBy(3, said, { transcript }), { change: { x25519: zero } })).toBe(
      'HANDSHAKE_REFUSED',
    );
    expect(
      await tryOn((transcript) => signedBy(3, said, { transcript }), { change: { kem: new Uint8Array(1568) } }),
    ).toBe('HANDSHAKE_REFUSED');
  });

  it('with a version that was not offered, or a resumption that was not asked for, is refused', async () => {
    const said = blank(mallory.certificate, new Uint8Array(512));
    expect(await tryOn((transcript) => signedBy(3, said, { transcript }), { change: { version: 2 } })).toBe(
      'HANDSHAKE_MALFORMED',
    );
    expect(await tryOn(() => blank(null, new Uint8Array(512)), { change: { resumed: true } })).toBe(
      'HANDSHAKE_MALFORMED',
    );
  });

  it('says that it resumes without having the ticket’s secret is refused', async () => {
    const a = makeNode(alice);
    sessionsOf(await meet(a, makeNode(bob)));
    expect(
      await tryOn(() => blank(null, new Uint8Array(512)), { change: { resumed: true }, expected: bob.peerId, node: a }),
    ).toBe('HANDSHAKE_REFUSED');
  });
});

describe('a node that dials', () => {
  const start = async (
    hello = forgeHello(binding(1)),
  ): Promise<{ evil: PipeEnd; responding: Promise<Session>; met: Awaited<ReturnType<typeof dialAs>> }> => {
    const [evil, b] = createPipe();
    const responding = makeNode(bob).handshaker.respond(channelOf('in'), b, optionsOf());
    responding.catch(() => undefined);
    return { evil, responding, met: await dialAs(evil, binding(1), hello) };
  };

  it('and sends the other one’s own certificate and signature back to it is refused', async () => {
    const { evil, responding, met } = await start();
    await writeFrame(evil, met.keys.sealFinish(met.transcript, encodeIntroduction({ ...met.theirs, networks: null })));
    await expect(responding).rejects.toMatchObject({ code: 'HANDSHAKE_REFUSED' });
  });

  it('as another node, with what that one signed for the attacker a moment ago, is refused', async () => {
    // Alice dials Mallory, who would like to be Alice at Bob's: she passes on Alice's certificate and signature.
    const [a, fromAlice] = createPipe();
    const dialled = makeNode(alice).handshaker.initiate(channelOf('out', binding(9)), a, optionsOf());
    const said = blank(mallory.certificate, new Uint8Array(512));
    const { keys, transcript } = await answerAs(fromAlice, binding(9), (shares) => {
      const { node } = identity(3).keys;
      const payload = encodeStatement({
        role: 'responder',
        transcript: shares,
        introduction: said,
        initiator: null,
        responder: mallory.peerId,
      });
      return { ...said, record: signRecord(node.public, node.secret, 'stoq-handshake', payload) };
    });
    await dialled;
    const { parseIntroduction } = await import('../../../../../main/transport/stoq/handshake/messages.ts');
    const shown = parseIntroduction(keys.openFinish(transcript, await readFrame(fromAlice)), 'initiator', false);
    expect(shown.certificate).toEqual(alice.certificate);

    const { evil, responding, met } = await start();
    await writeFrame(evil, met.keys.sealFinish(met.transcript, encodeIntroduction(shown)));
    await expect(responding).rejects.toMatchObject({ code: 'HANDSHAKE_REFUSED' });
  });

  it('and plays yesterday’s handshake again gets no session', async () => {
    const b = makeNode(bob);
    const { ends } = await meet(makeNode(alice), b);
    const [hello, finish] = ends[0].written as [Uint8Array, Uint8Array];
    const [evil, end] = createPipe();
    const responding = b.handshaker.respond(channelOf('in'), end, optionsOf());
    await evil.write(hello);
    await evil.write(finish);
    await expect(responding).rejects.toMatchObject({ code: 'HANDSHAKE_REFUSED' });
  });

  it('and sends a hello back to whom it came from meets the node itself, even on one channel', async () => {
    const a = makeNode(alice);
    const { initiator, responder } = await meetThrough(a, a, relay, { expected: null });
    expect(codeOf(initiator)).toBe('SELF');
    expect(codeOf(responder)).toBe('RESET');
  });

  it('and signs as its true self what it signed for nobody is refused', async () => {
    const { evil, responding, met } = await start();
    const introduction = { ...blank(mallory.certificate, null) };
    const { node } = identity(3).keys;
    // Names another responder: what a node in the middle would have to show.
    const payload = encodeStatement({
      role: 'initiator',
      transcript: met.transcript,
      introduction,
      initiator: mallory.peerId,
      responder: alice.peerId,
    });
    const record = signRecord(node.public, node.secret, 'stoq-handshake', payload);
    await writeFrame(evil, met.keys.sealFinish(met.transcript, encodeIntroduction({ ...introduction, record })));
    await expect(responding).rejects.toMatchObject({ code: 'HANDSHAKE_REFUSED' });
  });

  it('learns who answers only under keys, and a recorder of all messages finds neither name nor key in them', async () => {
    const { ends } = await meet(makeNode(alice), makeNode(bob));
    const wire = Buffer.concat([...ends[0].written, ...ends[1].written]);
    for (const { keys, local } of [identity(1), identity(2)]) {
      expect(wire.includes(Buffer.from(keys.node.public.ed25519))).toBe(false);
      expect(wire.includes(Buffer.from(keys.node.public.falcon1024.subarray(0, 64)))).toBe(false);
      expect(wire.includes(Buffer.from(keys.kem.public.subarray(0, 64)))).toBe(false);
      expect(wire.includes(Buffer.from(local.peerId))).toBe(false);
    }
    expect(wire.includes('test/1')).toBe(false);
    expect(wire.includes('quic-v1')).toBe(false);
  });
});

describe('proofs of private networks', () => {
  it('are of one length, however many there are', async () => {
    const many = ['one', 'two', 'three', 'four', 'five'].map(network);
    const sizes = async (mine: typeof many, theirs: typeof many): Promise<number[]> => {
      const { ends } = await meet(makeNode(alice, { networks: mine }), makeNode(bob, { networks: theirs }));
      return [...ends[0].written, ...ends[1].written].map(({ length }) => length);
    };
    const none = await sizes([], []);
    expect(await sizes(many, [])).toEqual(none);
    expect(await sizes(many, many)).toEqual(none);
  });

  it('are not given to one who guesses: an outsider gets random bytes from a member, and nothing twice', async () => {
    const ours = [network('one')];
    const answers: Uint8Array[] = [];
    for (let n = 0; n < 2; n++) {
      const [evil, b] = createPipe();
      const responding = makeNode(bob, { networks: ours }).handshaker.respond(channelOf('in'), b, optionsOf());
      responding.catch(() => undefined);
      const { theirs } = await dialAs(evil, binding(1), forgeHello(binding(1)));
      answers.push(theirs.networks as Uint8Array);
      evil.reset();
    }
    const seen = new Set(
      answers.flatMap((proofs) =>
        Array.from({ length: 16 }, (_, n) => Buffer.from(proofs.subarray(n * 32, n * 32 + 32)).toString('hex')),
      ),
    );
    expect(seen.size).toBe(32);
  });

  it('copied from another’s hello prove nothing with other keys, nor on another channel', async () => {
    const ours = [network('one')];
    const { ends } = await meet(makeNode(alice, { networks: ours }), makeNode(bob, { networks: ours }));
    const copied = (decodeCbor(ends[0].written[0] as Uint8Array) as { networks: Uint8Array }).networks;
    const clock = createManualClock();
    const closed = makeNode(bob, { networks: ours, isOpen: false, clock });
    const [evil, b] = createPipe();
    const responding = closed.handshaker.respond(channelOf('in'), b, optionsOf());
    const outcome = Promise.allSettled([responding]);
    await evil.write(forgeHello(binding(1), { networks: copied }).bytes);
    await clock.advance(10_000);
    expect((await outcome).map(codeOf)).toEqual(['HANDSHAKE_TIMED_OUT']);
    // The whole hello, over a channel that is bound otherwise.
    const [evil2, b2] = createPipe();
    const second = Promise.allSettled([closed.handshaker.respond(channelOf('in', binding(2)), b2, optionsOf())]);
    await evil2.write(ends[0].written[0] as Uint8Array);
    await clock.advance(10_000);
    expect((await second).map(codeOf)).toEqual(['HANDSHAKE_TIMED_OUT']);
  });

  it('sent back to their maker prove nothing: roles differ', async () => {
    // A closed initiator dials; the other end sends the initiator's own proofs as its own.
    const [a, evil] = createPipe();
    const closed = makeNode(alice, { networks: [network('one')], isOpen: false });
    const dialled = closed.handshaker.initiate(channelOf('out'), a, optionsOf());
    const [result] = await Promise.allSettled([
      dialled,
      answerAs(evil, binding(1), (_, hello) => ({
        ...blank(bob.certificate, hello.networks),
        record: Uint8Array.of(1),
      })),
    ]);
    expect(codeOf(result)).toBe('NO_NETWORK_IN_COMMON');
  });
});

describe('a node that is closed to the public', () => {
  /** All that can be seen of it from outside: each read, write and reset, and when the handshake ended. */
  const observe = async (attack: (evil: PipeEnd) => Promise<void>, bound = binding(1)): Promise<unknown> => {
    const clock = createManualClock();
    const closed = makeNode(bob, { networks: [network('one')], isOpen: false, clock });
    const [evil, b] = createPipe();
    let ended: unknown = null;
    const responding = closed.handshaker.respond(channelOf('in', bound), b, optionsOf()).catch((error: unknown) => {
      ended = { atMs: clock.monotonicMs(), code: (error as { code: string }).code };
    });
    await attack(evil);
    for (let ms = 0; ms < 12_000; ms += 250) await clock.advance(250);
    await responding;
    expect(clock.pendingCount).toBe(0);
    return { log: b.log, ended };
  };

  it('looks the same to every stranger, whatever is sent', async () => {
    const dead = await observe((evil) => evil.write(new Uint8Array(HELLO_BYTES)));
    expect(dead).toEqual({
      log: [{ kind: 'read', bytes: HELLO_BYTES }, { kind: 'reset' }],
      ended: { atMs: 10_000, code: 'HANDSHAKE_TIMED_OUT' },
    });
    const member = await meet(
      makeNode(alice, { networks: [network('one')] }),
      makeNode(mallory, { networks: [network('one')] }),
    );
    const attempts: Record<string, (evil: PipeEnd) => Promise<void>> = {
      'a sound hello without proof': (evil) => evil.write(forgeHello(binding(1)).bytes),
      'another version': (evil) => evil.write(forgeHello(binding(1), { versions: [9] }).bytes),
      'a share of small order': (evil) => evil.write(forgeHello(binding(1), { x25519: new Uint8Array(32) }).bytes),
      'a hello and an end': async (evil) => {
        await evil.write(forgeHello(binding(1)).bytes);
        await evil.finish();
      },
      'a hello and more': async (evil) => {
        await evil.write(forgeHello(binding(1)).bytes);
        await evil.write(new Uint8Array(5000));
      },
      'a hello of another network': (evil) =>
        meet(makeNode(alice, { networks: [network('two')] }), makeNode(mallory)).then(({ ends }) =>
          evil.write(ends[0].written[0] as Uint8Array),
        ),
    };
    for (const [name, attack] of Object.entries(attempts)) expect(await observe(attack), name).toEqual(dead);
    // A member's own hello, on another channel than its own.
    expect(await observe((evil) => evil.write(member.ends[0].written[0] as Uint8Array), binding(7))).toEqual(dead);
  });

  it('says nothing either to what is too short, and does not wait for longer than its time', async () => {
    for (const bytes of [0, 1, HELLO_BYTES - 1]) {
      const { ended, log } = (await observe(async (evil) => {
        await evil.write(new Uint8Array(bytes));
        if (bytes === 1) await evil.finish();
      })) as { ended: unknown; log: { kind: string }[] };
      expect(ended).toEqual({ atMs: 10_000, code: 'HANDSHAKE_TIMED_OUT' });
      expect(log.filter(({ kind }) => kind === 'write')).toEqual([]);
    }
  });

  it('lets go of a stranger whose channel is gone', async () => {
    const clock = createManualClock();
    const closed = makeNode(bob, { isOpen: false, clock });
    const [evil, b] = createPipe();
    const channel = channelOf('in');
    const responding = closed.handshaker.respond(channel, b, optionsOf());
    await evil.write(new Uint8Array(HELLO_BYTES));
    channel.end();
    await expect(responding).rejects.toMatchObject({ code: 'CLOSED' });
    expect(clock.pendingCount).toBe(0);
  });

  it('answers a member at once', async () => {
    const closed = makeNode(bob, { networks: [network('one')], isOpen: false });
    sessionsOf(await meet(makeNode(alice, { networks: [network('one')] }), closed));
  });
});

describe('a peer that wastes time', () => {
  const runOut = async (
    role: 'initiate' | 'respond',
    feed: (evil: PipeEnd, advance: (ms: number) => Promise<void>) => Promise<void>,
  ): Promise<string> => {
    const clock = createManualClock();
    const node = makeNode(bob, { clock });
    const [evil, b] = createPipe();
    const run = node.handshaker[role](channelOf(role === 'respond' ? 'in' : 'out'), b, optionsOf());
    const outcome = Promise.allSettled([run]);
    await feed(evil, (ms) => clock.advance(ms));
    await clock.advance(10_000);
    const [result] = await outcome;
    expect(clock.pendingCount).toBe(0);
    expect(b.log.at(-1)).toEqual({ kind: 'reset' });
    return codeOf(result);
  };

  it('by silence, at any point, has ten seconds', async () => {
    expect(await runOut('respond', () => Promise.resolve())).toBe('HANDSHAKE_TIMED_OUT');
    expect(await runOut('initiate', () => Promise.resolve())).toBe('HANDSHAKE_TIMED_OUT');
    expect(await runOut('respond', (evil) => evil.write(forgeHello(binding(1)).bytes))).toBe('HANDSHAKE_TIMED_OUT');
    expect(
      await runOut('initiate', async (evil) => {
        await readExactly(evil, HELLO_BYTES);
        await evil.write(Uint8Array.of(0, 0, 8, 0));
      }),
    ).toBe('HANDSHAKE_TIMED_OUT');
  });

  it('by a byte a second has no more', async () => {
    const { bytes } = forgeHello(binding(1));
    for (const role of ['respond', 'initiate'] as const)
      expect(
        await runOut(role, async (evil, advance) => {
          for (let n = 0; n < 9; n++) {
            await evil.write(
              role === 'respond'
                ? bytes.subarray(n, n + 1)
                : Uint8Array.of(0, 0, 9, 0, 1, 2, 3, 4, 5).subarray(n, n + 1),
            );
            await advance(1000);
          }
        }),
      ).toBe('HANDSHAKE_TIMED_OUT');
  });

  it('by a length that is only claimed gets nothing kept for it', async () => {
    for (const header of [
      [0xff, 0xff, 0xff, 0xff],
      [0, 0, 0x80, 1],
      [0, 0, 0, 0],
    ]) {
      const [a, evil] = createPipe();
      const dialled = makeNode(alice).handshaker.initiate(channelOf('out'), a, optionsOf());
      await readExactly(evil, HELLO_BYTES);
      await evil.write(Uint8Array.from(header));
      await expect(dialled).rejects.toMatchObject({ code: 'HANDSHAKE_MALFORMED' });
    }
  });
});
