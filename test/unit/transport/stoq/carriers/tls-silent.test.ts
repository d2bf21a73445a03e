import { connect, type Socket } from 'node:net';
import { afterEach, expect, it } from 'vitest';
import { createSystemOutside } from '../../../../../main/base/index.ts';
import { ipAddress, partsOf } from '../../../../../main/transport/stoq/address.ts';
import type { Carrier } from '../../../../../main/transport/stoq/carriers/interface.ts';
import { createTlsCarrier } from '../../../../../main/transport/stoq/carriers/tls/create-tls-carrier.ts';
import { createSilentLogger } from '../../../../support/silent-logger.ts';

const carriers: Carrier[] = [];
const sockets: Socket[] = [];
afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy();
  await Promise.all(carriers.splice(0).map((carrier) => carrier.stop()));
});
const carrier = (): Carrier => {
  const made = createTlsCarrier({ outside: createSystemOutside(), logger: createSilentLogger(), metrics: null });
  carriers.push(made);
  return made;
};

it('leaves room for others beside a host that connects two hundred times and says nothing', async () => {
  const { address } = await carrier().listen(ipAddress('127.0.0.1', 0, 'tls'), () => undefined);
  const { port } = partsOf(address);
  let refused = 0;
  for (let count = 0; count < 200; count++) {
    // All of 127.0.0.0/8 is this machine: two hosts without a network between them.
    const socket = connect({ host: '127.0.0.1', port, localAddress: '127.0.0.2' });
    socket.on('error', () => undefined);
    socket.on('close', () => (refused += 1));
    sockets.push(socket);
    await new Promise((resolve) => socket.once('connect', resolve));
  }
  await expect.poll(() => refused).toBe(136);
  const channel = await carrier().dial(address, { signal: AbortSignal.timeout(3_000) });
  expect(channel.tier).toBe('tls');
});
