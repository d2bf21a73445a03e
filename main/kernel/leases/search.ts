import { assert, isNodeError, messageOf, type Clock, type Logger } from '../../base/index.ts';
import { type Mesh, type NetworkId, type PeerId, PUBLIC_NETWORK, request } from '../../transport/stoq/index.ts';
import type { OfferView, ResourceKind } from '../../../preload/contract/index.ts';
import type { KeyHolder } from '../prover/index.ts';
import { CLOCK_TOLERANCE_MS } from './constants.ts';
import { offersTopic } from './directory.ts';
import type { FoundOffer } from './engine/ports.ts';
import { LeaseError, LeaseFormatError } from './errors.ts';
import { decodeOffer, hashOfRecord, type RecordOpener } from './formats/index.ts';
import type { AddressBook, OfferQuery } from './interface.ts';
import type { Link, Links } from './link.ts';
import type { LeaseMetrics } from './metrics.ts';
import {
  decodeOffersAnswer,
  encodeOffersQuestion,
  OFFERS_ANSWER_BYTES_MAX,
  OFFERS_PROTOCOL,
} from './offer-messages.ts';
import { OWN_GROUP } from './privacy.ts';
import { rankOffers, type Rankable } from './ranking.ts';

/** Asked of one search: connected ones, trusted first, then those whom directories name. */
const CONNECTED_MAX = 64;
const DIRECTORY_MAX = 32;
/** Lookups in directories of one search: kinds times networks. */
const LOOKUPS_MAX = 16;
const AT_ONCE_MAX = 16;
/** Offers that are kept to be asked for by their id, some 5 KiB each. */
const KEPT_MAX = 1024;
/** Offers that are shown. */
const SHOWN_MAX = 200;
/** Characters of an id that name an offer; fewer are a slip of the finger. */
const PREFIX_MIN = 4;

export interface OfferSearchComponents {
  clock: Clock;
  logger: Logger;
  metrics: LeaseMetrics | null;
  mesh: Pick<Mesh, 'node' | 'book'>;
  links: Pick<Links, 'open'>;
  records: RecordOpener;
  keys: Pick<KeyHolder, 'node'>;
  addressBook: Pick<AddressBook, 'isIn'>;
  /** Private networks that this node is in now. */
  networks: () => readonly { id: NetworkId; name: string }[];
  /** Kinds that programs like this one lend: looked for in directories where no kind is asked for. */
  kinds: () => readonly ResourceKind[];
}
export interface OfferSearchInit {
  /** Answers are good for so long, ms. @default 60 000 */
  cachedMs?: number;
  /** One peer has so long to be reached and to answer. @default 5 000 */
  askMs?: number;
  /** The whole search; whoever has not answered then is silent. @default 8 000 */
  deadlineMs?: number;
}

/** What others lend to this node: asks them all, and keeps what they answered for a minute. */
export interface OfferSearch {
  /** @throws {LeaseError} `NOT_RUNNING`; rejects with `signal.reason` when aborted */
  search(
    query: OfferQuery,
    options?: { signal?: AbortSignal },
  ): Promise<{ offers: OfferView[]; asked: number; silent: number }>;
  /** @param id - hash of the record in hex, or its beginning @throws {LeaseError} `OFFER_UNKNOWN` | `OFFER_AMBIGUOUS` */
  found(id: string): FoundOffer;
}

/**
 * @param names - hashes in hex
 * @param id - one of them, or its beginning
 * @returns the one name that is meant
 * @throws {LeaseError} `OFFER_UNKNOWN` | `OFFER_AMBIGUOUS`
 */
export const offerNamed = (names: readonly string[], id: string): string => {
  const prefix = id.trim().toLowerCase();
  const matches = prefix.length >= PREFIX_MIN ? names.filter((name) => name.startsWith(prefix)) : [];
  const [match] = matches;
  if (match === undefined)
    throw new LeaseError(
      { code: 'OFFER_UNKNOWN', offer: id.slice(0, 64) },
      'No offer of that id was seen, or it has run out; search again and take one of those.',
    );
  if (matches.length > 1)
    throw new LeaseError(
      { code: 'OFFER_AMBIGUOUS', offer: prefix, matches: matches.length },
      `${matches.length} offers begin with ${prefix}; write more of the id.`,
    );
  return match;
};

