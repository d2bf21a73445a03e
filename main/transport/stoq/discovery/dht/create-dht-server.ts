import type { Clock } from '../../../../base/index.ts';
import type { Address, Connection, Endpoint, NetworkId, PeerId } from '../../interface.ts';
import type { PeerBook } from '../../standing/interface.ts';
import {
  DHT_CHECKS_MAX,
  DHT_FAR,
  DHT_FLOOD_REFUSALS,
  DHT_K,
  DHT_PROVIDERS_PER_TOPIC_MAX,
  DHT_PROVIDER_LIFE_MS,
  DHT_PROVIDER_TOPICS_MAX,
  DHT_STORED_BYTES_MAX,
  DHT_STORED_PER_SENDER_MAX,
  DHT_STORED_PER_SIGNER_MAX,
  DHT_STORED_RECORDS_MAX,
  DHT_TOPICS_PER_PEER_MAX,
  DHT_WRITES_BURST,
  DHT_WRITES_PER_SECOND,
} from '../constants.ts';
import { DhtError } from '../errors.ts';
import type { DiscoveryMetrics } from '../metrics.ts';
import { isInTime, type PeerRecords, type RecordChecker, type SignedPeerRecord } from '../peer-record.ts';
import { isFar } from '../plausible.ts';
import { createTokenBuckets } from '../token-buckets.ts';
import { addressOf, contactOf } from './contact.ts';
import { compareDistance, type DhtKey, type PeerIds } from './key.ts';
import {
  decodeRequest,
  encodeLookupAnswer,
  encodeWriteAnswer,
  type DhtRequest,
  type WriteAnswer,
  type WriteOutcome,
} from './messages.ts';
import { createProviderStore, type ProviderStore } from './provider-store.ts';
import { decodeDhtPayload, type OpenedRecord } from './record.ts';
import { createRecordStore, type RecordStore, type Storable } from './record-store.ts';
import type { RoutingTable } from './routing-table.ts';

/** Within which refused writes are counted as one flood. */
const FLOOD_WINDOW_MS = 60_000;

type StoredPeerRecord = SignedPeerRecord & Storable;
/** Checks signatures and form of a DHT record. @throws {DhtError} `DHT_MALFORMED` | {PeerError} `SIGNATURE_REFUSED` */
export type RecordOpener = (encoded: Uint8Array) => Promise<OpenedRecord>;
export const createRecordOpener =
  (checker: RecordChecker, network: NetworkId): RecordOpener =>
  async (encoded) => {
    const { payload, signer } = await checker.open('stoq-dht', encoded);
    return decodeDhtPayload(payload, { network, signer, encoded });
  };

/** What a node does for the others of its DHT: keeps, bounds, tells. */
export interface DhtServer {
  readonly store: RecordStore<OpenedRecord>;
  readonly peerRecords: RecordStore<StoredPeerRecord>;
  readonly providers: ProviderStore;
  /** @throws {DhtError} and {PeerRecordError}, {PeerError}: the asker is at fault */
  answer(bytes: Uint8Array, connection: Connection): Promise<Uint8Array>;
  /** Takes out what has run out. */
  age(): void;
  stats(): { records: number; recordBytes: number; topics: number };
}
export interface DhtServerComponents {
  clock: Clock;
  metrics: DiscoveryMetrics | null;
  endpoint: Pick<Endpoint, 'connection'>;
  records: PeerRecords;
  book: Pick<PeerBook, 'offend'> | null;
  table: RoutingTable;
  ids: PeerIds;
  openRecord: RecordOpener;
}

