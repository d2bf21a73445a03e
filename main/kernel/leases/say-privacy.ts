import type {
  CapacityUnit,
  LendingTerms,
  PrivacyPreview,
  ResourceKey,
  ResourceKind,
} from '../../../preload/contract/index.ts';
import { type NetworkId, PUBLIC_NETWORK } from '../../transport/stoq/index.ts';
import { UNIT_OF } from './constants.ts';
import { kindOfResource, sayPrice } from './formats/index.ts';
import { STRANGERS, type Stranger } from './interface.ts';
import type { RouteKind } from './link.ts';
import { namedNetworks, privacyRule, type PrivacyTerms } from './privacy.ts';

// What privacy means, in sentences for people. What is so is decided in privacy.ts; nothing here decides anything.

export type PrivacySide = PrivacyPreview['before'];
type Networks = readonly { id: NetworkId; name: string }[];

/** `a, b and c`. */
export const listed = (words: readonly string[]): string =>
  words.length < 2 ? (words[0] ?? '') : `${words.slice(0, -1).join(', ')} and ${words.at(-1)}`;

/** What is lent, as a person calls it. */
const THING: Readonly<Record<ResourceKind, string>> = {
  cpu: 'processor time',
  gpu: 'time of a graphics card',
  memory: 'memory',
  storage: 'space on the disk',
  network: 'the way out to the internet',
  container: 'containers',
  economic: 'CAES',
};
export const thingOf = (resource: ResourceKey): string => THING[kindOfResource(resource)];

const networkNames = (networks: Networks, names: readonly string[]): string[] =>
  namedNetworks(networks, names).map((id) => networks.find((network) => network.id === id)?.name ?? id);

/** Names of a level that mean a peer or a group, as the owner wrote them. */
const peerNames = ({
  privacyLevel,
  privacyNames,
}: Pick<LendingTerms, 'privacyLevel' | 'privacyNames'>): readonly string[] =>
  privacyLevel === 'P2P' ? privacyNames : [];

/** How a row of strangers is called under these terms. */
export const labelOf = (stranger: Stranger, terms: PrivacyTerms, networks: Networks): string => {
  switch (stranger) {
    case 'own':
      return 'Your own nodes (the group own)';
    case 'trusted': {
      const names = peerNames(terms);
      return names.length === 0 ? 'Peers that you trust' : `Peers that you trust, of ${listed(names)}`;
    }
    case 'member': {
      const named = networkNames(networks, terms.privacyLevel === 'PrivateNetwork' ? terms.privacyNames : []);
      return named.length === 0 ? 'Members of your private networks' : `Members of ${listed(named)}`;
    }
    case 'publicMember':
      return 'Members of the public network';
    case 'identified':
      return 'Everybody else who shows who they are';
    case 'anonymous':
      return 'Anybody behind an anonymous route';
  }
};

/** Who may find and have it, one sentence. */
export const sayAudience = (terms: PrivacyTerms, networks: Networks): string => {
  if (STRANGERS.every((stranger) => privacyRule(stranger, terms).allocate))
    return 'Everybody can find and have it, unnamed too.';
  const open = STRANGERS.filter((stranger) => privacyRule(stranger, terms).discover);
  const having = open.filter((stranger) => privacyRule(stranger, terms).allocate);
  const names = (strangers: readonly Stranger[]): string =>
    listed(
      strangers.map((stranger) => {
        const label = labelOf(stranger, terms, networks);
        return label.charAt(0).toLowerCase() + label.slice(1);
      }),
    );
  const finders = names(open);
  const first = `${finders.charAt(0).toUpperCase()}${finders.slice(1)} can find it`;
  if (having.length < open.length) return `${first}; ${names(having)} can have it.`;
  return terms.allocationType === 'Verified'
    ? `${first}, and have it once they have shown four proofs.`
    : `${first} and have it.`;
};

/** The terms in a few words, for the log. */
export const sayTerms = ({ privacyLevel, privacyNames, allocationType, proxy }: PrivacyTerms): string =>
  [
    privacyNames.length === 0 ? privacyLevel : `${privacyLevel} (${privacyNames.join(', ')})`,
    allocationType,
    proxy.relaysAllowed ? 'relays allowed' : 'no relays',
    proxy.exitAllowed ? 'exit allowed' : 'no exit',
  ].join('; ');

const BINARY_UNITS = ['bytes', 'KiB', 'MiB', 'GiB', 'TiB'] as const;
const DECIMAL_UNITS = ['B/s', 'kB/s', 'MB/s', 'GB/s'] as const;
const scaled = (value: number, base: number, units: readonly string[]): string => {
  let [amount, index] = [value, 0];
  while (amount >= base && index < units.length - 1) [amount, index] = [amount / base, index + 1];
  return `${index === 0 ? amount : amount.toPrecision(3)} ${units[index]}`;
};
/** `11.8 GiB`, `5.00 MB/s`: an amount as people read it. */
export const sayAmount = (amount: number, unit: CapacityUnit): string => {
  if (unit === 'bytes') return scaled(amount, 1024, BINARY_UNITS);
  if (unit === 'bytesPerSecond') return scaled(amount, 1000, DECIMAL_UNITS);
  if (unit === 'millicores' || unit === 'millicards')
    return `${amount / 1000} ${unit === 'millicores' ? 'core' : 'card'}${amount === 1000 ? '' : 's'}`;
  return unit === 'microCaes' ? `${amount / 1_000_000} CAES` : `${amount} container${amount === 1 ? '' : 's'}`;
};

