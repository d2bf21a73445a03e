import { type Clock, isNodeError } from '../../../base/index.ts';
import { ANSWER_PROPOSALS_MAX, ANSWER_VOTES_MAX } from '../constants.ts';
import { decodeCommit, decodeHeader, decodeQuestion, decodeValidators, encodeAnswer } from '../formats/index.ts';
import { sameBytes } from '../formats/reader.ts';
import type { ReplicaStore } from '../interface.ts';
import type { FrozenState, StateSnapshot } from '../state/index.ts';
import type { Agreement } from './agreement.ts';
import {
  PEER_QUESTIONS_BURST,
  PEER_QUESTIONS_PER_SECOND,
  SNAPSHOT_ASKED_MS,
  SNAPSHOT_CHUNK_BYTES,
  SNAPSHOTS_KEPT,
  SNAPSHOTS_MAX,
} from './constants.ts';
import type { Tip } from './interface.ts';
import { type Bucket, createBucket } from './limits.ts';

/** What peers are told when they ask. */
export interface Answers {
  answer(peer: string, question: Uint8Array): Promise<Uint8Array | null>;
  /** Keeps the state as it is now for those who catch up. */
  keep(height: number, state: FrozenState): void;
  forget(peer: string): void;
}
export interface AnswersComponents {
  clock: Clock;
  store: Pick<ReplicaStore, 'block' | 'blocks' | 'validators'>;
  tip(): Tip;
  agreement(): Agreement;
  offend(peer: string, what: 'malformed' | 'spam', detail: string): void;
}
/** Bytes of blocks and chunks that one peer may have per second, and at once. */
const BYTES_PER_SECOND = 32 * 1024 * 1024;
const BYTES_BURST = 128 * 1024 * 1024;

export const createAnswers = (components: AnswersComponents): Answers => {
  const { clock, store, tip, agreement, offend } = components;
  const peers = new Map<string, { questions: Bucket; bytes: Bucket }>();
  const kept: { height: number; state: FrozenState; snapshot: StateSnapshot | null; askedMs: number }[] = [];

  const peerOf = (name: string): { questions: Bucket; bytes: Bucket } => {
    let peer = peers.get(name);
    if (peer === undefined)
      peers.set(
        name,
        (peer = {
          questions: createBucket(clock, PEER_QUESTIONS_PER_SECOND, PEER_QUESTIONS_BURST),
          bytes: createBucket(clock, BYTES_PER_SECOND, BYTES_BURST),
        }),
      );
    return peer;
  };
  const snapshotAt = (height: number): StateSnapshot | null => {
    const found = kept.find((one) => one.height === height);
    if (found === undefined) return null;
    found.askedMs = clock.monotonicMs();
    found.snapshot ??= found.state.snapshot(SNAPSHOT_CHUNK_BYTES);
    return found.snapshot;
  };

  const blocks = async (from: number, limit: number, bytes: number): Promise<Uint8Array> => {
    const found = await store.blocks(from, limit, bytes);
    return encodeAnswer(
      'blocks',
      found.map(({ header, commit, block }) => ({ header, commit, block })),
    );
  };
  const manifest = async (): Promise<Uint8Array> => {
    const newest = kept.at(-1);
    if (newest === undefined) return encodeAnswer('manifest', null);
    const [stored, validators, next] = await Promise.all([
      store.block(newest.height),
      store.validators(newest.height),
      store.validators(newest.height + 1),
    ]);
    if (stored === null || validators === null || next === null) return encodeAnswer('manifest', null);
    const snapshot = snapshotAt(newest.height);
    if (snapshot === null) return encodeAnswer('manifest', null);
    return encodeAnswer('manifest', {
      header: decodeHeader(stored.header),
      commit: decodeCommit(stored.commit),
      validators: decodeValidators(validators),
      nextValidators: next,
      manifest: snapshot.manifest,
    });
  };

  const answer = async (encoded: Uint8Array): Promise<Uint8Array | null> => {
    const question = decodeQuestion(encoded);
    switch (question.type) {
      case 'block': {
        const at = tip();
        return encodeAnswer(
          'block',
          agreement().candidate(question.hash) ?? (sameBytes(at.hash, question.hash) ? at.encoded : null),
        );
      }
      case 'blocks':
        return await blocks(question.from, question.limit, question.bytes);
      case 'votes': {
        if (question.height !== tip().height + 1) return encodeAnswer('votes', { proposals: [], votes: [] });
        const { proposals, votes } = agreement().known(ANSWER_VOTES_MAX, question.round);
        return encodeAnswer('votes', {
          proposals: proposals.slice(0, ANSWER_PROPOSALS_MAX),
          votes: votes.slice(0, ANSWER_VOTES_MAX),
        });
      }
      case 'manifest':
        return await manifest();
      case 'chunk': {
        const snapshot = snapshotAt(question.height);
        return encodeAnswer(
          'chunk',
          snapshot === null || question.index >= snapshot.chunks ? null : snapshot.chunk(question.index),
        );
      }
    }
  };

  return {
    answer: async (peer, question) => {
      const { questions, bytes } = peerOf(peer);
      if (!questions.take(1)) {
        offend(peer, 'spam', 'asks more than anybody may');
        return null;
      }
      try {
        const found = await answer(question);
        return found !== null && bytes.take(found.length) ? found : null;
      } catch (error) {
        if (!isNodeError(error)) throw error;
        if ((error.data as { verdict?: string }).verdict === 'reject') offend(peer, 'malformed', error.message);
        return null;
      }
    },
    keep: (height, state) => {
      kept.push({ height, state, snapshot: null, askedMs: -Infinity });
      const latest = clock.monotonicMs() - SNAPSHOT_ASKED_MS;
      for (let i = 0; i < kept.length - SNAPSHOTS_KEPT; )
        if (kept.length > SNAPSHOTS_MAX || kept[i]!.askedMs < latest) kept.splice(i, 1);
        else i += 1;
    },
    forget: (peer) => {
      peers.delete(peer);
    },
  };
};
