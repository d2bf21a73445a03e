import { createSocket } from 'node:dgram';
import { request } from 'node:http';
import { isIP } from 'node:net';
import { networkInterfaces } from 'node:os';
import { messageOf } from '../../../base/index.ts';
import { ReachError } from './errors.ts';
import type { PortProtocol } from './nat-pmp.ts';

// UPnP Internet Gateway Device, versions 1 and 2, http://upnp.org/specs/gw/. Routers are found by a question to a group of the local
// network, where everyone may answer: what comes is bounded, and only ever leads back to the address that sent it.

const GROUP = { host: '239.255.255.250', port: 1900 } as const;
const SEARCHED = [
  'urn:schemas-upnp-org:device:InternetGatewayDevice:2',
  'urn:schemas-upnp-org:device:InternetGatewayDevice:1',
] as const;
/** Descriptions are some 5 KiB. */
const ANSWER_BYTES_MAX = 128 * 1024;
const GATEWAYS_MAX = 4;
const HTTP_TIMEOUT_MS = 3000;

export interface UpnpGateway {
  /** Address of the router on the local network. */
  readonly host: string;
  /** Ours on the way to it. */
  readonly localHost: string;
  readonly services: readonly UpnpService[];
}
export interface UpnpService {
  type: string;
  controlUrl: URL;
}
const refuse = (detail: string): ReachError =>
  new ReachError({ code: 'NOT_MAPPED', detail }, `The router opened no port over UPnP: ${detail}.`);

/** @returns text between the first pair of tags, entities of XML resolved */
const textOf = (xml: string, name: string): string | null => {
  const found = new RegExp(`<(?:[\\w.-]{1,32}:)?${name}(?:\\s[^>]{0,512})?>([^<]{0,1024})</`, 'i').exec(xml);
  return found === null ? null : unescape(found[1]!.trim());
};
const ENTITIES: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'" };
const unescape = (text: string): string =>
  text.replaceAll(/&(\w{1,5});/g, (all, name: string) => ENTITIES[name] ?? all);

/**
 * @param location - where the description was read
 * @returns services that map ports; those whose address is another host's are left out
 */
export const readDescription = (xml: string, location: URL): UpnpService[] => {
  const services: UpnpService[] = [];
  for (const [, body = ''] of xml.matchAll(/<service>([\s\S]{0,4096}?)<\/service>/gi)) {
    const type = textOf(body, 'serviceType');
    const control = textOf(body, 'controlURL');
    if (
      type === null ||
      control === null ||
      !/^urn:schemas-upnp-org:service:(WANIPConnection:[12]|WANPPPConnection:1|WANIPv6FirewallControl:1)$/.test(type)
    )
      continue;
    const base = textOf(xml, 'URLBase');
    const controlUrl = URL.parse(control, base !== null && base !== '' ? base : location.href);
    if (controlUrl?.protocol !== 'http:' || controlUrl.hostname !== location.hostname || services.length >= 8) continue;
    services.push({ type, controlUrl });
  }
  return services;
};

const http = (url: URL, method: 'GET' | 'POST', headers: Record<string, string>, body: string, signal: AbortSignal) =>
  new Promise<{ status: number; text: string; localHost: string }>((resolve, reject) => {
    const sent = request(
      url,
      { method, headers: { ...headers, connection: 'close' }, signal, agent: false },
      (answer) => {
        const chunks: Buffer[] = [];
        let size = 0;
        const localHost = answer.socket.localAddress ?? '';
        answer.on('data', (chunk: Buffer) => {
          size += chunk.length;
          if (size > ANSWER_BYTES_MAX) {
            sent.destroy();
            reject(refuse('its answer has no end'));
            return;
          }
          chunks.push(chunk);
        });
        answer.on('end', () =>
          resolve({ status: answer.statusCode ?? 0, text: Buffer.concat(chunks).toString('utf8'), localHost }),
        );
        answer.on('error', reject);
      },
    );
    sent.on('error', reject);
    sent.end(body);
  });
