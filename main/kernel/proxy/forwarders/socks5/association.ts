import { type Socket as UdpSocket, createSocket } from 'node:dgram';
import type { Clock } from '../../../../base/index.ts';
import type { DatagramPipe, Dialer, FarTarget } from '../../interface.ts';
import { type Destination, decodeDatagram, encodeDatagram } from './messages.ts';

/** Destinations that one program may talk to at once over one association. A new one takes the place of the one used longest ago. */
export const FLOWS_MAX = 256;
/** RFC 4787 (REQ-5) has NATs keep a mapping of UDP for 2 min at least. */
export const FLOW_IDLE_MS_MAX = 120_000;
/** Datagrams that wait while the way to their destination is made. */
const WAITING_MAX = 16;

export interface AssociationComponents {
  clock: Clock;
  dialer: Pick<Dialer, 'associate'>;
}
export interface AssociationInit {
  host: string;
  /** Where the program said that it sends from; port 0 where it did not know yet. */
  programPort: number;
  targetOf(destination: Destination): FarTarget | null;
  onSent(bytes: number): void;
  onReceived(bytes: number): void;
}
export interface Association {
  readonly port: number;
  close(): void;
}
interface Flow {
  pipe: DatagramPipe | null;
  waiting: Uint8Array[];
  usedAtMs: number;
  end: AbortController;
}

/**
 * The UDP end of one association, RFC 1928, section 7: datagrams of one program, known by the first port that it sends from.
 *
 * @throws {Error} of the system where no port is free
 */
export const openAssociation = async (
  { clock, dialer }: AssociationComponents,
  { host, programPort, targetOf, onSent, onReceived }: AssociationInit,
): Promise<Association> => {
  const socket: UdpSocket = createSocket(host.includes(':') ? 'udp6' : 'udp4');
  await new Promise<void>((resolve, reject) => {
    socket.once('error', reject);
    socket.bind({ address: host, port: 0, exclusive: true }, () => {
      socket.off('error', reject);
      resolve();
    });
  });
  const flows = new Map<string, Flow>();
  let program = programPort;
  let closed = false;

  const drop = (key: string, flow: Flow): void => {
    flow.end.abort();
    flow.pipe?.close();
    if (flows.get(key) === flow) flows.delete(key);
  };
  const toProgram = (from: Destination, payload: Uint8Array): void => {
    if (closed || program === 0) return;
    onReceived(payload.length);
    socket.send(encodeDatagram(from, payload), program, host, () => undefined);
  };
  const open = (key: string, destination: Destination, target: FarTarget): Flow => {
    if (flows.size >= FLOWS_MAX)
      for (const [oldest, flow] of flows) {
        drop(oldest, flow);
        break;
      }
    const flow: Flow = { pipe: null, waiting: [], usedAtMs: clock.monotonicMs(), end: new AbortController() };
    dialer.associate(target, { signal: flow.end.signal }).then(
      (pipe) => {
        if (closed || flow.end.signal.aborted) {
          pipe.close();
          return;
        }
        flow.pipe = pipe;
        pipe.onDatagram((payload) => {
          flow.usedAtMs = clock.monotonicMs();
          toProgram(destination, payload);
        });
        void pipe.closed.then(() => drop(key, flow));
        for (const payload of flow.waiting.splice(0)) if (pipe.send(payload)) onSent(payload.length);
      },
      // UDP says nothing of what does not arrive; the next datagram tries again.
      () => drop(key, flow),
    );
    return flow;
  };
  socket.on('error', () => close());
  socket.on('message', (bytes, { port, address }) => {
    if (address !== host || (program !== 0 && port !== program)) return;
    const found = decodeDatagram(bytes);
    if (found === null) return;
    program = port;
    const key = `${found.destination.host} ${found.destination.port}`;
    let flow = flows.get(key);
    if (flow === undefined) {
      const target = targetOf(found.destination);
      if (target === null) return;
      flow = open(key, found.destination, target);
    }
    flow.usedAtMs = clock.monotonicMs();
    // Behind the others: the first of the map is the one used longest ago.
    flows.delete(key);
    flows.set(key, flow);
    // The memory that it came in is not used again by Node.
    if (flow.pipe === null) {
      if (flow.waiting.length < WAITING_MAX) flow.waiting.push(found.payload);
    } else if (flow.pipe.send(found.payload)) onSent(found.payload.length);
  });
  const stopSweep = clock.every(FLOW_IDLE_MS_MAX / 4, () => {
    for (const [key, flow] of flows) if (clock.monotonicMs() - flow.usedAtMs > FLOW_IDLE_MS_MAX) drop(key, flow);
  });
  const close = (): void => {
    if (closed) return;
    closed = true;
    stopSweep();
    for (const [key, flow] of flows) drop(key, flow);
    socket.close();
  };
  return { port: socket.address().port, close };
};
