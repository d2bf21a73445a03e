import { afterEach, describe, expect, it } from 'vitest';
import { memoryAddress } from '../../../../../main/transport/stoq/address.ts';
import type { PunchedCarrier } from '../../../../../main/transport/stoq/carriers/punched/create-punched-carrier.ts';
import { writeMessage } from '../../../../../main/transport/stoq/connection/messages.ts';
import { CarrierError } from '../../../../../main/transport/stoq/errors.ts';
import type {
  Connection,
  EndpointControl,
  PeerId,
  Stream,
  StreamHandler,
  Tier,
} from '../../../../../main/transport/stoq/interface.ts';
import type { SideSocketControl } from '../../../../../main/transport/stoq/reach/create-side-socket.ts';
import { createDialBack, encodeDialBackRequest } from '../../../../../main/transport/stoq/reach/dial-back.ts';
import { ReachError } from '../../../../../main/transport/stoq/reach/errors.ts';
import { createPuncher, encodePunchMessage } from '../../../../../main/transport/stoq/reach/punch.ts';
import { createRelayService, RELAY_LIMITS } from '../../../../../main/transport/stoq/reach/relay-service.ts';
import { RELAY_PROTOCOL } from '../../../../../main/transport/stoq/reach/relay-wire.ts';
import { createManualClock } from '../../../../support/manual-clock.ts';
import { createSeededRandom } from '../../../../support/seeded-random.ts';
import { createSilentLogger } from '../../../../support/silent-logger.ts';
import { createNet, type Net } from '../connection/fixture.ts';

const logger = createSilentLogger();
let net: Net | null = null;
afterEach(async () => {
  await net?.stop();
  net = null;
});

/** An endpoint of which only the handler that is put into it is used. */
const createFakes = () => {
  const clock = createManualClock();
  let handler: StreamHandler = () => Promise.reject(new Error('nothing is handled'));
  const endpoint = {
    handle: (_spec: unknown, given: StreamHandler) => {
      handler = given;
      return () => undefined;
    },
    on: () => () => undefined,
    connections: () => [],
    addresses: () => [memoryAddress('witness')],
  } as unknown as EndpointControl;
  /** Asks as `peer` with one message. @returns whether it was reset, once the handler is done */
  const ask = async (peer: string, tier: Tier, write: (to: Pick<Stream, 'write'>) => Promise<void>) => {
    const sent: Uint8Array[] = [];
    await write({ write: async (bytes) => void sent.push(new Uint8Array(bytes)) });
    let rest = Buffer.concat(sent);
    const said: Uint8Array[] = [];
    let isReset = false;
    const stream = {
      read: async (maxBytes = 65_536) => {
        const part = rest.subarray(0, maxBytes);
        rest = rest.subarray(maxBytes);
        return part.length === 0 ? null : part;
      },
      write: async (bytes: Uint8Array) => void said.push(new Uint8Array(bytes)),
      finish: async () => undefined,
      reset: () => {
        isReset = true;
      },
    } as unknown as Stream;
    const path = { tier, via: null, remoteAddress: memoryAddress('asker') };
    const connection = {
      peer: { peerId: peer as PeerId },
      path,
      paths: () => [path],
      exportKey: () => new Uint8Array(32),
    } as unknown as Connection;
    await handler(stream, connection);
    return { isReset, said: Buffer.concat(said) };
  };
  return { clock, outside: { clock, random: createSeededRandom(1) }, endpoint, ask };
};

describe('what is lent to others', () => {
  it('is no place to sit: a stream that asks a relay for nothing ends, and its connection may give way', async () => {
    net = createNet();
    const node = await net.add(1);
    const { outside } = net;
    const relay = createRelayService(
      { outside, logger, metrics: null, endpoint: node.endpoint },
      { limits: () => RELAY_LIMITS, onIncoming: () => Promise.resolve() },
    );
    await relay.start();
    const raw = await net.raw(2, node);
    for (let count = 0; count < 40; count++)
      await net.during(raw.open({ number: 2 * count, protocol: RELAY_PROTOCOL }));
    await net.pass(100);
    expect(node.endpoint.stats().streamsOpen).toBe(40);
    await net.pass(10_500);
    expect(node.endpoint.stats().streamsOpen).toBe(0);
    await relay.stop();
  });

  it('is shared: one asker does not use up the dials of all', async () => {
    const { outside, clock, endpoint, ask } = createFakes();
    let dials = 0;
    const dialBack = createDialBack({
      outside,
      logger,
      metrics: null,
      endpoint,
      carriers: [
        {
          tier: 'memory',
          canDial: () => true,
          listen: () => Promise.reject(new Error('not here')),
          dial: (address) => {
            dials += 1;
            return Promise.reject(new CarrierError({ code: 'UNREACHABLE', address, detail: '' }, 'Nobody is there.'));
          },
          stop: () => Promise.resolve(),
        },
      ],
      onLie: () => undefined,
    });
    await dialBack.start();
    const request = (to: Pick<Stream, 'write'>) => writeMessage(to, encodeDialBackRequest(memoryAddress('asker')));
    for (let count = 0; count < 50; count++) await ask('greedy', 'memory', request);
    expect(dials).toBe(20);
    await ask('modest', 'memory', request);
    expect(dials).toBe(21);
    await clock.advance(61_000);
    await ask('greedy', 'memory', request);
    expect(dials).toBe(22);
  });

  it('floods nobody: holes are tried for those without a direct way, and few times', async () => {
    const { outside, clock, endpoint, ask } = createFakes();
    let punches = 0;
    const puncher = createPuncher(
      {
        outside,
        logger,
        metrics: null,
        endpoint,
        side: {
          punch: () => {
            punches += 1;
            return Promise.reject(new ReachError({ code: 'NOT_PUNCHED', detail: '' }, 'There is no way.'));
          },
        } as unknown as SideSocketControl,
        carrier: { start: () => Promise.resolve(), stop: () => Promise.resolve() } as unknown as PunchedCarrier,
      },
      { candidates: () => Promise.resolve([]) },
    );
    await puncher.start();
    const request = (to: Pick<Stream, 'write'>) =>
      writeMessage(to, encodePunchMessage(new Uint8Array(16), [{ host: '192.0.2.66', port: 53 }]));
    expect((await ask('direct', 'quic', request)).isReset).toBe(true);
    expect(punches).toBe(0);
    for (let count = 0; count < 50; count++) await ask('greedy', 'relay', request);
    expect(punches).toBe(6);
    for (let peer = 0; peer < 50; peer++) await ask(`peer ${peer}`, 'relay', request);
    expect(punches).toBe(30);
    await clock.advance(61_000);
    await ask('later', 'relay', request);
    expect(punches).toBe(31);
    await puncher.stop();
  });
});
