import type { AllocationType, LendingTerms } from '../../../preload/contract/index.ts';
import { type NetworkId, parsePeerId, type PeerBook, PUBLIC_NETWORK } from '../../transport/stoq/index.ts';
import type { AddressBook, Privacy, PrivacyRule, Stranger } from './interface.ts';
import type { Link, Party, RouteKind } from './link.ts';

type PrivacyLevel = LendingTerms['privacyLevel'];
/** Terms that say who may do what. */
export type PrivacyTerms = Pick<LendingTerms, 'privacyLevel' | 'privacyNames' | 'allocationType' | 'proxy'>;

const CLOSED: PrivacyRule = { discover: false, connect: false, allocate: false, routes: [] };
const KNOWN: PrivacyRule = { discover: true, connect: true, allocate: true, routes: ['direct', 'relay'] };
const ANY: PrivacyRule = { discover: true, connect: true, allocate: true, routes: ['direct', 'relay', 'anonymous'] };

/**
 * What each level allows to whom: the one place that says so. Relays are for owners who allow them, and allocation types take away
 * from it: {@link TYPE_TABLE}.
 */
export const PRIVACY_TABLE: Readonly<Record<PrivacyLevel, Readonly<Record<Stranger, PrivacyRule>>>> = {
  Private: {
    own: KNOWN,
    trusted: CLOSED,
    member: CLOSED,
    publicMember: CLOSED,
    identified: CLOSED,
    anonymous: CLOSED,
  },
  P2P: { own: KNOWN, trusted: KNOWN, member: CLOSED, publicMember: CLOSED, identified: CLOSED, anonymous: CLOSED },
  PrivateNetwork: {
    own: KNOWN,
    trusted: CLOSED,
    member: KNOWN,
    publicMember: CLOSED,
    identified: CLOSED,
    anonymous: CLOSED,
  },
  PublicNetwork: {
    own: KNOWN,
    trusted: KNOWN,
    member: CLOSED,
    publicMember: KNOWN,
    identified: CLOSED,
    anonymous: CLOSED,
  },
  FullPublic: { own: ANY, trusted: ANY, member: ANY, publicMember: ANY, identified: ANY, anonymous: ANY },
};

/** Who of those that the level lets in may have leases of a type. */
const TYPE_TABLE: Readonly<
  Record<AllocationType, { others: boolean; anonymous: Pick<PrivacyRule, 'connect' | 'allocate'> }>
> = {
  /** The owner's own nodes alone, who are also the only ones to hear of it. */
  Private: { others: false, anonymous: { connect: false, allocate: false } },
  Public: { others: true, anonymous: { connect: true, allocate: true } },
  /** As `Public`; but who borrowed is not kept. */
  Anonymous: { others: true, anonymous: { connect: true, allocate: true } },
  /** Only for who shows who it is. */
  Verified: { others: true, anonymous: { connect: false, allocate: false } },
};

/** What somebody hears who may not know whether there is anything: the same whether there is or not. */
export const NOTHING_HERE = 'Nothing is lent under that name, or not to you; search again.';
/** Code that goes with {@link NOTHING_HERE}. */
export const NOTHING_HERE_CODE = 'OFFER_UNKNOWN';

/** @returns what one kind of stranger may do under these terms: level, type and relays together */
export const privacyRule = (stranger: Stranger, terms: PrivacyTerms): PrivacyRule => {
  const { discover, connect, allocate, routes } = PRIVACY_TABLE[terms.privacyLevel][stranger];
  const type = TYPE_TABLE[terms.allocationType];
  const included = stranger === 'own' || type.others;
  const identified = stranger !== 'anonymous';
  return {
    discover: discover && included,
    connect: connect && included && (identified || type.anonymous.connect),
    allocate: allocate && included && (identified || type.anonymous.allocate),
    routes: included
      ? routes.filter(
          (route) => (route === 'relay' ? terms.proxy.relaysAllowed : true) && (identified || route === 'anonymous'),
        )
      : [],
  };
};

/**
 * Whether what was lent under these terms may be used over a route, by whoever it was lent to: a connection that was direct when the
 * lease was granted may go over a relay by now, and a circuit may be made at any time.
 */
