import { type Clock, isNodeError, type Logger, messageOf } from '../../../base/index.ts';
import type { StateUpdate } from '../../blocks/index.ts';
import {
  decodeValidators,
  encodeCommit,
  encodeGenesis,
  encodeHeader,
  encodeValidators,
  headerHash,
  isMoreThanAThird,
  placeOf,
  powerOf,
  sameBytes,
  setHash,
  type SnapshotAnswer,
} from '../formats/index.ts';
import type { Genesis, ReplicaNetwork, SyncState, Validator } from '../interface.ts';
import type { ConsensusMetrics } from '../metrics.ts';
import { readSnapshot, type SnapshotReader } from '../state/index.ts';
import { askPeer } from './ask.ts';
import {
  PEER_QUESTIONS_BURST,
  PEER_QUESTIONS_PER_SECOND,
  SNAPSHOT_ASKED,
  SNAPSHOT_ASKED_MS,
  SNAPSHOT_PARALLEL,
  SNAPSHOT_RESUME_BYTES,
} from './constants.ts';
import { syncRefused } from './errors.ts';
import type { Head } from './head.ts';
import { type Bucket, createBucket } from './limits.ts';
import type { Verify } from './verify.ts';

/** Takes over the state of a height from peers of whom none needs to be believed. */
export interface SnapshotSync {
  /**
   * @param peers - whom to ask, in this order
   * @returns whether it worked
   */
  adopt(
    peers: readonly string[],
    options: {
      signal: AbortSignal;
      progress(state: SyncState): void;
      lied(peer: string, detail: string): void;
      silent(peer: string): void;
    },
  ): Promise<boolean>;
}
export interface SnapshotSyncComponents {
  clock: Clock;
  logger: Logger;
  metrics: ConsensusMetrics | null;
  network: ReplicaNetwork;
  head: Head;
  verify: Verify;
  /** The state of that height is this node's now. */
  adopted(height: number): void;
}
/** A download that may have been broken off. */
interface Download {
  readonly answer: SnapshotAnswer;
  readonly peer: string;
  /** What came, by its place. */
  readonly chunks: Map<number, Uint8Array>;
  bytes: number;
  /** When the last one came. */
  atMs: number;
}
/** Between two looks at whether a peer may be asked again. */
const PACE_MS = 40;
type Options = Parameters<SnapshotSync['adopt']>[1];

