import { beforeEach, describe, expect, it } from 'vitest';
import { keyIdText } from '../../../../main/base/crypto/index.ts';
import { networksOfTerms } from '../../../../main/kernel/leases/directory.ts';
import { STRANGERS, type Stranger } from '../../../../main/kernel/leases/interface.ts';
import type { Link, Party, RouteKind } from '../../../../main/kernel/leases/link.ts';
import {
  createPrivacy,
  namedNetworks,
  NOTHING_HERE,
  type PrivacyTerms,
  privacyRule,
} from '../../../../main/kernel/leases/privacy.ts';
import { sayAudience } from '../../../../main/kernel/leases/say-privacy.ts';
import { type KnownPeer, type NetworkId, type PeerId, PUBLIC_NETWORK } from '../../../../main/transport/stoq/index.ts';
import { allocationType, privacyLevel } from '../../../../preload/contract/share.ts';

type Level = PrivacyTerms['privacyLevel'];
type Type = PrivacyTerms['allocationType'];

const HOME = 'h'.repeat(52) as NetworkId;
const WORK = 'w'.repeat(52) as NetworkId;
const FOREIGN = 'f'.repeat(52) as NetworkId;
const peerId = (name: string): PeerId => `12D3KooW${name.padEnd(44, 'x')}` as PeerId;

/** Everybody that can be met: what makes each of them what it is. */
const PEOPLE: Record<Stranger, { peer: PeerId; trusted?: boolean; own?: boolean; networks: NetworkId[] }> = {
  own: { peer: peerId('own'), own: true, networks: [] },
  trusted: { peer: peerId('trusted'), trusted: true, networks: [] },
  member: { peer: peerId('member'), networks: [HOME] },
  publicMember: { peer: peerId('public'), networks: [PUBLIC_NETWORK] },
  // A network that this node is not in: nothing here can prove it, and nothing follows from it.
  identified: { peer: peerId('other'), networks: [FOREIGN] },
  anonymous: { peer: peerId('nobody'), networks: [] },
};
let named: Map<PeerId, string>;
let groups: Map<string, PeerId[]>;
beforeEach(() => {
  named = new Map();
  groups = new Map([['own', [PEOPLE.own.peer]]]);
});
const privacy = createPrivacy({
  book: {
    get: (peer) =>
      ({
        peerId: peer,
        name: named.get(peer) ?? '',
        trusted: Object.values(PEOPLE).some((one) => one.peer === peer && one.trusted === true),
      }) as KnownPeer,
  },
  addressBook: { isIn: (peer, group) => groups.get(group)?.includes(peer) ?? false },
  networks: () => [
    { id: HOME, name: 'home' },
    { id: WORK, name: 'work' },
  ],
});
const partyOf = (stranger: Stranger): Party =>
  stranger === 'anonymous'
    ? { kind: 'anonymous' }
    : {
        kind: 'peer',
        peerId: PEOPLE[stranger].peer,
        keyId: keyIdText(new Uint8Array(32)),
        networks: new Set(PEOPLE[stranger].networks),
      };
const terms = (level: Level, type: Type = 'Public', names: string[] = [], relaysAllowed = true): PrivacyTerms => ({
  privacyLevel: level,
  privacyNames: names,
  allocationType: type,
  proxy: { relaysAllowed, exitAllowed: false },
});
const link = (stranger: Stranger, route: RouteKind): Pick<Link, 'party' | 'route'> => ({
  party: partyOf(stranger),
  route,
});

/**
 * Who may do what, written out by hand, relays being allowed. Each word is one kind of stranger: `f` finds it over every route; `D`,
 * `R` and `A` connect to it and have it over a direct, a relayed and an anonymous route; `-` may nothing.
 */
