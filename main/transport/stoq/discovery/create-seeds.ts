import {
  Emitter,
  encodeCbor,
  isNodeError,
  messageOf,
  NodeError,
  type Logger,
  type Outside,
  type Verdict,
} from '../../../base/index.ts';
import { groupOf } from '../address.ts';
import { request, respond } from '../connection/messages.ts';
import type { Connection, Endpoint, NetworkId, PeerId } from '../interface.ts';
import type { PeerBook } from '../standing/interface.ts';
import {
  PEER_RECORD_BYTES_MAX,
  SEEDS_ANSWER_BYTES_MAX,
  SEEDS_ASK_MS,
  SEEDS_KEPT_MAX,
  SEEDS_PER_ANSWER_MAX,
  SEEDS_PER_GROUP_MAX,
  SEEDS_PER_SOURCE_MAX,
} from './constants.ts';
import { exactFields, readBytes, readCborOf, readCount, readList, type Malformed } from './fields.ts';
import type { Discovery, Found } from './interface.ts';
import type { DiscoveryMetrics } from './metrics.ts';
import { isInTime, isItsFault, isNewer, type PeerRecords, type SignedPeerRecord } from './peer-record.ts';
import { isFar, plausible } from './plausible.ts';
import { createTokenBuckets } from './token-buckets.ts';

export const SEEDS_PROTOCOL = '/hypermesh/seeds/1';
const DEADLINE_MS = 10_000;
/** Connections that are asked in one round. */
const ASKED_AT_ONCE = 3;

class SeedsError extends NodeError<{ code: 'SEEDS_MALFORMED'; problem: string; verdict: Verdict }> {
  override readonly name = 'SeedsError';
}
const malformed: Malformed = (problem) =>
  new SeedsError(
    { code: 'SEEDS_MALFORMED', problem, verdict: 'reject' },
    `The peer sent what the exchange of seeds does not allow: ${problem}.`,
  );
const readRecord = (value: unknown): Uint8Array =>
  readBytes(value, { min: 1, max: PEER_RECORD_BYTES_MAX }, 'a record', malformed);

/** One's own record, and how many of others are wanted. Docs/formats/stoq-peer-record.md. */
export interface SeedsRequest {
  want: number;
  record: Uint8Array | null;
}
export const encodeSeedsRequest = (message: SeedsRequest): Uint8Array => encodeCbor(message);
/** @throws {SeedsError} `SEEDS_MALFORMED` */
export const decodeSeedsRequest = (bytes: Uint8Array): SeedsRequest => {
  const fields = exactFields(readCborOf(bytes, 8, malformed), ['want', 'record'], malformed);
  return {
    want: readCount(fields['want'], SEEDS_PER_ANSWER_MAX, 'what is wanted', malformed),
    record: fields['record'] === null ? null : readRecord(fields['record']),
  };
};
/** The record of who answers, and of others that it has met itself. */
export interface SeedsAnswer {
  record: Uint8Array | null;
  others: readonly Uint8Array[];
}
export const encodeSeedsAnswer = (message: SeedsAnswer): Uint8Array => encodeCbor(message);
/** @throws {SeedsError} `SEEDS_MALFORMED` */
export const decodeSeedsAnswer = (bytes: Uint8Array): SeedsAnswer => {
  const fields = exactFields(readCborOf(bytes, SEEDS_PER_ANSWER_MAX + 8, malformed), ['record', 'others'], malformed);
  return {
    record: fields['record'] === null ? null : readRecord(fields['record']),
    others: readList(fields['others'], SEEDS_PER_ANSWER_MAX, 'its seeds', malformed).map(readRecord),
  };
};

export interface SeedsComponents {
  outside: Outside;
  logger: Logger;
  metrics: DiscoveryMetrics | null;
  endpoint: Pick<Endpoint, 'local' | 'on' | 'connection' | 'connections' | 'handle'>;
  records: PeerRecords;
  book: Pick<PeerBook, 'offend' | 'get'> | null;
}
export interface SeedsInit {
  /** Connections from which on nobody is asked for more. @default 16 */
  enough?: number;
}
export interface Seeds extends Discovery {
  /** Asks one peer now. @returns peers that it told of and that were believed */
  ask(connection: Connection): Promise<number>;
  /** Records that would be passed on. */
  size(): number;
}

