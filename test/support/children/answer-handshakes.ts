import type { AddressInfo } from 'node:net';
import { createServer } from 'node:tls';
import type { Channel } from '../../../main/transport/stoq/carriers/interface.ts';
import { createSelfSignedCertificate } from '../../../main/transport/stoq/carriers/tls/self-signed-certificate.ts';
import type { Handshaker } from '../../../main/transport/stoq/handshake/interface.ts';
import type { Address } from '../../../main/transport/stoq/interface.ts';
import { createHandshakeSide } from '../stoq/handshake-side.ts';

// Answers handshakes until it is killed: for each carrier at one address with nothing remembered and at another with tickets, and
// plain TLS 1.3 beside them. A byte follows each that succeeded. Prints its peer id, then `what address` a line.
const side = createHandshakeSide(2);
const remembering = side.freshHandshaker();

const answer = async (channel: Channel, handshaker: Handshaker): Promise<void> => {
  const stream = await channel.acceptStream();
  if (stream === null) return;
  await handshaker.respond(channel, stream, side.options());
  await stream.write(Uint8Array.of(1));
};
process.stdout.write(`${side.local.peerId}\n`);
for (const [name, carrier, form] of [
  ['quic', side.carriers.quic, '/ip6/::1/udp/0/quic-v1'],
  ['tls', side.carriers.tls, '/ip6/::1/tcp/0/tls'],
] as const)
  for (const kind of ['fresh', 'resumed'] as const) {
    const listener = await carrier.listen(form as Address, (channel) => {
      answer(channel, kind === 'fresh' ? side.freshHandshaker() : remembering).catch(() => channel.abort());
    });
    process.stdout.write(`${name}-${kind} ${listener.address}\n`);
  }
const { key, cert } = createSelfSignedCertificate(side.outside.random.bytes(8));
const server = createServer({ key, cert, minVersion: 'TLSv1.3' }, (socket) => {
  socket.on('error', () => undefined);
  socket.end(Uint8Array.of(1));
});
server.listen(0, '::1', () => {
  process.stdout.write(`plain ${(server.address() as AddressInfo).port}\n`);
});
