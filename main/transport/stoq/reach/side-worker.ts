import { createSocket, type Socket } from 'node:dgram';
import { parentPort, workerData } from 'node:worker_threads';
import { assert, messageOf } from '../../../base/errors.ts';
import { createSystemOutside } from '../../../base/system-outside.ts';
import { SOCKET_BUFFER_BYTES } from './constants.ts';
import { createSideCore } from './side-core.ts';
import type { FromSide, SideWorkerData, ToSide } from './side-messages.ts';
import { normalHost } from './stun.ts';

// Entry of the thread of the side socket: sockets and messages around side-core.ts, nothing else.
const parent = parentPort;
assert(parent !== null, 'The side socket runs in a thread.');
const outside = createSystemOutside();
/** Ports of both families are one; another program may hold the one of IPv4. */
const PORT_TRIES = 20;
const COUNTS_MS = 1000;

let waiting: FromSide[] = [];
const tell = (message: FromSide): void => {
  if (waiting.length === 0) {
    setImmediate(() => {
      const batch = waiting;
      waiting = [];
      parent.postMessage(batch);
    });
  }
  waiting.push(message);
};

/** Hosts are always numbers here: nothing is looked up, which takes a turn of the loop for every packet. */
const lookup = (
  host: string,
  _options: unknown,
  done: (error: NodeJS.ErrnoException | null, address: string, family: number) => void,
): void => done(null, host, host.includes(':') ? 6 : 4);

const bind = (type: 'udp4' | 'udp6', host: string, port: number): Promise<Socket> =>
  new Promise((resolve, reject) => {
    const socket = createSocket({ type, ipv6Only: type === 'udp6', lookup });
    socket.once('error', (error) => {
      socket.close();
      reject(error);
    });
    socket.bind({ port, address: host, exclusive: true }, () => {
      socket.removeAllListeners('error');
      // Errors of single packets (no way there) come with the call that sent them; nothing else is known to come here.
      socket.on('error', () => undefined);
      for (const set of ['setRecvBufferSize', 'setSendBufferSize'] as const) {
        try {
          socket[set](SOCKET_BUFFER_BYTES);
        } catch {
          // The system allows less: its own size stays.
        }
      }
      resolve(socket);
    });
  });

/** Both families at one port; one alone where the machine has no other. */
const bindBoth = async (wanted: number): Promise<{ v4: Socket | null; v6: Socket | null; port: number }> => {
  let last: unknown = null;
  for (let tries = 0; tries < (wanted === 0 ? PORT_TRIES : 1); tries++) {
    let v6: Socket | null = null;
    try {
      v6 = await bind('udp6', '::', wanted);
    } catch (error) {
      last = error;
      if (isTaken(error)) continue;
    }
    try {
      const v4 = await bind('udp4', '0.0.0.0', v6?.address().port ?? wanted);
      return { v4, v6, port: v4.address().port };
    } catch (error) {
      last = error;
      if (v6 !== null && !isTaken(error)) return { v4: null, v6, port: v6.address().port };
      v6?.close();
    }
  }
  throw last;
};
const isTaken = (error: unknown): boolean => (error as NodeJS.ErrnoException).code === 'EADDRINUSE';

const run = async (): Promise<void> => {
  const { v4, v6, port } = await bindBoth((workerData as SideWorkerData).port);
  const lost = (): void => undefined;
  const core = createSideCore({
    outside,
    tell,
    send: (packet, to) => {
      const socket = to.host.includes(':') ? v6 : v4;
      // With a callback an address without a way is an error of this packet and not of the socket.
      try {
        socket?.send(packet, to.port, to.host, lost);
      } catch {
        // A peer's word, such as port 0: nobody is there.
      }
    },
    openLoopback: async (onPacket) => {
      const socket = await bind('udp4', '127.0.0.1', 0);
      socket.on('message', (packet, from) => {
        if (from.address === '127.0.0.1') onPacket(packet, from.port);
      });
      return {
        port: socket.address().port,
        send: (packet, to) => socket.send(packet, to, '127.0.0.1', lost),
        close: () => socket.close(),
      };
    },
  });
  for (const socket of [v4, v6])
    socket?.on('message', (packet, from) => core.onPacket(packet, { host: normalHost(from.address), port: from.port }));
  const stopCounting = outside.clock.every(COUNTS_MS, () => tell({ kind: 'counted', counts: core.counts() }));
  parent.on('message', (batch: readonly ToSide[]) => {
    for (const message of batch) {
      if (message.kind !== 'stop') {
        core.onMessage(message);
        continue;
      }
      stopCounting();
      core.stop();
      v4?.close();
      v6?.close();
      parent.close();
    }
  });
  tell({ kind: 'opened', port, families: [...(v4 ? [4 as const] : []), ...(v6 ? [6 as const] : [])] });
};

try {
  await run();
} catch (error) {
  tell({ kind: 'refused', detail: messageOf(error) });
}
