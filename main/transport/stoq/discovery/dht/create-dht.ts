import { isNodeError, messageOf, type Logger, type Outside } from '../../../../base/index.ts';
import { request, respond } from '../../connection/messages.ts';
import { PeerError } from '../../errors.ts';
import type { Address, Connection, Endpoint, NetworkId, PeerId } from '../../interface.ts';
import type { PeerBook } from '../../standing/interface.ts';
import {
  DHT_ANSWER_BYTES_MAX,
  DHT_BUCKET_STALE_MS,
  DHT_K,
  DHT_LOOKUP_MS,
  DHT_OPENS_PER_TEN_SECONDS,
  DHT_OWN_RECORDS_MAX,
  DHT_PROVIDERS_PER_TOPIC_MAX,
  DHT_PROVIDER_LIFE_MS,
  DHT_QUORUM,
  DHT_RECORD_LIFE_MS,
  DHT_REFRESH_MS,
  DHT_REFRESH_MS_MIN,
  DHT_REPAIRS_MAX,
  DHT_REPUBLISH_MS,
  DHT_REQUEST_BYTES_MAX,
  DHT_REQUEST_MS,
  DHT_TOPICS_PER_PEER_MAX,
  DHT_WRITES_BURST,
  DHT_WRITES_PER_SECOND,
} from '../constants.ts';
import { DhtError } from '../errors.ts';
import type { Dht, DhtRecord } from '../interface.ts';
import { dhtProtocolOf } from '../membership.ts';
import type { DiscoveryMetrics } from '../metrics.ts';
import { isInTime, isItsFault, type PeerRecords, type SignedPeerRecord } from '../peer-record.ts';
import { plausible } from '../plausible.ts';
import { createTokenBuckets } from '../token-buckets.ts';
import { addressOf, contactOf } from './contact.ts';
import { createDhtServer, createRecordOpener } from './create-dht-server.ts';
import { compareDistance, createPeerIds, recordKey, topicKey, type DhtKey } from './key.ts';
import { lookup } from './lookup.ts';
import {
  decodeLookupAnswer,
  decodeWriteAnswer,
  encodeRequest,
  type Claim,
  type DhtRequest,
  type LookupAnswer,
  type WriteAnswer,
} from './messages.ts';
import { checkDhtLimits, encodeDhtPayload, type OpenedRecord } from './record.ts';
import { createRoutingTable } from './routing-table.ts';

/** What others of this room need of a DHT beyond what its users do. */
export interface DhtNode extends Dht {
  /** Announces under a topic without saying who: only holders of a key can open what `seal` makes. Peers that took it are counted. */
  provideSealed(topic: Uint8Array, seal: () => Uint8Array, options?: { signal?: AbortSignal }): Promise<number>;
  /** What others announced so. At most `count`, each once. */
  sealedProviders(
    topic: Uint8Array,
    options?: { signal?: AbortSignal; count?: number },
  ): Promise<readonly Uint8Array[]>;
  /** Looks for itself, through stale buckets, and puts its own records again where they are due. Runs by itself, too. */
  refresh(): Promise<void>;
  stats(): { peers: number; records: number; recordBytes: number; topics: number };
}
export interface DhtComponents {
  outside: Outside;
  logger: Logger;
  metrics: DiscoveryMetrics | null;
  endpoint: Pick<Endpoint, 'local' | 'on' | 'connect' | 'connection' | 'connections' | 'handle'>;
  records: PeerRecords;
  /** Who misbehaves is told here. Null: nobody counts. */
  book: Pick<PeerBook, 'offend'> | null;
}
export interface DhtInit {
  network: NetworkId;
  /** Key of a private network, null for the public one. */
  key: Uint8Array | null;
  /** Lookups, republishing and refreshes by itself. False where a test moves every step. @default true */
  automatic?: boolean;
}

