import { createSocket } from 'node:dgram';
import { type Socket, connect } from 'node:net';
import type { Clock } from '../../../base/index.ts';
import type { LeaseId } from '../../leases/index.ts';
import { parseIp } from '../destinations/index.ts';
import type { GuardAttempt, GuardProbeSource, GuardTarget, LocalProxy } from '../interface.ts';
import { createHttpProxy } from '../forwarders/http/create-http-proxy.ts';
import { createSocksProxy } from '../forwarders/socks5/create-socks-proxy.ts';
import { ATTEMPT_MS_MAX, PARALLEL_MAX } from './constants.ts';
import { createExitDoor, type ExitDoor, type ExitDoorComponents } from './exit-door.ts';

export type ForwarderSourcesComponents = ExitDoorComponents;
/** Stands for a lease of this node's own network, which it does not need. */
const OWN_LEASE = `lease-${'0'.repeat(32)}` as LeaseId;
const ANSWER_BYTES_MAX = 1_024;

/** Runs `work` over all items, a few at a time. */
const inParallel = async <T>(
  items: readonly T[],
  signal: AbortSignal,
  work: (item: T) => Promise<void>,
): Promise<void> => {
  const left = items.values();
  const lane = async (): Promise<void> => {
    for (const item of left) {
      signal.throwIfAborted();
      await work(item);
    }
  };
  await Promise.all(Array.from({ length: PARALLEL_MAX }, lane));
};

/** Says something to a port of this machine. @returns what came back until the end, or until nothing came for too long */
const converse = (clock: Clock, port: number, text: Uint8Array, enough: (answer: Buffer) => boolean): Promise<Buffer> =>
  new Promise((resolve) => {
    const socket: Socket = connect({ host: '127.0.0.1', port });
    let answer = Buffer.alloc(0);
    const done = (): void => {
      cancel();
      socket.destroy();
      resolve(answer);
    };
    const cancel = clock.after(ATTEMPT_MS_MAX, done);
    socket.on('error', done);
    socket.on('close', done);
    socket.on('data', (chunk: Buffer) => {
      answer = Buffer.concat([answer, chunk]);
      if (answer.length > ANSWER_BYTES_MAX || enough(answer)) done();
    });
    socket.write(text);
  });

const addressBytes = (host: string): number[] => {
  const ip = parseIp(host);
  if (ip !== null) return [ip.family === 4 ? 1 : 4, ...ip.bytes];
  return [3, Buffer.byteLength(host), ...Buffer.from(host)];
};
const socksRequest = (command: number, { host, port }: Pick<GuardTarget, 'host' | 'port'>): Uint8Array =>
  Uint8Array.from([5, 1, 0, 5, command, 0, ...addressBytes(host), port >> 8, port & 255]);

