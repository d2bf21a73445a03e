import { describe, expect, it } from 'vitest';
import { createPipe } from '../../../../support/stoq/pipe.ts';
import { createManualClock } from '../../../../support/manual-clock.ts';
import { channelOf, codeOf, identity, makeNode, meet, network, optionsOf, sessionsOf } from './fixture.ts';

const alice = identity(1).local;
const bob = identity(2).local;

describe('a handshake', () => {
  it('gives both ends the other’s identity, the same keys and what the other says of itself', async () => {
    const meeting = await meet(makeNode(alice), makeNode(bob));
    const [a, b] = sessionsOf(meeting);
    expect(a.peer.peerId).toBe(bob.peerId);
    expect(b.peer.peerId).toBe(alice.peerId);
    expect(a.peer.keyId).toBe(bob.keyId);
    expect(a.peer.kem).toEqual(identity(2).keys.kem.public);
    expect(a.peer.certificate).toEqual(bob.certificate);
    expect(a.resumed).toBe(false);
    expect(a.id).toEqual(b.id);
    expect(a.id).toHaveLength(16);
    expect(a.deriveKey('x')).toEqual(b.deriveKey('x'));
    expect(a.deriveKey('x')).toHaveLength(32);
    expect(a.deriveKey('y')).not.toEqual(a.deriveKey('x'));
    expect([...a.networks]).toEqual(['public']);
    expect([...b.networks]).toEqual(['public']);
    expect(a.remote).toEqual({ ...optionsOf().info, observed: optionsOf().observed });
    expect(b.remote).toEqual(a.remote);
  });

  it('takes three messages, and leaves the stream where the next byte is the program’s', async () => {
    const { ends } = await meet(makeNode(alice), makeNode(bob));
    expect(ends[0].written).toHaveLength(2);
    expect(ends[1].written).toHaveLength(1);
    await ends[0].write(Uint8Array.of(7));
    expect(await ends[1].read(10)).toEqual(Uint8Array.of(7));
    await ends[1].write(Uint8Array.of(8));
    expect(await ends[0].read(10)).toEqual(Uint8Array.of(8));
  });

  it('gives other keys every time, over the same channel and with the same two nodes', async () => {
    const [first] = sessionsOf(await meet(makeNode(alice), makeNode(bob), { expected: null }));
    const [second] = sessionsOf(await meet(makeNode(alice), makeNode(bob), { expected: null }));
    expect(first.deriveKey('x')).not.toEqual(second.deriveKey('x'));
    expect(first.id).not.toEqual(second.id);
  });

  it('works with clocks that differ by hours, and leaves no timer behind', async () => {
    const early = createManualClock({ nowMs: Date.UTC(2026, 0, 5, 10) });
    const late = createManualClock({ nowMs: Date.UTC(2026, 0, 5, 14) });
    const a = makeNode(alice, { clock: early });
    const b = makeNode(bob, { clock: late });
    sessionsOf(await meet(a, b));
    expect(sessionsOf(await meet(a, b)).map(({ resumed }) => resumed)).toEqual([true, true]);
    expect(early.pendingCount + late.pendingCount).toBe(0);
  });

  it('finds the networks that both are in, and no others', async () => {
    const a = makeNode(alice, { networks: [network('one'), network('two'), network('three')] });
    const b = makeNode(bob, { networks: [network('three'), network('four'), network('one')] });
    const [x, y] = sessionsOf(await meet(a, b));
    expect([...x.networks].sort()).toEqual([network('one').id, 'public', network('three').id].sort());
    expect(y.networks).toEqual(x.networks);
  });

  it('leaves the public network out when one of the two is closed to it', async () => {
    const a = makeNode(alice, { networks: [network('one')] });
    const b = makeNode(bob, { networks: [network('one')], isOpen: false });
    for (const [from, to] of [
      [a, b],
      [b, a],
    ] as const) {
      const [x, y] = sessionsOf(await meet(from, to));
      expect([...x.networks]).toEqual([network('one').id]);
      expect(y.networks).toEqual(x.networks);
    }
  });

  it('of a closed node with a stranger it has dialled ends before it has said who it is', async () => {
    const a = makeNode(alice, { networks: [network('one')], isOpen: false });
    const meeting = await meet(a, makeNode(bob));
    expect(codeOf(meeting.initiator)).toBe('NO_NETWORK_IN_COMMON');
    expect(codeOf(meeting.responder)).toBe('RESET');
    expect(meeting.ends[0].written).toHaveLength(1);
  });

  it('ends when it is called off, at either end, and resets the stream', async () => {
    const [a, b] = createPipe();
    const clock = createManualClock();
    const controller = new AbortController();
    const options = optionsOf({ signal: controller.signal });
    const dialled = makeNode(alice, { clock }).handshaker.initiate(channelOf('out'), a, options);
    const heard = makeNode(bob, { clock }).handshaker.respond(channelOf('in'), createPipe()[0], options);
    controller.abort(new Error('enough'));
    await expect(dialled).rejects.toThrow('enough');
    await expect(heard).rejects.toThrow('enough');
    await expect(b.read(1)).rejects.toMatchObject({ code: 'RESET' });
    expect(clock.pendingCount).toBe(0);
    await expect(
      makeNode(alice, { clock }).handshaker.initiate(channelOf('out'), createPipe()[0], options),
    ).rejects.toThrow('enough');
  });
});