/** An entry that answered so lately need not be asked before it is preferred to a new one. */
const LIVELY_MS = 10 * 60_000;
/** Closest to a key that a record is put to at once. */
const WRITES_AT_ONCE = 10;
/** Refreshes look through so many stale buckets at a time. */
const STALE_BUCKETS_MAX = 3;

interface Kept {
  namespace: string;
  topic: Uint8Array;
  value: Uint8Array;
  sequence: number;
  putAtMs: number;
  encoded: Uint8Array;
}

/** Kademlia over STOQ streams, docs/formats/stoq-dht.md. Contacts count once a verified connection of the network shows them. */
export const createDht = (
  { outside: { clock, random }, logger, metrics, endpoint, records, book }: DhtComponents,
  { network, key: networkSecret, automatic = true }: DhtInit,
): DhtNode => {
  const protocol = dhtProtocolOf(networkSecret);
  const label = { network: networkSecret === null ? 'public' : 'private' };
  const ids = createPeerIds();
  const me = endpoint.local.peerId;
  const own = ids.idOf(me);
  const table = createRoutingTable(own);
  const nowMs = (): number => clock.nowMs();
  const monotonicMs = (): number => clock.monotonicMs();
  // A tenth below what peers allow: an honest node never breaks the limit, however busy its programs are.
  const asks = createTokenBuckets(
    { monotonicMs },
    { burst: DHT_OPENS_PER_TEN_SECONDS * 0.4, perSecond: DHT_OPENS_PER_TEN_SECONDS * 0.05 },
  );
  /** What each peer may still write to us, as we write to it. */
  const ownWrites = createTokenBuckets(
    { monotonicMs },
    { burst: DHT_WRITES_BURST - 4, perSecond: DHT_WRITES_PER_SECOND * 0.9 },
  );
  const kept = new Map<string, Kept>();
  const provided = new Map<string, { topic: Uint8Array; atMs: number }>();
  const pinging = new Set<PeerId>();
  const undo: (() => void)[] = [];
  const life = new AbortController();
  let refreshMs = DHT_REFRESH_MS_MIN;
  let announcedAtMs = Number.NEGATIVE_INFINITY;
  let announcedSequence = -1;
  let joining: Promise<void> | null = null;

  const openRecord = createRecordOpener(records.checker, network);
  const forOthers = createDhtServer(
    { clock, metrics, endpoint, records, book, table, ids, openRecord },
    { own, label },
  );
  const { store, peerRecords, providers } = forOthers;
  const isOfNetwork = (connection: Connection): boolean => connection.networks.has(network);

  /** Reaches a peer on the connection that there is, or dials what is claimed. @throws {PeerError} */
  const reach = async (claim: Claim, signal: AbortSignal): Promise<Connection> => {
    const there = endpoint.connection(claim.peer);
    if (there !== null && isOfNetwork(there)) return there;
    const addresses = claim.addresses as readonly Address[];
    if (addresses.length === 0)
      throw new PeerError({ code: 'NO_ADDRESS', peer: claim.peer }, 'Nobody said where this peer is.');
    const connection = await endpoint.connect({ peer: claim.peer, addresses }, { signal });
    if (isOfNetwork(connection)) return connection;
    throw new PeerError(
      { code: 'UNREACHABLE', peer: claim.peer, tried: [] },
      'This peer is not in the network that it was asked for.',
    );
  };

  const send = async (connection: Connection, message: DhtRequest, signal: AbortSignal): Promise<Uint8Array> => {
    const peer = connection.peer.peerId;
    if (!asks.take(peer))
      throw new PeerError({ code: 'UNREACHABLE', peer, tried: [] }, 'This peer is asked too often already.');
    return request(connection, protocol, encodeRequest(message), {
      deadlineMs: DHT_REQUEST_MS,
      bytesMax: DHT_ANSWER_BYTES_MAX,
      signal,
    });
  };
  const blame = (peer: PeerId, error: unknown): void => {
    if (!isItsFault(error)) return;
    const bad = (error as { code?: string }).code === 'SIGNATURE_REFUSED';
    book?.offend(peer, bad ? 'badSignature' : 'malformed', messageOf(error));
  };

  /** A peer has answered: it belongs into the table, if there is room. */
  const answered = (connection: Connection): void => {
    const contact = contactOf(connection, ids);
    if (contact === null) return;
    const offered = table.offer(contact, monotonicMs());
    metrics?.tablePeers.set(table.size(), label);
    if (offered.outcome !== 'full') return;
    const { oldest, seenMs } = offered;
    if (monotonicMs() - seenMs < LIVELY_MS || pinging.has(oldest.peer)) return;
    pinging.add(oldest.peer);
    void (async () => {
      try {
        await ask({ ask: 'find', key: own }, oldest, life.signal);
      } catch {
        // `ask` has counted it.
        table.remove(oldest.peer);
        table.offer(contact, monotonicMs());
      } finally {
        pinging.delete(oldest.peer);
      }
    })();
  };

  /** One question of a lookup. @throws whatever keeps it from being answered; the peer has been blamed where it is at fault */
  const ask = async (
    message: Extract<DhtRequest, { ask: 'find' | 'get' | 'providers' }>,
    claim: Claim,
    signal: AbortSignal,
  ): Promise<LookupAnswer> => {
    let connection: Connection | null = null;
    try {
      connection = await reach(claim, signal);
      const answer = decodeLookupAnswer(await send(connection, message, signal), ids);
      answered(connection);
      const from = addressOf(connection);
      const closer: Claim[] = [];
      for (const one of answer.closer) {
        if (one.peer === me || one.peer === claim.peer) continue;
        // Addresses are taken apart only of whoever is not connected and may have to be dialled.
        const addresses = endpoint.connection(one.peer) === null ? plausible(one.addresses, from) : one.addresses;
        if (addresses.length > 0 || endpoint.connection(one.peer) !== null) closer.push({ ...one, addresses });
      }
      return { ...answer, closer };
    } catch (error) {
      // What we ended ourselves says nothing of the peer.
      if (!signal.aborted) {
        table.failed(claim.peer);
        metrics?.tablePeers.set(table.size(), label);
        blame(claim.peer, error);
      }
      throw error;
    }
  };

  const search = async (
    message: Extract<DhtRequest, { ask: 'find' | 'get' | 'providers' }>,
    onAnswer: (claim: Claim, answer: LookupAnswer) => boolean | Promise<boolean>,
    signal: AbortSignal | undefined,
  ): Promise<Claim[]> => {
    const beganMs = monotonicMs();
    const timer = new AbortController();
    const cancel = clock.after(DHT_LOOKUP_MS, () => timer.abort(new DhtError({ code: 'NO_PEERS' }, NO_PEERS)));
    table.touch(message.key, monotonicMs());
    try {
      return await lookup(
        { clock },
        {
          target: message.key,
          start: table.closest(message.key, DHT_K),
          ask: (claim, inner) => ask(message, claim, inner),
          onAnswer,
          signal: AbortSignal.any([life.signal, timer.signal, ...(signal === undefined ? [] : [signal])]),
        },
      );
    } finally {
      cancel();
      metrics?.lookupSeconds.observe((monotonicMs() - beganMs) / 1000, { ask: message.ask });
    }
  };

  /** The peers closest to a key that answer now. */
  const closestTo = (key: DhtKey, signal?: AbortSignal): Promise<Claim[]> =>
    search({ ask: 'find', key }, () => false, signal);

  /** Writes to one peer. @returns null where it did not answer */
  const write = async (
    claim: Claim,
    message: Extract<DhtRequest, { ask: 'put' | 'announce' | 'provide' }>,
    signal: AbortSignal,
  ): Promise<WriteAnswer | null> => {
    if (!ownWrites.take(claim.peer)) return { outcome: 'busy', newer: null };
    try {
      return decodeWriteAnswer(await send(await reach(claim, signal), message, signal));
    } catch (error) {
      if (signal.aborted) throw signal.reason;
      blame(claim.peer, error);
      return null;
    }
  };
  const writeAll = async (
    claims: readonly Claim[],
    message: Extract<DhtRequest, { ask: 'put' | 'announce' | 'provide' }>,
    signal: AbortSignal,
  ): Promise<WriteAnswer[]> => {
    const answers: WriteAnswer[] = [];
    const left = [...claims];
    await Promise.all(
      Array.from({ length: WRITES_AT_ONCE }, async () => {
        for (let claim = left.shift(); claim !== undefined; claim = left.shift()) {
          const answer = await write(claim, message, signal);
          if (answer !== null) answers.push(answer);
        }
      }),
    );
    return answers;
  };
  const signalOf = (signal: AbortSignal | undefined): AbortSignal =>
    signal === undefined ? life.signal : AbortSignal.any([life.signal, signal]);

  // What we do by ourselves.
  const background = (work: Promise<unknown>): void => {
    work.catch((error: unknown) => {
      if (life.signal.aborted) return;
      if (!isNodeError(error)) throw error;
      logger.debug('Work of the DHT was not done', { problem: error.message });
    });
  };
  const announce = async (): Promise<void> => {
    const record = await records.own.current();
    const isDue = monotonicMs() - announcedAtMs >= DHT_REPUBLISH_MS || record.sequence !== announcedSequence;
    if (!isDue || record.addresses.length === 0 || table.size() === 0) return;
    announcedAtMs = monotonicMs();
    announcedSequence = record.sequence;
    const closest = await closestTo(own);
    for (const { newer } of await writeAll(closest, { ask: 'announce', record: record.encoded }, life.signal)) {
      if (newer === null) continue;
      try {
        records.own.raise(await records.checker.openPeer(newer));
      } catch (error) {
        if (!isNodeError(error)) throw error;
      }
    }
  };
  const join = (): Promise<void> => {
    joining ??= (async () => {
      try {
        await closestTo(own);
        if (automatic) await announce();
      } finally {
        joining = null;
      }
    })();
    return joining;
  };
  /** A connection came: whoever speaks this protocol gets into the table, and tells us of others. */
  const greet = async (connection: Connection): Promise<void> => {
    if (!isOfNetwork(connection) || connection.peer.peerId === me) return;
    const isFew = table.size() < DHT_K;
    const answer = decodeLookupAnswer(await send(connection, { ask: 'find', key: own }, life.signal), ids);
    answered(connection);
    if (isFew && answer.closer.some(({ peer }) => peer !== me && !table.has(peer))) await join();
    else if (automatic) await announce();
  };
  const greetSoon = (connection: Connection): void => {
    background(
      greet(connection).catch((error: unknown) => {
        // Many peers do not speak it: that is no fault.
        blame(connection.peer.peerId, error);
        if (!isNodeError(error)) throw error;
      }),
    );
  };
  const nameOf = (key: DhtKey): string => Buffer.from(key).toString('base64');

  const putOwn = async (entry: Kept, signal: AbortSignal): Promise<number> => {
    const key = recordKey(network, entry.namespace, me, entry.topic);
    const closest = await closestTo(key, signal);
    for (let attempt = 0; ; attempt++) {
      const answers = await writeAll(closest, { ask: 'put', record: entry.encoded }, signal);
      entry.putAtMs = monotonicMs();
      const stored = answers.filter(({ outcome }) => outcome === 'stored').length;
      const above = await newestOwn(answers, key);
      if (above < entry.sequence || attempt > 0) return stored;
      // Records of ours from before a reset of our clock: we go above them, once.
      await signOwn(entry, above + 1);
    }
  };
  const newestOwn = async (answers: readonly WriteAnswer[], key: DhtKey): Promise<number> => {
    let above = -1;
    for (const { newer } of answers) {
      if (newer === null) continue;
      try {
        const record = await openRecord(newer);
        if (record.signer === me && compareDistance(key, record.key, key) === 0)
          above = Math.max(above, record.sequence);
      } catch (error) {
        if (!isNodeError(error)) throw error;
      }
    }
    return above;
  };
  const signOwn = async (entry: Kept, sequenceMin: number): Promise<void> => {
    entry.sequence = Math.max(sequenceMin, entry.sequence + 1, nowMs());
    entry.encoded = await endpoint.local.sign(
      'stoq-dht',
      encodeDhtPayload({
        network,
        namespace: entry.namespace,
        topic: entry.topic,
        value: entry.value,
        sequence: entry.sequence,
        issuedAtMs: nowMs(),
        lifeMs: DHT_RECORD_LIFE_MS,
      }),
    );
  };
  const provideOnce = async (topic: Uint8Array, sealed: Uint8Array | null, signal: AbortSignal): Promise<number> => {
    const key = topicKey(network, topic);
    const closest = await closestTo(key, signal);
    if (closest.length === 0) throw new DhtError({ code: 'NO_PEERS' }, NO_PEERS);
    const answers = await writeAll(closest, { ask: 'provide', key, sealed }, signal);
    return answers.filter(({ outcome }) => outcome === 'stored').length;
  };
  const checkTopic = (topic: Uint8Array): void => checkDhtLimits('topic', topic, new Uint8Array(0));

  /** A key in a bucket of ours: shares so many bits with our id and differs in the next. */
  const keyInBucket = (bits: number): DhtKey => {
    const key = random.bytes(own.length);
    for (let bit = 0; bit <= bits; bit++) {
      const index = bit >> 3;
      const mask = 0x80 >> (bit & 7);
      const wanted = (((own[index] ?? 0) & mask) !== 0) !== (bit === bits);
      key[index] = wanted ? (key[index] ?? 0) | mask : (key[index] ?? 0) & ~mask;
    }
    return key;
  };
  const refresh = async (): Promise<void> => {
    forOthers.age();
    for (const connection of endpoint.connections()) if (!table.has(connection.peer.peerId)) greetSoon(connection);
    if (table.size() === 0) return;
    await join();
    for (const bits of table.stale(monotonicMs() - DHT_BUCKET_STALE_MS).slice(0, STALE_BUCKETS_MAX))
      await closestTo(keyInBucket(bits));
    for (const entry of kept.values()) {
      if (monotonicMs() - entry.putAtMs < DHT_REPUBLISH_MS) continue;
      await signOwn(entry, 0);
      await putOwn(entry, life.signal);
    }
    for (const entry of provided.values()) {
      if (monotonicMs() - entry.atMs < DHT_PROVIDER_LIFE_MS / 2) continue;
      entry.atMs = monotonicMs();
      await provideOnce(entry.topic, null, life.signal);
    }
  };
  const tick = (): void => {
    // Nodes that started together do not stay together.
    const ms = refreshMs / 2 + random.below(refreshMs / 2);
    // Soon after a start those who came at the same time know each other; later little changes.
    refreshMs = Math.min(refreshMs * 2, DHT_REFRESH_MS);
    undo[0] = clock.after(ms, () => {
      background(refresh());
      tick();
    });
  };

  const newest = async (
    key: DhtKey,
    signal: AbortSignal | undefined,
  ): Promise<{ best: OpenedRecord; without: readonly Claim[] } | null> => {
    let best: OpenedRecord | null = null;
    const seen = new Map<PeerId, { claim: Claim; sequence: number }>();
    let agreeing = 0;
    await search(
      { ask: 'get', key },
      async (claim, { record }) => {
        let sequence = -1;
        if (record !== null) {
          try {
            const opened = await openRecord(record);
            if (compareDistance(key, opened.key, key) !== 0)
              throw new DhtError(
                { code: 'DHT_MALFORMED', problem: 'it answers with another record', verdict: 'reject' },
                'The peer answered with a record that was not asked for.',
              );
            if (isInTime(opened.issuedAtMs, opened.lifeMs, nowMs())) {
              sequence = opened.sequence;
              if (best === null || sequence > best.sequence) {
                best = opened;
                agreeing = 0;
              }
              if (sequence === best.sequence) agreeing += 1;
            }
          } catch (error) {
            blame(claim.peer, error);
            throw error;
          }
        }
        seen.set(claim.peer, { claim, sequence });
        return agreeing >= DHT_QUORUM;
      },
      signal,
    );
    const found = best as OpenedRecord | null;
    if (found === null) return null;
    const without = [...seen.values()].filter(({ sequence }) => sequence < found.sequence).map(({ claim }) => claim);
    return { best: found, without: without.sort((a, b) => compareDistance(key, a.id, b.id)) };
  };

  return {
    network,
    start: async () => {
      undo.push(
        () => undefined,
        endpoint.handle(
          {
            name: protocol,
            streamsMax: 64,
            opensPerTenSeconds: DHT_OPENS_PER_TEN_SECONDS,
            // Holds for what is answered to us too; requests are held to less where they are read.
            bytesMax: Math.max(DHT_REQUEST_BYTES_MAX, DHT_ANSWER_BYTES_MAX) + 64,
            deadlineMs: DHT_REQUEST_MS,
            networks: new Set([network]),
          },
          (stream, connection) =>
            respond(stream, { bytesMax: DHT_REQUEST_BYTES_MAX }, (bytes) => forOthers.answer(bytes, connection)),
        ),
        endpoint.on('connected', ({ connection }) => greetSoon(connection)),
        endpoint.on('networksProved', ({ connection, networks }) => {
          if (networks.includes(network)) greetSoon(connection);
        }),
        endpoint.on('addressesChanged', () => {
          if (automatic) background(announce());
        }),
      );
      for (const connection of endpoint.connections()) greetSoon(connection);
      if (automatic) tick();
    },
    stop: async () => {
      life.abort(new PeerError({ code: 'NOT_RUNNING' }, 'This node is going down.'));
      for (const cancel of undo.splice(0)) cancel();
    },
    put: async (namespace, topic, value, options = {}) => {
      checkDhtLimits(namespace, topic, value);
      const key = recordKey(network, namespace, me, topic);
      const name = nameOf(key);
      const entry: Kept = {
        namespace,
        topic: new Uint8Array(topic),
        value: new Uint8Array(value),
        sequence: kept.get(name)?.sequence ?? 0,
        putAtMs: monotonicMs(),
        encoded: new Uint8Array(0),
      };
      await signOwn(entry, 0);
      kept.delete(name);
      kept.set(name, entry);
      for (const [oldest] of kept) {
        if (kept.size <= DHT_OWN_RECORDS_MAX) break;
        kept.delete(oldest);
      }
      const stored = await putOwn(entry, signalOf(options.signal));
      if (stored === 0) throw new DhtError({ code: 'NO_PEERS' }, NO_PEERS);
      return stored;
    },
    get: async (namespace, signer, topic, options = {}) => {
      checkDhtLimits(namespace, topic, new Uint8Array(0));
      const key = recordKey(network, namespace, signer, topic);
      const found = await newest(key, options.signal);
      const here = store.get(key);
      const mine = signer === me ? kept.get(nameOf(key)) : undefined;
      if (found !== null)
        for (const claim of found.without.slice(0, DHT_REPAIRS_MAX))
          background(write(claim, { ask: 'put', record: found.best.encoded }, life.signal));
      const candidates: OpenedRecord[] = [...(found === null ? [] : [found.best]), ...(here === null ? [] : [here])];
      if (mine !== undefined) candidates.push(await openRecord(mine.encoded));
      const best = candidates.toSorted((a, b) => b.sequence - a.sequence)[0];
      if (best === undefined) return null;
      const record: DhtRecord = {
        key,
        value: best.value,
        sequence: best.sequence,
        expiresAtMs: best.issuedAtMs + best.lifeMs,
      };
      return record;
    },
    provide: async (topic, options = {}) => {
      checkTopic(topic);
      const name = nameOf(topicKey(network, topic));
      provided.delete(name);
      provided.set(name, { topic: new Uint8Array(topic), atMs: monotonicMs() });
      for (const [oldest] of provided) {
        if (provided.size <= DHT_TOPICS_PER_PEER_MAX) break;
        provided.delete(oldest);
      }
      return provideOnce(topic, null, signalOf(options.signal));
    },
    withdraw: (topic) => {
      provided.delete(nameOf(topicKey(network, topic)));
    },
    providers: async (topic, options = {}) => {
      checkTopic(topic);
      const key = topicKey(network, topic);
      const count = options.count ?? DHT_K;
      const found = new Set(providers.get(key).flatMap(({ peer, sealed }) => (sealed === null ? [peer] : [])));
      let answers = 0;
      await search(
        { ask: 'providers', key },
        (_claim, answer) => {
          for (const { peer } of answer.providers) if (peer !== me) found.add(peer);
          answers += 1;
          return answers >= DHT_QUORUM && found.size >= count;
        },
        options.signal,
      );
      found.delete(me);
      return [...found].slice(0, count);
    },
    provideSealed: async (topic, seal, options = {}) => {
      checkTopic(topic);
      return provideOnce(topic, seal(), signalOf(options.signal));
    },
    sealedProviders: async (topic, options = {}) => {
      checkTopic(topic);
      const key = topicKey(network, topic);
      const count = options.count ?? DHT_PROVIDERS_PER_TOPIC_MAX;
      const found = new Map<string, Uint8Array>();
      const take = (sealed: Uint8Array): void => {
        if (found.size < count) found.set(nameOf(sealed.subarray(0, 28)), sealed);
      };
      for (const { sealed } of providers.get(key)) if (sealed !== null) take(sealed);
      await search(
        { ask: 'providers', key },
        (_claim, answer) => {
          for (const sealed of answer.sealed) take(sealed);
          return found.size >= count;
        },
        options.signal,
      );
      return [...found.values()];
    },
    findPeer: async (peer, options = {}) => {
      const key = ids.idOf(peer);
      const connection = endpoint.connection(peer);
      if (connection !== null && isOfNetwork(connection)) {
        const there = contactOf(connection, ids)?.addresses ?? [];
        if (there.length > 0) return there;
      }
      const here: SignedPeerRecord | null = peerRecords.get(key);
      let best = here;
      let agreeing = best === null ? 0 : 1;
      const claimed = new Set<Address>();
      await search(
        { ask: 'find', key },
        async (claim, { record, closer }) => {
          for (const one of closer)
            if (one.peer === peer) for (const address of one.addresses) claimed.add(address as Address);
          if (record === null) return false;
          try {
            const opened = await records.checker.openPeer(record);
            if (opened.peerId !== peer) return false;
            if (best === null || opened.sequence > best.sequence) {
              best = opened;
              agreeing = 0;
            }
            if (opened.sequence === best.sequence) agreeing += 1;
          } catch (error) {
            blame(claim.peer, error);
          }
          return agreeing >= 2;
        },
        options.signal,
      );
      // Unsigned hints are better than nothing: whoever answers there must prove who it is.
      return best === null ? [...claimed].slice(0, DHT_K) : best.addresses;
    },
    size: () => table.size(),
    refresh,
    stats: () => ({ peers: table.size(), ...forOthers.stats() }),
  };
};

const NO_PEERS =
  'No peer of this network takes part in the DHT now; connect to one first, or wait until the node has found some.';