const withTimeout = (signal: AbortSignal): AbortSignal =>
  AbortSignal.any([signal, AbortSignal.timeout(HTTP_TIMEOUT_MS)]);

/** @param location - what an answer of SSDP led to @throws {ReachError} `NOT_MAPPED` */
export const describeGateway = async (location: URL, signal: AbortSignal): Promise<UpnpGateway> => {
  try {
    const { text, localHost } = await http(location, 'GET', {}, '', withTimeout(signal));
    const services = readDescription(text, location);
    if (services.length === 0) throw refuse('its description names no service that maps ports');
    return { host: location.hostname, localHost, services };
  } catch (error) {
    signal.throwIfAborted();
    throw error instanceof ReachError ? error : refuse(messageOf(error));
  }
};

/** @param waitMs - routers have so long to answer @returns descriptions' places, of routers that answered for themselves */
export const searchGateways = async (gateway: string | null, waitMs: number, signal: AbortSignal): Promise<URL[]> => {
  const found = new Map<string, URL>();
  const hosts = Object.values(networkInterfaces())
    .flatMap((list) => list ?? [])
    .filter(({ family, internal }) => family === 'IPv4' && !internal)
    .slice(0, 8);
  const question = (type: string): Buffer =>
    Buffer.from(
      `M-SEARCH * HTTP/1.1\r\nHOST: ${GROUP.host}:${GROUP.port}\r\nMAN: "ssdp:discover"\r\nMX: 1\r\nST: ${type}\r\n\r\n`,
    );
  const search = (host: string): Promise<void> =>
    new Promise((resolve) => {
      const socket = createSocket('udp4');
      const timer = AbortSignal.any([signal, AbortSignal.timeout(waitMs)]);
      timer.addEventListener('abort', () => socket.close(() => resolve()), { once: true });
      socket.on('error', () => undefined);
      socket.on('message', (packet, from) => {
        if (packet.length > 4096 || found.size >= GATEWAYS_MAX) return;
        const location = URL.parse(/^location:\s*(\S+)\s*$/im.exec(packet.toString('latin1'))?.[1] ?? '');
        // A device speaks for itself alone: else anybody here could send us to any server.
        if (location?.protocol !== 'http:' || isIP(location.hostname) !== 4 || location.hostname !== from.address)
          return;
        found.set(location.href, location);
      });
      socket.bind({ address: host, port: 0 }, () => {
        for (const type of SEARCHED) {
          socket.send(question(type), GROUP.port, GROUP.host, () => undefined);
          // Routers that no longer take part in the group still answer when asked alone.
          if (gateway !== null) socket.send(question(type), GROUP.port, gateway, () => undefined);
        }
      });
    });
  await Promise.all(hosts.map(({ address }) => search(address)));
  return [...found.values()].toSorted(
    (a, b) => Number(b.hostname === gateway) - Number(a.hostname === gateway) || a.href.localeCompare(b.href),
  );
};

/** Codes of UPnP's WANIPConnection, section 2.4. */
const CONFLICT = 718;
const ONLY_PERMANENT = 725;
const NO_SUCH_ENTRY = 714;

class UpnpFault extends Error {
  readonly upnpCode: number;
  constructor(upnpCode: number, text: string) {
    super(text);
    this.upnpCode = upnpCode;
  }
}
const call = async (
  service: UpnpService,
  action: string,
  fields: Readonly<Record<string, string | number>>,
  signal: AbortSignal,
): Promise<string> => {
  const body = Object.entries(fields)
    .map(([name, value]) => `<${name}>${value}</${name}>`)
    .join('');
  const envelope = `<?xml version="1.0"?><s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/" s:encodingStyle="http://schemas.xmlsoap.org/soap/encoding/"><s:Body><u:${action} xmlns:u="${service.type}">${body}</u:${action}></s:Body></s:Envelope>`;
  const { status, text } = await http(
    service.controlUrl,
    'POST',
    {
      'content-type': 'text/xml; charset="utf-8"',
      soapaction: `"${service.type}#${action}"`,
      'content-length': String(Buffer.byteLength(envelope)),
    },
    envelope,
    withTimeout(signal),
  );
  if (status === 200) return text;
  const code = Number(textOf(text, 'errorCode') ?? Number.NaN);
  // A router's own words are not shown: they may be anything.
  throw new UpnpFault(
    code,
    Number.isNaN(code) ? `it answered with status ${status}` : `it answered with error ${code}`,
  );
};

