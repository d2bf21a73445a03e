// One end of a plain TCP or TLS 1.3 connection by Node alone, what the carriers are compared with. Speaks like stoq-carrier.ts.
import { once } from 'node:events';
import { createServer, connect, type AddressInfo, type Server, type Socket } from 'node:net';
import { createInterface } from 'node:readline';
import { createServer as createTlsServer, connect as connectTls } from 'node:tls';
import { createSystemOutside } from '../../../main/base/index.ts';
import { createSelfSignedCertificate } from '../../../main/transport/stoq/carriers/tls/self-signed-certificate.ts';
import { percentile } from '../figure.ts';

const [role, kind] = process.argv.slice(2);
const WRITE_BYTES = 256 * 1024;
const tell = (value: unknown): void => {
  process.stdout.write(`${JSON.stringify(value)}\n`);
};
const cpuSeconds = (): number => {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e6;
};
let received = 0;

/** The first byte says whether the rest is to be counted (0) or sent back (1). */
const serve = (socket: Socket): void => {
  let echo: boolean | null = null;
  socket.on('error', () => undefined);
  socket.on('data', (bytes: Buffer) => {
    let rest = bytes;
    if (echo === null) {
      echo = bytes[0] === 1;
      rest = bytes.subarray(1);
    }
    if (echo) {
      if (rest.length > 0) socket.write(rest);
    } else received += rest.length;
  });
  socket.on('end', () => socket.end());
};
const dial = async (port: number): Promise<Socket> => {
  const socket =
    kind === 'tls'
      ? connectTls({ host: '::1', port, rejectUnauthorized: false, ciphers: 'TLS_AES_128_GCM_SHA256' })
      : connect({ host: '::1', port });
  socket.setNoDelay(true);
  await once(socket, kind === 'tls' ? 'secureConnect' : 'connect');
  return socket;
};
const commands: Record<string, (input: never) => Promise<unknown>> = {
  bulk: async ({ port, seconds }: { port: number; seconds: number }) => {
    const socket = await dial(port);
    const bytes = Buffer.alloc(WRITE_BYTES, 0x5a);
    let sent = 0;
    socket.write(Uint8Array.of(0));
    socket.resume();
    const begin = performance.now();
    await new Promise<void>((resolve) => {
      const go = (): void => {
        if (performance.now() - begin >= seconds * 1000) {
          socket.end(resolve);
          return;
        }
        sent += bytes.length;
        socket.write(bytes, go);
      };
      go();
    });
    if (!socket.readableEnded) await once(socket, 'end');
    return { bytes: sent, seconds: (performance.now() - begin) / 1000 };
  },
  echo: async ({ port, count }: { port: number; count: number }) => {
    const socket = await dial(port);
    socket.write(Uint8Array.of(1));
    const bytes = Buffer.alloc(64);
    const samples: number[] = [];
    for (let i = 0; i < count; i++) {
      const begin = performance.now();
      socket.write(bytes);
      for (let got = 0; got < bytes.length; ) got += ((await once(socket, 'data')) as [Buffer])[0].length;
      if (i >= count / 10) samples.push((performance.now() - begin) * 1000);
    }
    socket.destroy();
    return { p50: percentile(samples, 0.5), p99: percentile(samples, 0.99) };
  },
  state: async () => Promise.resolve({ received, cpuSeconds: cpuSeconds() }),
};

if (role === 'listen') {
  const server: Server =
    kind === 'tls'
      ? createTlsServer(
          {
            ...createSelfSignedCertificate(createSystemOutside().random.bytes(8)),
            minVersion: 'TLSv1.3',
            noDelay: true,
            allowHalfOpen: true,
          },
          serve,
        )
      : createServer({ noDelay: true, allowHalfOpen: true }, serve);
  server.listen(0, '::1');
  await once(server, 'listening');
  tell({ port: (server.address() as AddressInfo).port });
} else tell({ ready: true });
for await (const line of createInterface({ input: process.stdin })) {
  const { command, ...input } = JSON.parse(line) as { command: string };
  if (command === 'stop') break;
  const run = commands[command];
  if (run === undefined) throw new Error(`unknown command ${command}`);
  try {
    tell(await run(input as never));
  } catch (error) {
    tell({ error: error instanceof Error ? (error.stack ?? error.message) : String(error) });
  }
}
process.exit(0);
