import type { Clock } from '../../../../base/index.ts';
import type { Dialer, LocalProxy, LocalProxyInit, Pipe } from '../../interface.ts';
import { splice } from '../../splice.ts';
import type { GlobalAddress } from '../../../leases/index.ts';
import type { ListenerInit } from '../program/create-listener.ts';
import type { ProgramMetrics } from '../program/metrics.ts';
import { createWebListener, type WebRequest, WebRefusal } from '../http/create-web-listener.ts';
import { endToEnd, pairsOf, parseAuthority, type RawHeaders, valuesOf } from '../http/headers.ts';
import { passRequest } from '../http/pass-request.ts';
import { labelOfName, placeOfHost } from './name.ts';

export interface NamesProxyComponents {
  clock: Clock;
  dialer: Pick<Dialer, 'connect'>;
  metrics: ProgramMetrics | null;
}
export interface NamesProxyInit
  extends Pick<LocalProxyInit, 'port' | 'names'>,
    Partial<Pick<ListenerInit, 'connectionsMax' | 'silentMax' | 'openingMsMax'>> {
  /** A loopback address. @default 127.0.0.1 */
  host?: string;
  /** How global addresses are reached. @default direct */
  route?: 'direct' | 'anonymous';
}

/** What anybody could have written, and what we say instead: RFC 7239 and what was in use before. */
const FORWARDED = [
  'forwarded',
  'x-forwarded-for',
  'x-forwarded-host',
  'x-forwarded-proto',
  'x-forwarded-port',
  'x-real-ip',
];

/** One far web server, as pages see it here and as it sees itself. */
interface Site {
  address: GlobalAddress;
  port: number;
  /** Such as `photos.localhost:8080`. */
  nearHost: string;
  /** Such as `[fd5e::1]:8080`. */
  farHost: string;
}
/**
 * Whether a page of another site made a browser ask this. Every page of the world can make it: the far server lets this node in, so
 * that the page would act there in the owner's name. `Sec-Fetch-*` is what browsers alone write (https://www.w3.org/TR/fetch-metadata/),
 * `Origin` what older ones do; programs that are no browsers send neither. A link that somebody follows is no such request.
 */
const isOfAnotherSite = (method: string, headers: RawHeaders, nearHost: string): boolean => {
  const valueOf = (name: string): string | undefined => valuesOf(headers, name)[0]?.toLowerCase();
  const site = valueOf('sec-fetch-site');
  if (site === 'same-origin' || site === 'none') return false;
  if (site === undefined) {
    const origin = valueOf('origin');
    return origin !== undefined && origin !== `http://${nearHost}`;
  }
  const follows = valueOf('sec-fetch-mode') === 'navigate' && valueOf('sec-fetch-dest') === 'document';
  return !follows || (method !== 'GET' && method !== 'HEAD');
};
const replaceOrigin = (value: string, from: string, to: string): string =>
  value === from || value.startsWith(`${from}/`) ? to + value.slice(from.length) : value;
/** Towards the far server: it is asked under its own name, and sees pages of its own as its own. */
const toFar = (headers: RawHeaders, { nearHost, farHost }: Site): string[] => [
  'Host',
  farHost,
  ...pairsOf(endToEnd(headers, ['host', ...FORWARDED])).flatMap(([name, value]) => {
    const key = name.toLowerCase();
    const own = key === 'origin' || key === 'referer';
    return [name, own ? replaceOrigin(value, `http://${nearHost}`, `http://${farHost}`) : value];
  }),
  'Forwarded',
  `host="${nearHost}";proto=http`,
  'X-Forwarded-Host',
  nearHost,
  'X-Forwarded-Proto',
  'http',
];
/** Back to the browser: redirects to itself lead to where the page came from, and cookies stay with the name that it has here. */
const toNear = (headers: RawHeaders, { nearHost, farHost }: Site): string[] =>
  pairsOf(headers).flatMap(([name, value]) => {
    const key = name.toLowerCase();
    if (key === 'location' || key === 'content-location')
      return [name, replaceOrigin(value, `http://${farHost}`, `http://${nearHost}`)];
    return [name, key === 'set-cookie' ? value.replaceAll(/;\s*domain\s*=[^;]*/gi, '') : value];
  });

