import { createSocket } from 'node:dgram';
import { createServer } from 'node:net';

export type PortFamily = 'ip6' | 'ip4';
/** Why nothing can be bound, as the system calls it, such as `EADDRINUSE`. */
type Refusal = string;

const UDP_TYPES = { ip6: 'udp6', ip4: 'udp4' } as const;
const codeOf = (error: unknown): Refusal => (error as NodeJS.ErrnoException).code ?? 'EUNKNOWN';
/** Numbers that are tried where any free one will do: UDP and TCP must both have it. */
const TRIES_MAX = 16;

interface Held {
  port: number;
  release(): Promise<void>;
}
const holdUdp = (family: PortFamily, host: string, port: number): Promise<Held | Refusal> =>
  new Promise((resolve) => {
    const socket = createSocket({ type: UDP_TYPES[family], ipv6Only: family === 'ip6' });
    socket.once('error', (error) => {
      socket.close();
      resolve(codeOf(error));
    });
    socket.bind({ port, address: host, exclusive: true }, () =>
      resolve({
        port: socket.address().port,
        release: () => new Promise((released) => socket.close(() => released())),
      }),
    );
  });
const holdTcp = (family: PortFamily, host: string, port: number): Promise<Held | Refusal> =>
  new Promise((resolve) => {
    const server = createServer();
    server.once('error', (error) => resolve(codeOf(error)));
    server.listen({ port, host, ipv6Only: family === 'ip6', exclusive: true }, () => {
      const address = server.address();
      resolve({
        port: address !== null && typeof address === 'object' ? address.port : port,
        release: () => new Promise((released) => server.close(() => released())),
      });
    });
  });

/** Whether sockets of a family can be had at all: on some machines IPv6 is switched off. */
export const hasFamily = async (family: PortFamily, host: string): Promise<boolean> => {
  const held = await holdUdp(family, host, 0);
  if (typeof held === 'string') return false;
  await held.release();
  return true;
};

/** @returns the port when UDP and TCP can have it on all hosts, else why not */
const tryPort = async (
  hosts: readonly { family: PortFamily; host: string }[],
  wanted: number,
): Promise<number | Refusal> => {
  const held: Held[] = [];
  let port = wanted;
  try {
    for (const { family, host } of hosts)
      for (const hold of [holdUdp, holdTcp]) {
        const one = await hold(family, host, port);
        if (typeof one === 'string') return one;
        held.push(one);
        ({ port } = one);
      }
    return port;
  } finally {
    for (const one of held) await one.release();
  }
};

/**
 * One number that QUIC and TLS can both listen at, so that a person forwards one and remembers one. It is free when this resolves;
 * between that and listening, another program may take it.
 *
 * @param wanted - numbers to try first, in order
 * @returns the port, and why each wanted one before it could not be had; null where no port can be had at all
 */
export const findPort = async (
  hosts: readonly { family: PortFamily; host: string }[],
  wanted: readonly number[],
): Promise<{ port: number; refused: readonly { port: number; code: Refusal }[] } | null> => {
  const refused: { port: number; code: Refusal }[] = [];
  for (const port of wanted) {
    const found = await tryPort(hosts, port);
    if (typeof found === 'number') return { port: found, refused };
    refused.push({ port, code: found });
  }
  for (let tries = 0; tries < TRIES_MAX; tries += 1) {
    const found = await tryPort(hosts, 0);
    if (typeof found === 'number') return { port: found, refused };
  }
  return null;
};