export const createSnapshotSync = (
  components: SnapshotSyncComponents,
  init: { genesis: Genesis; networkHash: Uint8Array },
): SnapshotSync => {
  const { clock, logger, metrics, network, head, verify, adopted } = components;
  const { genesis, networkHash } = init;
  /** Of the peers that chunks were asked of; a handful. */
  const buckets = new Map<string, Bucket>();
  /** The one that was broken off last. */
  let left: Download | null = null;

  /** @throws {ReplicaError} `SYNC_REFUSED` what does not hold */
  const judge = async (answer: SnapshotAnswer): Promise<void> => {
    const { header, commit, validators } = answer;
    const at = head.tip();
    if (!sameBytes(header.network, networkHash)) throw syncRefused('its snapshot is of another network');
    if (!sameBytes(header.validators, setHash(validators))) throw syncRefused('its snapshot names another set');
    if (commit.height !== header.height || !sameBytes(commit.block, headerHash(header)))
      throw syncRefused('its snapshot’s commit is of another block');
    if (!sameBytes(header.nextValidators, setHash(decodeValidators(answer.nextValidators))))
      throw syncRefused('its snapshot’s next set is another');
    const problem = await verify.commit(commit, validators);
    if (problem !== null) throw syncRefused(problem);
    // More than a third of those who are known here signed as well, so one of them at least is honest.
    const known: Validator[] = at.validators.filter(
      ({ id }) => (commit.signatures[placeOf(validators, id)] ?? null) !== null,
    );
    if (!isMoreThanAThird(powerOf(known), powerOf(at.validators)))
      throw syncRefused('none of its snapshot’s signers is known here well enough');
  };

  /** The newest snapshot of some peers, if it is further on than this node. */
  const find = async (
    peers: readonly string[],
    options: Options,
  ): Promise<{ answer: SnapshotAnswer; peer: string } | null> => {
    let best: { answer: SnapshotAnswer; peer: string } | null = null;
    for (const peer of peers.slice(0, SNAPSHOT_ASKED)) {
      try {
        const answer = await askPeer(network, peer, { type: 'manifest' }, options.signal);
        if (answer === null || answer.header.height <= (best?.answer.header.height ?? head.tip().height)) continue;
        await judge(answer);
        readSnapshot(answer.manifest, answer.header.stateRoot);
        best = { answer, peer };
      } catch (error) {
        if (options.signal.aborted) return null;
        judgePeer(peer, error, options);
      }
    }
    return best;
  };
  const judgePeer = (peer: string, error: unknown, options: Options): void => {
    if (isNodeError(error) && (error.data as { verdict?: string }).verdict === 'reject')
      options.lied(peer, error.message);
    else {
      logger.debug('A peer did not help with a snapshot', { peer, reason: messageOf(error) });
      options.silent(peer);
    }
  };

  /** One chunk of whoever has it and does not lie. @throws when nobody is left */
  const fetchChunk = async (
    reader: SnapshotReader,
    download: Download,
    index: number,
    bad: Set<string>,
    blame: (peer: string, error: unknown) => Promise<void>,
    options: Options,
  ): Promise<readonly StateUpdate[]> => {
    const { height } = download.answer.header;
    const had = download.chunks.get(index);
    if (had !== undefined) return reader.take(index, had);
    for (;;) {
      options.signal.throwIfAborted();
      // Whoever is there by now, so that several share the work.
      const sources = network.peers().filter((one) => !bad.has(one));
      const peer = sources[index % Math.max(1, sources.length)];
      if (peer === undefined) throw syncRefused('nobody is left who has the snapshot');
      try {
        await pace(peer, options.signal);
        const chunk = await askPeer(network, peer, { type: 'chunk', height, index }, options.signal);
        if (chunk !== null) {
          const updates = reader.take(index, chunk);
          if (download.bytes + chunk.length <= SNAPSHOT_RESUME_BYTES) {
            download.chunks.set(index, chunk);
            download.bytes += chunk.length;
          }
          download.atMs = clock.monotonicMs();
          return updates;
        }
        bad.add(peer);
      } catch (error) {
        if (options.signal.aborted) throw error;
        bad.add(peer);
        await blame(peer, error);
      }
    }
  };
  /** A peer answers so many questions and no more: whoever asks faster loses standing there, and the snapshot with it. */
  const pace = async (peer: string, signal: AbortSignal): Promise<void> => {
    let bucket = buckets.get(peer);
    if (bucket === undefined)
      buckets.set(peer, (bucket = createBucket(clock, PEER_QUESTIONS_PER_SECOND / 2, PEER_QUESTIONS_BURST / 2)));
    while (!bucket.take(1)) await clock.sleep(PACE_MS, signal);
  };
  /**
   * Whoever sent a wrong chunk lied only if it shows the same manifest: cut in another way, chunks are others, and a liar's manifest
   * would make liars of all who have the usual one.
   */
  const blameFor =
    (answer: SnapshotAnswer, fromPeer: string, options: Options) =>
    async (peer: string, error: unknown): Promise<void> => {
      if (peer === fromPeer) return judgePeer(peer, error, options);
      try {
        const own = await askPeer(network, peer, { type: 'manifest' }, options.signal);
        if (own !== null && sameBytes(own.manifest, answer.manifest)) return judgePeer(peer, error, options);
      } catch (asked) {
        if (options.signal.aborted) throw asked;
        return judgePeer(peer, asked, options);
      }
      options.silent(peer);
    };

  /** Chunks in their order, a few of them asked for at once. */
  async function* entries(
    download: Download,
    reader: SnapshotReader,
    options: Options,
  ): AsyncGenerator<readonly StateUpdate[], void> {
    const { answer, peer: fromPeer } = download;
    const { height } = answer.header;
    /** Who lied, or does not have it. */
    const bad = new Set<string>();
    const blame = blameFor(answer, fromPeer, options);
    const under: Promise<readonly StateUpdate[]>[] = [];
    let asked = 0;
    for (let index = 0; index < reader.chunks; index++) {
      while (asked < reader.chunks && under.length < SNAPSHOT_PARALLEL) {
        const next = fetchChunk(reader, download, asked++, bad, blame, options);
        // Whoever waits for it hears of it; until then it must not end the process.
        next.catch(() => undefined);
        under.push(next);
      }
      const updates = await under.shift()!;
      metrics?.synced.inc(1, { kind: 'chunk' });
      options.progress({
        state: 'snapshot',
        receivedChunks: index + 1,
        chunks: reader.chunks,
        target: height,
        fromPeer,
      });
      yield updates;
    }
  }

  return {
    adopt: async (peers, options) => {
      // Where it was broken off it goes on: peers keep for a while what was asked for.
      const isResumed = left !== null && left.answer.header.height > head.tip().height;
      const found = isResumed ? null : await find(peers, options);
      if (found !== null) left = { ...found, chunks: new Map(), bytes: 0, atMs: clock.monotonicMs() };
      const download = left;
      if (download === null || (!isResumed && found === null)) return false;
      for (const peer of buckets.keys()) if (!network.peers().includes(peer)) buckets.delete(peer);
      const { answer } = download;
      const { header, commit, validators, nextValidators } = answer;
      const reader = readSnapshot(answer.manifest, header.stateRoot);
      logger.info('Takes over a snapshot of the ledger', { height: header.height, chunks: reader.chunks });
      try {
        await head.adopt({
          genesis: encodeGenesis(genesis),
          height: header.height,
          header: encodeHeader(header),
          hash: headerHash(header),
          commit: encodeCommit(commit),
          validators: encodeValidators(validators),
          nextValidators,
          state: entries(download, reader, options),
        });
      } catch (error) {
        if (download.chunks.size === 0 || clock.monotonicMs() - download.atMs > SNAPSHOT_ASKED_MS) left = null;
        if (!isNodeError(error) && !options.signal.aborted) throw error;
        logger.warn('The snapshot was not taken over', { height: header.height, reason: messageOf(error) });
        return false;
      }
      left = null;
      adopted(header.height);
      return true;
    },
  };
};
