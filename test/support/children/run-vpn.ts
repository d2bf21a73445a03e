import { createSocket } from 'node:dgram';
import { createServer as createHttpServer } from 'node:http';
import { createServer } from 'node:net';
import { createInterface } from 'node:readline';
import { createSystemOutside } from '../../../main/base/index.ts';
import type { GlobalAddress } from '../../../main/kernel/leases/index.ts';
import { createVpn } from '../../../main/kernel/proxy/forwarders/vpn/index.ts';
import type { Pipe } from '../../../main/kernel/proxy/interface.ts';
import { createSilentLogger } from '../silent-logger.ts';
import { createSocketDialer, pipeOfSocket } from '../socket-dialer.ts';

// A VPN whose far address leads to servers of this process, and a plain forward to the same. Reads `up`, `down`, `view` and `quit`
// from stdin; prints the view after each. Arguments: helper, own address, far address, MTU.
const [helperPath = '', own = '', far = '', mtu = ''] = process.argv.slice(2);
/** Ports at the far address: web, UDP echo, TCP echo, one that lets nobody in; what the plain forward listens on and leads to. */
const PORTS = { web: 8080, udp: 8081, echo: 8082, private: 8083, plain: 8084, iperf: 5201 };

const page = Buffer.alloc(1024 * 1024, 'hypermesh ');
createHttpServer((request, response) => {
  if (request.method !== 'POST') {
    response.end(page);
    return;
  }
  let bytes = 0;
  request.on('data', (data: Buffer) => {
    bytes += data.length;
  });
  request.on('end', () => response.end(String(bytes)));
}).listen(PORTS.web, '::1');
const udp = createSocket('udp6');
udp.on('message', (message, { port, address }) => udp.send(message, port, address));
udp.bind(PORTS.udp, '::1');
createServer({ allowHalfOpen: true }, (socket) => {
  socket.on('error', () => undefined);
  socket.pipe(socket);
}).listen(PORTS.echo, '::1');

const dialer = createSocketDialer({ address: far, privatePort: PORTS.private });
const copy = async (from: Pipe, to: Pipe): Promise<void> => {
  for (let bytes = await from.read(); bytes !== null; bytes = await from.read()) await to.write(bytes);
  await to.finish();
};
createServer({ allowHalfOpen: true, noDelay: true, pauseOnConnect: false }, (socket) => {
  const near = pipeOfSocket(socket);
  dialer
    .connect({ kind: 'service', address: far as GlobalAddress, port: PORTS.iperf, route: 'direct' })
    .then((pipe) => Promise.all([copy(near, pipe), copy(pipe, near)]))
    .catch(() => near.reset());
}).listen(PORTS.plain, '::1');

const vpn = createVpn(
  {
    outside: createSystemOutside(),
    logger: createSilentLogger(),
    metrics: null,
    dialer,
    localAddress: () => own as GlobalAddress,
  },
  { helperPath, ...(mtu === '' ? {} : { mtuBytes: Number(mtu) }) },
);
createInterface({ input: process.stdin }).on('line', (line) => {
  const done = line === 'up' ? vpn.up() : line === 'view' ? Promise.resolve(vpn.view()) : vpn.down();
  void done.then((view) => {
    process.stdout.write(`${JSON.stringify(view)}\n`);
    if (line === 'quit') process.exit(0);
  });
});
