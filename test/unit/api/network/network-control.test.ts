import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createNetworkControl } from '../../../../main/api/network/index.ts';
import type { ConfigSource, ConfigSourceEvents, NetworkControl } from '../../../../main/api/interface.ts';
import {
  Emitter,
  type Startable,
  type Store,
  createSettings,
  createSystemOutside,
} from '../../../../main/base/index.ts';
import {
  type KnownPeer,
  type PeerBookControl,
  type PeerId,
  PeerError,
  type RateGateControl,
  type ReachState,
  type StoqNode,
  type StoqNodeEvents,
  type StoqParts,
  createPeerBook,
} from '../../../../main/transport/stoq/index.ts';
import { configFormat } from '../../../../main/config.ts';
import type { Config, Level } from '../../../../preload/contract/index.ts';
import { FAKE_PEER_IDS, sampleNetwork } from '../../../support/fake-network.ts';
import { sampleIdentity } from '../../../support/fake-identity.ts';
import { type ManualClock, createManualClock } from '../../../support/manual-clock.ts';
import { createMemoryStore } from '../../../support/memory-store.ts';
import { createSilentLogger } from '../../../support/silent-logger.ts';

// The control alone, with a STOQ that does nothing, in virtual time: when it runs, with what, and what it tells.

const REACH: ReachState = { ...sampleNetwork().state.reach, confirmed: [], mapped: [], relays: [] };

interface FakeStoq extends StoqNode {
  readonly parts: StoqParts;
  state: 'new' | 'running' | 'stopped';
  woken: number;
}
interface Bench {
  clock: ManualClock;
  book: PeerBookControl;
  control: NetworkControl & Startable;
  opened: FakeStoq[];
  /** The next starts fail. */
  failures: number;
  /** What the mesh was told, in order. */
  meshed: ('node' | 'none')[];
  config: { current: Config };
  unlock(): void;
  lock(): void;
  setLevel(level: Partial<Level>): void;
  counted: number;
  statusChanges: number;
}

let store: Store;
let bench: Bench;
beforeEach(async () => {
  const clock = createManualClock();
  store = await createMemoryStore(clock);
  const outside = { clock, random: createSystemOutside().random };
  const identityEvents = new Emitter<{ changed: null; viewChanged: never }>();
  const assetEvents = new Emitter<{ levelsChanged: Level[]; shareChanged: never }>();
  const configEvents = new Emitter<ConfigSourceEvents>();
  const holder: { current: Config } = { current: configFormat.defaults };
  const config: ConfigSource = {
    on: (name, listener) => configEvents.on(name, listener),
    get: () => holder.current,
    set: async (change) => {
      holder.current = { ...holder.current, ...(change as Partial<Config>) };
      configEvents.emit('changed', holder.current);
      return holder.current;
    },
  };
  const keys = () => ({
    signer: {
      keyId: 'key',
      keyIdBytes: new Uint8Array(32),
      keys: { ed25519: new Uint8Array(32), falcon1024: new Uint8Array(1793) },
    },
    opener: { publicKey: new Uint8Array(1568), decapsulate: async () => new Uint8Array(32) },
    certificate: new Uint8Array(1),
  });
  let unlocked: object | null = null;
  let level = { resource: 'network', percent: 100, rule: 'slider', reason: 'Slider: at most 100 %' } as Level;
  const opened: FakeStoq[] = [];
  const openStoq = (parts: StoqParts): StoqNode => {
    const events = new Emitter<StoqNodeEvents>();
    const fake = {
      parts,
      state: 'new',
      woken: 0,
      port: 41_414,
      on: events.on.bind(events),
      start: async () => {
        if (bench.failures > 0) {
          bench.failures -= 1;
          throw new PeerError({ code: 'NOT_RUNNING' }, 'No port can be had.');
        }
        fake.state = 'running';
      },
      stop: async () => {
        fake.state = 'stopped';
      },
      wake: () => {
        fake.woken += 1;
      },
      problems: () => [],
      reach: () => REACH,
      announced: () => ['/ip6/2001:db8::1/udp/41414/quic-v1'],
      endpoint: {
        local: { peerId: 'me' },
        on: () => () => undefined,
        connections: () => [],
        connection: () => null,
      },
    } as unknown as FakeStoq;
    opened.push(fake);
    return fake;
  };
  bench = {
    clock,
    book: createPeerBook({ outside, logger: createSilentLogger(), store: null }),
    opened,
    failures: 0,
    meshed: [],
    config: holder,
    counted: 0,
    statusChanges: 0,
    unlock: () => {
      unlocked = keys();
      identityEvents.emit('changed', null);
    },
    lock: () => {
      unlocked = null;
      identityEvents.emit('changed', null);
    },
    setLevel: (change) => {
      level = { ...level, ...change };
      assetEvents.emit('levelsChanged', [level]);
    },
    control: null as never,
  };
  bench.control = createNetworkControl(
    {
      outside,
      logger: createSilentLogger(),
      metrics: null,
      config,
      settings: createSettings({ store, clock }),
      workers: null as never,
      identity: {
        node: () => unlocked as never,
        reason: () =>
          unlocked === null ? { code: 'IDENTITY_LOCKED', sentence: 'The keys are locked; unlock them.' } : null,
        view: () => sampleIdentity(),
        on: identityEvents.on.bind(identityEvents) as never,
      },
      assets: {
        share: () =>
          ({
            rules: {
              network: { sendBytesPerSecondMax: 1_000, receiveBytesPerSecondMax: null, monthlyBytesMax: 10_000 },
            },
            monthlyBytesUsed: bench.counted,
          }) as never,
        levels: () => [level],
        list: () => [],
        countNetworkBytes: (bytes) => {
          bench.counted += bytes;
        },
        on: assetEvents.on.bind(assetEvents) as never,
      },
      book: bench.book,
      mesh: { set: (node) => void bench.meshed.push(node === null ? 'none' : 'node') },
      openStoq,
    },
    { agent: 'hypermesh/test', powers: { addresses: () => addresses } },
  );
  bench.control.on('statusChanged', () => {
    bench.statusChanges += 1;
  });
});
afterEach(async () => {
  await bench.control.stop();
  await bench.book.stop();
  await store.close();
});
let addresses = 'lo ::1';
/** Promises go on. */
const settle = async (): Promise<void> => {
  for (let turn = 0; turn < 5; turn += 1) await bench.clock.advance(0);
};
const start = async (): Promise<void> => {
  await bench.control.start();
  await settle();
};
const running = (): FakeStoq | undefined => bench.opened.findLast(({ state }) => state === 'running');
const gateOf = (stoq: FakeStoq | undefined): RateGateControl => stoq?.parts.gate as RateGateControl;