const EXPECTED: Record<Level, Record<Type, Record<Stranger, string>>> = {
  Private: {
    Private: { own: 'fDR', trusted: '-', member: '-', publicMember: '-', identified: '-', anonymous: '-' },
    Public: { own: 'fDR', trusted: '-', member: '-', publicMember: '-', identified: '-', anonymous: '-' },
    Anonymous: { own: 'fDR', trusted: '-', member: '-', publicMember: '-', identified: '-', anonymous: '-' },
    Verified: { own: 'fDR', trusted: '-', member: '-', publicMember: '-', identified: '-', anonymous: '-' },
  },
  P2P: {
    Private: { own: 'fDR', trusted: '-', member: '-', publicMember: '-', identified: '-', anonymous: '-' },
    Public: { own: 'fDR', trusted: 'fDR', member: '-', publicMember: '-', identified: '-', anonymous: '-' },
    Anonymous: { own: 'fDR', trusted: 'fDR', member: '-', publicMember: '-', identified: '-', anonymous: '-' },
    Verified: { own: 'fDR', trusted: 'fDR', member: '-', publicMember: '-', identified: '-', anonymous: '-' },
  },
  PrivateNetwork: {
    Private: { own: 'fDR', trusted: '-', member: '-', publicMember: '-', identified: '-', anonymous: '-' },
    Public: { own: 'fDR', trusted: '-', member: 'fDR', publicMember: '-', identified: '-', anonymous: '-' },
    Anonymous: { own: 'fDR', trusted: '-', member: 'fDR', publicMember: '-', identified: '-', anonymous: '-' },
    Verified: { own: 'fDR', trusted: '-', member: 'fDR', publicMember: '-', identified: '-', anonymous: '-' },
  },
  PublicNetwork: {
    Private: { own: 'fDR', trusted: '-', member: '-', publicMember: '-', identified: '-', anonymous: '-' },
    Public: { own: 'fDR', trusted: 'fDR', member: '-', publicMember: 'fDR', identified: '-', anonymous: '-' },
    Anonymous: { own: 'fDR', trusted: 'fDR', member: '-', publicMember: 'fDR', identified: '-', anonymous: '-' },
    Verified: { own: 'fDR', trusted: 'fDR', member: '-', publicMember: 'fDR', identified: '-', anonymous: '-' },
  },
  FullPublic: {
    Private: { own: 'fDRA', trusted: '-', member: '-', publicMember: '-', identified: '-', anonymous: '-' },
    Public: { own: 'fDRA', trusted: 'fDRA', member: 'fDRA', publicMember: 'fDRA', identified: 'fDRA', anonymous: 'fA' },
    Anonymous: {
      own: 'fDRA',
      trusted: 'fDRA',
      member: 'fDRA',
      publicMember: 'fDRA',
      identified: 'fDRA',
      anonymous: 'fA',
    },
    Verified: {
      own: 'fDRA',
      trusted: 'fDRA',
      member: 'fDRA',
      publicMember: 'fDRA',
      identified: 'fDRA',
      anonymous: 'f',
    },
  },
};
const ROUTES: Record<RouteKind, string> = { direct: 'D', relay: 'R', anonymous: 'A' };

