import {
  Emitter,
  encodeCbor,
  messageOf,
  type AssetId,
  type EventSource,
  type Logger,
  type Outside,
  type Settings,
  sha256,
  type Startable,
} from '../../base/index.ts';
import { type Mesh, type NetworkId, respond } from '../../transport/stoq/index.ts';
import type {
  AssetProofs,
  LendingTerms,
  Level,
  OwnOfferView,
  ProvenCapacity,
  ResourceKey,
  ResourceShare,
} from '../../../preload/contract/index.ts';
import type { Assets } from '../assets/index.ts';
import type { KeyHolder, Prover } from '../prover/index.ts';
import { requiredProofsOf } from './admission.ts';
import { LEASE_MS_MAX, OFFER_LIFE_MS, OFFER_RENEW_MS, OFFERS_PER_PEER_MAX, UNIT_OF } from './constants.ts';
import { createDirectory, networksOfTerms } from './directory.ts';
import type { OwnOffer } from './engine/ports.ts';
import { encodeOffer, hashOfRecord, kindOfResource } from './formats/index.ts';
import { globalAddressOf } from './global-address.ts';
import type { AccessCheck, Offer, Privacy, Terms } from './interface.ts';
import type { Link, Links } from './link.ts';
import type { LeaseMetrics } from './metrics.ts';
import { decodeOffersQuestion, encodeOffersAnswer, OFFERS_QUESTION_BYTES_MAX, offersSpec } from './offer-messages.ts';
import { sayAudience } from './say-privacy.ts';

const SEQUENCE_SETTING = 'leases.offerSequence';
/** Offers are looked at for their age so often. */
const LOOK_MS = 60_000;
/** Old records of an offer whose words are the same: borrowers who found one may still ask for it. */
const EARLIER_MAX = 4;

export interface OwnOffersComponents {
  outside: Outside;
  logger: Logger;
  metrics: LeaseMetrics | null;
  settings: Settings;
  assets: Pick<Assets, 'share' | 'levels' | 'list' | 'on'>;
  prover: Pick<Prover, 'assets' | 'on'>;
  keys: KeyHolder;
  mesh: Pick<Mesh, 'node' | 'on'>;
  links: Pick<Links, 'handle'>;
  privacy: Privacy;
  access: AccessCheck;
  terms: Pick<Terms, 'priceOf'>;
  /** Private networks that this node is in now. */
  networks: () => readonly { id: NetworkId; name: string }[];
  /** Most that one lease of a resource could have, by whoever provides it; null: no bound. Undefined: nobody provides it. */
  amountMax: (resource: ResourceKey) => number | null | undefined;
  /** Leases of a resource that live. */
  leasesOf: (resource: ResourceKey) => number;
}
export interface OwnOffersInit {
  /** What local clocks show minus UTC, ms. @default that of this machine */
  zone?: (utcMs: number) => number;
}

/** What this node offers: one fresh signed record for each thing that can be had, told to whoever may know of it. */
export interface OwnOffers extends Startable, EventSource<{ changed: OwnOfferView[] }> {
  views(): OwnOfferView[];
  /** @param hash - sha-256 of the signed record @returns null for what is not offered, or not any more */
  own(hash: Uint8Array): OwnOffer | null;
  /** Everything that whoever is at a link may know of, as the protocol answers it. */
  tellable(link: Pick<Link, 'party' | 'route'>): Promise<readonly OwnOffer[]>;
  /** Networks in whose directory a resource's kind is. */
  announcedIn(resource: ResourceKey): readonly NetworkId[];
  /** Resolves when everything that has changed so far is in force. */
  settled(): Promise<void>;
}

/** What is offered of one resource, but for its times; and why nothing is. */
type Wanted =
  | { offered: true; terms: LendingTerms; words: Omit<Offer, 'sequence' | 'issuedAtMs' | 'expiresAtMs'>; key: string }
  | { offered: false; reason: string };