/**
 * Web servers of the mesh under names of this machine: `<name>.localhost` for what was given a name, `<base 32 of the address>.localhost`
 * for any global address, at one port. A browser keeps them apart as it keeps sites apart, WebSocket included.
 *
 * @throws {ProxyError} `PORT_IN_USE` | `PORT_REFUSED`
 */
export const createNamesProxy = async (
  { clock, dialer, metrics }: NamesProxyComponents,
  init: NamesProxyInit,
): Promise<LocalProxy> => {
  const { host: listenHost = '127.0.0.1', route = 'direct', port, names, ...limits } = init;
  const moved = (sent: number, received: number): void => {
    if (sent > 0) metrics?.bytes.inc(sent, { kind: 'names', direction: 'sent' });
    if (received > 0) metrics?.bytes.inc(received, { kind: 'names', direction: 'received' });
  };
  const counted = (sent: number, received: number): void => {
    listener.counters.sentBytes += sent;
    listener.counters.receivedBytes += received;
    moved(sent, received);
  };

  const siteOf = ({ host: hostHeader, message }: WebRequest): Site => {
    const authority = parseAuthority(hostHeader, 80);
    // A page of another name that points here, or a port of another server, is nobody's business (DNS rebinding).
    const ours = authority?.host.kind === 'name' && authority.port === listener.listen.port;
    const place = ours && authority.host.kind === 'name' ? placeOfHost(authority.host.name) : null;
    if (authority === null || place === null)
      throw new WebRefusal(
        421,
        'Web servers have names here that end with .localhost; `hypermesh tunnels` lists them.',
      );
    if (isOfAnotherSite(message.method ?? '', message.rawHeaders, authority.text))
      throw new WebRefusal(403, 'Pages of other sites may lead here by a link, and ask for nothing else.');
    const found =
      place.kind === 'address'
        ? place
        : names().find((one) => one.protocol === 'http' && labelOfName(one.name) === place.label);
    if (found === undefined) throw new WebRefusal(404, 'Nothing of this name is reached or exposed here.');
    return {
      address: found.address,
      port: found.port,
      nearHost: authority.text,
      farHost: found.port === 80 ? `[${found.address}]` : `[${found.address}]:${found.port}`,
    };
  };
  const dial = async (
    site: Site,
    socket: { once(name: 'close', listener: () => void): unknown; off(name: 'close', listener: () => void): unknown },
  ): Promise<Pipe> => {
    const gone = new AbortController();
    const onClose = (): void => gone.abort(new Error('the program has gone'));
    socket.once('close', onClose);
    try {
      return await dialer.connect(
        { kind: 'service', address: site.address, port: site.port, route },
        { signal: gone.signal },
      );
    } finally {
      socket.off('close', onClose);
    }
  };

  const listener = await createWebListener(
    { clock, metrics },
    {
      ...limits,
      kind: 'names',
      host: listenHost,
      port,
      handlers: {
        request: async (request, response) => {
          const { message, framing } = request;
          const path = message.url ?? '';
          if (!path.startsWith('/')) throw new WebRefusal(400, 'This is a web server, not a proxy.');
          const site = siteOf(request);
          await passRequest(message, response, await dial(site, message.socket), {
            path,
            headers: toFar(message.rawHeaders, site),
            framing,
            mapHeaders: (headers) => toNear(headers, site),
            counted,
          });
        },
        upgrade: async (request, socket, early) => {
          const { message, framing } = request;
          if (early.length > 0) socket.unshift(early);
          const path = message.url ?? '';
          const wanted = valuesOf(message.rawHeaders, 'upgrade');
          const isWebSocket = wanted.length === 1 && wanted[0]?.toLowerCase() === 'websocket';
          if (!path.startsWith('/') || message.method !== 'GET' || framing !== 'none' || !isWebSocket)
            throw new WebRefusal(400, 'Connections are changed to WebSocket only.');
          const site = siteOf(request);
          const far = await dial(site, socket);
          const headers = pairsOf([
            ...toFar(message.rawHeaders, site),
            'Upgrade',
            'websocket',
            'Connection',
            'Upgrade',
          ]);
          const head = [`GET ${path} HTTP/1.1`, ...headers.map(([name, value]) => `${name}: ${value}`), '', ''].join(
            '\r\n',
          );
          await far.write(Buffer.from(head, 'latin1'));
          await splice(socket, far, { clock, counters: listener.counters, moved });
        },
      },
    },
  );
  return listener;
};