/** What holds beside the terms. */
export interface PrivacyFacts {
  resource: ResourceKey;
  networks: Networks;
  /** Whether this program lends it at all. */
  lendable: boolean;
  /** The owner's slider, percent. */
  percentMax: number;
  /** STOQ's port; null while this node talks to nobody. */
  port: number | null;
  /** Connected peers by the row that means them. */
  peersNow: Readonly<Record<Stranger, number>>;
  /** Most that others read, such as `8.00 GiB`; null while nothing is known. */
  amount: string | null;
  /** The one that it has on the network; null without keys. */
  address: string | null;
}

const routesOf = (terms: PrivacyTerms): RouteKind[] => {
  const found = new Set(STRANGERS.flatMap((stranger) => privacyRule(stranger, terms).routes));
  return (['direct', 'relay', 'anonymous'] as const).filter((route) => found.has(route));
};

const seenOf = (terms: LendingTerms, facts: PrivacyFacts): string[] => {
  const { resource, networks, amount, address } = facts;
  const thing = thingOf(resource);
  const others = STRANGERS.filter((stranger) => stranger !== 'own' && privacyRule(stranger, terms).discover);
  if (others.length === 0)
    return [
      `Only your own nodes can read that this machine lends ${thing}; everybody else gets the answer that there is nothing.`,
    ];
  const what = [
    amount === null ? 'how much one lease may have' : `that one lease may have up to ${amount}`,
    'at which hours of the week how much is lent, and with it your time zone',
    `that a lease lasts ${terms.leaseMinutesMax} minutes at most`,
    terms.price.mode === 'fixed'
      ? `its price of ${sayPrice(BigInt(terms.price.microPerHour), UNIT_OF[kindOfResource(resource)])}`
      : 'its price',
    'what its proofs have shown',
    'which proofs you ask for',
  ];
  const seen = [
    `Whoever may find it reads ${listed(what)}, signed with the keys of this node.`,
    address === null
      ? 'They read an address of its own in fd00::/8, which leads to it through this node only.'
      : `They read its address ${address}, which leads to it through this node only.`,
    'Whoever is connected directly sees the IP address of this machine, as with everything that this node does.',
  ];
  const announced = announcedOf(terms, networks);
  seen.push(
    announced.length === 0
      ? 'It is in no directory: only peers that connect and ask can find it.'
      : `Everybody in ${listed(announced)} can find in its directory that this node lends ${thing}.`,
  );
  if (terms.allocationType === 'Anonymous')
    seen.push('Who borrows is not kept: of a lease that has ended only sums are left.');
  if (terms.allocationType === 'Verified')
    seen.push('Who borrows shows four fresh proofs first, and is kept with the lease.');
  return seen;
};

/** Names of the networks in whose directory it would be. */
const announcedOf = (terms: PrivacyTerms, networks: Networks): string[] => {
  if (terms.allocationType === 'Private') return [];
  const names = networkNames(networks, terms.privacyLevel === 'PrivateNetwork' ? terms.privacyNames : []);
  switch (terms.privacyLevel) {
    case 'PrivateNetwork':
      return names;
    case 'PublicNetwork':
      return terms.privacyNames.length === 0 || terms.privacyNames.includes(PUBLIC_NETWORK)
        ? ['the public network']
        : [];
    case 'FullPublic':
      return ['the public network', ...names];
    default:
      return [];
  }
};

const portsOf = (terms: LendingTerms, { resource, port }: PrivacyFacts): string[] => {
  const ports = [
    port === null
      ? 'No port is open: this node talks to nobody now.'
      : `Port ${port}, UDP (QUIC) and TCP (TLS), is open for the network whatever you lend; no other port opens.`,
  ];
  if (!STRANGERS.some((stranger) => privacyRule(stranger, terms).allocate)) return ports;
  const protocols = ['/hypermesh/offers/1 to find it', '/hypermesh/lease/1 to ask for it'];
  if (kindOfResource(resource) === 'memory') protocols.push('/hypermesh/memory/1 to read and write what was lent');
  if (kindOfResource(resource) === 'network') protocols.push('/hypermesh/forward/1 to open connections through it');
  return [...ports, `Over it, for those above: ${listed(protocols)}.`];
};

const destinationsOf = (terms: LendingTerms, { resource }: PrivacyFacts): string[] => {
  if (kindOfResource(resource) !== 'network')
    return [`Nowhere: whoever borrows ${thingOf(resource)} opens no connection out of this machine.`];
  return terms.proxy.exitAllowed
    ? [
        'Public addresses of the internet, as the policy of destinations allows.',
        'Never your home network, this machine, link-local addresses or this node’s own interface, unless you name them.',
      ]
    : ['Nowhere: this machine is an exit for nobody.'];
};

/** All that one set of terms means. */
export const describePrivacy = (terms: LendingTerms, facts: PrivacyFacts): PrivacySide => ({
  rows: STRANGERS.map((who) => {
    const { discover, connect, allocate } = privacyRule(who, terms);
    return {
      who,
      label: labelOf(who, terms, facts.networks),
      discover,
      connect,
      allocate,
      peersNow: facts.peersNow[who],
    };
  }),
  routes: routesOf(terms),
  seen: seenOf(terms, facts),
  ports: portsOf(terms, facts),
  destinations: destinationsOf(terms, facts),
});