export const allowsRoute = (route: RouteKind, terms: PrivacyTerms): boolean => {
  const { allocate, routes } = privacyRule(route === 'anonymous' ? 'anonymous' : 'own', terms);
  return allocate && routes.includes(route);
};

export interface PrivacyComponents {
  book: Pick<PeerBook, 'get'>;
  addressBook: Pick<AddressBook, 'isIn'>;
  /** Private networks that this node is in now. */
  networks: () => readonly { id: NetworkId; name: string }[];
}

/** The owner's group of own nodes. */
export const OWN_GROUP = 'own';

/** @returns whether a name of the level means this peer: its id, the owner's word for it, or `@` and a group that it is in */
const isNamed = (
  { book, addressBook }: PrivacyComponents,
  peerId: Extract<Party, { kind: 'peer' }>['peerId'],
  names: readonly string[],
): boolean =>
  names.some((name) => {
    if (name.startsWith('@')) return addressBook.isIn(peerId, name.slice(1));
    return name === peerId || (parsePeerId(name) === null && name !== '' && book.get(peerId)?.name === name);
  });

/** @returns private networks of this node that the level names, all of them where it names none */
export const namedNetworks = (
  networks: readonly { id: NetworkId; name: string }[],
  names: readonly string[],
): readonly NetworkId[] =>
  names.length === 0
    ? networks.map(({ id }) => id)
    : [...new Set(names)].flatMap((name) => {
        // Whoever founds a network names it: one that is called by another's id, or as another, is not what the owner meant.
        const byId = networks.find(({ id }) => id === name);
        const named = networks.filter((network) => network.name === name);
        const meant = byId ?? (named.length === 1 ? named[0] : undefined);
        return meant === undefined || (meant !== byId && names.includes(meant.id)) ? [] : [meant.id];
      });

/** Judges by {@link PRIVACY_TABLE} and nothing else. Looks nothing up on disk or in the network: some microseconds. */
export const createPrivacy = (components: PrivacyComponents): Privacy => {
  const standing: Privacy['standing'] = (party, { privacyLevel: level, privacyNames: names }) => {
    if (party.kind === 'anonymous') return ['anonymous'];
    const { peerId, networks } = party;
    const found: Stranger[] = [];
    if (components.addressBook.isIn(peerId, OWN_GROUP)) found.push('own');
    // Names are peers and groups at this level only.
    const mayBeTrusted = level !== 'P2P' || names.length === 0 || isNamed(components, peerId, names);
    if (mayBeTrusted && components.book.get(peerId)?.trusted === true) found.push('trusted');
    const ofInterest = namedNetworks(components.networks(), level === 'PrivateNetwork' ? names : []);
    if (ofInterest.some((network) => networks.has(network))) found.push('member');
    // There is one public network today; a level that names others means nobody by it.
    const namesPublic = level !== 'PublicNetwork' || names.length === 0 || names.includes(PUBLIC_NETWORK);
    if (namesPublic && networks.has(PUBLIC_NETWORK)) found.push('publicMember');
    found.push('identified');
    return found;
  };
  return {
    standing,
    refusal: (link, action, terms) => {
      const strangers = standing(link.party, terms);
      const rules = strangers.map((stranger) => privacyRule(stranger, terms));
      // Whether something is to be found is asked without using it: the way there matters only for that.
      if (rules.some((rule) => rule[action] && (action === 'discover' || rule.routes.includes(link.route))))
        return null;
      const byLevel = strangers.some((stranger) => PRIVACY_TABLE[terms.privacyLevel][stranger][action]);
      if (!rules.some((rule) => rule.discover)) return { step: byLevel ? 'type' : 'privacy', sentence: NOTHING_HERE };
      return whyNot(
        link,
        rules.some((rule) => rule[action]),
      );
    },
  };
};

/** For who may know that it is there. @param mayOtherwise - over another route */
const whyNot = (link: Pick<Link, 'route'>, mayOtherwise: boolean): { step: 'privacy' | 'type'; sentence: string } =>
  mayOtherwise
    ? {
        step: 'privacy',
        sentence:
          link.route === 'relay'
            ? 'Its owner allows no relays, and no direct way was found; try again from a network that lets you connect directly.'
            : 'Its owner allows no anonymous routes; ask over a direct connection.',
      }
    : {
        step: 'type',
        sentence: 'Its owner lends only to those who show who they are; ask over a direct connection.',
      };
