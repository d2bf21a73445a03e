import { encodeCbor } from '../../../base/index.ts';
import type { Hash } from '../../blocks/index.ts';
import {
  ANSWER_BLOCKS_MAX,
  ANSWER_BYTES_MAX,
  ANSWER_PROPOSALS_MAX,
  ANSWER_VOTES_MAX,
  BLOCK_BYTES_MAX,
  CHUNKS_MAX,
  COMMIT_BYTES_MAX,
  EVIDENCE_BYTES_MAX,
  HEADER_BYTES_MAX,
  HEIGHT_MAX,
  INLINE_BLOCK_BYTES_MAX,
  MESSAGE_BYTES_MAX,
  MESSAGE_TRANSACTIONS_MAX,
  PARAM_BOUNDS,
  QUESTION_BYTES_MAX,
  SET_BYTES_MAX,
} from '../constants.ts';
import { CHUNK_BYTES_MAX, MANIFEST_BYTES_MAX } from '../state/index.ts';
import type { Proposal, Vote } from '../interface.ts';
import { type LightBlock, lightBlockValue, readLightBlock } from './light-block.ts';
import { createReader } from './reader.ts';
import { proposalValue, readProposal, readVote, voteValue } from './vote.ts';

// docs/formats/consensus-messages.md

/** What goes to a peer without being asked for. */
export type Message =
  /** Where its sender stands: the height and round that it agrees on, and the first block that it still has whole (0: none). */
  | { type: 'hello'; network: Hash; height: number; round: number; oldest: number }
  | { type: 'vote'; vote: Vote }
  /** `block`: null where it is large, to be asked for by its hash. */
  | { type: 'proposal'; proposal: Proposal; block: Uint8Array | null }
  | { type: 'transactions'; transactions: readonly Uint8Array[] }
  | { type: 'evidence'; evidence: Uint8Array };

/** What a peer is asked for. */
export type Question =
  | { type: 'block'; hash: Hash }
  /** Final blocks from a height on, as many as fit into `bytes`, one at least. */
  | { type: 'blocks'; from: number; limit: number; bytes: number }
  | { type: 'votes'; height: number; round: number }
  /** The newest snapshot. */
  | { type: 'manifest' }
  | { type: 'chunk'; height: number; index: number };

/** One final block; `block` is null where only the header is kept. */
export interface BlockAnswer {
  header: Uint8Array;
  commit: Uint8Array;
  block: Uint8Array | null;
}
/** State of a height, and why to believe it. */
export interface SnapshotAnswer extends LightBlock {
  /** Encoded set that signs the next block; its hash stands in the header. */
  nextValidators: Uint8Array;
  /** As the state's tree made it. */
  manifest: Uint8Array;
}
export interface Answers {
  block: Uint8Array | null;
  blocks: readonly BlockAnswer[];
  votes: { proposals: readonly Proposal[]; votes: readonly Vote[] };
  manifest: SnapshotAnswer | null;
  chunk: Uint8Array | null;
}

const readMessage = createReader('The message of the agreement');
const readQuestion = createReader('The question about the ledger');
const readAnswer = createReader('The answer about the ledger');
const VOTE_ITEMS = 16;
const TYPES = ['hello', 'vote', 'proposal', 'transactions', 'evidence'] as const;
const QUESTIONS = ['block', 'blocks', 'votes', 'manifest', 'chunk'] as const;

const typeOf = (value: unknown): unknown =>
  typeof value === 'object' && value !== null && 'type' in value ? value.type : undefined;

export const encodeMessage = (message: Message): Uint8Array => {
  switch (message.type) {
    case 'hello':
    case 'transactions':
    case 'evidence':
      return encodeCbor(message);
    case 'vote':
      return encodeCbor({ type: message.type, vote: voteValue(message.vote) });
    case 'proposal':
      return encodeCbor({ type: message.type, proposal: proposalValue(message.proposal), block: message.block });
  }
};

