import { describe, expect, it, vi } from 'vitest';
import { messageOf } from '../../../../../main/base/index.ts';
import type { Carrier, Channel } from '../../../../../main/transport/stoq/carriers/interface.ts';
import type { PeerConnection } from '../../../../../main/transport/stoq/connection/connection.ts';
import { createDials, type Finder, REPAIR_ADDRESSES_MAX } from '../../../../../main/transport/stoq/connection/dials.ts';
import { PeerError } from '../../../../../main/transport/stoq/errors.ts';
import type { Address, PeerId } from '../../../../../main/transport/stoq/interface.ts';
import { createManualClock } from '../../../../support/manual-clock.ts';
import { createSilentLogger } from '../../../../support/silent-logger.ts';
import { asBook, asConnection, createTestBook, createTestConnection, createTestLife, peer, quic } from './rooms.ts';

const ALICE = peer('alice');

/** @param answers - what is at an address: the peer, an error, or a promise that keeps the dial waiting; nothing else answers */
const setUp = (
  answers: Record<Address, PeerId | Error | Promise<PeerId>>,
  { book = createTestBook(), finder = null as Finder | null } = {},
) => {
  const clock = createManualClock();
  const life = createTestLife();
  const dialled: Address[] = [];
  const known = new Map<PeerId, PeerConnection>();
  const carrier: Pick<Carrier, 'tier' | 'canDial' | 'dial'> = {
    tier: 'quic',
    canDial: () => true,
    dial: async (address, { signal }) => {
      dialled.push(address);
      const answer = answers[address];
      if (answer === undefined) throw new Error('nothing is there');
      if (!(answer instanceof Promise)) return { remoteAddress: address, abort: () => undefined } as Channel;
      return await new Promise((resolve, reject) => {
        signal.addEventListener('abort', () => reject(signal.reason as Error));
        void answer.then(() => resolve({ remoteAddress: address, abort: () => undefined } as Channel));
      });
    },
  };
  const dials = createDials({
    clock,
    logger: createSilentLogger(),
    metrics: null,
    life,
    carriers: [carrier as Carrier],
    book: asBook(book),
    roster: { connection: (id) => known.get(id) ?? null },
    establish: async (channel) => {
      const answer = await answers[channel.remoteAddress];
      if (answer instanceof Error) throw answer;
      const connection = asConnection(createTestConnection(answer ?? '', { at: channel.remoteAddress }));
      known.set(connection.peer.peerId, connection);
      return connection;
    },
    finder: () => finder,
  });
  return { clock, life, dialled, known, dials, book };
};