describe('the privacy table', () => {
  it('has a cell for everything that the contract knows', () => {
    expect(Object.keys(EXPECTED).toSorted()).toEqual(privacyLevel.options.toSorted());
    for (const level of privacyLevel.options) {
      expect(Object.keys(EXPECTED[level]).toSorted()).toEqual(allocationType.options.toSorted());
      for (const type of allocationType.options) expect(Object.keys(EXPECTED[level][type])).toEqual([...STRANGERS]);
    }
  });

  it('lets in whom it says and nobody else, in every cell, over every route, for every action', () => {
    let tried = 0;
    for (const level of privacyLevel.options)
      for (const type of allocationType.options)
        for (const stranger of STRANGERS)
          for (const route of ['direct', 'relay', 'anonymous'] as const)
            for (const relaysAllowed of [true, false])
              for (const action of ['discover', 'connect', 'allocate'] as const) {
                const word = EXPECTED[level][type][stranger];
                const may =
                  action === 'discover'
                    ? word.includes('f')
                    : word.includes(ROUTES[route]) && (route !== 'relay' || relaysAllowed);
                const refusal = privacy.refusal(link(stranger, route), action, terms(level, type, [], relaysAllowed));
                const where = `${stranger} ${action} ${level} ${type} ${route} ${relaysAllowed ? 'with' : 'without'} relays`;
                expect(refusal === null, where).toBe(may);
                // Who may not find it hears what everybody hears who asks for what is not there.
                expect(refusal?.sentence === NOTHING_HERE, where).toBe(!may && !word.includes('f'));
                tried += 1;
              }
    expect(tried).toBe(5 * 4 * 6 * 3 * 2 * 3);
  });

  it('says of each stranger what it then does', () => {
    for (const level of privacyLevel.options)
      for (const type of allocationType.options)
        for (const stranger of STRANGERS) {
          const rule = privacyRule(stranger, terms(level, type));
          const word = EXPECTED[level][type][stranger];
          expect(rule.discover).toBe(word.includes('f'));
          expect(rule.allocate).toBe(word.length > 1);
          expect(rule.connect).toBe(word.length > 1);
          const routes = rule.routes.map((route) => ROUTES[route]).join('');
          expect(rule.allocate ? routes : '').toBe(word.slice(1));
        }
  });

  it('names the step that failed: the level before the type', () => {
    const step = (
      stranger: Stranger,
      level: Level,
      type: Type,
      route: RouteKind = 'direct',
      relays = true,
    ): string | undefined => privacy.refusal(link(stranger, route), 'allocate', terms(level, type, [], relays))?.step;
    expect(step('identified', 'P2P', 'Private')).toBe('privacy');
    expect(step('trusted', 'P2P', 'Private')).toBe('type');
    expect(step('anonymous', 'FullPublic', 'Verified', 'anonymous')).toBe('type');
    expect(step('trusted', 'P2P', 'Public', 'relay', false)).toBe('privacy');
    expect(step('trusted', 'P2P', 'Public', 'anonymous')).toBe('privacy');
  });

  it('announces in exactly the networks whose members it lets find it', () => {
    const networks = [
      { id: HOME, name: 'home' },
      { id: WORK, name: 'work' },
    ];
    const announced: Record<Level, NetworkId[]> = {
      Private: [],
      P2P: [],
      PrivateNetwork: [HOME, WORK],
      PublicNetwork: [PUBLIC_NETWORK],
      FullPublic: [PUBLIC_NETWORK, HOME, WORK],
    };
    for (const level of privacyLevel.options) {
      for (const type of ['Public', 'Anonymous', 'Verified'] as const)
        expect(networksOfTerms(terms(level, type), networks)).toEqual(announced[level]);
      expect(networksOfTerms(terms(level, 'Private'), networks)).toEqual([]);
    }
    expect(networksOfTerms(terms('PrivateNetwork', 'Public', ['work']), networks)).toEqual([WORK]);
    expect(networksOfTerms(terms('PrivateNetwork', 'Public', ['gone']), networks)).toEqual([]);
    expect(networksOfTerms(terms('PublicNetwork', 'Public', ['other']), networks)).toEqual([]);
  });
});

