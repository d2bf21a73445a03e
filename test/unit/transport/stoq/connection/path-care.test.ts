import { describe, expect, it, vi } from 'vitest';
import type { Carrier } from '../../../../../main/transport/stoq/carriers/interface.ts';
import {
  IMPROVE_MS_MIN,
  IN_USE_BYTES,
  MEASURE_INTERVAL_MS,
} from '../../../../../main/transport/stoq/connection/constants.ts';
import type { Dials } from '../../../../../main/transport/stoq/connection/dials.ts';
import { createPathCare } from '../../../../../main/transport/stoq/connection/path-care.ts';
import type { Address } from '../../../../../main/transport/stoq/interface.ts';
import { createManualClock } from '../../../../support/manual-clock.ts';
import { createSeededRandom } from '../../../../support/seeded-random.ts';
import { createSilentLogger } from '../../../../support/silent-logger.ts';
import { asConnection, createTestConnection, createTestLife, quic, type TestConnection } from './rooms.ts';

const tls = (host: string): Address => `/ip4/${host}/tcp/9/tls` as Address;
const circuit = `${quic('7.7.7.7')}/p2p/relay/p2p-circuit` as Address;

const setUp = (known: Address[]) => {
  const clock = createManualClock();
  const dials = {
    dialAddresses: vi.fn<Dials['dialAddresses']>(() => new Promise(() => undefined)),
    knownAddresses: () => known,
    likelyAddresses: (_peer: unknown, _given: unknown, isWanted: (address: Address) => boolean = () => true) =>
      known.filter(isWanted),
  };
  const carriers = [
    { tier: 'relay', canDial: (address: Address) => address.includes('p2p-circuit') },
    { tier: 'quic', canDial: (address: Address) => address.includes('quic') },
  ];
  const care = createPathCare({
    outside: { clock, random: createSeededRandom(1) },
    logger: createSilentLogger(),
    life: createTestLife(),
    carriers: carriers as Carrier[],
    dials,
  });
  const targets = (): (readonly Address[])[] => dials.dialAddresses.mock.calls.map(([, addresses]) => addresses);
  /** Looks at these connections each second for so long. */
  const pass = async (ms: number, connections: readonly TestConnection[], bytes = IN_USE_BYTES): Promise<void> => {
    for (let passed = 0; passed < ms; passed += 1_000) {
      await clock.advance(1_000);
      for (const connection of connections) {
        care.measureDue(asConnection(connection), bytes, clock.monotonicMs());
        care.improveDue(asConnection(connection), clock.monotonicMs());
      }
    }
  };
  return { dials, targets, pass };
};

describe('a connection in use', () => {
  it('is measured by whoever dialled, over the tier that it lacks, at the same machine first', async () => {
    const { targets, pass } = setUp([tls('9.9.9.9'), quic('8.8.8.8'), tls('8.8.8.8')]);
    await pass(MEASURE_INTERVAL_MS / 10, [
      createTestConnection('alice'),
      createTestConnection('bob', { direction: 'in' }),
    ]);
    expect(targets()).toEqual([[tls('8.8.8.8'), tls('9.9.9.9')]]);
  });

  it('waits while another one is measured', async () => {
    const { targets, pass } = setUp([tls('8.8.8.8')]);
    await pass(2 * MEASURE_INTERVAL_MS, [createTestConnection('alice'), createTestConnection('bob')]);
    expect(targets().length).toBe(1);
  });

  it('is not measured while it carries little', async () => {
    const { targets, pass } = setUp([tls('8.8.8.8')]);
    await pass(MEASURE_INTERVAL_MS, [createTestConnection('alice')], 10);
    expect(targets()).toEqual([]);
  });
});

describe('a connection through others', () => {
  it('looks for a direct way, ever more seldom, and not through others', async () => {
    const { dials, targets, pass } = setUp([quic('8.8.8.8'), circuit]);
    dials.dialAddresses.mockImplementation(async () => ({ value: null, tried: [] }));
    const connection = createTestConnection('alice', { tier: 'relay', at: circuit });
    await pass(IMPROVE_MS_MIN / 2, [connection], 0);
    expect(targets()).toEqual([]);
    await pass(60_000, [connection], 0);
    const first = targets().length;
    expect(first).toBeGreaterThanOrEqual(3);
    await pass(60_000, [connection], 0);
    expect(targets().length - first).toBeLessThan(first);
    expect(new Set(targets().flat())).toEqual(new Set([quic('8.8.8.8')]));
  });

  it.each(['quic', 'tls'] as const)('has found it by %s', async (tier) => {
    const { targets, pass } = setUp([quic('8.8.8.8')]);
    await pass(60_000, [createTestConnection('alice', { tier })], 0);
    expect(targets()).toEqual([]);
  });

  it('looks for four at once', async () => {
    const { targets, pass } = setUp([quic('8.8.8.8')]);
    const all = ['a', 'b', 'c', 'd', 'e', 'f'].map((name) =>
      createTestConnection(name, { tier: 'relay', at: circuit }),
    );
    await pass(60_000, all, 0);
    expect(targets().length).toBe(4);
  });
});
