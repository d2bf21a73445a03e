import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { createSettings, createSystemOutside, type Settings, type Store } from '../../../../../main/base/index.ts';
import { createDestinationCheck } from '../../../../../main/kernel/proxy/destinations/index.ts';
import { createGuard, type GuardComponents } from '../../../../../main/kernel/proxy/guard/index.ts';
import type { DestinationCheck, Guard, GuardProbeSource } from '../../../../../main/kernel/proxy/interface.ts';
import type { GuardState } from '../../../../../preload/contract/index.ts';
import { createMemoryStore } from '../../../../support/memory-store.ts';
import { createRuntimeBench, type RuntimeBench } from '../../../../support/runtime.ts';
import { createSilentLogger } from '../../../../support/silent-logger.ts';
import { createSilentMetrics } from '../../../../support/silent-metrics.ts';

const outside = createSystemOutside();
const { clock } = outside;
const ARP = `IP address       HW type     Flags       HW address            Mask     Device
192.168.77.20    0x1         0x2         52:54:00:12:34:56     *        eth0
192.168.77.21    0x1         0x0         00:00:00:00:00:00     *        eth0
`;

let bench: RuntimeBench;
let folder: string;
let secret: string;
let api: { port: number; close(): void };
beforeAll(async () => {
  bench = await createRuntimeBench({ governors: ['duty-cycle'] });
  folder = await mkdtemp(join(tmpdir(), 'hypermesh-guard-'));
  secret = join(folder, 'identity');
  await writeFile(secret, 'secret');
  const server = createServer((socket) => socket.destroy());
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  api = { port: (server.address() as AddressInfo).port, close: () => server.close() };
});
afterAll(async () => {
  api.close();
  await bench.close();
  await rm(folder, { recursive: true });
});

const cleaning: (() => unknown)[] = [];
afterEach(async () => {
  for (const clean of cleaning.splice(0).reverse()) await clean();
});
const closed = (): DestinationCheck => createDestinationCheck({ clock, apiPort: () => api.port });
/** A check with a hole in it: what is asked for is let out as it is. */
const holed = (opens: (host: string) => boolean): DestinationCheck => {
  const real = closed();
  return {
    check: async (host, port, policy, options) =>
      opens(host)
        ? { host, address: host, family: host.includes(':') ? 6 : 4, port }
        : real.check(host, port, policy, options),
  };
};
const setUp = async (
  given: Partial<GuardComponents> = {},
  store?: Store,
): Promise<{
  guard: Guard;
  settings: Settings;
  store: Store;
  finished(): Promise<GuardState>;
  changes: GuardState[];
}> => {
  const used = store ?? (await createMemoryStore(clock));
  if (store === undefined) cleaning.push(() => used.close());
  const settings = createSettings({ store: used, clock });
  const guard = createGuard(
    {
      outside,
      logger: createSilentLogger(),
      metrics: createSilentMetrics(),
      settings,
      runtime: bench.runtime,
      apiPort: () => api.port,
      destinations: closed(),
      named: () => [],
      gateways: async () => ({ v4: '192.168.77.1', v6: 'fe80::1%eth0' }),
      neighbours: async () => ARP,
      ...given,
    },
    { secretFiles: [secret], debounceMs: 60 },
  );
  cleaning.push(() => guard.stop());
  const changes: GuardState[] = [];
  guard.on('changed', (state) => changes.push(state));
  await guard.start();
  return {
    guard,
    settings,
    store: used,
    changes,
    finished: async () => {
      await expect.poll(() => guard.state().running, { timeout: 30_000, interval: 20 }).toBe(false);
      return guard.state();
    },
  };
};
const shown = (state: GuardState, result: string): string[] =>
  state.probes
    .filter((probe) => probe.result === result)
    .map(({ from, target, sentence }) => `${from}: ${target}: ${sentence}`);
/** One way that takes its time and is closed. */
const slow: GuardProbeSource = {
  name: 'Slow way',
  covers: ({ what }) => what === 'metadata',
  attemptAll: async (targets, tell, signal) => {
    for (const target of targets) {
      await clock.sleep(30, signal);
      tell(target, { result: 'refused', sentence: 'It was refused.' });
    }
  },
};
/** A runtime that starts nothing. */
const withoutJobs = {
  ...({} as GuardComponents['runtime']),
  submit: () => Promise.reject(new Error('Nothing is lent now.')),
} as GuardComponents['runtime'];

