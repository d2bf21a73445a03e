import type { DatagramLink, DatagramPort } from '../../interface.ts';
import { LINK_DATAGRAM_BYTES_MAX } from '../../constants.ts';
import type { EventQueue } from './event-queue.ts';
import type { Links } from './links.ts';

type Session = Parameters<DatagramLink['open']>[0];

/** Where the datagram links of a network find each other. */
export interface DatagramHosts {
  link(host: string): DatagramLink;
  /** @param alias - another name of a host: the IP address that its carrier has */
  alias(alias: string, host: string): void;
  /** Closes all that a host has open, without a word. */
  crash(host: string): void;
}

interface OpenSession {
  init: Session;
  remote: { host: string; port: number } | null;
  confirmed: boolean;
  closed: boolean;
  counts: { sent: number; received: number; sentBytes: number; receivedBytes: number };
}
interface Host {
  name: string;
  port: number;
  sessions: Map<string, OpenSession>;
  link: DatagramLink;
}

const FIRST_PORT = 40_000;
/** Session id, nonce and tag of a sealed datagram. */
const SEAL_BYTES = 16 + 12 + 16;

const equal = (a: Uint8Array, b: Uint8Array): boolean => Buffer.compare(a, b) === 0;

export const createDatagramHosts = (components: { queue: EventQueue; links: Links }): DatagramHosts => {
  const { queue, links } = components;
  const hosts = new Map<string, Host>();
  const aliases = new Map<string, string>();

  const receive = (to: Host, from: Host, id: string, key: Uint8Array, payload: Uint8Array): void => {
    const session = to.sessions.get(id);
    // Nothing is sealed where nobody listens on the way; a key that does not open what came is told all the same.
    if (session === undefined || !equal(session.init.receiveKey, key)) return;
    session.confirmed = true;
    session.remote = { host: from.name, port: from.port };
    session.counts.received += 1;
    session.counts.receivedBytes += payload.length;
    session.init.onDatagram(payload);
  };
  const send = (from: Host, id: string, session: OpenSession, payload: Uint8Array): boolean => {
    if (session.closed || session.remote === null || payload.length > LINK_DATAGRAM_BYTES_MAX) return false;
    const name = aliases.get(session.remote.host) ?? session.remote.host;
    session.counts.sent += 1;
    session.counts.sentBytes += payload.length;
    const arrivalMs = links.once(from.name, name, payload.length + SEAL_BYTES);
    const { port } = session.remote;
    const copy = payload.slice();
    if (arrivalMs !== null) {
      queue.at(arrivalMs, () => {
        const to = hosts.get(name);
        if (to !== undefined && to.port === port && !links.isSevered(from.name, name))
          receive(to, from, id, session.init.sendKey, copy);
      });
    }
    return true;
  };
  const createHost = (name: string): Host => {
    const host: Host = {
      name,
      port: FIRST_PORT + hosts.size,
      sessions: new Map(),
      link: {
        get port() {
          return host.port;
        },
        open: (init): DatagramPort => {
          const id = Buffer.from(init.id).toString('hex');
          const session: OpenSession = {
            init,
            remote: init.remote,
            confirmed: false,
            closed: false,
            counts: { sent: 0, received: 0, sentBytes: 0, receivedBytes: 0 },
          };
          host.sessions.set(id, session);
          return {
            send: (payload) => send(host, id, session, payload),
            get confirmed() {
              return session.confirmed;
            },
            stats: () => ({ ...session.counts }),
            close: () => {
              session.closed = true;
              if (host.sessions.get(id) === session) host.sessions.delete(id);
            },
          };
        },
      },
    };
    return host;
  };

  return {
    link: (name) => {
      let host = hosts.get(name);
      if (host === undefined) hosts.set(name, (host = createHost(name)));
      return host.link;
    },
    alias: (alias, host) => {
      aliases.set(alias, host);
    },
    crash: (name) => {
      const host = hosts.get(name);
      for (const session of host?.sessions.values() ?? []) session.closed = true;
      host?.sessions.clear();
    },
  };
};
