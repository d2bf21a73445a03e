import type { Clock } from '../../../../base/index.ts';
import type { Dialer, LocalProxy, LocalProxyInit, Pipe } from '../../interface.ts';
import { splice } from '../../splice.ts';
import type { ListenerInit } from '../program/create-listener.ts';
import { asksForCredentials, credentialsHold } from '../program/credentials.ts';
import type { ProgramMetrics } from '../program/metrics.ts';
import { targetOf } from '../program/target.ts';
import { formatIp, type Host } from '../../destinations/index.ts';
import { createWebListener, type WebRequest, WebRefusal } from './create-web-listener.ts';
import { endToEnd, parseAbsoluteForm, parseAuthority, valuesOf } from './headers.ts';
import { passRequest } from './pass-request.ts';

export interface HttpProxyComponents {
  clock: Clock;
  dialer: Pick<Dialer, 'connect'>;
  metrics: ProgramMetrics | null;
}
export interface HttpProxyInit
  extends Omit<LocalProxyInit, 'names'>,
    Partial<Pick<ListenerInit, 'connectionsMax' | 'silentMax' | 'openingMsMax'>> {
  /** A loopback address. @default 127.0.0.1 */
  host?: string;
  /** How global addresses are reached. @default direct */
  route?: 'direct' | 'anonymous';
}

/** Who passed it on, RFC 9110, section 7.6.3: no name of this node. */
const VIA = '1.1 hypermesh';
const CHALLENGE = 'Proxy-Authenticate: Basic realm="HyperMesh", charset="UTF-8"';

const hostText = (host: Host): string => (host.kind === 'ip' ? formatIp(host.ip) : host.name);

/**
 * An HTTP proxy for programs of this machine, RFC 9110 and RFC 9112: CONNECT, and requests with a whole `http:` address. Global
 * addresses lead into the mesh; everything else leaves through the lease, or is answered with 403.
 *
 * @throws {ProxyError} `PORT_IN_USE` | `PORT_REFUSED`
 */
export const createHttpProxy = async (
  { clock, dialer, metrics }: HttpProxyComponents,
  init: HttpProxyInit,
): Promise<LocalProxy> => {
  const { host: listenHost = '127.0.0.1', route = 'direct', port, lease, username, password, ...limits } = init;
  const moved = (sent: number, received: number): void => {
    if (sent > 0) metrics?.bytes.inc(sent, { kind: 'http', direction: 'sent' });
    if (received > 0) metrics?.bytes.inc(received, { kind: 'http', direction: 'received' });
  };
  const counted = (sent: number, received: number): void => {
    listener.counters.sentBytes += sent;
    listener.counters.receivedBytes += received;
    moved(sent, received);
  };

  const checkCredentials = ({ message }: WebRequest): void => {
    if (!asksForCredentials({ username, password })) return;
    const shown = valuesOf(message.rawHeaders, 'proxy-authorization');
    const basic = /^basic +([A-Za-z0-9+/]+=*)$/i.exec(shown.length === 1 ? (shown[0] ?? '') : '');
    const text = Buffer.from(basic?.[1] ?? '', 'base64').toString('utf8');
    const colon = text.indexOf(':');
    const holds = credentialsHold(
      { username, password },
      { username: text.slice(0, Math.max(0, colon)), password: text.slice(colon + 1) },
    );
    if (colon === -1 || !holds) throw new WebRefusal(407, 'This proxy asks for a name and a password.', [CHALLENGE]);
  };
  const dial = async (host: Host, toPort: number, socket: WebRequest['message']['socket']): Promise<Pipe> => {
    const target = targetOf(hostText(host), toPort, { lease, route });
    if (target === 'malformed') throw new WebRefusal(400, 'This is no host that can be read in one way only.');
    if (target === 'noExit')
      throw new WebRefusal(
        403,
        'This proxy leads to global addresses only; open it with a lease of a network to leave for others.',
      );
    const gone = new AbortController();
    const onClose = (): void => gone.abort(new Error('the program has gone'));
    socket.once('close', onClose);
    try {
      return await dialer.connect(target, { signal: gone.signal });
    } finally {
      socket.off('close', onClose);
    }
  };

  const listener = await createWebListener(
    { clock, metrics },
    {
      ...limits,
      kind: 'http',
      host: listenHost,
      port,
      handlers: {
        request: async (request, response) => {
          const { message, framing } = request;
          checkCredentials(request);
          const target = parseAbsoluteForm(message.url ?? '');
          if (target === null)
            throw new WebRefusal(
              400,
              'This is a proxy: it takes requests with a whole http address, and CONNECT for all others.',
            );
          const far = await dial(target.authority.host, target.authority.port, message.socket);
          // The address counts, whatever `Host` said: RFC 9112, section 3.2.2.
          const headers = ['Host', target.authority.text, ...endToEnd(message.rawHeaders, ['host']), 'Via', VIA];
          await passRequest(message, response, far, { path: target.path, headers, framing, counted });
        },
        connect: async (request, socket, early) => {
          if (early.length > 0) socket.unshift(early);
          checkCredentials(request);
          const authority = parseAuthority(request.message.url ?? '', null);
          if (authority === null) throw new WebRefusal(400, 'CONNECT takes a host and a port.');
          if (request.framing !== 'none') throw new WebRefusal(400, 'CONNECT has no body.');
          const far = await dial(authority.host, authority.port, socket);
          socket.write('HTTP/1.1 200 Connection established\r\n\r\n');
          await splice(socket, far, { clock, counters: listener.counters, moved });
        },
      },
    },
  );
  return listener;
};