export interface UpnpMapping {
  externalHost: string;
  externalPort: number;
  /** 0: until it is taken away. */
  lifetimeS: number;
}
const connectionOf = (gateway: UpnpGateway): UpnpService => {
  const services = gateway.services.filter(({ type }) => !type.includes('WANIPv6'));
  const service = services.find(({ type }) => type.endsWith(':2')) ?? services[0];
  if (service === undefined) throw refuse('it has no service for IPv4');
  return service;
};

/** @param externalPort - wanted; another is taken where it is in use @throws {ReachError} `NOT_MAPPED` */
export const mapOverUpnp = async (
  gateway: UpnpGateway,
  wanted: { protocol: PortProtocol; internalPort: number; externalPort: number; lifetimeS: number },
  signal: AbortSignal,
): Promise<UpnpMapping> => {
  const service = connectionOf(gateway);
  const fields = (externalPort: number, lifetimeS: number): Record<string, string | number> => ({
    NewRemoteHost: '',
    NewExternalPort: externalPort,
    NewProtocol: wanted.protocol.toUpperCase(),
    NewInternalPort: wanted.internalPort,
    NewInternalClient: gateway.localHost,
    NewEnabled: 1,
    NewPortMappingDescription: 'HyperMesh',
    NewLeaseDuration: lifetimeS,
  });
  const add = async (externalPort: number, lifetimeS: number, tries: number): Promise<[number, number]> => {
    try {
      if (!service.type.endsWith('WANIPConnection:2')) {
        await call(service, 'AddPortMapping', fields(externalPort, lifetimeS), signal);
        return [externalPort, lifetimeS];
      }
      const answer = await call(service, 'AddAnyPortMapping', fields(externalPort, lifetimeS), signal);
      const port = Number(textOf(answer, 'NewReservedPort'));
      if (!Number.isInteger(port) || port < 1 || port > 65_535) throw refuse('it named no port');
      return [port, lifetimeS];
    } catch (error) {
      if (!(error instanceof UpnpFault) || tries === 0) throw error;
      if (error.upnpCode === CONFLICT)
        return add(externalPort >= 65_000 ? 20_000 : externalPort + 1, lifetimeS, tries - 1);
      if (error.upnpCode === ONLY_PERMANENT) return add(externalPort, 0, tries - 1);
      throw error;
    }
  };
  try {
    const [externalPort, lifetimeS] = await add(wanted.externalPort, wanted.lifetimeS, 4);
    const address = textOf(await call(service, 'GetExternalIPAddress', {}, signal), 'NewExternalIPAddress') ?? '';
    if (isIP(address) !== 4) throw refuse('it does not say its own address');
    return { externalHost: address, externalPort, lifetimeS };
  } catch (error) {
    signal.throwIfAborted();
    throw error instanceof ReachError ? error : refuse(messageOf(error));
  }
};

/** Takes a mapping away; one that is not there is none. @throws {ReachError} `NOT_MAPPED` */
export const unmapOverUpnp = async (
  gateway: UpnpGateway,
  protocol: PortProtocol,
  externalPort: number,
  signal: AbortSignal,
): Promise<void> => {
  try {
    await call(
      connectionOf(gateway),
      'DeletePortMapping',
      { NewRemoteHost: '', NewExternalPort: externalPort, NewProtocol: protocol.toUpperCase() },
      signal,
    );
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof UpnpFault && error.upnpCode === NO_SUCH_ENTRY) return;
    throw error instanceof ReachError ? error : refuse(messageOf(error));
  }
};