describe('the network', () => {
  it('waits for the keys, runs with them, and stops without', async () => {
    await start();
    expect(bench.control.state()).toMatchObject({ status: 'waiting', reason: 'The keys are locked; unlock them.' });
    expect(bench.control.connections()).toBeNull();
    bench.unlock();
    await settle();
    expect(bench.control.state()).toMatchObject({ status: 'running', reason: '', connections: 0 });
    expect(bench.control.connections()).toBe(0);
    expect(running()?.parts).toMatchObject({ agent: 'hypermesh/test', settings: { port: 0, portBefore: null } });
    bench.lock();
    await settle();
    expect(bench.control.state().status).toBe('waiting');
    expect(running()).toBeUndefined();
    // Others find it at the port of before.
    bench.unlock();
    await settle();
    expect(running()?.parts.settings.portBefore).toBe(41_414);
    expect(bench.statusChanges).toBeGreaterThanOrEqual(3);
    expect(bench.meshed).toEqual(['node', 'none', 'node']);
  });
  it('is built anew for other settings and not for the same', async () => {
    await start();
    bench.unlock();
    await settle();
    await bench.control.configure({ relay: true });
    expect(bench.opened).toHaveLength(1);
    expect(await bench.control.configure({ port: 4001, ipv4: false })).toMatchObject({ status: 'running' });
    expect(bench.opened.map(({ state }) => state)).toEqual(['stopped', 'running']);
    expect(running()?.parts.settings).toMatchObject({ port: 4001, ipv4: false });
    // Only what the owner set is kept.
    expect(bench.config.current.network).toEqual({ relay: true, port: 4001, ipv4: false });
    expect(await bench.control.configure({ enabled: false })).toMatchObject({ status: 'off' });
    expect(running()).toBeUndefined();
    await expect(bench.control.configure({ bootstrap: ['nonsense'] })).rejects.toMatchObject({
      code: 'ADDRESS_INVALID',
    });
  });
  it('tries again when it did not start, ever later, and warns', async () => {
    bench.failures = 2;
    await start();
    bench.unlock();
    await settle();
    expect(bench.control.state()).toMatchObject({ status: 'failed' });
    expect(bench.control.warnings()).toEqual([
      { code: 'NETWORK_FAILED', message: 'The network did not start: No port can be had.' },
    ]);
    await bench.clock.advance(4_999);
    expect(bench.opened).toHaveLength(1);
    await bench.clock.advance(1);
    expect(bench.opened).toHaveLength(2);
    await bench.clock.advance(9_999);
    expect(bench.opened).toHaveLength(2);
    await bench.clock.advance(1);
    await settle();
    expect(bench.opened.map(({ state }) => state)).toEqual(['stopped', 'stopped', 'running']);
    expect(bench.control.warnings()).toEqual([]);
  });
  it('keeps to the rates and the month, and goes silent when it is used up', async () => {
    await start();
    bench.unlock();
    await settle();
    const gate = gateOf(running());
    expect(gate.rates()).toEqual({ sendBytesPerSecond: 1_000, receiveBytesPerSecond: null });
    await gate.receive(4_000);
    await bench.clock.advance(1_000);
    expect(bench.counted).toBe(4_000);
    expect(bench.control.state().traffic).toMatchObject({
      monthBytes: 4_000,
      monthLimitBytes: 10_000,
      receivedBytes: 4_000,
    });
    // More than is left waits, however fast the line is.
    let passed = false;
    void Promise.resolve(gate.receive(6_001)).then(() => (passed = true));
    await bench.clock.advance(5_000);
    expect(passed).toBe(false);
    gate.charge(0, 6_000);
    await bench.clock.advance(1_000);
    await settle();
    expect(bench.counted).toBe(10_000);
    expect(bench.control.state()).toMatchObject({
      status: 'waiting',
      reason: expect.stringMatching(/used up/) as string,
    });
    expect(running()).toBeUndefined();
    expect(bench.control.state().traffic.receivedBytes).toBe(bench.counted);
  });
  it('stays in touch while nothing is lent, relays nothing then, and is silent where bytes cost money', async () => {
    await start();
    bench.unlock();
    await settle();
    expect(running()?.parts.relayLimits()).not.toBeNull();
    bench.setLevel({ percent: 50 });
    const half = running()?.parts.relayLimits()?.bytesPerSecondMax ?? 0;
    bench.setLevel({ percent: 100 });
    expect(running()?.parts.relayLimits()?.bytesPerSecondMax).toBe(half * 2);
    bench.setLevel({ percent: 0, rule: 'pause', reason: 'Paused by you' });
    await settle();
    expect(running()?.parts.relayLimits()).toBeNull();
    expect(gateOf(running()).rates()).toEqual({ sendBytesPerSecond: 1_000, receiveBytesPerSecond: 32_768 });
    bench.setLevel({ percent: 0, rule: 'metered', reason: 'Metered network: 0 %' });
    await settle();
    expect(running()).toBeUndefined();
    expect(bench.control.state()).toMatchObject({ status: 'waiting', reason: 'Metered network: 0 %' });
    bench.setLevel({ percent: 100, rule: 'slider', reason: '' });
    await settle();
    expect(bench.control.state().status).toBe('running');
  });
  it('leaves nothing behind when it stops, and does not start again', async () => {
    await start();
    bench.unlock();
    await settle();
    await Promise.all([bench.control.stop(), bench.control.stop()]);
    expect(bench.opened.map(({ state }) => state)).toEqual(['stopped']);
    await bench.book.stop();
    expect(bench.clock.pendingCount).toBe(0);
    bench.lock();
    bench.unlock();
    await settle();
    expect(bench.opened).toHaveLength(1);
  });
  it('wakes the transport after a sleep and after a change of addresses', async () => {
    await start();
    bench.unlock();
    await settle();
    bench.clock.setNowMs(bench.clock.nowMs() + 3_600_000);
    await bench.clock.advance(2_000);
    expect(running()?.woken).toBe(1);
    addresses = 'lo ::1\neth0 2001:db8::1';
    await bench.clock.advance(2_000);
    expect(running()?.woken).toBe(2);
    await bench.clock.advance(60_000);
    expect(running()?.woken).toBe(2);
  });
});

