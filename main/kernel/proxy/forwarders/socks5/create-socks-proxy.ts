import type { Clock } from '../../../../base/index.ts';
import type { Dialer, LocalProxy, LocalProxyInit, Pipe } from '../../interface.ts';
import { splice } from '../../splice.ts';
import { createListener, type ListenerInit, type ProgramConnection } from '../program/create-listener.ts';
import { asksForCredentials, credentialsHold } from '../program/credentials.ts';
import { type Failure, failureOf } from '../program/failure.ts';
import type { ProgramMetrics } from '../program/metrics.ts';
import { createOpening, type Opening } from '../program/opening.ts';
import { targetOf } from '../program/target.ts';
import { openAssociation } from './association.ts';
import {
  COMMANDS,
  type Destination,
  encodeReply,
  METHODS,
  passwordReply,
  readGreeting,
  readPassword,
  readRequest,
  type Reply,
  VERSION,
} from './messages.ts';

export interface SocksProxyComponents {
  clock: Clock;
  dialer: Pick<Dialer, 'connect' | 'associate'>;
  metrics: ProgramMetrics | null;
}
export interface SocksProxyInit
  extends Omit<LocalProxyInit, 'names'>,
    Partial<Pick<ListenerInit, 'connectionsMax' | 'silentMax' | 'openingMsMax'>> {
  /** A loopback address. @default 127.0.0.1 */
  host?: string;
  /** How global addresses are reached. @default direct */
  route?: 'direct' | 'anonymous';
}

const REPLY_OF: Readonly<Record<Failure['kind'], Reply>> = {
  refused: 'notAllowed',
  unknown: 'hostUnreachable',
  away: 'connectionRefused',
  late: 'timeToLiveExpired',
  offline: 'networkUnreachable',
  other: 'failed',
};
/** Associations at once, each of which holds a UDP port. */
const ASSOCIATIONS_MAX = 256;

/**
 * A SOCKS 5 server for programs of this machine, RFC 1928 and RFC 1929: CONNECT and UDP ASSOCIATE, names and addresses, with a name
 * and a password where they are wanted. Global addresses lead into the mesh; everything else leaves through the lease, or is
 * answered with `not allowed`.
 *
 * @throws {ProxyError} `PORT_IN_USE` | `PORT_REFUSED`
 */
export const createSocksProxy = async (
  { clock, dialer, metrics }: SocksProxyComponents,
  init: SocksProxyInit,
): Promise<LocalProxy> => {
  const { host = '127.0.0.1', route = 'direct', port, lease, username, password, ...limits } = init;
  let associations = 0;
  const moved = (sent: number, received: number): void => {
    if (sent > 0) metrics?.bytes.inc(sent, { kind: 'socks', direction: 'sent' });
    if (received > 0) metrics?.bytes.inc(received, { kind: 'socks', direction: 'received' });
  };

  /** @returns whether the program may go on */
  const negotiate = async (opening: Opening): Promise<boolean> => {
    const methods = await readGreeting(opening);
    const method = asksForCredentials({ username, password }) ? METHODS.password : METHODS.none;
    if (!methods.includes(method)) {
      await opening.write(Uint8Array.of(VERSION, METHODS.noneAcceptable));
      return false;
    }
    await opening.write(Uint8Array.of(VERSION, method));
    if (method === METHODS.none) return true;
    const holds = credentialsHold({ username, password }, await readPassword(opening));
    await opening.write(passwordReply(holds));
    return holds;
  };
  const refuse = async (opening: Opening, { refused, end }: ProgramConnection, reply: Reply): Promise<void> => {
    refused();
    await opening.write(encodeReply(reply));
    opening.release();
    end();
  };
  const connect = async (opening: Opening, connection: ProgramConnection, destination: Destination): Promise<void> => {
    const target = targetOf(destination.host, destination.port, { lease, route });
    if (target === 'malformed') return refuse(opening, connection, 'failed');
    if (target === 'noExit') return refuse(opening, connection, 'notAllowed');
    const gone = new AbortController();
    const onClose = (): void => gone.abort(new Error('the program has gone'));
    connection.socket.once('close', onClose);
    let far: Pipe;
    try {
      far = await dialer.connect(target, { signal: gone.signal });
    } catch (error) {
      return await refuse(opening, connection, REPLY_OF[failureOf(error).kind]);
    } finally {
      connection.socket.off('close', onClose);
    }
    // Where the far side sends from is nobody's business here.
    await opening.write(encodeReply('succeeded'));
    await splice(opening.release(), far, { clock, counters: listener.counters, moved });
  };
  const associate = async (
    opening: Opening,
    connection: ProgramConnection,
    destination: Destination,
  ): Promise<void> => {
    if (associations >= ASSOCIATIONS_MAX) return refuse(opening, connection, 'failed');
    associations += 1;
    try {
      const association = await openAssociation(
        { clock, dialer },
        {
          host,
          programPort: destination.port,
          targetOf: (to) => {
            const target = targetOf(to.host, to.port, { lease, route });
            return typeof target === 'string' ? null : target;
          },
          onSent: (bytes) => {
            listener.counters.sentBytes += bytes;
            moved(bytes, 0);
          },
          onReceived: (bytes) => {
            listener.counters.receivedBytes += bytes;
            moved(0, bytes);
          },
        },
      );
      try {
        await opening.write(encodeReply('succeeded', { host, port: association.port }));
        // It lives as long as this connection, section 7, on which nothing more is said.
        for (let chunk = await opening.read(); chunk !== null; chunk = await opening.read());
        opening.release();
        connection.end();
      } finally {
        association.close();
      }
    } finally {
      associations -= 1;
    }
  };
  const serve = async (opening: Opening, connection: ProgramConnection): Promise<void> => {
    if (!(await negotiate(opening))) {
      connection.refused();
      opening.release();
      connection.end();
      return;
    }
    const request = await readRequest(opening);
    connection.opened();
    if (request.type === 'unknown') return refuse(opening, connection, 'addressTypeUnknown');
    if (request.command === COMMANDS.connect) return connect(opening, connection, request.destination);
    if (request.command === COMMANDS.associate) return associate(opening, connection, request.destination);
    return refuse(opening, connection, 'commandUnknown');
  };

  const listener = await createListener(
    { clock, metrics },
    {
      ...limits,
      kind: 'socks',
      host,
      port,
      serve: (connection) => {
        serve(createOpening(connection.socket), connection).catch(() => {
          // What is not SOCKS is answered with nothing: whoever sent it would not understand it.
          if (!connection.socket.destroyed) connection.refused();
          connection.socket.destroy();
        });
      },
    },
  );
  return listener;
};
