import type { Outside } from '../../../main/base/index.ts';
import type { OpenSideBackend } from '../../../main/transport/stoq/reach/create-side-socket.ts';
import { createSideCore } from '../../../main/transport/stoq/reach/side-core.ts';
import type { FromSide } from '../../../main/transport/stoq/reach/side-messages.ts';
import type { UdpAddress } from '../../../main/transport/stoq/reach/stun.ts';

/** How a router maps and filters, RFC 4787: `symmetric` maps by destination, the others do not; filters grow stricter. */
export type FakeNat = 'none' | 'full-cone' | 'address-restricted' | 'port-restricted' | 'symmetric' | 'firewall';

interface Host {
  address: UdpAddress;
  receive(packet: Uint8Array, from: UdpAddress): void;
}
/** UDP between hosts behind routers of every kind, without sockets. Packets arrive after `delayMs` of the clock. */
export interface FakeUdp {
  /** @param nat - what stands between this host and all others; null address of the router: the host's own */
  join(
    address: UdpAddress,
    nat: FakeNat,
    routerHost: string | null,
    receive: Host['receive'],
  ): { send(packet: Uint8Array, to: UdpAddress): void; move(address: UdpAddress, routerHost: string | null): void };
  /** Looks at each packet as it arrives; false drops it. */
  filter: (packet: Uint8Array, from: UdpAddress, to: UdpAddress) => boolean;
  packets: number;
}

export const createFakeUdp = ({ clock }: Outside, delayMs = 10): FakeUdp => {
  interface Node {
    host: Host;
    nat: FakeNat;
    routerHost: string | null;
    /** External port by internal one, and by destination where the NAT is symmetric. */
    mappings: Map<string, { port: number; sentTo: Set<string> }>;
    nextPort: number;
  }
  const nodes: Node[] = [];
  const text = (address: UdpAddress): string => `${address.host} ${address.port}`;
  const mappingOf = (node: Node, to: UdpAddress): { port: number; sentTo: Set<string> } => {
    const key = node.nat === 'symmetric' ? text(to) : '';
    let mapping = node.mappings.get(key);
    if (mapping === undefined) {
      const port = node.nat === 'firewall' || node.nat === 'none' ? node.host.address.port : node.nextPort;
      node.nextPort += 7;
      node.mappings.set(key, (mapping = { port, sentTo: new Set() }));
    }
    return mapping;
  };
  const passes = (node: Node, mapping: { sentTo: Set<string> }, from: UdpAddress): boolean => {
    if (node.nat === 'none' || node.nat === 'full-cone') return true;
    if (node.nat === 'address-restricted') return [...mapping.sentTo].some((to) => to.startsWith(`${from.host} `));
    return mapping.sentTo.has(text(from));
  };
  const deliver = (packet: Uint8Array, from: UdpAddress, to: UdpAddress): void => {
    if (!net.filter(packet, from, to)) return;
    net.packets += 1;
    for (const node of nodes) {
      if ((node.routerHost ?? node.host.address.host) !== to.host) continue;
      if (node.nat === 'none') {
        if (node.host.address.port === to.port) node.host.receive(packet, from);
        continue;
      }
      for (const mapping of node.mappings.values())
        if (mapping.port === to.port && passes(node, mapping, from)) {
          node.host.receive(packet, from);
          break;
        }
    }
  };
  const net: FakeUdp = {
    filter: () => true,
    packets: 0,
    join: (address, nat, routerHost, receive) => {
      const node: Node = {
        host: { address, receive },
        nat,
        routerHost,
        mappings: new Map(),
        nextPort: 20_000 + 1000 * nodes.length,
      };
      nodes.push(node);
      return {
        send: (packet, to) => {
          const mapping = mappingOf(node, to);
          mapping.sentTo.add(text(to));
          const from = { host: node.routerHost ?? node.host.address.host, port: mapping.port };
          const copy = new Uint8Array(packet);
          clock.after(delayMs, () => deliver(copy, from, to));
        },
        move: (moved, router) => {
          node.host.address = moved;
          node.routerHost = router;
          node.mappings.clear();
        },
      };
    },
  };
  return net;
};

/** The side socket's own code over a {@link FakeUdp}, without a thread. */
export const fakeSideBackend = (
  outside: Outside,
  net: FakeUdp,
  host: string,
  nat: FakeNat,
  routerHost: string | null,
): { backend: OpenSideBackend; move(host: string, routerHost: string | null): void; crash(): void } => {
  let joined: ReturnType<FakeUdp['join']> | null = null;
  let crash = (): void => undefined;
  let port = 0;
  return {
    move: (moved, router) => joined?.move({ host: moved, port }, router),
    crash: () => crash(),
    backend: (data, onBatch, onEnd) => {
      port = data.port === 0 ? 7000 : data.port;
      let live = true;
      let waiting: FromSide[] = [];
      const tell = (message: FromSide): void => {
        if (waiting.length === 0)
          queueMicrotask(() => {
            const batch = waiting;
            waiting = [];
            if (live) onBatch(batch);
          });
        waiting.push(message);
      };
      const core = createSideCore({
        outside,
        tell,
        send: (packet, to) => joined?.send(packet, to),
        openLoopback: () => Promise.reject(new Error('no loopback here')),
      });
      const receive = (packet: Uint8Array, from: UdpAddress): void => {
        if (live) core.onPacket(packet, from);
      };
      joined = net.join({ host, port }, nat, routerHost, receive);
      crash = () => {
        live = false;
        core.stop();
        onEnd('crashed on purpose');
      };
      tell({ kind: 'opened', port, families: [4] });
      return {
        post: (batch) => {
          for (const message of batch) core.onMessage(message);
        },
        stop: () => {
          live = false;
          core.stop();
          return Promise.resolve();
        },
      };
    },
  };
};