describe('who is known', () => {
  const [one, other] = FAKE_PEER_IDS as unknown as [PeerId, PeerId];
  const learn = (peer: PeerId): KnownPeer | null => {
    bench.book.learn(peer, ['/ip6/2001:db8::7/udp/4001/quic-v1' as never], 'owner');
    return bench.book.get(peer);
  };
  it('is known while the network rests, and can be named, banned and forgotten', async () => {
    await start();
    expect(learn(one)?.peerId).toBe(one);
    learn(other);
    expect(await bench.control.trust({ peer: one, name: 'attic', trusted: true })).toMatchObject({ name: 'attic' });
    await expect(bench.control.trust({ peer: other, name: 'Attic', trusted: true })).rejects.toMatchObject({
      code: 'NAME_TAKEN',
    });
    expect(await bench.control.ban({ peer: 'attic', minutes: 10, reason: 'loud' })).toMatchObject({
      ban: { reason: 'loud', byOwner: true },
    });
    expect(bench.control.peers(false).map(({ peerId }) => peerId)).toHaveLength(2);
    expect(bench.control.peers(true)).toEqual([]);
    await expect(bench.control.connect('attic')).rejects.toMatchObject({ code: 'NOT_RUNNING' });
    await expect(bench.control.join('hypermesh:join/x')).rejects.toMatchObject({ code: 'NOT_RUNNING' });
    expect(await bench.control.forget('attic')).toEqual({ peerId: one });
    expect(() => bench.control.peer('attic')).toThrow(expect.objectContaining({ code: 'PEER_UNKNOWN' }) as Error);
  });
  it('is pushed once a second at most, and only while somebody listens', async () => {
    await start();
    const pushed: number[] = [];
    const states: string[] = [];
    const ends = [
      bench.control.on('peersChanged', ({ peers }) => pushed.push(peers.length)),
      bench.control.on('stateChanged', ({ status }) => states.push(status)),
    ];
    learn(one);
    learn(other);
    await bench.clock.advance(1_000);
    await bench.clock.advance(5_000);
    expect(pushed).toEqual([2]);
    expect(states).toEqual(['waiting']);
    bench.book.forget(other);
    await bench.clock.advance(1_000);
    expect(pushed).toEqual([2, 1]);
    for (const end of ends) end();
    bench.book.forget(one);
    await bench.clock.advance(5_000);
    expect(pushed).toEqual([2, 1]);
  });
});