/** What one peer answered. Null: nothing that could be used. */
interface Answered {
  atMs: number;
  offers: readonly FoundOffer[] | null;
}

/** Runs them all, so many at once. */
const inTurns = async <T>(items: readonly T[], atOnce: number, work: (item: T) => Promise<void>): Promise<void> => {
  const rest = [...items];
  const runner = async (): Promise<void> => {
    for (let item = rest.shift(); item !== undefined; item = rest.shift()) await work(item);
  };
  await Promise.all(Array.from({ length: Math.min(atOnce, items.length) }, runner));
};

export const createOfferSearch = (components: OfferSearchComponents, init: OfferSearchInit = {}): OfferSearch => {
  const { clock, logger, metrics, mesh, links, records, keys, addressBook, networks, kinds } = components;
  const { cachedMs = 60_000, askMs = 5_000, deadlineMs = 8_000 } = init;
  const answers = new Map<PeerId, Answered>();
  const asking = new Map<PeerId, Promise<void>>();
  /** Peers of a directory, by network and kind. */
  const listings = new Map<string, { atMs: number; peers: readonly PeerId[] }>();
  /** By hash in hex, first seen first. `untilMs` by the monotonic clock. */
  const kept = new Map<string, { found: FoundOffer; untilMs: number }>();

  const isFresh = (atMs: number): boolean => clock.monotonicMs() - atMs < cachedMs;
  const keep = (found: FoundOffer): void => {
    const name = Buffer.from(found.hash).toString('hex');
    const { issuedAtMs, expiresAtMs } = found.offer;
    // Its life counts from when it was seen, by a clock that nobody sets.
    const untilMs = kept.get(name)?.untilMs ?? clock.monotonicMs() + expiresAtMs - issuedAtMs;
    kept.delete(name);
    kept.set(name, { found, untilMs });
    for (const [oldest, { untilMs: until }] of kept)
      if (kept.size > KEPT_MAX || until <= clock.monotonicMs()) kept.delete(oldest);
  };

  /** Offers stay at their source: what somebody else made is nobody's to show. @returns null for one that is out of time */
  const openOffer = async (link: Link, record: Uint8Array): Promise<FoundOffer | null> => {
    const { payload, signer, keyId } = await records.open('lease-offer', record);
    if (link.party.kind !== 'peer' || keyId !== link.party.keyId)
      throw new LeaseFormatError(
        { code: 'LEASE_RECORD_FORGED', what: 'The offer', problem: 'another signed it', verdict: 'reject' },
        'The offer was signed by another than whoever showed it.',
      );
    const offer = decodeOffer(payload, signer);
    const nowMs = clock.nowMs();
    if (offer.expiresAtMs + CLOCK_TOLERANCE_MS < nowMs || offer.issuedAtMs - CLOCK_TOLERANCE_MS > nowMs) return null;
    return { offer, record, hash: hashOfRecord(record), peerId: link.party.peerId, keys: signer };
  };
  const readAnswer = async (link: Link, answer: Uint8Array): Promise<FoundOffer[]> => {
    const newest = new Map<string, FoundOffer>();
    for (const record of decodeOffersAnswer(answer)) {
      const found = await openOffer(link, record).catch((error: unknown) => {
        // One of a newer version is nobody's fault, and says nothing against the others.
        if (error instanceof LeaseFormatError && error.data.verdict === 'ignore') return null;
        throw error;
      });
      if (found === null) continue;
      const other = newest.get(found.offer.asset);
      if (other === undefined || other.offer.sequence < found.offer.sequence) newest.set(found.offer.asset, found);
    }
    return [...newest.values()];
  };
  const ask = async (peer: PeerId, search: AbortSignal): Promise<void> => {
    const before = answers.get(peer);
    let offers: readonly FoundOffer[] | null = null;
    const late = new AbortController();
    const cancel = clock.after(askMs, () => {
      late.abort(new LeaseError({ code: 'NOT_RUNNING' }, 'The peer took too long.'));
    });
    const signal = AbortSignal.any([search, late.signal]);
    try {
      const link = await links.open({ peer, route: 'direct' }, { signal });
      const answer = await request(link, OFFERS_PROTOCOL, encodeOffersQuestion(null), {
        bytesMax: OFFERS_ANSWER_BYTES_MAX,
        deadlineMs: askMs,
        signal,
      });
      offers = await readAnswer(link, answer);
    } catch (error) {
      if (error instanceof LeaseFormatError && error.data.verdict === 'reject')
        mesh.book.offend(peer, error.code === 'LEASE_RECORD_FORGED' ? 'badRecord' : 'malformed', error.message);
      else if (!isNodeError(error) && !signal.aborted)
        logger.warn('a peer could not be asked for offers', { error: messageOf(error) });
      // Somebody who is slow once has not taken anything back.
      offers = before !== undefined && signal.aborted ? before.offers : null;
    } finally {
      cancel();
    }
    answers.set(peer, { atMs: clock.monotonicMs(), offers });
    for (const found of offers ?? []) keep(found);
  };

  const connected = (): PeerId[] => {
    const known = (peer: PeerId) => mesh.book.get(peer);
    return (mesh.node?.endpoint.connections() ?? [])
      .map(({ peer }) => peer.peerId)
      .toSorted((a, b) => Number(known(b)?.trusted ?? false) - Number(known(a)?.trusted ?? false))
      .slice(0, CONNECTED_MAX);
  };
  /** Whom the directories of this node's networks name. What fails finds nobody. */
  const listed = async (query: OfferQuery, signal: AbortSignal): Promise<Set<PeerId>> => {
    const found = new Set<PeerId>();
    const wanted = query.kind === null ? kinds() : [query.kind];
    const lookups = [...networks().map(({ id }) => id), PUBLIC_NETWORK]
      .flatMap((network) => wanted.map((kind) => ({ network, kind })))
      .slice(0, LOOKUPS_MAX);
    await inTurns(lookups, AT_ONCE_MAX, async ({ network, kind }) => {
      const name = `${network} ${kind}`;
      const known = listings.get(name);
      const dht = mesh.node?.dht(network) ?? null;
      let peers = known?.peers ?? [];
      if (dht !== null && (known === undefined || query.fresh || !isFresh(known.atMs))) {
        try {
          peers = await dht.providers(offersTopic(kind), { signal, count: DIRECTORY_MAX });
          listings.set(name, { atMs: clock.monotonicMs(), peers });
        } catch (error) {
          if (!isNodeError(error) && !signal.aborted)
            logger.warn('a directory of offers could not be read', { error: messageOf(error) });
        }
      }
      for (const peer of peers) found.add(peer);
    });
    return found;
  };

  const askAll = async (peers: readonly PeerId[], fresh: boolean, signal: AbortSignal): Promise<void> => {
    const due = peers.filter((peer) => {
      const known = answers.get(peer);
      return known === undefined || fresh || !isFresh(known.atMs);
    });
    await inTurns(due, AT_ONCE_MAX, async (peer) => {
      if (signal.aborted) return;
      // Two searches at once ask once.
      const done = asking.get(peer) ?? ask(peer, signal).finally(() => asking.delete(peer));
      asking.set(peer, done);
      await done;
    });
  };
  /** Those whose answers may be shown in this search; what is old is forgotten. */
  const forgetOld = (asked: ReadonlySet<PeerId>): void => {
    for (const [peer, { atMs }] of answers) if (!asked.has(peer) && !isFresh(atMs)) answers.delete(peer);
    for (const [name, { atMs }] of listings) if (!isFresh(atMs)) listings.delete(name);
  };

  const rankable = (found: FoundOffer): Rankable & { found: FoundOffer } => {
    const { peerId, offer } = found;
    const entry = mesh.book.get(peerId);
    return {
      found,
      offer,
      own: addressBook.isIn(peerId, OWN_GROUP),
      trusted: entry?.trusted ?? false,
      rttMs: mesh.node?.endpoint.connection(peerId)?.path?.stats().rttMs ?? null,
      points: entry?.points ?? 0,
    };
  };
  const viewsOf = (all: readonly FoundOffer[], query: OfferQuery): OfferView[] => {
    const wanted = all.map(rankable).filter(({ offer, own, trusted }) => {
      if (query.kind !== null && offer.kind !== query.kind) return false;
      if (offer.amountMax < query.amountMin) return false;
      if (query.priceMicroMax !== null && (offer.priceMicro ?? 0n) > query.priceMicroMax) return false;
      return !query.trustedOnly || trusted || own;
    });
    const ranks = rankOffers(wanted, clock.nowMs());
    return wanted
      .map(({ found, offer, trusted, own, rttMs }, index): OfferView => {
        const { percentNow, score, why } = ranks[index] ?? { percentNow: 0, score: 0, why: '' };
        return {
          id: Buffer.from(found.hash).toString('hex'),
          peerId: found.peerId,
          peerName: mesh.book.get(found.peerId)?.name ?? '',
          trusted: trusted || own,
          resource: offer.resource,
          kind: offer.kind,
          unit: offer.unit,
          amountMax: offer.amountMax,
          proven: offer.proven,
          percentNow,
          grid: [...offer.grid],
          allocationType: offer.allocationType,
          minutesMax: offer.minutesMax,
          requiredProofs: [...offer.requiredProofs],
          relaysAllowed: offer.relaysAllowed,
          priceMicro: (offer.priceMicro ?? 0n).toString(),
          address: offer.address,
          rttMs,
          expiresAtMs: offer.expiresAtMs,
          score,
          why,
        };
      })
      .toSorted((a, b) => b.score - a.score || (a.id < b.id ? -1 : 1))
      .slice(0, SHOWN_MAX);
  };

  return {
    search: async (query, { signal: asked } = {}) => {
      asked?.throwIfAborted();
      if (mesh.node === null || keys.node() === null)
        throw new LeaseError(
          { code: 'NOT_RUNNING' },
          'This node talks to nobody now; unlock the identity, start the network and search again.',
        );
      const over = new AbortController();
      const startedMs = clock.monotonicMs();
      const cancel = clock.after(deadlineMs, () => {
        over.abort(new LeaseError({ code: 'NOT_RUNNING' }, 'The time for this search is over.'));
      });
      const signal = asked === undefined ? over.signal : AbortSignal.any([over.signal, asked]);
      try {
        const first = connected();
        const peers = new Set(first);
        const directory = async (): Promise<void> => {
          const more = [...(await listed(query, signal))].filter((peer) => !peers.has(peer)).slice(0, DIRECTORY_MAX);
          for (const peer of more) peers.add(peer);
          await askAll(more, query.fresh, signal);
        };
        await Promise.all([askAll(first, query.fresh, signal), directory()]);
        asked?.throwIfAborted();
        forgetOld(peers);
        const heard = [...peers].map((peer) => answers.get(peer)?.offers ?? null);
        return {
          offers: viewsOf(
            heard.flatMap((offers) => offers ?? []),
            query,
          ),
          asked: peers.size,
          silent: heard.filter((offers) => offers === null).length,
        };
      } finally {
        cancel();
        metrics?.searchSeconds.observe((clock.monotonicMs() - startedMs) / 1000);
      }
    },
    found: (id) => {
      const live = Array.from(kept).filter(([, { untilMs }]) => untilMs > clock.monotonicMs());
      const name = offerNamed(
        live.map(([one]) => one),
        id,
      );
      const found = kept.get(name)?.found;
      assert(found !== undefined, 'What was found by its name is kept under it.');
      return found;
    },
  };
};