describe('names of a level', () => {
  const may = (stranger: Stranger, level: Level, names: string[]): boolean =>
    privacy.refusal(link(stranger, 'direct'), 'allocate', terms(level, 'Public', names)) === null;

  it('narrow trusted peers to those of that id, name or group', () => {
    named.set(PEOPLE.trusted.peer, 'attic');
    groups.set('family', [PEOPLE.trusted.peer, PEOPLE.identified.peer]);
    expect(may('trusted', 'P2P', ['attic'])).toBe(true);
    expect(may('trusted', 'P2P', [PEOPLE.trusted.peer])).toBe(true);
    expect(may('trusted', 'P2P', ['@family'])).toBe(true);
    expect(may('trusted', 'P2P', ['cellar', '@work'])).toBe(false);
    // To be named is not to be trusted.
    expect(may('identified', 'P2P', ['@family'])).toBe(false);
    expect(may('own', 'P2P', ['cellar'])).toBe(true);
  });

  it('mean nobody where a peer has no name', () => {
    expect(may('trusted', 'P2P', [''])).toBe(false);
  });

  it('narrow members to those of the networks that are named', () => {
    expect(may('member', 'PrivateNetwork', ['home'])).toBe(true);
    expect(may('member', 'PrivateNetwork', [HOME])).toBe(true);
    expect(may('member', 'PrivateNetwork', ['work'])).toBe(false);
    expect(may('identified', 'PrivateNetwork', [FOREIGN])).toBe(false);
    expect(may('publicMember', 'PrivateNetwork', [PUBLIC_NETWORK])).toBe(false);
  });

  it('of the public level mean the public network or nobody', () => {
    expect(may('publicMember', 'PublicNetwork', [PUBLIC_NETWORK])).toBe(true);
    expect(may('publicMember', 'PublicNetwork', ['home'])).toBe(false);
    expect(may('member', 'PublicNetwork', ['home'])).toBe(false);
    // They are not names of peers there.
    expect(may('trusted', 'PublicNetwork', ['home'])).toBe(true);
  });
});

describe('somebody who is several things', () => {
  it('may what the best of them may', () => {
    const party: Party = {
      kind: 'peer',
      peerId: PEOPLE.trusted.peer,
      keyId: keyIdText(new Uint8Array(32)),
      networks: new Set([HOME, PUBLIC_NETWORK]),
    };
    const privateNetwork = terms('PrivateNetwork', 'Public');
    expect(privacy.standing(party, privateNetwork)).toEqual(['trusted', 'member', 'publicMember', 'identified']);
    expect(privacy.refusal({ party, route: 'direct' }, 'allocate', privateNetwork)).toBeNull();
    groups.set('own', [PEOPLE.trusted.peer]);
    expect(privacy.refusal({ party, route: 'direct' }, 'allocate', terms('Private', 'Private'))).toBeNull();
  });
});

describe('the sentence of an audience', () => {
  const networks = [{ id: HOME, name: 'home' }];
  it.each([
    [terms('Private', 'Private'), 'Your own nodes (the group own) can find it and have it.'],
    [
      terms('P2P', 'Public', ['attic', '@family']),
      'Your own nodes (the group own) and peers that you trust, of attic and @family can find it and have it.',
    ],
    [
      terms('PrivateNetwork', 'Verified'),
      'Your own nodes (the group own) and members of home can find it, and have it once they have shown four proofs.',
    ],
    [terms('FullPublic', 'Anonymous'), 'Everybody can find and have it, unnamed too.'],
    [terms('FullPublic', 'Private'), 'Your own nodes (the group own) can find it and have it.'],
  ] as const)('%o', (some, sentence) => {
    expect(sayAudience(some, networks)).toBe(sentence);
  });
  it('tells apart who finds it and who has it', () => {
    expect(sayAudience(terms('FullPublic', 'Verified'), networks)).toContain(
      'anybody behind an anonymous route can find it; ',
    );
  });
});

describe('the name of a network', () => {
  it('means the one that the owner meant, and none that its founder called so', () => {
    const networks = [
      { id: HOME, name: 'home' },
      { id: WORK, name: HOME },
      { id: FOREIGN, name: 'friends' },
      { id: 'g'.repeat(52) as NetworkId, name: 'friends' },
    ];
    expect(namedNetworks(networks, [HOME])).toEqual([HOME]);
    expect(namedNetworks(networks, ['home'])).toEqual([HOME]);
    expect(namedNetworks(networks, ['home', HOME, HOME])).toEqual([HOME]);
    expect(namedNetworks(networks, ['friends'])).toEqual([]);
    expect(namedNetworks(networks, [FOREIGN])).toEqual([FOREIGN]);
    expect(namedNetworks(networks, [])).toHaveLength(4);
  });
});
