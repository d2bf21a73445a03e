import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { createServer, type AddressInfo, type Socket } from 'node:net';
import { createSystemOutside } from '../../main/base/index.ts';
import { createQuicCarrier } from '../../main/transport/stoq/carriers/quic/create-quic-carrier.ts';
import { createTlsCarrier } from '../../main/transport/stoq/carriers/tls/create-tls-carrier.ts';
import type { Address } from '../../main/transport/stoq/interface.ts';
import { createSilentLogger } from '../support/silent-logger.ts';
import { describeCarrier } from './stoq-carrier.ts';

const components = { outside: createSystemOutside(), logger: createSilentLogger(), metrics: null };
/** Short, so that dials that must fail do so soon. */
const HANDSHAKE_MS = 1_000;
/** Short, as the end of a channel may be seen only by the next sign of life. */
const KEEP_ALIVE_MS = 300;

describeCarrier('QUIC', async () => {
  const silent = createSocket('udp6');
  silent.bind(0, '::1');
  await once(silent, 'listening');
  const closed = createSocket('udp6');
  closed.bind(0, '::1');
  await once(closed, 'listening');
  const { port } = closed.address();
  closed.close();
  const init = { handshakeMs: HANDSHAKE_MS, keepAliveMs: KEEP_ALIVE_MS };
  return {
    dialler: createQuicCarrier(components, init),
    listener: createQuicCarrier(components, init),
    listenAt: '/ip6/::1/udp/0/quic-v1' as Address,
    nobodyAt: `/ip6/::1/udp/${port}/quic-v1` as Address,
    silentAt: `/ip6/::1/udp/${silent.address().port}/quic-v1` as Address,
    dialMsMax: 2 * HANDSHAKE_MS,
    stop: async () => {
      silent.close();
      await once(silent, 'close');
    },
  };
});

describeCarrier('TLS', async () => {
  const taken = new Set<Socket>();
  const silent = createServer((socket) => taken.add(socket));
  silent.listen(0, '::1');
  await once(silent, 'listening');
  const closed = createServer();
  closed.listen(0, '::1');
  await once(closed, 'listening');
  const { port } = closed.address() as AddressInfo;
  closed.close();
  const init = { handshakeMs: HANDSHAKE_MS, keepAliveMs: KEEP_ALIVE_MS };
  return {
    dialler: createTlsCarrier(components, init),
    listener: createTlsCarrier(components, init),
    listenAt: '/ip6/::1/tcp/0/tls' as Address,
    nobodyAt: `/ip6/::1/tcp/${port}/tls` as Address,
    silentAt: `/ip6/::1/tcp/${(silent.address() as AddressInfo).port}/tls` as Address,
    dialMsMax: 2 * HANDSHAKE_MS,
    stop: async () => {
      for (const socket of taken) socket.destroy();
      silent.close();
      await once(silent, 'close');
    },
  };
});
