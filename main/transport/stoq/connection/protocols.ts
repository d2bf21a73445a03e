import { assert, type Clock } from '../../../base/index.ts';
import type { DatagramHandler, NetworkId, ProtocolSpec, StreamHandler } from '../interface.ts';
import type { Offence } from '../standing/interface.ts';
import { DATAGRAM_PROTOCOLS_MAX, PROTOCOL_LENGTH_MAX } from './constants.ts';

/** One offer of a protocol. */
export interface Registration {
  readonly spec: ProtocolSpec;
  readonly handler: StreamHandler;
  readonly onDatagram: DatagramHandler | null;
  /** In front of its datagrams to us; null where it takes none. */
  readonly datagramNumber: number | null;
}
/** Protocols that this node speaks, by name and network. */
export interface ProtocolTable {
  /** @returns what withdraws it */
  add(spec: ProtocolSpec, handler: StreamHandler, onDatagram: DatagramHandler | null): () => void;
  /** @returns null for a protocol that does not exist for who is in these networks */
  find(name: string, networks: ReadonlySet<NetworkId>): Registration | null;
  /** Those that take datagrams in these networks. */
  datagrams(networks: ReadonlySet<NetworkId>): readonly Registration[];
}

const overlap = (a: ReadonlySet<NetworkId>, b: ReadonlySet<NetworkId>): boolean => [...a].some((id) => b.has(id));
const isIn = ({ spec }: Registration, networks: ReadonlySet<NetworkId>): boolean =>
  spec.networks === undefined || overlap(spec.networks, networks);

/** @param onChanged - protocols with datagrams came or went */
export const createProtocolTable = (onChanged: () => void): ProtocolTable => {
  const byName = new Map<string, Registration[]>();

  const freeNumber = (): number => {
    const taken = new Set([...byName.values()].flat().map((one) => one.datagramNumber));
    for (let number = 1; number <= DATAGRAM_PROTOCOLS_MAX; number++) if (!taken.has(number)) return number;
    assert(false, `At most ${DATAGRAM_PROTOCOLS_MAX} protocols may take datagrams.`);
  };
  return {
    add: (spec, handler, onDatagram) => {
      assert(spec.name.length <= PROTOCOL_LENGTH_MAX && /^\/[\x21-\x7e]+$/.test(spec.name), 'A protocol needs a name.');
      assert(spec.streamsMax >= 0 && spec.opensPerTenSeconds >= 0, 'A protocol needs limits.');
      const takesDatagrams = onDatagram !== null && (spec.datagramBytesPerSecondMax ?? null) !== null;
      const registration: Registration = {
        spec,
        handler,
        onDatagram,
        datagramNumber: takesDatagrams ? freeNumber() : null,
      };
      const same = byName.get(spec.name) ?? [];
      assert(
        !same.some(
          (other) =>
            other.spec.networks === undefined ||
            spec.networks === undefined ||
            overlap(other.spec.networks, spec.networks),
        ),
        `The protocol ${spec.name} is offered twice in one network.`,
      );
      byName.set(spec.name, [...same, registration]);
      if (takesDatagrams) onChanged();
      return () => {
        const rest = (byName.get(spec.name) ?? []).filter((one) => one !== registration);
        if (rest.length === 0) byName.delete(spec.name);
        else byName.set(spec.name, rest);
        if (takesDatagrams) onChanged();
      };
    },
    find: (name, networks) => byName.get(name)?.find((one) => isIn(one, networks)) ?? null,
    datagrams: (networks) =>
      [...byName.values()].flat().filter((one) => one.datagramNumber !== null && isIn(one, networks)),
  };
};

/** What one peer does within the limits of its protocols. */
export interface ProtocolMeter {
  /** @returns null where another stream may open; else how it is refused */
  open(registration: Pick<Registration, 'spec'>): 'tooMany' | null;
  closed(registration: Pick<Registration, 'spec'>): void;
  /** A protocol that does not exist was asked for. */
  unknown(): void;
  /** @returns whether so many bytes of datagrams may come in now */
  datagram(registration: Pick<Registration, 'spec'>, bytes: number): boolean;
}

