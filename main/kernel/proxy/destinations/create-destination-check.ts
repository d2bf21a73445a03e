import { lookup } from 'node:dns/promises';
import { networkInterfaces } from 'node:os';
import { type Clock, messageOf } from '../../../base/index.ts';
import { ProxyError } from '../errors.ts';
import type { CheckedDestination, DestinationCheck, DestinationPolicy } from '../interface.ts';
import { type Host, type Ip, formatIp, parseHost, parseIp } from './ip.ts';
import { createOwnAddresses, type OwnAddressesComponents } from './own-addresses.ts';
import { type DestinationPattern, PATTERNS_MAX, listsAddress, listsName, parseDestinationPattern } from './pattern.ts';
import { REFUSED_RULES, type RefusedRule, isNearName, refusedRange } from './ranges.ts';

/** Ms for one name. A resolver that says nothing is asked again by the system after 5 s. */
export const RESOLVE_MS_MAX = 10_000;
/** Names that are asked for at once, all leases together. */
export const RESOLVES_MAX = 64;
/** Addresses of one name that are looked at; who has more is refused, since one that was not checked could be dialled next. */
const ADDRESSES_MAX = 64;

export interface DestinationCheckComponents extends Partial<Omit<OwnAddressesComponents, 'clock'>> {
  clock: Clock;
  /** @returns addresses of a name in the order in which they are to be tried. @default the system's resolver */
  resolve?: (name: string) => Promise<readonly string[]>;
  /** Port of this node's API, null while it has none. */
  apiPort: () => number | null;
}

/** The dot at the end keeps the resolver from trying the name within the domains of this network. */
const resolveBySystem = async (name: string): Promise<readonly string[]> =>
  (await lookup(`${name}.`, { all: true, order: 'verbatim' })).map(({ address }) => address);

const refused = (rule: string, sentence: string): ProxyError =>
  new ProxyError({ code: 'DESTINATION_REFUSED', rule }, sentence);
const unknown = (host: string, options?: ErrorOptions): ProxyError =>
  new ProxyError({ code: 'DESTINATION_UNKNOWN', host }, `No address of ${host} was found.`, options);

/** What an owner named exactly enough: a range will do for others' machines, this one must be meant, and so must its API. */
const EXACTNESS: Partial<Record<RefusedRule, 'address' | 'port'>> = {
  loopback: 'address',
  ownMachine: 'address',
  unspecified: 'address',
  ownApi: 'port',
};

/**
 * Where traffic of others may leave to. A name is resolved once, all its addresses are checked, and what is returned is one of
 * them: a name cannot be another place when it is dialled. Private places are opened by address only, never by a name, since
 * whoever answers for the name could point it anywhere.
 */
export const createDestinationCheck = (components: DestinationCheckComponents): DestinationCheck => {
  const { clock, resolve = resolveBySystem, apiPort, interfaces = networkInterfaces, seenAt = () => [] } = components;
  const own = createOwnAddresses({ clock, interfaces, seenAt });
  const parsed = new WeakMap<readonly string[], readonly DestinationPattern[]>();
  let resolving = 0;

  const patternsOf = (policy: DestinationPolicy): readonly DestinationPattern[] => {
    if (policy.mode === 'none') return [];
    const texts = policy.mode === 'list' ? policy.allowed : policy.named;
    let patterns = parsed.get(texts);
    if (patterns === undefined) {
      patterns = texts.slice(0, PATTERNS_MAX).flatMap((text) => parseDestinationPattern(text) ?? []);
      parsed.set(texts, patterns);
    }
    return patterns;
  };
  const ruleOf = (ip: Ip, port: number): RefusedRule | null => {
    const range = refusedRange(ip);
    const near = own.ruleOf(ip);
    const here = range === 'loopback' || range === 'unspecified' || near === 'ownMachine';
    if (here && port === apiPort()) return 'ownApi';
    return near === 'ownMachine' && range !== 'loopback' ? near : (range ?? near);
  };
  const resolveAll = async (name: string, signal: AbortSignal | undefined): Promise<Ip[]> => {
    if (resolving >= RESOLVES_MAX)
      throw refused('busy', 'Too many names are asked for at this node now; try again in a moment.');
    signal?.throwIfAborted();
    resolving += 1;
    const waiting = new AbortController();
    const gaveUp = (): void => waiting.abort();
    signal?.addEventListener('abort', gaveUp, { once: true });
    let found: readonly string[];
    try {
      // The system's resolver cannot be stopped: its place is given back when it is done, its answer is waited for no longer.
      const answer = resolve(name).finally(() => (resolving -= 1));
      const late = clock.sleep(RESOLVE_MS_MAX, waiting.signal).catch(() => undefined);
      const first = await Promise.race([answer, late.then(() => null)]);
      signal?.throwIfAborted();
      if (first === null) throw unknown(name);
      found = first;
    } catch (error) {
      signal?.throwIfAborted();
      throw error instanceof ProxyError ? error : unknown(name, { cause: messageOf(error) });
    } finally {
      waiting.abort();
      signal?.removeEventListener('abort', gaveUp);
    }
    if (found.length === 0) throw unknown(name);
    if (found.length > ADDRESSES_MAX) throw refused('tooMany', `${name} has more addresses than are looked at.`);
    return found.map((text) => {
      const ip = parseIp(text);
      // Addresses with a zone are of one link.
      if (ip === null) throw refused('linkLocal', `${name} leads to ${REFUSED_RULES.linkLocal}.`);
      return ip;
    });
  };

  return {
    check: async (host, port, policy, options = {}): Promise<CheckedDestination> => {
      if (policy.mode === 'none') throw refused('none', 'The owner of this node lets nothing out through it.');
      const target: Host | null = parseHost(host);
      if (target === null)
        throw refused('malformed', 'This is no host name and no address that can be read in one way only.');
      if (!Number.isInteger(port) || port < 1 || port > 65_535) throw refused('malformed', 'There is no such port.');
      const patterns = patternsOf(policy);
      const nameListed = policy.mode === 'all' || patterns.some((pattern) => listsName(pattern, target, port));
      if (target.kind === 'name') {
        if (isNearName(target.name)) throw refused('nearName', 'Names of the home network are not for others.');
        // Nobody learns from us what a name stands for that is not on the list.
        if (!nameListed && !patterns.some((pattern) => pattern.target.kind === 'range'))
          throw refused('notListed', 'The owner of this node does not let traffic out to there.');
      }
      const addresses = target.kind === 'ip' ? [target.ip] : await resolveAll(target.name, options.signal);
      for (const ip of addresses) {
        const rule = ruleOf(ip, port);
        const exactly = rule === null ? 'any' : (EXACTNESS[rule] ?? 'any');
        const listed = patterns.some((pattern) => listsAddress(pattern, ip, port, exactly));
        if (rule !== null && !listed)
          throw refused(rule, `That is ${REFUSED_RULES[rule]}, which is refused to everybody.`);
        if (!listed && !nameListed)
          throw refused('notListed', 'The owner of this node does not let traffic out to there.');
      }
      const first = addresses[0];
      if (first === undefined) throw unknown(host);
      return { host, address: formatIp(first), family: first.family, port };
    },
  };
};