/** @param init.label - of the metrics */
export const createDhtServer = (
  { clock, metrics, endpoint, records, book, table, ids, openRecord }: DhtServerComponents,
  { own, label }: { own: DhtKey; label: Record<'network', string> },
): DhtServer => {
  const nowMs = (): number => clock.nowMs();
  const monotonicMs = (): number => clock.monotonicMs();
  const limits = {
    recordsMax: DHT_STORED_RECORDS_MAX,
    bytesMax: DHT_STORED_BYTES_MAX,
    perSignerMax: DHT_STORED_PER_SIGNER_MAX,
    perSenderMax: DHT_STORED_PER_SENDER_MAX,
  };
  const store = createRecordStore<OpenedRecord>({ nowMs }, { own, limits });
  const peerRecords = createRecordStore<StoredPeerRecord>({ nowMs }, { own, limits });
  const providers = createProviderStore(
    { monotonicMs },
    {
      own,
      limits: {
        lifeMs: DHT_PROVIDER_LIFE_MS,
        topicsMax: DHT_PROVIDER_TOPICS_MAX,
        perTopicMax: DHT_PROVIDERS_PER_TOPIC_MAX,
        perPeerMax: DHT_TOPICS_PER_PEER_MAX,
      },
    },
  );
  const writes = createTokenBuckets({ monotonicMs }, { burst: DHT_WRITES_BURST, perSecond: DHT_WRITES_PER_SECOND });
  const refusals = new Map<PeerId, { count: number; sinceMs: number }>();
  let checks = 0;

  const isFarFromUs = (key: DhtKey): boolean => {
    const others = table.closest(key, DHT_FAR);
    const last = others.at(-1);
    return others.length >= DHT_FAR && last !== undefined && compareDistance(key, last.id, own) < 0;
  };
  const refuseBusy = (peer: PeerId): WriteAnswer => {
    const before = refusals.get(peer);
    const now =
      before === undefined || monotonicMs() - before.sinceMs > FLOOD_WINDOW_MS
        ? { count: 1, sinceMs: monotonicMs() }
        : { count: before.count + 1, sinceMs: before.sinceMs };
    refusals.delete(peer);
    refusals.set(peer, now);
    for (const [oldest] of refusals) {
      if (refusals.size <= DHT_CHECKS_MAX) break;
      refusals.delete(oldest);
    }
    if (now.count % DHT_FLOOD_REFUSALS === 0)
      book?.offend(peer, 'flooding', `${now.count} writes to the DHT were refused within a minute`);
    return { outcome: 'busy', newer: null };
  };
  /** Checks signatures of a few at a time. */
  const checked = async (work: () => Promise<WriteAnswer>): Promise<WriteAnswer> => {
    if (checks >= DHT_CHECKS_MAX) return { outcome: 'busy', newer: null };
    checks += 1;
    try {
      return await work();
    } finally {
      checks -= 1;
    }
  };
  const plain = (outcome: WriteOutcome): WriteAnswer => ({ outcome, newer: null });

  const takeRecord = async (encoded: Uint8Array, sender: PeerId): Promise<WriteAnswer> => {
    const record = await openRecord(encoded);
    if (!isInTime(record.issuedAtMs, record.lifeMs, nowMs())) return plain('late');
    if (isFarFromUs(record.key)) return plain('far');
    const stored = store.add(record, sender);
    if (stored.outcome === 'older') return { outcome: 'older', newer: stored.newer.encoded };
    return plain(stored.outcome === 'full' ? 'full' : 'stored');
  };
  const takePeerRecord = async (encoded: Uint8Array, sender: PeerId): Promise<WriteAnswer> => {
    const record = await records.checker.openPeer(encoded);
    if (record.peerId !== sender)
      throw new DhtError(
        { code: 'DHT_MALFORMED', problem: 'it announces another', verdict: 'reject' },
        'The peer announced the record of another peer; each announces its own.',
      );
    const key = ids.idOf(sender);
    if (isFarFromUs(key)) return plain('far');
    const stored = peerRecords.add({ ...record, key, signer: sender }, sender);
    if (stored.outcome === 'older') return { outcome: 'older', newer: stored.newer.encoded };
    return plain(stored.outcome === 'full' ? 'full' : 'stored');
  };
  const takeWrite = async (
    message: Extract<DhtRequest, { ask: 'put' | 'announce' | 'provide' }>,
    sender: PeerId,
  ): Promise<WriteAnswer> => {
    if (!writes.take(sender)) return refuseBusy(sender);
    if (message.ask === 'provide') {
      if (isFarFromUs(message.key)) return plain('far');
      return plain(providers.add(message.key, { peer: sender, sealed: message.sealed }) ? 'stored' : 'full');
    }
    return checked(() =>
      message.ask === 'put' ? takeRecord(message.record, sender) : takePeerRecord(message.record, sender),
    );
  };
  const addressesOf = (peer: PeerId): readonly Address[] => {
    const connection = endpoint.connection(peer);
    if (connection !== null) return contactOf(connection, ids)?.addresses ?? [];
    return peerRecords.get(ids.idOf(peer))?.addresses ?? [];
  };
  const answerLookup = (
    message: Extract<DhtRequest, { ask: 'find' | 'get' | 'providers' }>,
    connection: Connection,
  ) => {
    const { ask: kind, key } = message;
    const from = addressOf(connection);
    const isNear = from !== null && !isFar(from);
    // Addresses of our own network are nobody's business outside it.
    const tell = (addresses: readonly Address[]): readonly Address[] => (isNear ? addresses : addresses.filter(isFar));
    const closer = table
      .closest(key, DHT_K + 1)
      .filter(({ peer }) => peer !== connection.peer.peerId)
      .slice(0, DHT_K)
      .map(({ peer, addresses }) => ({ peer, addresses: tell(addresses) }));
    const found = kind === 'providers' ? providers.get(key) : [];
    const record = kind === 'find' ? peerRecords.get(key) : kind === 'get' ? store.get(key) : null;
    return encodeLookupAnswer({
      closer,
      record: record?.encoded ?? null,
      providers: found
        .filter(({ sealed }) => sealed === null)
        .slice(0, DHT_K)
        .map(({ peer }) => ({ peer, addresses: tell(addressesOf(peer)) })),
      sealed: found.flatMap(({ sealed }) => (sealed === null ? [] : [sealed])).slice(0, DHT_K),
    });
  };
  const answer = async (bytes: Uint8Array, connection: Connection): Promise<Uint8Array> => {
    const message = decodeRequest(bytes);
    if (message.ask === 'find' || message.ask === 'get' || message.ask === 'providers')
      return answerLookup(message, connection);
    const taken = await takeWrite(message, connection.peer.peerId);
    metrics?.writes.inc(1, { outcome: taken.outcome });
    metrics?.storedBytes.set(store.stats().bytes + peerRecords.stats().bytes, label);
    return encodeWriteAnswer(taken);
  };

  return {
    store,
    peerRecords,
    providers,
    answer,
    age: () => {
      store.age();
      peerRecords.age();
      providers.age();
    },
    stats: () => ({
      records: store.stats().records + peerRecords.stats().records,
      recordBytes: store.stats().bytes + peerRecords.stats().bytes,
      topics: providers.size(),
    }),
  };
};