interface Entry {
  record: SignedPeerRecord;
  /** In which it was met: it is told of in these only. */
  networks: ReadonlySet<NetworkId>;
}

/**
 * Peers tell each other of peers. A record is passed on by those only who reached the peer themselves at an address that it states, so
 * that nobody can be made to spread what nobody ever met.
 */
export const createSeeds = (
  { outside: { clock, random }, logger, metrics, endpoint, records, book }: SeedsComponents,
  { enough = 16 }: SeedsInit = {},
): Seeds => {
  const events = new Emitter<{ found: Found }>();
  const life = new AbortController();
  const met = new Map<PeerId, Entry>();
  /** Of whom each peer told us lately. */
  const told = new Map<PeerId, { peers: Set<PeerId>; sinceMs: number }>();
  const askedAtMs = new Map<PeerId, number>();
  const answers = createTokenBuckets(
    { monotonicMs: () => clock.monotonicMs() },
    { burst: 2, perSecond: 1000 / SEEDS_ASK_MS },
  );
  const undo: (() => void)[] = [];

  const age = (): void => {
    const nowMs = clock.nowMs();
    for (const [peer, { record }] of met) if (!isInTime(record.issuedAtMs, record.lifeMs, nowMs)) met.delete(peer);
    for (const [peer, { sinceMs }] of told) if (clock.monotonicMs() - sinceMs > SEEDS_ASK_MS) told.delete(peer);
    for (const [peer, atMs] of askedAtMs) if (clock.monotonicMs() - atMs > SEEDS_ASK_MS) askedAtMs.delete(peer);
  };
  /** Whether we reached the peer ourselves where it says that it is. */
  const isConfirmed = (record: SignedPeerRecord, connection: Connection): boolean => {
    const reached = connection.direction === 'out' ? (connection.path?.remoteAddress ?? null) : null;
    if (reached !== null && record.addresses.includes(reached)) return true;
    const known = book?.get(record.peerId)?.addresses ?? [];
    return known.some(({ address, confirmedAtMs }) => confirmedAtMs !== null && record.addresses.includes(address));
  };
  /** A peer's own record, from itself. */
  const takeOwn = async (encoded: Uint8Array, connection: Connection): Promise<void> => {
    const record = await records.checker.openPeer(encoded);
    if (record.peerId !== connection.peer.peerId) throw malformed('it shows the record of another as its own');
    const known = met.get(record.peerId);
    if (known !== undefined && !isNewer(record, known.record)) return;
    if (!isConfirmed(record, connection)) return;
    met.delete(record.peerId);
    met.set(record.peerId, { record, networks: connection.networks });
    for (const [oldest] of met) {
      if (met.size <= SEEDS_KEPT_MAX) break;
      met.delete(oldest);
    }
  };
  const ownRecord = async (): Promise<Uint8Array | null> => {
    const record = await records.own.current();
    return record.addresses.length === 0 ? null : record.encoded;
  };

  const choose = (connection: Connection, want: number): Uint8Array[] => {
    age();
    const from = connection.path?.remoteAddress ?? null;
    const isNear = from !== null && !isFar(from);
    const asker = connection.peer.peerId;
    const candidates = [...met.values()].filter(
      ({ record, networks }) =>
        record.peerId !== asker &&
        [...networks].some((network) => connection.networks.has(network)) &&
        (isNear || record.addresses.some(isFar)),
    );
    // Drawn, not sorted: each asker hears of others. Not too many of one group, who may be one.
    const groups = new Map<string, number>();
    const chosen: Uint8Array[] = [];
    while (candidates.length > 0 && chosen.length < want) {
      const [entry] = candidates.splice(random.below(candidates.length), 1);
      const [address] = entry?.record.addresses ?? [];
      if (entry === undefined || address === undefined) continue;
      const group = groupOf(address);
      const count = groups.get(group) ?? 0;
      if (isFar(address) && count >= SEEDS_PER_GROUP_MAX) continue;
      groups.set(group, count + 1);
      chosen.push(entry.record.encoded);
    }
    return chosen;
  };
  const answer = async (bytes: Uint8Array, connection: Connection): Promise<Uint8Array> => {
    const { want, record } = decodeSeedsRequest(bytes);
    if (record !== null) await takeOwn(record, connection);
    // Asking too often is no offence, as clocks differ; there is nothing new to hear.
    const others = answers.take(connection.peer.peerId) ? choose(connection, want) : [];
    return encodeSeedsAnswer({ record: await ownRecord(), others });
  };

  const takeOther = async (encoded: Uint8Array, source: Connection): Promise<boolean> => {
    const peer = source.peer.peerId;
    const quota = told.get(peer) ?? { peers: new Set<PeerId>(), sinceMs: clock.monotonicMs() };
    told.set(peer, quota);
    let record: SignedPeerRecord;
    try {
      record = await records.checker.openPeer(encoded);
    } catch (error) {
      if (isItsFault(error)) book?.offend(peer, 'badRecord', messageOf(error));
      return false;
    }
    if (record.peerId === endpoint.local.peerId || record.peerId === peer) return false;
    if (quota.peers.size >= SEEDS_PER_SOURCE_MAX && !quota.peers.has(record.peerId)) return false;
    const from = source.path?.remoteAddress;
    const addresses = plausible(record.addresses, from ?? null);
    if (addresses.length === 0) return false;
    quota.peers.add(record.peerId);
    metrics?.found.inc(1, { by: 'seeds' });
    events.emit('found', { peer: record.peerId, addresses, ...(from !== undefined && { from }) });
    return true;
  };
  const ask = async (connection: Connection): Promise<number> => {
    const peer = connection.peer.peerId;
    askedAtMs.set(peer, clock.monotonicMs());
    const reply = decodeSeedsAnswer(
      await request(
        connection,
        SEEDS_PROTOCOL,
        encodeSeedsRequest({ want: SEEDS_PER_ANSWER_MAX, record: await ownRecord() }),
        { deadlineMs: DEADLINE_MS, bytesMax: SEEDS_ANSWER_BYTES_MAX, signal: life.signal },
      ),
    );
    if (reply.record !== null) await takeOwn(reply.record, connection);
    let believed = 0;
    for (const encoded of reply.others) if (await takeOther(encoded, connection)) believed += 1;
    return believed;
  };
  const askSoon = (connection: Connection): void => {
    void ask(connection).catch((error: unknown) => {
      if (life.signal.aborted) return;
      if (isItsFault(error)) book?.offend(connection.peer.peerId, 'malformed', messageOf(error));
      else if (!isNodeError(error)) throw error;
      else logger.debug('A peer told of no others', { problem: error.message });
    });
  };
  const round = (): void => {
    age();
    const connections = endpoint.connections().filter(({ peer }) => !askedAtMs.has(peer.peerId));
    if (endpoint.connections().length >= enough) return;
    for (let n = 0; n < ASKED_AT_ONCE && connections.length > 0; n++) {
      const [connection] = connections.splice(random.below(connections.length), 1);
      if (connection !== undefined) askSoon(connection);
    }
  };

  return {
    name: 'seeds',
    on: events.on.bind(events),
    start: async () => {
      undo.push(
        endpoint.handle(
          {
            name: SEEDS_PROTOCOL,
            streamsMax: 2,
            opensPerTenSeconds: 8,
            // Holds for what is answered to us too; requests are held to less where they are read.
            bytesMax: SEEDS_ANSWER_BYTES_MAX + 64,
            deadlineMs: DEADLINE_MS,
          },
          (stream, connection) =>
            respond(stream, { bytesMax: PEER_RECORD_BYTES_MAX + 128 }, (bytes) => answer(bytes, connection)),
        ),
        endpoint.on('connected', ({ connection }) => {
          // The one who dialled asks; so each record crosses once.
          if (connection.direction === 'out' && !askedAtMs.has(connection.peer.peerId)) askSoon(connection);
        }),
        endpoint.on('networksProved', ({ connection }) => {
          // It may tell of members now.
          if (connection.direction === 'out') askSoon(connection);
        }),
        clock.every(SEEDS_ASK_MS / 10 + random.below(SEEDS_ASK_MS / 10), round),
      );
    },
    stop: async () => {
      life.abort(new Error('The node is going down.'));
      for (const cancel of undo.splice(0)) cancel();
    },
    ask,
    size: () => met.size,
  };
};
