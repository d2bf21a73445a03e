import { networkInterfaces, platform, type NetworkInterfaceInfo } from 'node:os';
import { base32 } from 'multiformats/bases/base32';
import { Emitter, type Logger, type Outside } from '../../../../base/index.ts';
import type { NetworkMembership } from '../../handshake/interface.ts';
import type { Address, PeerId } from '../../interface.ts';
import {
  MDNS_ANSWER_MS_MIN,
  MDNS_ASK_MS_MAX,
  MDNS_HIDDEN_MAX,
  MDNS_INTERFACES_MS,
  MDNS_PACKETS_PER_SECOND,
  MDNS_PEERS_MAX,
  MDNS_PORT,
  MDNS_TELL_AGAIN_MS,
} from '../constants.ts';
import type { Discovery } from '../interface.ts';
import type { DiscoveryMetrics } from '../metrics.ts';
import { linksOf, openLink, type LinkSpec, type MdnsLink, type OpenLink } from './open-link.ts';
import { addressesForLink, hiddenPacket, isOurQuery, openPacket, queryPacket, readPacket } from './packets.ts';

export interface MdnsComponents {
  outside: Outside;
  logger: Logger;
  metrics: DiscoveryMetrics | null;
  peer: PeerId;
  /** Where this node listens. */
  addresses: () => readonly Address[];
  memberships: () => readonly NetworkMembership[];
  /** Whether everybody may know of this node. Where not, members of its networks hear of it, and others see noise. */
  open: () => boolean;
  /** Replaced in tests. @default the machine's own */
  interfaces?: () => Readonly<Record<string, readonly NetworkInterfaceInfo[] | undefined>>;
  /** Replaced in tests. */
  openLink?: OpenLink;
}
export interface MdnsInit {
  /** Tests take another, so that they meet no real network. @default 5353 */
  port?: number;
}
export interface Mdns extends Discovery {
  /** Asks on all links at once: the machine woke, or the owner looks. */
  look(): void;
  /** Interfaces that are taken part in. */
  links(): readonly string[];
}

interface OpenedLink {
  spec: LinkSpec;
  link: MdnsLink;
  /** Ms until it is asked again. */
  askMs: number;
  answeredAtMs: number;
  cancelAsk: () => void;
  cancelAnswer: (() => void) | null;
  /** After this nothing is done with it; it is opened again at the next look if its interface is there. */
  broken: boolean;
}

/** RFC 6762, section 6: those who answer do not all answer at once. */
const JITTER_MS_MIN = 20;
const JITTER_MS = 100;
/** Of an announcement nobody asked for, section 8.3. */
const AGAIN_MS = 1_000;

const identityOf = ({ name, family, address, prefixes }: LinkSpec): string =>
  JSON.stringify([name, family, address, prefixes]);