describe('the home guard', () => {
  it('is red where the list of exits itself opens what is near', async () => {
    const { guard, finished } = await setUp({ runtime: withoutJobs, named: () => [`127.0.0.1:${api.port}`] });
    guard.run('asked');
    const state = await finished();
    expect(state.verdict).toBe('red');
    expect(shown(state, 'reached')).toContain(
      `Exit of a lease: the API of this node (127.0.0.1, port ${api.port}): It was let out to 127.0.0.1, and the connection was opened. Look whether your list of exits names it.`,
    );
  });

  it('is green when every real way out fails at everything near, and says what it tried', async () => {
    const { guard, finished, changes, store } = await setUp();
    expect(guard.state()).toMatchObject({ verdict: 'none', ranAtMs: null, probes: [] });
    expect(guard.run('asked')).toMatchObject({ running: true });
    const state = await finished();
    expect(shown(state, 'reached')).toEqual([]);
    expect(shown(state, 'notTried')).toEqual([]);
    expect(state).toMatchObject({ verdict: 'green', cause: 'asked', running: false });
    expect(new Set(state.probes.map(({ from }) => from))).toEqual(
      new Set([
        'Exit of a lease',
        'SOCKS5 proxy',
        'SOCKS5 proxy, datagrams',
        'HTTP proxy',
        'HTTP proxy, CONNECT',
        'JavaScript job',
        'WASI job',
      ]),
    );
    for (const part of [
      'the router (192.168.77.1, port 80)',
      'another machine (192.168.77.20, port 22)',
      `the API of this node (127.0.0.1, port ${api.port})`,
      'an address of the link ([fe80::1], port 80)',
      'the keys of a rented machine (169.254.169.254, port 80)',
    ])
      expect(state.probes.filter(({ target }) => target === part)).toHaveLength(7);
    expect(state.probes.filter(({ target }) => target.includes(secret)).map(({ from }) => from)).toEqual([
      'JavaScript job',
      'WASI job',
    ]);
    expect(changes.length).toBeGreaterThan(1);
    expect(changes.at(-1)).toEqual(state);
    expect(bench.runtime.running).toBe(0);
    // The jobs that it ran are nobody's.
    expect(await bench.runtime.list()).toEqual([]);
    // Kept over a restart.
    const again = await setUp({}, store);
    expect(again.guard.state()).toEqual(state);
  });

  it('is red when the check lets loopback pass, and every forwarder shows it', async () => {
    const { guard, finished } = await setUp({
      destinations: holed((host) => host === '127.0.0.1'),
      runtime: withoutJobs,
    });
    guard.run('asked');
    const state = await finished();
    expect(state.verdict).toBe('red');
    const ways = new Set(state.probes.filter(({ result }) => result === 'reached').map(({ from }) => from));
    expect(ways).toEqual(
      new Set([
        'Any way',
        'Exit of a lease',
        'SOCKS5 proxy',
        'SOCKS5 proxy, datagrams',
        'HTTP proxy',
        'HTTP proxy, CONNECT',
      ]),
    );
    expect(state.probes[0]?.sentence).toMatch(/^\d+ connections came in/);
  });

  it('is red when something near is let out, though nobody answers there', async () => {
    const { guard, finished } = await setUp({
      destinations: holed((host) => host === '169.254.1.1'),
      runtime: withoutJobs,
    });
    guard.run('asked');
    const state = await finished();
    expect(state.verdict).toBe('red');
    expect(shown(state, 'reached')[0]).toContain('It was let out to 169.254.1.1');
  });

  it('is not green by what it could not try', async () => {
    const { guard, finished } = await setUp({
      runtime: withoutJobs,
      gateways: async () => ({ v4: null, v6: null }),
      neighbours: async () => '',
    });
    guard.run('started');
    const state = await finished();
    expect(state).toMatchObject({ verdict: 'none', cause: 'started' });
    const untried = shown(state, 'notTried');
    expect(
      untried.filter((line) => line.startsWith('JavaScript job') && line.endsWith('Nothing is lent now.')).length,
    ).toBeGreaterThan(10);
    expect(untried).toContain(
      'This machine: the router: This machine has no route to a router, so there was none to try.',
    );
    expect(untried.at(-1)).toMatch(/^This machine: another machine: /);
  });

  it('counts a way that says nothing as not tried, and one more way as any other', async () => {
    const lazy: GuardProbeSource = {
      name: 'Lazy way',
      covers: ({ what }) => what === 'router',
      attemptAll: async () => undefined,
    };
    const open: GuardProbeSource = {
      name: 'Open way',
      covers: ({ what }) => what === 'file',
      attemptAll: async (targets, tell) => {
        for (const target of targets) tell(target, { result: 'reached', sentence: 'It was read.' });
      },
    };
    const { guard, finished } = await setUp({ sources: [lazy, open] });
    guard.run('asked');
    const state = await finished();
    expect(shown(state, 'notTried')).toContain(
      'Lazy way: the router (192.168.77.1, port 80): This way said nothing about it.',
    );
    expect(shown(state, 'reached')).toHaveLength(2);
    expect(state.verdict).toBe('red');
  });

  it('runs once after many changes of level, and again when one came meanwhile', async () => {
    const { guard, finished, changes } = await setUp({ sources: [slow] });
    for (let change = 0; change < 10; change++) expect(guard.run('levelChanged').running).toBe(false);
    await expect.poll(() => guard.state().running, { interval: 5 }).toBe(true);
    guard.run('levelChanged');
    expect(() => guard.run('asked')).toThrow('The home guard is at it already');
    const first = await finished();
    expect(first.cause).toBe('levelChanged');
    await expect.poll(() => guard.state().running, { interval: 5 }).toBe(true);
    await finished();
    await clock.sleep(150);
    expect(guard.state().running).toBe(false);
    expect(changes.filter(({ running, done }) => running && done === 0).length).toBeGreaterThanOrEqual(2);
  });

  it('is cancelled at once, and keeps the last whole run', async () => {
    const { guard, finished } = await setUp({ sources: [slow] });
    guard.run('asked');
    const whole = await finished();
    guard.run('asked');
    guard.cancel();
    expect(await finished()).toEqual(whole);
    guard.run('levelChanged');
    guard.cancel();
    await clock.sleep(120);
    expect(guard.state()).toEqual(whole);
  });

  it.each([7, { version: 9 }, { version: 1, ranAtMs: 1, verdict: 'green', cause: 'asked', probes: [{ from: 1 }] }])(
    'begins anew where the settings hold %j',
    async (value) => {
      const store = await createMemoryStore(clock);
      cleaning.push(() => store.close());
      await createSettings({ store, clock }).set('guard', value);
      const { guard } = await setUp({ runtime: withoutJobs }, store);
      expect(guard.state()).toMatchObject({ verdict: 'none', ranAtMs: null });
    },
  );
});