const WINDOW_MS = 10_000;
/** Openings of unknown protocols in a window that cost nothing: a newer program asks for what we do not know yet. */
const UNKNOWN_MAX = 100;
/** How far over a limit costs standing: a busy peer of good will stops at the first refusals. */
const TOLERANCE = 2;
/** Standing is lost at most once in this time for one protocol, or a single burst would be a ban. */
const OFFENCE_INTERVAL_MS = 10_000;

interface Count {
  open: number;
  /** Monotonic ms of openings in the window that were let through, oldest first. */
  opens: number[];
  refused: number;
  refusedSinceMs: number;
  offendedAtMs: number | null;
  datagramTokens: number;
  datagramAtMs: number;
  datagramsDropped: number;
}

export const createProtocolMeter = (
  clock: Clock,
  onOffence: (offence: Offence, detail: string) => void,
): ProtocolMeter => {
  const counts = new WeakMap<Pick<Registration, 'spec'>, Count>();
  const fresh = (nowMs: number): Count => ({
    open: 0,
    opens: [],
    refused: 0,
    refusedSinceMs: nowMs,
    offendedAtMs: null,
    datagramTokens: Number.POSITIVE_INFINITY,
    datagramAtMs: nowMs,
    datagramsDropped: 0,
  });
  const countOf = (registration: Pick<Registration, 'spec'>): Count => {
    let count = counts.get(registration);
    if (count === undefined) counts.set(registration, (count = fresh(clock.monotonicMs())));
    return count;
  };
  const strangers = fresh(clock.monotonicMs());

  const offend = (count: Count, nowMs: number, detail: string): void => {
    if (count.offendedAtMs !== null && nowMs - count.offendedAtMs < OFFENCE_INTERVAL_MS) return;
    count.offendedAtMs = nowMs;
    onOffence('flooding', detail);
  };
  const refused = (count: Count, free: number, detail: string): void => {
    const nowMs = clock.monotonicMs();
    if (nowMs - count.refusedSinceMs >= WINDOW_MS) {
      count.refused = 0;
      count.refusedSinceMs = nowMs;
    }
    count.refused += 1;
    if (count.refused > free) offend(count, nowMs, detail);
  };
  return {
    open: (registration) => {
      const { name, streamsMax, opensPerTenSeconds } = registration.spec;
      const count = countOf(registration);
      const sinceMs = clock.monotonicMs() - WINDOW_MS;
      let old = 0;
      while (old < count.opens.length && (count.opens[old] ?? 0) <= sinceMs) old += 1;
      if (old > 0) count.opens.splice(0, old);
      if (count.opens.length >= opensPerTenSeconds || count.open >= streamsMax) {
        refused(count, (TOLERANCE - 1) * Math.max(10, opensPerTenSeconds), `it opens too many streams of ${name}`);
        return 'tooMany';
      }
      count.opens.push(clock.monotonicMs());
      count.open += 1;
      return null;
    },
    closed: (registration) => {
      countOf(registration).open -= 1;
    },
    unknown: () => refused(strangers, UNKNOWN_MAX, 'it opens streams of protocols that do not exist'),
    datagram: (registration, bytes) => {
      const perSecond = registration.spec.datagramBytesPerSecondMax ?? 0;
      const count = countOf(registration);
      const nowMs = clock.monotonicMs();
      // A second's worth may come at once.
      count.datagramTokens = Math.min(
        perSecond,
        count.datagramTokens + ((nowMs - count.datagramAtMs) * perSecond) / 1000,
      );
      count.datagramAtMs = nowMs;
      if (count.datagramTokens < bytes) {
        count.datagramsDropped += bytes;
        if (count.datagramsDropped > (TOLERANCE * WINDOW_MS * perSecond) / 1000) {
          count.datagramsDropped = 0;
          offend(count, nowMs, `it sends too many datagrams of ${registration.spec.name}`);
        }
        return false;
      }
      count.datagramTokens -= bytes;
      return true;
    },
  };
};