describe('dials', () => {
  it('tell the book which address led to the peer, and which did not', async () => {
    const { dials, book } = setUp({ [quic('8.8.8.8')]: ALICE });
    const signal = new AbortController().signal;
    expect((await dials.dialAddresses(ALICE, [quic('8.8.8.8')], signal)).value?.peer.peerId).toBe(ALICE);
    expect(book.confirm.mock.calls.map(([id, address]) => [id, address])).toEqual([[ALICE, quic('8.8.8.8')]]);
    expect(await dials.dialAddresses(ALICE, [quic('9.9.9.9')], signal)).toMatchObject({ value: null });
    expect(book.failed.mock.calls).toEqual([[ALICE, quic('9.9.9.9')]]);
  });

  it('are one for all who want the peer, until the last of them gives up', async () => {
    const answer = Promise.withResolvers<PeerId>();
    const { dials, dialled } = setUp({ [quic('8.8.8.8')]: answer.promise });
    const [one, other] = [new AbortController(), new AbortController()];
    const first = dials.joinDial(ALICE, [quic('8.8.8.8')], one.signal).catch(messageOf);
    const second = dials.joinDial(ALICE, [], other.signal).catch(messageOf);
    one.abort(new Error('changed my mind'));
    expect(await first).toBe('changed my mind');
    expect(dials.isDialling(ALICE)).toBe(true);
    other.abort(new Error('me too'));
    expect(await second).toBe('me too');
    expect(dials.isDialling(ALICE)).toBe(false);
    expect(dialled).toEqual([quic('8.8.8.8')]);
    const third = dials.joinDial(ALICE, [quic('8.8.8.8')], undefined);
    answer.resolve(ALICE);
    expect((await third).peer.peerId).toBe(ALICE);
  });

  it('begin again for whoever joined with an address that the first did not know', async () => {
    const { dials, dialled } = setUp({ [quic('9.9.9.9')]: ALICE });
    const first = dials.joinDial(ALICE, [quic('8.8.8.8')], undefined).catch((error: unknown) => error);
    const second = dials.joinDial(ALICE, [quic('9.9.9.9')], undefined);
    expect(await first).toMatchObject({ code: 'UNREACHABLE' });
    expect((await second).path?.remoteAddress).toBe(quic('9.9.9.9'));
    expect(dialled).toEqual([quic('8.8.8.8'), quic('9.9.9.9')]);
  });

  it('end when they are called off', async () => {
    const { dials } = setUp({ [quic('8.8.8.8')]: Promise.withResolvers<PeerId>().promise });
    const dial = dials.joinDial(ALICE, [quic('8.8.8.8')], undefined).catch(messageOf);
    dials.callOff(ALICE, new Error('banned meanwhile'));
    expect(await dial).toBe('banned meanwhile');
    expect(dials.isDialling(ALICE)).toBe(false);
  });

  it('ask where the peer is once what is known leads nowhere, and try nothing twice', async () => {
    const finder = vi.fn<Finder>(async () => [quic('8.8.8.8'), quic('9.9.9.9')]);
    const { dials, dialled } = setUp({ [quic('9.9.9.9')]: ALICE }, { finder });
    const { signal } = new AbortController();
    expect((await dials.dialPeer(ALICE, [quic('8.8.8.8')], signal)).peer.peerId).toBe(ALICE);
    expect(dialled).toEqual([quic('8.8.8.8'), quic('9.9.9.9')]);
    expect(finder).toHaveBeenCalledTimes(1);
  });

  it('tell why they led nowhere: who refused says more than who was silent', async () => {
    const refusal = new PeerError({ code: 'BANNED', peer: ALICE, untilMs: null, reason: '' }, 'Banned there.');
    const { dials } = setUp({ [quic('7.7.7.7')]: refusal });
    const { signal } = new AbortController();
    await expect(dials.dialPeer(ALICE, [quic('8.8.8.8'), quic('7.7.7.7')], signal)).rejects.toBe(refusal);
    await expect(dials.dialPeer(ALICE, [quic('8.8.8.8')], signal)).rejects.toMatchObject({
      code: 'UNREACHABLE',
      data: { tried: [{ address: quic('8.8.8.8'), problem: 'nothing is there' }] },
    });
    await expect(dials.dialPeer(ALICE, [], signal)).rejects.toMatchObject({ code: 'NO_ADDRESS' });
  });

  it('find the peer where it has come by itself meanwhile', async () => {
    const { dials, known } = setUp({});
    const came = asConnection(createTestConnection('alice', { direction: 'in' }));
    const dial = dials.dialPeer(ALICE, [quic('8.8.8.8')], new AbortController().signal);
    known.set(ALICE, came);
    expect(await dial).toBe(came);
  });
});

describe('addresses that are dialled without anybody asking', () => {
  it('are few, and confirmed ones go before what the peer says', () => {
    const confirmed = Array.from({ length: 3 }, (_, index) => quic(`8.8.8.${index + 1}`));
    const heard = Array.from({ length: 20 }, (_, index) => quic(`9.9.9.${index + 1}`));
    const book = createTestBook({
      alice: {
        addresses: [
          ...heard.map((address) => ({ address, confirmedAtMs: null })),
          ...confirmed.map((address) => ({ address, confirmedAtMs: 1 })),
        ],
      },
    });
    const { dials } = setUp({}, { book });
    const likely = dials.likelyAddresses(ALICE, [quic('7.7.7.7')]);
    expect(likely.slice(0, 4)).toEqual([quic('7.7.7.7'), ...confirmed]);
    expect(likely.length).toBe(REPAIR_ADDRESSES_MAX);
    expect(dials.knownAddresses(ALICE, [quic('7.7.7.7')]).length).toBe(24);
    expect(dials.likelyAddresses(ALICE, [], (address) => address === heard[19])).toEqual([heard[19]]);
  });

  it('are none of this network where somebody far away says so', () => {
    const { dials, known } = setUp({});
    known.set(ALICE, asConnection(createTestConnection('alice', { says: [quic('192.168.1.1'), quic('9.9.9.9')] })));
    expect(dials.knownAddresses(ALICE, [])).toEqual([quic('9.9.9.9')]);
  });
});
