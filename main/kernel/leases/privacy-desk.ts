import { messageOf, type Clock, type Logger, type Settings, type Startable } from '../../base/index.ts';
import { type Connection, type Mesh, type NetworkId, parsePeerId } from '../../transport/stoq/index.ts';
import type { LendingTerms, PrivacyPreview, ResourceKey, ResourceShare } from '../../../preload/contract/index.ts';
import { type Assets, LimitsError } from '../assets/index.ts';
import { comparePrivacy, type NameFacts, warnOfPrivacy } from './compare-privacy.ts';
import { PRIVACY_LOG_MAX } from './constants.ts';
import { type AddressBook, type Privacy, type PrivacyLogEntry, STRANGERS, type Stranger } from './interface.ts';
import type { Party } from './link.ts';
import type { OwnOffers } from './own-offers.ts';
import { describePrivacy, listed, type PrivacyFacts, sayAmount, sayTerms, thingOf } from './say-privacy.ts';

const LOG_SETTING = 'leases.privacyLog';
const LOG_VERSION = 1;
/** Names that a sentence of the log lists. */
const NAMES_SHOWN_MAX = 8;

export interface PrivacyDeskComponents {
  clock: Clock;
  logger: Logger;
  settings: Settings;
  assets: Pick<Assets, 'share' | 'on'>;
  mesh: Pick<Mesh, 'node' | 'book'>;
  privacy: Privacy;
  addressBook: Pick<AddressBook, 'groups'>;
  ownOffers: Pick<OwnOffers, 'views' | 'tellable' | 'announcedIn' | 'settled'>;
  networks: () => readonly { id: NetworkId; name: string }[];
  amountMax: (resource: ResourceKey) => number | null | undefined;
}

/** Says what terms mean before they are changed, and keeps what was seen once they were. */
export interface PrivacyDesk extends Startable {
  /** @throws {LimitsError} `RESOURCE_UNKNOWN` */
  preview(resource: ResourceKey, change: Partial<LendingTerms>): PrivacyPreview;
  /** Newest first. @throws {StoreError} */
  log(): Promise<PrivacyLogEntry[]>;
}

const partyOf = ({ peer, networks }: Connection): Extract<Party, { kind: 'peer' }> => ({
  kind: 'peer',
  peerId: peer.peerId,
  keyId: peer.keyId,
  networks,
});
const isEntry = (value: unknown): value is PrivacyLogEntry => {
  const { atMs, resource, before, after, seen } = (value ?? {}) as Record<string, unknown>;
  return (
    typeof atMs === 'number' &&
    [resource, before, after].every((text) => typeof text === 'string') &&
    Array.isArray(seen) &&
    seen.every((text) => typeof text === 'string')
  );
};

