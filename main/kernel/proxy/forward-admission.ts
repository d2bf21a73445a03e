import { isNodeError } from '../../base/index.ts';
import type { AccessCheck, Leases, Link, Privacy } from '../leases/index.ts';
import { FORWARD_CHECKS_PER_LEASE_MAX } from './constants.ts';
import type { ForwardRefusal } from './errors.ts';
import type { ForwardOpening } from './forward-protocol.ts';
import type {
  AccessTerms,
  DestinationCheck,
  Exits,
  Limit,
  TableCounters,
  TableEntry,
  TranslationTable,
} from './interface.ts';
import type { StreamTarget } from './local-target.ts';
import { leadsToApi } from './target-text.ts';

/** What was let in: where to connect, whose traffic it is, and how long it may live. */
export interface Admitted {
  ok: true;
  target: StreamTarget;
  counters: TableCounters;
  limit: Limit | null;
  /** Row of the table or lease that it lives and dies with. */
  owner: object;
  /** Aborted when its lease ends; null where the table tells. */
  ended: AbortSignal | null;
}
export interface Refused {
  ok: false;
  code: ForwardRefusal;
  sentence: string;
  /** Row that it was refused at; null where there is none. */
  entry: TableEntry | null;
}
export interface AdmissionComponents {
  table: TranslationTable;
  privacy: Pick<Privacy, 'refusal'>;
  leases: Pick<Leases, 'authorize'>;
  access: AccessCheck;
  exits: Exits;
  destinations: DestinationCheck;
  /** Port of this node's API, null while it has none. */
  apiPort: () => number | null;
}

/** One answer for what is not there and for what the asker may not find. */
const UNKNOWN = 'There is nothing at this address and port; check both, or ask whoever gave them to you.';
/** Terms that let nobody in, so that looking for nothing takes the same steps as looking for something that is hidden. */
const NOBODY: AccessTerms = {
  privacyLevel: 'Private',
  privacyNames: [],
  allocationType: 'Private',
  proxy: { relaysAllowed: false, exitAllowed: false },
};

const TOO_MANY_OF_LEASE = 'This lease has as many connections as it may; try again when some have ended.';

const refused = (code: ForwardRefusal, sentence: string, entry: TableEntry | null = null): Refused => ({
  ok: false,
  code,
  sentence,
  entry,
});

/** Decides who may connect where. The one place in which an opening is checked. */
export const createAdmission = (components: AdmissionComponents) => {
  const { table, privacy, leases, access, exits, destinations, apiPort } = components;
  /** Destinations that are looked at now, by lease. */
  const checks = new Map<object, number>();

  const targetOf = ({ target }: TableEntry): StreamTarget | null => {
    if (target.kind === 'socket') return { host: target.host, port: target.port };
    if (target.kind === 'container') return { job: target.id, port: target.port };
    return target.kind === 'unix' ? { path: target.path } : null;
  };
  const service = async (
    link: Pick<Link, 'party' | 'route'>,
    opening: ForwardOpening & { kind: 'service' },
  ): Promise<Admitted | Refused> => {
    const { address, port, mode } = opening;
    const entry =
      mode === 'datagram'
        ? table.find(address, 'udp', port)
        : (table.find(address, 'tcp', port) ?? table.find(address, 'http', port));
    const terms = entry?.terms ?? NOBODY;
    const hidden = privacy.refusal(link, 'discover', terms);
    const refusal = privacy.refusal(link, 'connect', terms);
    const denied = await access.refusal(link.party, 'connect', 'network');
    if (entry === null || hidden !== null) return refused('unknown', UNKNOWN, entry);
    if (refusal !== null) return refused('privacy', refusal.sentence, entry);
    if (denied !== null) return refused('refused', denied, entry);
    const target = targetOf(entry);
    // The API may have come to a port that was exposed before.
    const isApi = terms.privacyLevel !== 'Private' && leadsToApi(entry.target, apiPort());
    if (target === null || isApi || (mode === 'datagram' && !('host' in target)))
      return refused('away', 'What is at this address takes no connections of this kind.', entry);
    const exit = entry.lease === null ? null : exits.find(entry.lease);
    return { ok: true, target, counters: entry.counters, limit: exit?.limit ?? null, owner: entry, ended: null };
  };
  const exit = async (
    link: Link,
    { lease: id, host, port }: ForwardOpening & { kind: 'exit' },
    signal: AbortSignal,
  ): Promise<Admitted | Refused> => {
    const none = 'This link has no lease of a network here that runs; ask for one, or show that it is yours.';
    try {
      leases.authorize(link, id);
    } catch (error) {
      if (!isNodeError(error)) throw error;
      return refused('lease', none);
    }
    const lease = exits.find(id);
    if (lease === null || lease.ended.aborted) return refused('lease', none);
    if (lease.counters.connectionsNow >= lease.connectionsMax) return refused('full', TOO_MANY_OF_LEASE);
    const looking = checks.get(lease) ?? 0;
    if (looking >= FORWARD_CHECKS_PER_LEASE_MAX) return refused('full', TOO_MANY_OF_LEASE);
    checks.set(lease, looking + 1);
    try {
      const { address, port: checked } = await destinations.check(host, port, lease.policy(), { signal });
      return {
        ok: true,
        target: { host: address, port: checked },
        counters: lease.counters,
        limit: lease.limit,
        owner: lease,
        ended: lease.ended,
      };
    } catch (error) {
      if (!isNodeError(error)) throw error;
      lease.counters.refused += 1;
      return refused(error.code === 'DESTINATION_UNKNOWN' ? 'destinationUnknown' : 'destination', error.message);
    } finally {
      const left = (checks.get(lease) ?? 1) - 1;
      if (left === 0) checks.delete(lease);
      else checks.set(lease, left);
    }
  };
  return {
    /** @param link - who asks @param signal - gives up looking for a name */
    admit: (link: Link, opening: ForwardOpening, signal: AbortSignal): Promise<Admitted | Refused> =>
      opening.kind === 'service' ? service(link, opening) : exit(link, opening, signal),
    /** Of this machine's own programs, who may reach what its owner exposed. @returns null where there is nothing */
    own: (opening: ForwardOpening & { kind: 'service' }): { entry: TableEntry; target: StreamTarget } | null => {
      const { address, port, mode } = opening;
      const entry =
        mode === 'datagram'
          ? table.find(address, 'udp', port)
          : (table.find(address, 'tcp', port) ?? table.find(address, 'http', port));
      const target = entry === null ? null : targetOf(entry);
      return entry === null || target === null ? null : { entry, target };
    },
  };
};
export type Admission = ReturnType<typeof createAdmission>;
