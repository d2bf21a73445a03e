import { afterEach, describe, expect, it } from 'vitest';
import { isNodeError } from '../../../../../main/base/index.ts';
import { encodeControl } from '../../../../../main/transport/stoq/connection/frames.ts';
import { createHandshaker } from '../../../../../main/transport/stoq/handshake/create-handshaker.ts';
import { type Address, CLOSE_REASONS } from '../../../../../main/transport/stoq/interface.ts';
import { createSelfMadeVerifier } from '../../../../../main/transport/stoq/verifier.ts';
import { createSilentLogger } from '../../../../support/silent-logger.ts';
import { makePeer } from '../../../../support/stoq/make-peer.ts';
import { createNet, type Net } from './fixture.ts';

let net: Net;
afterEach(async () => {
  await net.stop();
});

/** Listens, shakes hands, and then says `last` or nothing at all. */
const listenAndStop = async (seed: number, last: Uint8Array | null) => {
  const { local } = makePeer(seed);
  const handshaker = createHandshaker(
    { outside: net.outside, logger: createSilentLogger(), workers: net.workers, metrics: null },
    { local, verifier: createSelfMadeVerifier({ workers: net.workers }), memberships: () => [], open: () => true },
  );
  const carrier = net.network.carrier(`stop${seed}`);
  const address = `/memory/stop${seed}` as Address;
  await carrier.listen(address, (channel) => {
    void (async () => {
      const stream = await channel.acceptStream();
      if (stream === null) return;
      await handshaker.respond(channel, stream, {
        signal: new AbortController().signal,
        info: { agent: 'stop/1', addresses: [], sidePort: null, relays: false },
        observed: null,
      });
      if (last !== null) await stream.write(last);
    })().catch(() => undefined);
  });
  return { address, peerId: local.peerId };
};
/** As a puncher or a dial-back takes a channel, which know expected failures from bugs by their kind. */
const addPath = async (last: Uint8Array | null): Promise<unknown> => {
  net = createNet();
  const node = await net.add(1);
  const { address, peerId } = await listenAndStop(2, last);
  const channel = await net.during(net.network.carrier('side').dial(address, { signal: new AbortController().signal }));
  return await net.during(
    node.endpoint.addPath(channel, peerId).then(
      () => null,
      (error: unknown) => error,
    ),
  );
};

describe('whoever adds a path', () => {
  it('meets an expected failure where the other end proves itself and then is silent', async () => {
    const error = await addPath(null);
    expect(isNodeError(error) && error.code).toBe('HANDSHAKE_TIMED_OUT');
  });
  it('meets an expected failure where the other end says that it will not have us', async () => {
    const error = await addPath(encodeControl({ type: 'bye', reason: CLOSE_REASONS.full, detail: '' }));
    expect(isNodeError(error) && [error.code, error.data]).toEqual(['TURNED_AWAY', { reason: 'full' }]);
  });
  it('meets an expected failure where the peer is banned while it is dialled', async () => {
    net = createNet();
    const node = await net.add(1);
    const { address, peerId } = await listenAndStop(2, null);
    const dialled = node.endpoint.connect({ peer: peerId, addresses: [address] }).then(
      () => null,
      (error: unknown) => error,
    );
    await net.pass(100);
    node.book.ban(peerId, { untilMs: null, reason: 'test', byOwner: true });
    const error = await net.during(dialled);
    expect(isNodeError(error) && error.code).toBe('BANNED');
  });
});