const throughSocks = async (clock: Clock, proxyPort: number, target: GuardTarget): Promise<GuardAttempt> => {
  const answer = await converse(clock, proxyPort, socksRequest(1, target), (bytes) => bytes.length >= 4);
  const code = answer[3];
  if (code === 0) return { result: 'reached', sentence: 'The proxy said that it is connected.' };
  if (code === undefined) return { result: 'unreachable', sentence: 'The proxy closed the connection.' };
  return { result: 'refused', sentence: `The proxy refused it (SOCKS answer ${code}).` };
};
/** Waits until the door has said what it does, or for a moment where it is not even asked. */
const silence = async (clock: Clock, decided: () => boolean): Promise<false> => {
  for (let waited = 0; waited < 150 && !decided(); waited += 10) await clock.sleep(10);
  return false;
};
const throughSocksUdp = async (
  clock: Clock,
  proxyPort: number,
  target: GuardTarget,
  door: ExitDoor,
): Promise<GuardAttempt> => {
  const control = connect({ host: '127.0.0.1', port: proxyPort });
  const socket = createSocket('udp4');
  try {
    control.on('error', () => undefined);
    control.write(socksRequest(3, { host: '0.0.0.0', port: 0 }));
    const answer = await new Promise<Buffer>((resolve) => {
      let all = Buffer.alloc(0);
      control.on('data', (chunk: Buffer) => {
        all = Buffer.concat([all, chunk]);
        if (all.length >= 12) resolve(all);
      });
      control.on('close', () => resolve(all));
    });
    if (answer[3] !== 0 || answer.length < 12) return { result: 'refused', sentence: 'The proxy takes no datagrams.' };
    const datagram = Uint8Array.from([0, 0, 0, ...addressBytes(target.host), target.port >> 8, target.port & 255, 1]);
    const heard = new Promise<boolean>((resolve) => socket.once('message', () => resolve(true)));
    await new Promise<void>((resolve) => {
      socket.send(datagram, answer.readUInt16BE(10), '127.0.0.1', () => resolve());
    });
    if (await Promise.race([heard, silence(clock, () => door.outcome(target.host, target.port) !== null)]))
      return { result: 'reached', sentence: 'An answer came back.' };
    return { result: 'refused', sentence: 'The datagram was dropped.' };
  } finally {
    control.destroy();
    socket.close();
  }
};
const bracketed = ({ host, port }: GuardTarget): string => `${host.includes(':') ? `[${host}]` : host}:${port}`;
const throughHttp = async (
  clock: Clock,
  proxyPort: number,
  target: GuardTarget,
  tunnel: boolean,
): Promise<GuardAttempt> => {
  const place = bracketed(target);
  const line = tunnel ? `CONNECT ${place} HTTP/1.1` : `GET http://${place}/ HTTP/1.1`;
  const text = Buffer.from(`${line}\r\nHost: ${place}\r\n\r\n`);
  const answer = (await converse(clock, proxyPort, text, (bytes) => bytes.includes('\r\n'))).toString('latin1');
  const status = Number(/^HTTP\/1\.1 (\d{3}) /.exec(answer)?.[1] ?? 0);
  if (status === 0) return { result: 'unreachable', sentence: 'The proxy closed the connection.' };
  if ([400, 403, 502, 503, 504].includes(status))
    return { result: 'refused', sentence: `The proxy refused it (HTTP status ${status}).` };
  return { result: 'reached', sentence: `An answer came back (HTTP status ${status}).` };
};

const ofNetwork = ({ what }: GuardTarget): boolean => what !== 'file';

/** A real proxy of this machine with the exit of this node behind it, for one run. */
const proxySource = (
  name: string,
  components: ForwarderSourcesComponents,
  open: (door: ExitDoor) => Promise<LocalProxy>,
  attempt: (port: number, target: GuardTarget, door: ExitDoor) => Promise<GuardAttempt>,
): GuardProbeSource => ({
  name,
  covers: ofNetwork,
  attemptAll: async (targets, tell, signal) => {
    const door = createExitDoor(components);
    const proxy = await open(door);
    try {
      await inParallel(targets, signal, async (target) => {
        const answer = await attempt(proxy.listen.port, target, door);
        const outcome = door.outcome(target.host, target.port);
        // What the door let out is a hole, whatever the program was told.
        tell(target, outcome?.result === 'reached' || answer.result !== 'reached' ? (outcome ?? answer) : answer);
      });
    } finally {
      await proxy.stop();
    }
  },
});

/** The exit itself and every forwarder that leads to it, as somebody meets them who has all that a lease can give. */
export const createForwarderSources = (components: ForwarderSourcesComponents): GuardProbeSource[] => {
  const { clock } = components;
  const init = { port: 0, lease: OWN_LEASE, username: '', password: '' };
  const socks = ({ dialer }: ExitDoor): Promise<LocalProxy> => createSocksProxy({ clock, dialer, metrics: null }, init);
  const http = ({ dialer }: ExitDoor): Promise<LocalProxy> => createHttpProxy({ clock, dialer, metrics: null }, init);
  return [
    {
      name: 'Exit of a lease',
      covers: ofNetwork,
      attemptAll: async (targets, tell, signal) => {
        const door = createExitDoor(components);
        await inParallel(targets, signal, async (target) =>
          tell(target, await door.connect(target.host, target.port, signal)),
        );
      },
    },
    proxySource('SOCKS5 proxy', components, socks, (port, target) => throughSocks(clock, port, target)),
    proxySource('SOCKS5 proxy, datagrams', components, socks, (port, target, door) =>
      throughSocksUdp(clock, port, target, door),
    ),
    proxySource('HTTP proxy', components, http, (port, target) => throughHttp(clock, port, target, false)),
    proxySource('HTTP proxy, CONNECT', components, http, (port, target) => throughHttp(clock, port, target, true)),
  ];
};