export const createPrivacyDesk = (components: PrivacyDeskComponents): PrivacyDesk => {
  const { clock, logger, settings, assets, mesh, privacy, addressBook, ownOffers, networks } = components;
  const endings: (() => void)[] = [];
  /** Terms that are in force, by resource. */
  const known = new Map<ResourceKey, string>();
  let writing: Promise<unknown> = Promise.resolve();

  const connections = (): readonly Connection[] => mesh.node?.endpoint.connections() ?? [];
  const shareOf = (resource: ResourceKey): ResourceShare => {
    const share = assets.share().resources.find((one) => one.resource === resource);
    if (share === undefined)
      throw new LimitsError(
        { code: 'RESOURCE_UNKNOWN', resource },
        `This machine has no resource ${resource}; hypermesh share get lists those that it has.`,
      );
    return share;
  };
  const peersNow = (terms: LendingTerms): Record<Stranger, number> => {
    const counts = Object.fromEntries(STRANGERS.map((stranger) => [stranger, 0])) as Record<Stranger, number>;
    for (const connection of connections()) {
      // One party can be several; it is counted where it may most.
      const best = privacy.standing(partyOf(connection), terms)[0];
      if (best !== undefined) counts[best] += 1;
    }
    return counts;
  };
  const factsOf = ({ resource, percentMax }: ResourceShare, terms: LendingTerms): PrivacyFacts => {
    const own = ownOffers.views().find((view) => view.resource === resource);
    return {
      resource,
      networks: networks(),
      lendable: components.amountMax(resource) !== undefined,
      percentMax,
      port: mesh.node?.port ?? null,
      peersNow: peersNow(terms),
      amount: own === undefined || own.amountMax === 0 ? null : sayAmount(own.amountMax, own.unit),
      address: own?.address ?? null,
    };
  };
  const namesOf = ({ privacyLevel, privacyNames }: LendingTerms): NameFacts => {
    const { book } = mesh;
    if (privacyLevel === 'PrivateNetwork') {
      const all = networks();
      return {
        unknown: privacyNames.filter((name) => !all.some((network) => network.id === name || network.name === name)),
        untrusted: [],
      };
    }
    if (privacyLevel !== 'P2P') return { unknown: [], untrusted: [] };
    const groups = new Map(addressBook.groups().map((group) => [group.name, group.peers]));
    const unknown: string[] = [];
    const untrusted = new Set<string>();
    for (const name of privacyNames) {
      const peer = parsePeerId(name);
      const meant = name.startsWith('@')
        ? (groups.get(name.slice(1)) ?? [])
        : book
            .list()
            .filter(({ peerId, name: called }) => peerId === peer || called === name)
            .map(({ peerId }) => peerId);
      if (meant.length === 0) unknown.push(name);
      for (const peerId of meant) {
        const entry = book.get(peerId);
        if (entry?.trusted !== true) untrusted.add(entry?.name || peerId);
      }
    }
    return { unknown, untrusted: [...untrusted].slice(0, NAMES_SHOWN_MAX) };
  };

  /** What the protocol answers those who are connected, asked as they would ask. */
  const seenNow = async (resource: ResourceKey): Promise<string[]> => {
    const thing = thingOf(resource);
    const told: string[] = [];
    const all = connections();
    for (const connection of all) {
      const { peerId } = connection.peer;
      const offers = await ownOffers.tellable({ party: partyOf(connection), route: 'direct' });
      if (offers.some(({ offer }) => offer.resource === resource)) told.push(mesh.book.get(peerId)?.name || peerId);
    }
    const more = told.length > NAMES_SHOWN_MAX ? [`${told.length - NAMES_SHOWN_MAX} more`] : [];
    const unnamed = await ownOffers.tellable({ party: { kind: 'anonymous' }, route: 'anonymous' });
    const announced = ownOffers.announcedIn(resource).map((id) => networks().find((one) => one.id === id)?.name ?? id);
    return [
      told.length === 0
        ? `Of ${all.length} connected peers none is told that this node lends ${thing}.`
        : `Of ${all.length} connected peers ${told.length} ${told.length === 1 ? 'is' : 'are'} told that this node lends ${thing}: ${listed([...told.slice(0, NAMES_SHOWN_MAX), ...more])}.`,
      unnamed.some(({ offer }) => offer.resource === resource)
        ? 'Somebody on an anonymous route is told, too.'
        : 'Somebody on an anonymous route is told nothing.',
      announced.length === 0 ? 'It is in no directory.' : `It is in the directory of ${listed(announced)}.`,
    ];
  };

  const readLog = async (): Promise<PrivacyLogEntry[]> => {
    const stored = (await settings.get(LOG_SETTING)) as { v?: unknown; entries?: unknown } | undefined;
    // A log that cannot be read is not worth a node that does not start; it is begun anew at the next change.
    return stored?.v === LOG_VERSION && Array.isArray(stored.entries) ? stored.entries.filter(isEntry) : [];
  };
  const write = async (resource: ResourceKey, before: string, after: string): Promise<void> => {
    await ownOffers.settled();
    const entry: PrivacyLogEntry = { atMs: clock.nowMs(), resource, before, after, seen: await seenNow(resource) };
    const entries = [entry, ...(await readLog())].slice(0, PRIVACY_LOG_MAX);
    await settings.set(LOG_SETTING, { v: LOG_VERSION, entries });
  };
  const look = (): void => {
    for (const { resource, terms } of assets.share().resources) {
      const after = sayTerms(terms);
      const before = known.get(resource);
      known.set(resource, after);
      if (before === undefined || before === after) continue;
      writing = writing
        .then(() => write(resource, before, after))
        .catch((error: unknown) => {
          logger.warn('a change of privacy was not written to its log', { resource, error: messageOf(error) });
        });
    }
  };

  return {
    start: () => {
      look();
      endings.push(assets.on('shareChanged', look));
      return Promise.resolve();
    },
    stop: async () => {
      for (const end of endings.splice(0)) end();
      await writing;
    },
    preview: (resource, change) => {
      const share = shareOf(resource);
      const terms: LendingTerms = { ...share.terms, ...change };
      const facts = factsOf(share, terms);
      const before = describePrivacy(share.terms, { ...facts, peersNow: peersNow(share.terms) });
      const after = describePrivacy(terms, facts);
      return {
        resource,
        before,
        after,
        changes: comparePrivacy({ terms: share.terms, side: before }, { terms, side: after }),
        warnings: warnOfPrivacy(terms, after, facts, namesOf(terms)),
      };
    },
    log: async () => {
      await writing;
      return await readLog();
    },
  };
};
