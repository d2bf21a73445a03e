import { fileURLToPath } from 'node:url';
import { describe, expect, it, vi } from 'vitest';
import { createWorkerPool, decodeCbor, type MetricsRegistry, type WorkerPool } from '../../../../../main/base/index.ts';
import type { Address, LocalPeer } from '../../../../../main/transport/stoq/interface.ts';
import { createSelfMadeVerifier } from '../../../../../main/transport/stoq/verifier.ts';
import { createSilentLogger } from '../../../../support/silent-logger.ts';
import { createSilentMetrics } from '../../../../support/silent-metrics.ts';
import { forgeHello } from './attacker.ts';
import { createPipe } from '../../../../support/stoq/pipe.ts';
import { createManualClock } from '../../../../support/manual-clock.ts';
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
  type TestNode,
  workers,
} from './fixture.ts';

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

  it('makes an ML-KEM pair ahead for the next dial, uses none twice, and does without where threads fail', async () => {
    let refuse = false;
    const seeds: string[] = [];
    const watched: WorkerPool = {
      ...workers,
      run: async (task, input, options) => {
        if (task === 'stoq.kemKeys') {
          seeds.push(Buffer.from(input as Uint8Array).toString('hex'));
          if (refuse) throw new Error('no thread');
        }
        return await workers.run(task, input, options);
      },
    };
    const from = makeNode(alice, { workers: watched });
    const to = makeNode(bob);
    const shown: string[] = [];
    const dial = async (): Promise<void> => {
      const meeting = await meet(from, to);
      sessionsOf(meeting);
      const hello = decodeCbor(meeting.ends[0].written[0] as Uint8Array) as { kem: Uint8Array };
      shown.push(Buffer.from(hello.kem).toString('hex'));
    };
    await dial();
    await vi.waitFor(() => expect(seeds).toHaveLength(2));
    refuse = true;
    // The pair is there, so nothing waits for the thread that fails now.
    await dial();
    await vi.waitFor(() => expect(seeds).toHaveLength(3));
    await expect(dial()).rejects.toThrow('no thread');
    refuse = false;
    await dial();
    expect(new Set(shown).size).toBe(3);
    expect(new Set(seeds).size).toBe(seeds.length);
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

  it('at an open node tells at once what is wrong with a hello', async () => {
    for (const [change, code] of [
      [{ versions: [9, 4] }, 'VERSION_UNKNOWN'],
      [{ x25519: new Uint8Array(32) }, 'HANDSHAKE_REFUSED'],
      [{ kem: new Uint8Array(1568).fill(255) }, 'HANDSHAKE_MALFORMED'],
    ] as const) {
      const [evil, end] = createPipe();
      const heard = makeNode(bob).handshaker.respond(channelOf('in'), end, optionsOf());
      await evil.write(forgeHello(binding(1), change).bytes);
      await expect(heard).rejects.toMatchObject({ code });
      await expect(evil.read(1)).rejects.toMatchObject({ code: 'RESET' });
      expect(end.written).toEqual([]);
    }
  });

  it('leaves out what is too much to say rather than being refused for it', async () => {
    const addresses = Array.from({ length: 40 }, (_, n) => `/ip6/::1/udp/${n + 1}/quic-v1` as Address);
    const info = {
      agent: `a\u0007${'b'.repeat(62)}\u{1f600}`,
      addresses: ['no address' as Address, ...addresses],
      sidePort: null,
      relays: true,
    };
    const [, heard] = sessionsOf(await meet(makeNode(alice), makeNode(bob), { from: { info, observed: null } }));
    expect(heard.remote).toEqual({
      agent: `a${'b'.repeat(62)}\ufffd`,
      addresses: addresses.slice(0, 16),
      sidePort: null,
      relays: true,
      observed: null,
    });
  });

  it('runs its cryptography in the program’s own threads, and says when those are gone', async () => {
    const pool = createWorkerPool(
      { logger: createSilentLogger(), metrics: null, clock: createManualClock() },
      { workerPath: fileURLToPath(new URL('../../../../../main/worker.ts', import.meta.url)), size: 2 },
    );
    const make = (local: LocalPeer): TestNode =>
      makeNode(local, { workers: pool, verifier: createSelfMadeVerifier({ workers: pool }) });
    try {
      const [a, b] = sessionsOf(await meet(make(alice), make(bob)));
      expect(a.id).toEqual(b.id);
    } finally {
      await pool.close();
    }
    const [left, right] = createPipe();
    await expect(make(alice).handshaker.initiate(channelOf('out'), left, optionsOf())).rejects.toMatchObject({
      code: 'POOL_CLOSED',
    });
    await expect(right.read(1)).rejects.toMatchObject({ code: 'RESET' });
  });

  it('is counted by role and result, with its time', async () => {
    const counted: string[] = [];
    const registry = {
      ...createSilentMetrics(),
      counter: (name: string) => ({
        inc: (by = 1, labels: Record<string, string> = {}) =>
          counted.push(`${name} ${labels['role']} ${labels['result']} ${by}`),
      }),
      histogram: (name: string) => ({
        observe: (_: number, labels: Record<string, string> = {}) => counted.push(`${name} ${labels['kind']}`),
      }),
    } as MetricsRegistry;
    const a = makeNode(alice, { metrics: registry });
    const b = makeNode(bob);
    await meet(a, b);
    await meet(a, b);
    await meet(a, b, { expected: alice.peerId });
    expect(counted).toEqual([
      'hypermesh_stoq_handshakes_total initiator full 1',
      'hypermesh_stoq_handshake_seconds full',
      'hypermesh_stoq_handshakes_total initiator resumed 1',
      'hypermesh_stoq_handshake_seconds resumed',
      'hypermesh_stoq_handshakes_total initiator refused 1',
    ]);
  });
});