/** Form alone; what is inside as bytes is decoded by whoever looks at it. @throws {ConsensusFormatError} */
export const decodeMessage = (encoded: Uint8Array): Message => {
  const read = readMessage;
  const value = read.decode(encoded, MESSAGE_BYTES_MAX, MESSAGE_TRANSACTIONS_MAX + 32);
  const type = read.oneOf(typeOf(value), TYPES, 'its type');
  switch (type) {
    case 'hello': {
      const fields = read.fields(value, ['type', 'network', 'height', 'round', 'oldest'], 'it');
      return {
        type,
        network: read.hash(fields.network, 'its network'),
        height: read.height(fields.height),
        round: read.round(fields.round),
        oldest: read.whole(fields.oldest, 0, HEIGHT_MAX, 'its oldest block'),
      };
    }
    case 'vote':
      return { type, vote: readVote(read.fields(value, ['type', 'vote'], 'it').vote, read) };
    case 'proposal': {
      const fields = read.fields(value, ['type', 'proposal', 'block'], 'it');
      return {
        type,
        proposal: readProposal(fields.proposal, read),
        block: fields.block === null ? null : read.bytesUpTo(fields.block, INLINE_BLOCK_BYTES_MAX, 'its block'),
      };
    }
    case 'transactions': {
      const { transactions } = read.fields(value, ['type', 'transactions'], 'it');
      const list = read.list(transactions, MESSAGE_TRANSACTIONS_MAX, 'the list of transactions');
      if (list.length === 0) throw read.malformed('there are no transactions');
      return {
        type,
        transactions: list.map((one) => read.bytesUpTo(one, PARAM_BOUNDS.blockBytesMax[1], 'a transaction')),
      };
    }
    case 'evidence':
      return {
        type,
        evidence: read.bytesUpTo(
          read.fields(value, ['type', 'evidence'], 'it').evidence,
          EVIDENCE_BYTES_MAX,
          'the evidence',
        ),
      };
  }
};

export const encodeQuestion = (question: Question): Uint8Array => encodeCbor(question);

/** @throws {ConsensusFormatError} */
export const decodeQuestion = (encoded: Uint8Array): Question => {
  const read = readQuestion;
  const value = read.decode(encoded, QUESTION_BYTES_MAX, 8);
  const type = read.oneOf(typeOf(value), QUESTIONS, 'its type');
  switch (type) {
    case 'block':
      return { type, hash: read.hash(read.fields(value, ['type', 'hash'], 'it').hash, 'its hash') };
    case 'blocks': {
      const fields = read.fields(value, ['type', 'from', 'limit', 'bytes'], 'it');
      return {
        type,
        from: read.whole(fields.from, 1, HEIGHT_MAX, 'its first height'),
        limit: read.whole(fields.limit, 1, ANSWER_BLOCKS_MAX, 'its number of blocks'),
        bytes: read.whole(fields.bytes, 1, ANSWER_BYTES_MAX, 'its number of bytes'),
      };
    }
    case 'votes': {
      const fields = read.fields(value, ['type', 'height', 'round'], 'it');
      return { type, height: read.height(fields.height), round: read.round(fields.round) };
    }
    case 'manifest':
      read.fields(value, ['type'], 'it');
      return { type };
    case 'chunk': {
      const fields = read.fields(value, ['type', 'height', 'index'], 'it');
      return {
        type,
        height: read.height(fields.height),
        index: read.whole(fields.index, 0, CHUNKS_MAX - 1, 'its index'),
      };
    }
  }
};

/** Bytes of the largest answer to a question: what whoever asks reads at most. */
export const answerBytesMax = (question: Question): number => {
  switch (question.type) {
    case 'block':
      return BLOCK_BYTES_MAX + 64;
    case 'blocks':
      return Math.max(question.bytes, BLOCK_BYTES_MAX + HEADER_BYTES_MAX + COMMIT_BYTES_MAX) + 64 * ANSWER_BLOCKS_MAX;
    case 'votes':
      return ANSWER_BYTES_MAX;
    case 'manifest':
      return MANIFEST_BYTES_MAX + 2 * SET_BYTES_MAX + COMMIT_BYTES_MAX + 2 * HEADER_BYTES_MAX;
    case 'chunk':
      return CHUNK_BYTES_MAX + 64;
  }
};