/** Nodes on the same link find each other by multicast DNS, docs/formats/stoq-mdns.md. */
export const createMdns = (
  {
    outside: { clock, random },
    logger,
    metrics,
    peer: me,
    addresses,
    memberships,
    open,
    interfaces = networkInterfaces,
    openLink: openOne = openLink,
  }: MdnsComponents,
  { port = MDNS_PORT }: MdnsInit = {},
): Mdns => {
  const events = new Emitter<{ found: { peer: PeerId; addresses: readonly Address[] } }>();
  const label = base32.baseEncode(random.bytes(16));
  const zones = platform() === 'win32' ? 'number' : 'name';
  const opened = new Map<string, OpenedLink>();
  const heard = new Map<PeerId, { said: string; atMs: number }>();
  const closing = new Set<Promise<void>>();
  let tokens = MDNS_PACKETS_PER_SECOND;
  let tokensAtMs = 0;
  let stopped = false;
  let stopWatching: () => void = () => undefined;

  const admit = (): boolean => {
    const nowMs = clock.monotonicMs();
    tokens = Math.min(MDNS_PACKETS_PER_SECOND, tokens + ((nowMs - tokensAtMs) / 1000) * MDNS_PACKETS_PER_SECOND);
    tokensAtMs = nowMs;
    if (tokens < 1) {
      metrics?.mdnsDropped.inc();
      return false;
    }
    tokens -= 1;
    return true;
  };
  const zoneOf = ({ family, zone }: LinkSpec): string | null => (family === 'ip6' ? zone : null);

  const announce = (entry: OpenedLink): void => {
    entry.answeredAtMs = clock.monotonicMs();
    const hint = { peer: me, addresses: addressesForLink(addresses(), zoneOf(entry.spec)) };
    if (hint.addresses.length === 0) return;
    if (open()) {
      entry.link.send(openPacket(label, hint));
      return;
    }
    for (const membership of memberships().slice(0, MDNS_HIDDEN_MAX))
      entry.link.send(hiddenPacket(membership, hint, { random, nowMs: clock.nowMs() }));
  };
  /** Answers a question, unless all have just heard the answer. */
  const answer = (entry: OpenedLink): void => {
    if (entry.cancelAnswer !== null) return;
    const restMs = entry.answeredAtMs + MDNS_ANSWER_MS_MIN - clock.monotonicMs();
    const waitMs = Math.max(JITTER_MS_MIN + random.below(JITTER_MS), restMs);
    entry.cancelAnswer = clock.after(waitMs, () => {
      entry.cancelAnswer = null;
      if (!entry.broken) announce(entry);
    });
  };
  const ask = (entry: OpenedLink): void => {
    if (!entry.spec.asks || entry.broken) return;
    entry.link.send(queryPacket());
    entry.cancelAsk();
    entry.cancelAsk = clock.after(entry.askMs, () => ask(entry));
    entry.askMs = Math.min(entry.askMs * 2, MDNS_ASK_MS_MAX);
  };
  const tell = (peer: PeerId, found: readonly Address[]): void => {
    if (peer === me) return;
    const said = found.join('\n');
    const before = heard.get(peer);
    const nowMs = clock.monotonicMs();
    if (before !== undefined && before.said === said && nowMs - before.atMs < MDNS_TELL_AGAIN_MS) return;
    if (before === undefined && heard.size >= MDNS_PEERS_MAX) {
      for (const [known, { atMs }] of heard) if (nowMs - atMs > MDNS_TELL_AGAIN_MS) heard.delete(known);
      if (heard.size >= MDNS_PEERS_MAX) {
        metrics?.mdnsDropped.inc();
        return;
      }
    }
    heard.set(peer, { said, atMs: nowMs });
    metrics?.found.inc(1, { by: 'mdns' });
    events.emit('found', { peer, addresses: found });
  };
  const onPacket = (entry: OpenedLink, packet: unknown): void => {
    if (stopped || entry.broken) return;
    if (isOurQuery(packet)) {
      answer(entry);
      return;
    }
    const hints = readPacket(packet, { memberships: memberships(), nowMs: clock.nowMs(), zone: zoneOf(entry.spec) });
    for (const hint of hints) tell(hint.peer, hint.addresses);
  };

  const close = (name: string, entry: OpenedLink): void => {
    opened.delete(name);
    entry.broken = true;
    entry.cancelAsk();
    entry.cancelAnswer?.();
    const closed = entry.link.close().finally(() => closing.delete(closed));
    closing.add(closed);
  };
  const start = (name: string, spec: LinkSpec): void => {
    const handlers = {
      admit,
      onPacket: (packet: unknown) => onPacket(entry, packet),
      onProblem: (problem: string) => {
        if (entry.broken) return;
        entry.broken = true;
        logger.debug('A link cannot be searched for nodes now', { link: spec.name, problem });
      },
    };
    const entry: OpenedLink = {
      spec,
      link: openOne(spec, port, handlers),
      askMs: 1_000,
      answeredAtMs: Number.NEGATIVE_INFINITY,
      cancelAsk: () => undefined,
      cancelAnswer: null,
      broken: false,
    };
    opened.set(name, entry);
    entry.cancelAsk = clock.after(JITTER_MS_MIN + random.below(JITTER_MS), () => {
      announce(entry);
      ask(entry);
      entry.cancelAnswer ??= clock.after(AGAIN_MS, () => {
        entry.cancelAnswer = null;
        if (!entry.broken) announce(entry);
      });
    });
  };
  /** Follows interfaces as they come, go and change their addresses. */
  const watch = (): void => {
    const wanted = new Map(linksOf(interfaces(), zones).map((spec) => [identityOf(spec), spec]));
    for (const [name, entry] of opened) if (entry.broken || !wanted.has(name)) close(name, entry);
    for (const [name, spec] of wanted) if (!opened.has(name)) start(name, spec);
  };

  return {
    name: 'mdns',
    on: events.on.bind(events),
    start: async () => {
      watch();
      stopWatching = clock.every(MDNS_INTERFACES_MS, watch);
    },
    stop: async () => {
      stopped = true;
      stopWatching();
      for (const [name, entry] of opened) close(name, entry);
      await Promise.all(closing);
    },
    look: () => {
      heard.clear();
      for (const entry of opened.values()) {
        entry.askMs = 1_000;
        if (!entry.broken) ask(entry);
      }
    },
    links: () => [...opened.values()].map(({ spec }) => `${spec.name} ${spec.family}`),
  };
};