interface Signed {
  offer: Offer;
  record: Uint8Array;
  hash: string;
  /** Of the words. */
  key: string;
  /** When it was signed, by the monotonic clock. */
  atMonotonicMs: number;
}

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
const systemZone = (utcMs: number): number => new Date(utcMs).getTimezoneOffset() * -60_000;

export const createOwnOffers = (components: OwnOffersComponents, init: OwnOffersInit = {}): OwnOffers => {
  const { outside, logger, metrics, settings, assets, prover, keys, mesh, links, privacy, access } = components;
  const { clock } = outside;
  const { zone = systemZone } = init;
  const emitter = new Emitter<{ changed: OwnOfferView[] }>();
  const directory = createDirectory({ mesh, clock, logger });
  /** In force, newest first; of each resource those that have the same words. */
  const signed = new Map<ResourceKey, Signed[]>();
  /** By asset. Read when it changes: the prover goes through all that it ever made to tell it. */
  let proven: ReadonlyMap<string, ProvenCapacity> = new Map();
  const endings: (() => void)[] = [];
  let updating: Promise<void> = Promise.resolve();
  let waiting = false;
  let running = false;
  let shown = '';

  const gridOf = ({ grid, percentMax }: ResourceShare): Uint8Array =>
    Uint8Array.from(grid, (cell) => Math.min(cell, percentMax));

  const readProven = (all: readonly AssetProofs[]): void => {
    proven = new Map(
      all.flatMap(({ asset, proven: found }) =>
        found.known
          ? [[asset, { ...found.value, value: Math.min(Math.round(found.value.value), Number.MAX_SAFE_INTEGER) }]]
          : [],
      ),
    );
    refresh();
  };

  /** What keeps a resource from being lent, for its owner; null when nothing does. */
  const obstacle = (share: ResourceShare, level: Level | undefined): string | null => {
    const { resource, terms, percentMax } = share;
    if (components.amountMax(resource) === undefined) return 'This program cannot lend it to others yet.';
    if (percentMax === 0) return 'The slider is at 0 %: raise it to lend.';
    if (level === undefined || level.percent === 0)
      return `Nothing of it is lent now. ${level?.reason ?? 'It was not looked at yet'}.`;
    if (terms.leasesMax === 0) return 'No leases at once are allowed: raise their number to lend.';
    const locked = keys.reason();
    if (keys.node() === null) return locked?.sentence ?? 'There is no identity to sign with; make one.';
    return mesh.node === null ? 'This node talks to nobody now; start the network.' : null;
  };
  const wantedOf = (share: ResourceShare, level: Level | undefined): Wanted => {
    const reason = obstacle(share, level);
    if (reason !== null) return { offered: false, reason };
    const { resource, terms } = share;
    const asset = assets.list().find((one) => one.resource === resource && one.present);
    const signer = keys.node()?.signer;
    if (asset === undefined || signer === undefined)
      return { offered: false, reason: 'The hardware is not there now.' };
    if (!asset.capacity.known)
      return { offered: false, reason: `How much there is of it is not known: ${asset.capacity.reason}.` };
    const grid = gridOf(share);
    const most = Math.floor((asset.capacity.value * Math.max(...grid)) / 100);
    const amountMax = Math.min(most, components.amountMax(resource) ?? most);
    if (amountMax < 1) return { offered: false, reason: 'What could be lent of it is less than one unit.' };
    const kind = kindOfResource(resource);
    const words: Omit<Offer, 'sequence' | 'issuedAtMs' | 'expiresAtMs'> = {
      asset: asset.id as AssetId,
      kind,
      resource,
      unit: UNIT_OF[kind],
      amountMax,
      proven: proven.get(asset.id) ?? null,
      grid,
      utcOffsetMinutes: Math.round(zone(clock.nowMs()) / 60_000),
      allocationType: terms.allocationType,
      minutesMax: Math.min(terms.leaseMinutesMax, LEASE_MS_MAX / 60_000),
      requiredProofs: requiredProofsOf(terms),
      relaysAllowed: terms.proxy.relaysAllowed,
      priceMicro: components.terms.priceOf(resource, terms.price),
      address: globalAddressOf(signer.keys, asset.id),
    };
    const key = hex(sha256(encodeCbor({ ...words, priceMicro: words.priceMicro?.toString() ?? null })));
    return { offered: true, terms, words, key };
  };
  const allWanted = (): Map<ResourceKey, Wanted> => {
    const levels = new Map(assets.levels().map((level) => [level.resource, level]));
    const found = new Map<ResourceKey, Wanted>();
    let offered = 0;
    for (const share of assets.share().resources) {
      const wanted = wantedOf(share, levels.get(share.resource));
      if (wanted.offered) offered += 1;
      found.set(
        share.resource,
        offered > OFFERS_PER_PEER_MAX ? { offered: false, reason: 'More than a node can offer at once.' } : wanted,
      );
    }
    return found;
  };

  /** Takes back at once whatever is not offered any more, or not in these words. */
  const withdraw = (wanted: ReadonlyMap<ResourceKey, Wanted>): void => {
    const nowMs = clock.nowMs();
    for (const [resource, records] of signed) {
      const now = wanted.get(resource);
      const kept = records.filter(
        ({ key, offer }, index) =>
          now?.offered === true && now.key === key && index < EARLIER_MAX && offer.expiresAtMs > nowMs,
      );
      if (kept.length === 0) signed.delete(resource);
      else signed.set(resource, kept);
    }
    directory.set(
      [...wanted].flatMap(([resource, now]) =>
        now.offered
          ? networksOfTerms(now.terms, components.networks()).map((network) => ({
              network,
              kind: kindOfResource(resource),
            }))
          : [],
      ),
    );
  };

  /** Above all that was given before, over restarts and clocks that went back. */
  const nextSequence = async (): Promise<number> => {
    const stored = await settings.get(SEQUENCE_SETTING);
    const last = typeof stored === 'number' && Number.isSafeInteger(stored) && stored > 0 ? stored : 0;
    const sequence = Math.max(last + 1, clock.nowMs());
    await settings.set(SEQUENCE_SETTING, sequence);
    return sequence;
  };
  const sign = async (resource: ResourceKey, wanted: Extract<Wanted, { offered: true }>): Promise<void> => {
    const signer = keys.node()?.signer;
    if (signer === undefined) return;
    const issuedAtMs = clock.nowMs();
    const atMonotonicMs = clock.monotonicMs();
    const offer: Offer = {
      ...wanted.words,
      sequence: await nextSequence(),
      issuedAtMs,
      expiresAtMs: issuedAtMs + OFFER_LIFE_MS,
    };
    const record = await signer.sign('lease-offer', encodeOffer(offer));
    // The owner said otherwise while it was signed.
    const now = allWanted().get(resource);
    if (!running || now?.offered !== true || now.key !== wanted.key) return;
    const before = signed.get(resource) ?? [];
    signed.set(resource, [
      { offer, record, hash: hex(hashOfRecord(record)), key: wanted.key, atMonotonicMs },
      ...before.slice(0, EARLIER_MAX - 1),
    ]);
  };
  const isFresh = ({ atMonotonicMs, offer }: Signed): boolean => {
    const ageMs = clock.monotonicMs() - atMonotonicMs;
    // The wall clock was set meanwhile: what the record says of its time is wrong now.
    return ageMs < OFFER_RENEW_MS && Math.abs(clock.nowMs() - offer.issuedAtMs - ageMs) < OFFER_RENEW_MS;
  };
  const update = async (): Promise<void> => {
    waiting = false;
    if (!running) return;
    const wanted = allWanted();
    withdraw(wanted);
    for (const [resource, now] of wanted) {
      const newest = signed.get(resource)?.[0];
      if (now.offered && (newest === undefined || !isFresh(newest))) await sign(resource, now);
    }
    const views = viewsOf(allWanted());
    metrics?.offers.set(views.filter(({ offered }) => offered).length);
    const text = JSON.stringify(views);
    if (text === shown) return;
    shown = text;
    emitter.emit('changed', views);
  };
  /** Takes back now, and signs what is new one after another. */
  const refresh = (): void => {
    if (!running) return;
    withdraw(allWanted());
    if (waiting) return;
    waiting = true;
    updating = updating.then(update).catch((error: unknown) => {
      // A store that fails, or keys that were locked meanwhile: what is not signed is not offered, and the next look tries again.
      logger.warn('own offers were not brought up to date', { error: messageOf(error) });
    });
  };

  const viewsOf = (wanted: ReadonlyMap<ResourceKey, Wanted>): OwnOfferView[] => {
    const levels = new Map(assets.levels().map((level) => [level.resource, level.percent]));
    return assets.share().resources.map(({ resource, terms }) => {
      const now = wanted.get(resource);
      const newest = signed.get(resource)?.[0];
      const offered = now?.offered === true && newest !== undefined;
      return {
        resource,
        unit: UNIT_OF[kindOfResource(resource)],
        amountMax: now?.offered === true ? now.words.amountMax : 0,
        percentNow: levels.get(resource) ?? 0,
        privacyLevel: terms.privacyLevel,
        privacyNames: [...terms.privacyNames],
        allocationType: terms.allocationType,
        address: now?.offered === true ? now.words.address : null,
        offered,
        sentence: offered
          ? sayAudience(terms, components.networks())
          : now?.offered === false
            ? now.reason
            : 'It is being signed.',
        leasesLive: components.leasesOf(resource),
        lendable: components.amountMax(resource) !== undefined,
      };
    });
  };

  const toOwn = ({ offer, record }: Signed, terms: LendingTerms): OwnOffer => ({ offer, record, terms });
  const tellable: OwnOffers['tellable'] = async (link) => {
    const told: OwnOffer[] = [];
    for (const [resource, now] of allWanted()) {
      // Everybody is judged for everything, so that the time taken does not tell what there is.
      const terms = assets.share().resources.find((share) => share.resource === resource)?.terms;
      const banned = await access.refusal(link.party, 'discover', resource);
      const newest = signed.get(resource)?.[0];
      if (terms === undefined || banned !== null || privacy.refusal(link, 'discover', terms) !== null) continue;
      if (now.offered && newest !== undefined && newest.key === now.key) told.push(toOwn(newest, terms));
    }
    return told;
  };

  return {
    on: (name, listener) => emitter.on(name, listener),
    start: async () => {
      running = true;
      endings.push(
        links.handle(offersSpec, (stream, link) =>
          respond(stream, { bytesMax: OFFERS_QUESTION_BYTES_MAX }, async (question) => {
            const kind = decodeOffersQuestion(question);
            const told = (await tellable(link)).filter(({ offer }) => kind === null || offer.kind === kind);
            metrics?.told.inc(1, { outcome: told.length > 0 ? 'told' : 'nothing' });
            return encodeOffersAnswer(told.map(({ record }) => record));
          }),
        ),
        assets.on('shareChanged', refresh),
        assets.on('levelsChanged', refresh),
        assets.on('inventoryChanged', refresh),
        prover.on('proofsChanged', readProven),
        keys.on('changed', refresh),
        mesh.on('started', refresh),
        mesh.on('stopped', refresh),
        clock.every(LOOK_MS, refresh),
      );
      await directory.start();
      readProven(prover.assets());
    },
    stop: async () => {
      running = false;
      for (const end of endings.splice(0)) end();
      signed.clear();
      directory.set([]);
      await directory.stop();
      await updating;
    },
    views: () => viewsOf(allWanted()),
    own: (hash) => {
      const name = hex(hash);
      for (const [resource, now] of allWanted()) {
        const found = signed.get(resource)?.find((one) => one.hash === name);
        if (found !== undefined && now.offered && now.key === found.key && found.offer.expiresAtMs > clock.nowMs())
          return toOwn(found, now.terms);
      }
      return null;
    },
    tellable,
    announcedIn: (resource) => directory.networksOf(kindOfResource(resource)),
    settled: async () => {
      while (waiting) await updating;
      await updating;
    },
  };
};