export const encodeAnswer = <T extends Question['type']>(type: T, answer: Answers[T]): Uint8Array => {
  const given: { [K in Question['type']]?: Answers[K] } = { [type]: answer };
  if (given.votes !== undefined)
    return encodeCbor({
      type,
      proposals: given.votes.proposals.map(proposalValue),
      votes: given.votes.votes.map(voteValue),
    });
  if (given.manifest !== undefined && given.manifest !== null) {
    const { nextValidators, manifest } = given.manifest;
    return encodeCbor({ type, manifest: { light: lightBlockValue(given.manifest), nextValidators, manifest } });
  }
  return encodeCbor({ type, [type]: answer });
};

const readers: { [T in Question['type']]: (value: unknown) => Answers[T] } = {
  block: (value) => {
    const { block } = readAnswer.fields(value, ['type', 'block'], 'it');
    return block === null ? null : readAnswer.bytesUpTo(block, BLOCK_BYTES_MAX, 'the block');
  },
  blocks: (value) =>
    readAnswer
      .list(readAnswer.fields(value, ['type', 'blocks'], 'it').blocks, ANSWER_BLOCKS_MAX, 'the list of blocks')
      .map((one) => {
        const fields = readAnswer.fields(one, ['header', 'commit', 'block'], 'a block');
        return {
          header: readAnswer.bytesUpTo(fields.header, HEADER_BYTES_MAX, 'a header'),
          commit: readAnswer.bytesUpTo(fields.commit, COMMIT_BYTES_MAX, 'a commit'),
          block: fields.block === null ? null : readAnswer.bytesUpTo(fields.block, BLOCK_BYTES_MAX, 'a block'),
        };
      }),
  votes: (value) => {
    const fields = readAnswer.fields(value, ['type', 'proposals', 'votes'], 'it');
    return {
      proposals: readAnswer
        .list(fields.proposals, ANSWER_PROPOSALS_MAX, 'the list of proposals')
        .map((one) => readProposal(one, readAnswer)),
      votes: readAnswer
        .list(fields.votes, ANSWER_VOTES_MAX, 'the list of votes')
        .map((one) => readVote(one, readAnswer)),
    };
  },
  manifest: (value) => {
    const { manifest: found } = readAnswer.fields(value, ['type', 'manifest'], 'it');
    if (found === null) return null;
    const fields = readAnswer.fields(found, ['light', 'nextValidators', 'manifest'], 'the snapshot');
    return {
      ...readLightBlock(fields.light, readAnswer),
      nextValidators: readAnswer.bytesUpTo(fields.nextValidators, SET_BYTES_MAX, 'the next set of validators'),
      manifest: readAnswer.bytesUpTo(fields.manifest, MANIFEST_BYTES_MAX, 'the manifest'),
    };
  },
  chunk: (value) => {
    const { chunk } = readAnswer.fields(value, ['type', 'chunk'], 'it');
    return chunk === null ? null : readAnswer.bytesUpTo(chunk, CHUNK_BYTES_MAX, 'the chunk');
  },
};

/** An answer to that very question. @throws {ConsensusFormatError} */
export const decodeAnswer = <T extends Question['type']>(
  question: Extract<Question, { type: T }>,
  encoded: Uint8Array,
): Answers[T] => {
  const itemsMax = VOTE_ITEMS * (ANSWER_VOTES_MAX + ANSWER_PROPOSALS_MAX) + 4 * ANSWER_BLOCKS_MAX;
  const value = readAnswer.decode(encoded, answerBytesMax(question), itemsMax);
  if (typeOf(value) !== question.type) throw readAnswer.malformed('it answers another question');
  return readers[question.type](value);
};
