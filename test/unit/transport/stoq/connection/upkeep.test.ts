import { describe, expect, it, vi } from 'vitest';
import { GRACE_MS, REDIAL_MS_MAX } from '../../../../../main/transport/stoq/connection/constants.ts';
import type { Dials } from '../../../../../main/transport/stoq/connection/dials.ts';
import { createUpkeep } from '../../../../../main/transport/stoq/connection/upkeep.ts';
import type { Address, PeerId } from '../../../../../main/transport/stoq/interface.ts';
import { createManualClock } from '../../../../support/manual-clock.ts';
import { createSeededRandom } from '../../../../support/seeded-random.ts';
import { createSilentLogger } from '../../../../support/silent-logger.ts';
import {
  asBook,
  asConnection,
  createTestBook,
  createTestConnection,
  createTestLife,
  peer,
  quic,
  type TestConnection,
} from './rooms.ts';

const setUp = (
  book: ReturnType<typeof createTestBook>,
  { keepsPeers = true, likely = [] as Address[] }: { keepsPeers?: boolean; likely?: Address[] } = {},
) => {
  const clock = createManualClock();
  const life = createTestLife();
  const connected = new Map<PeerId, TestConnection>();
  const dials = {
    joinDial: vi.fn<Dials['joinDial']>(async () => {
      throw new Error('nobody is there');
    }),
    dialAddresses: vi.fn<Dials['dialAddresses']>(async () => ({ value: null, tried: [] })),
    isDialling: vi.fn<Dials['isDialling']>(() => false),
    likelyAddresses: vi.fn<Dials['likelyAddresses']>((_peer, given, isWanted = () => true) =>
      [...given, ...likely].filter(isWanted).slice(0, 8),
    ),
  };
  const upkeep = createUpkeep(
    {
      outside: { clock, random: createSeededRandom(1) },
      logger: createSilentLogger(),
      life,
      book: asBook(book),
      roster: {
        connection: (id) => {
          const found = connected.get(id);
          return found === undefined ? null : asConnection(found);
        },
      },
      dials,
    },
    { self: peer('self'), keepsPeers },
  );
  /** Whom it dials in `ms`, looking each second as the endpoint does. */
  const dialledIn = async (ms: number): Promise<PeerId[]> => {
    dials.joinDial.mockClear();
    for (let passed = 0; passed < ms; passed += 1_000) {
      upkeep.keepPeers(clock.monotonicMs());
      await clock.advance(1_000);
    }
    return dials.joinDial.mock.calls.map(([id]) => id);
  };
  return { clock, life, connected, dials, upkeep, dialledIn };
};

describe('peers that are to be kept', () => {
  it('are trusted ones and anchors, but neither this node nor who is banned', async () => {
    const book = createTestBook(
      { trusted: { trusted: true }, known: {}, bad: { trusted: true } },
      ['anchor', 'self'],
      ['bad'],
    );
    const { upkeep, dialledIn } = setUp(book);
    expect((await dialledIn(1_000)).toSorted()).toEqual(['anchor', 'trusted']);
    expect(['trusted', 'anchor', 'known'].map((name) => upkeep.isKept(peer(name)))).toEqual([true, true, false]);
  });

  it('are dialled again ever more seldom, and at once after the machine has slept', async () => {
    const { upkeep, dialledIn } = setUp(createTestBook({}, ['anchor']));
    const [soon, later] = [(await dialledIn(60_000)).length, (await dialledIn(3_600_000)).length];
    expect(soon).toBeGreaterThanOrEqual(5);
    expect(soon).toBeLessThanOrEqual(10);
    expect(later).toBeGreaterThanOrEqual((3_600_000 / REDIAL_MS_MAX) * 0.66);
    expect(later).toBeLessThanOrEqual((3_600_000 / REDIAL_MS_MAX) * 2);
    upkeep.wake();
    expect(await dialledIn(1_000)).toEqual(['anchor']);
  });

  it('are left alone while they are connected, or being dialled by somebody', async () => {
    const { connected, dials, dialledIn } = setUp(createTestBook({}, ['there', 'coming']));
    connected.set(peer('there'), createTestConnection('there'));
    dials.isDialling.mockImplementation((id) => id === peer('coming'));
    expect(await dialledIn(10_000)).toEqual([]);
  });

  it('are dialled four at once', async () => {
    const { dials, dialledIn } = setUp(createTestBook({}, ['a', 'b', 'c', 'd', 'e', 'f']));
    dials.joinDial.mockImplementation(() => new Promise(() => undefined));
    expect(await dialledIn(30_000)).toEqual(['a', 'b', 'c', 'd']);
  });

  it('are not dialled where nobody is kept, and are forgotten once nobody wants them', async () => {
    const anchors = ['anchor'];
    const book = createTestBook({}, anchors);
    expect(await setUp(book, { keepsPeers: false }).dialledIn(10_000)).toEqual([]);
    const { upkeep, dialledIn } = setUp({ ...book, anchors: () => anchors.map(peer) });
    await dialledIn(1_000);
    anchors.pop();
    expect(await dialledIn(60_000)).toEqual([]);
    expect(upkeep.isKept(peer('anchor'))).toBe(false);
  });
});

describe('a connection without a path', () => {
  it('is looked for as long as it lasts, at few addresses', async () => {
    const likely = Array.from({ length: 20 }, (_, index) => quic(`9.9.9.${index + 1}`));
    const { clock, dials, upkeep } = setUp(createTestBook(), { likely });
    const connection = createTestConnection('alice');
    connection.state = 'stranded';
    let isOver = false;
    const redial = (async () => {
      await upkeep.redial(asConnection(connection));
      isOver = true;
    })();
    // One look for each connection.
    await upkeep.redial(asConnection(connection));
    await clock.advance(GRACE_MS / 2);
    expect(isOver).toBe(false);
    await clock.advance(GRACE_MS);
    await redial;
    const targets = dials.dialAddresses.mock.calls.map(([, addresses]) => addresses);
    expect(targets.length).toBeGreaterThanOrEqual(6);
    expect(new Set(targets.flat()).size).toBe(8);
    expect(targets[0]?.[0]).toBe(quic('8.8.8.8'));
  });

  it.each(['another path came', 'the node stops', 'it has ended'] as const)('is looked for until %s', async (why) => {
    const { clock, life, dials, upkeep } = setUp(createTestBook());
    const connection = createTestConnection('alice');
    connection.state = 'stranded';
    const redial = upkeep.redial(asConnection(connection));
    await clock.advance(100);
    if (why === 'the node stops') life.stop();
    else connection.state = why === 'it has ended' ? 'closed' : 'open';
    await clock.advance(1_000);
    await redial;
    expect(dials.dialAddresses).toHaveBeenCalledTimes(1);
  });

  it('is looked for at once when the machine has woken up', async () => {
    const { clock, dials, upkeep } = setUp(createTestBook());
    const connection = createTestConnection('alice');
    connection.state = 'stranded';
    let signal: AbortSignal | null = null;
    dials.dialAddresses.mockImplementationOnce((_peer, _targets, one) => {
      signal = one;
      return new Promise((_resolve, reject) => {
        one.addEventListener('abort', () => reject(one.reason as Error));
      });
    });
    const redial = upkeep.redial(asConnection(connection));
    await clock.advance(5_000);
    expect(dials.dialAddresses).toHaveBeenCalledTimes(1);
    upkeep.wake();
    await clock.advance(0);
    expect(signal).toMatchObject({ aborted: true });
    expect(dials.dialAddresses).toHaveBeenCalledTimes(2);
    connection.state = 'open';
    await clock.advance(2_000);
    await redial;
  });
});
