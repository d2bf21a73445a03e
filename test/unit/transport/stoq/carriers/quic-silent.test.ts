import { createSocket, type Socket } from 'node:dgram';
import { afterEach, expect, it } from 'vitest';
import { createSystemOutside } from '../../../../../main/base/index.ts';
import { ipAddress, partsOf } from '../../../../../main/transport/stoq/address.ts';
import { createQuicCarrier } from '../../../../../main/transport/stoq/carriers/quic/create-quic-carrier.ts';
import type { Carrier } from '../../../../../main/transport/stoq/carriers/interface.ts';
import { createSilentLogger } from '../../../../support/silent-logger.ts';

const carriers: Carrier[] = [];
const sockets: Socket[] = [];
afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.close();
  await Promise.all(carriers.splice(0).map((carrier) => carrier.stop()));
});
const carrier = (): Carrier => {
  const made = createQuicCarrier({ outside: createSystemOutside(), logger: createSilentLogger(), metrics: null });
  carriers.push(made);
  return made;
};
const socketOn = async (): Promise<Socket> => {
  const socket = createSocket('udp6');
  sockets.push(socket);
  await new Promise<void>((resolve) => socket.bind(0, '::1', resolve));
  return socket;
};

it('lets in who comes while a hundred first packets, whose addresses may be forged, lead nowhere', async () => {
  const server = carrier();
  const { address } = await server.listen(ipAddress('::1', 0, 'quic'), () => undefined);
  const sink = await socketOn();
  const initials = new Map<number, Buffer>();
  sink.on('message', (packet, { port }) => {
    if (!initials.has(port)) initials.set(port, packet);
  });
  const attacker = carrier();
  const dialling = new AbortController();
  const dials = Array.from({ length: 100 }, () =>
    attacker.dial(ipAddress('::1', sink.address().port, 'quic'), { signal: dialling.signal }).catch(() => null),
  );
  await expect.poll(() => initials.size, { timeout: 5_000 }).toBe(100);
  dialling.abort();
  await Promise.all(dials);
  for (const packet of initials.values()) {
    const socket = await socketOn();
    await new Promise<void>((resolve) => socket.send(packet, partsOf(address).port, '::1', () => resolve()));
  }
  const channel = await carrier().dial(address, { signal: AbortSignal.timeout(4_000) });
  expect(channel.tier).toBe('quic');
});
