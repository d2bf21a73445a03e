import { decodeCbor, encodeCbor } from '../../main/base/index.ts';
import type { LedgerState, SignedTransaction } from '../../main/kernel/blocks/index.ts';
import { decodeCommit, encodeCommit } from '../../main/kernel/consensus/formats/commit.ts';
import { ANSWER_BYTES_MAX } from '../../main/kernel/consensus/constants.ts';
import {
  decodeAnswer,
  decodeMessage,
  decodeQuestion,
  encodeAnswer,
  encodeMessage,
} from '../../main/kernel/consensus/formats/messages.ts';
import { encodeEvidence, evidenceOfVotes } from '../../main/kernel/consensus/formats/evidence.ts';
import type { Application, Validator, Vote, VoteSigner } from '../../main/kernel/consensus/interface.ts';
import type { Draw } from './draw.ts';
import type { SimKeys } from './keys.ts';
import type { Lie } from './plan.ts';

// A liar is the real program with some of its surroundings lying: what it hands to the network, what it answers, the application that
// carries out its blocks, its clock and its disk. So its messages have the right form, and only what they say is wrong.

export interface Liar {
  app(honest: Application): Application;
  outgoing(peer: string, message: Uint8Array): readonly Uint8Array[];
  answering(peer: string, question: Uint8Array, answer: Uint8Array | null): Uint8Array | null;
  /** Heard from others, for replays. */
  heard(message: Uint8Array): void;
  /** Called every 50 ms or so. @returns what it sends by itself */
  idle(): readonly { peer: string; message: Uint8Array }[];
  /** How far its wall clock is off, on purpose. */
  readonly clockOffMs: number;
}

export interface LiarComponents {
  draw: Draw;
  keys: SimKeys;
  /** Signs whatever it is given. */
  signer: VoteSigner;
  /** Other validators' ids. */
  others: readonly Uint8Array[];
  peers: readonly string[];
  /** Whoever it does not serve. */
  victim: Uint8Array;
  /** An update that makes money for the liar's account out of nothing. */
  mint(state: LedgerState): { key: string; value: Uint8Array };
  /** A signature of this liar under a vote, at once. */
  sealVote(content: Omit<Vote, 'validator' | 'signature'>): Vote['signature'];
}

const REPLAYED_MAX = 64;
/** Messages that it sends on its own account at most; a flood is heavy for whoever simulates it, too. */
const OWN_MAX = 400;

const flip = (draw: Draw, bytes: Uint8Array): Uint8Array => {
  const changed = Uint8Array.from(bytes);
  if (changed.length > 0) changed[draw.below(changed.length)]! ^= 1 << draw.below(8);
  return changed;
};

export const createLiar = (lies: readonly Lie[], components: LiarComponents): Liar => {
  const { draw, keys, others, peers, victim, mint, sealVote } = components;
  const has = (lie: Lie): boolean => lies.includes(lie);
  const kept: Uint8Array[] = [];
  let own = 0;
  let lastBlock: Uint8Array | null = null;
  let overheard: Vote | null = null;
  const keep = (message: Uint8Array): void => {
    if (kept.length < REPLAYED_MAX) kept.push(message);
    else kept[draw.below(REPLAYED_MAX)] = message;
  };
  const isSelf = (id: Uint8Array): boolean => Buffer.compare(id, keys.id) === 0;

  /** Own votes, otherwise than the program meant them. */
  const twist = (peer: string, message: Uint8Array): readonly Uint8Array[] => {
    const told = decodeMessage(message);
    if (told.type !== 'vote') return [message];
    const { vote } = told;
    if (vote.block !== null) lastBlock = vote.block;
    if (!isSelf(vote.validator)) return [message];
    const say = (changed: Vote): Uint8Array => encodeMessage({ type: 'vote', vote: changed });
    const resigned = (change: Partial<Vote>): Uint8Array =>
      say({ ...vote, ...change, signature: sealVote({ ...vote, ...change }) });
    const sent: Uint8Array[] = [];
    if (has('equivocate') && peers.indexOf(peer) % 2 === 1)
      sent.push(
        resigned({
          block: vote.block === null ? (lastBlock ?? draw.bytes(32)) : draw.chance(700) ? null : draw.bytes(32),
        }),
      );
    else sent.push(message);
    if (has('forge')) {
      if (others.length > 0) sent.push(say({ ...vote, validator: draw.pick(others) }));
      sent.push(say({ ...vote, signature: { ...vote.signature, ed25519: flip(draw, vote.signature.ed25519) } }));
    }
    if (has('replay')) sent.push(resigned({ network: draw.bytes(32) }));
    return sent;
  };

  /** As its question wants it, and yet wrong; rubbish now and then. */
  const falsified = (question: Uint8Array, answer: Uint8Array): Uint8Array | null => {
    try {
      const { type } = decodeQuestion(question);
      // Whoever shows a bad snapshot is not asked for its parts.
      if (type === 'manifest' && draw.chance(700)) return answer;
      if (type === 'chunk' && draw.chance(700)) return twistChunk(answer);
    } catch {
      // Another liar's question.
    }
    switch (draw.below(5)) {
      case 0:
        return flip(draw, answer);
      case 1:
        return answer.slice(0, draw.below(answer.length));
      case 2:
        return null;
      case 3:
        return kept.length > 0 ? draw.pick(kept) : new Uint8Array(0);
      default:
        try {
          return twistBlocks(answer);
        } catch {
          return flip(draw, answer);
        }
    }
  };
  /** Entries of the state that are others, or not there, in a part that has the right form. */
  const twistChunk = (answer: Uint8Array): Uint8Array => {
    const chunk = decodeAnswer({ type: 'chunk', height: 1, index: 0 }, answer);
    if (chunk === null) return answer;
    const pieces = decodeCbor(chunk) as unknown[][];
    const piece = draw.pick(pieces);
    const place = 2 * draw.below(piece.length / 2);
    const value = piece[place + 1] as Uint8Array;
    switch (piece.length > 2 ? draw.below(3) : 0) {
      case 0:
        piece[place + 1] = flip(draw, value);
        break;
      case 1:
        piece.splice(place, 2);
        break;
      default:
        piece[place + 1] = piece[(place + 3) % piece.length];
    }
    return encodeAnswer('chunk', encodeCbor(pieces));
  };
  /** Commits that too few signed, or one many times, and blocks in the wrong place. */
  const twistBlocks = (answer: Uint8Array): Uint8Array => {
    const blocks = decodeAnswer({ type: 'blocks', from: 1, limit: 1, bytes: ANSWER_BYTES_MAX }, answer);
    const twisted = blocks.map(({ header, block, commit }) => {
      const taken = decodeCommit(commit);
      const first = taken.signatures.find((one) => one !== null) ?? null;
      const signatures = draw.chance(500)
        ? taken.signatures.map((one) => (one === first ? one : null))
        : taken.signatures.map(() => first);
      return {
        header,
        block: block !== null && draw.chance(300) ? flip(draw, block) : block,
        commit: encodeCommit({ ...taken, signatures }),
      };
    });
    return encodeAnswer('blocks', draw.chance(200) ? twisted.reverse() : twisted);
  };

  /** The set that it would like, handed out once after a block of its own. */
  let nextSet: ((validators: readonly Validator[]) => readonly Validator[]) | null = null;
  const lyingApp = (honest: Application): Application => ({
    ...honest,
    check: (signed, state, place) =>
      has('censor') && Buffer.compare(signed.signerBytes, victim) === 0
        ? { accepted: false, code: 'CENSORED', reason: 'This one is not served here.' }
        : honest.check(signed, state, place),
    validators: (state) => {
      const validators = honest.validators(state);
      const change = nextSet;
      nextSet = null;
      return change === null ? validators : change(validators);
    },
    apply: function* (input, state) {
      if (!input.pick) return yield* honest.apply(input, state);
      const transactions = has('censor')
        ? input.transactions.filter(({ signerBytes }) => Buffer.compare(signerBytes, victim) !== 0)
        : input.transactions;
      const output = yield* honest.apply({ ...input, transactions }, state);
      if (!output.ok || !has('invalid-blocks') || draw.chance(300)) return output;
      switch (draw.below(4)) {
        case 0:
          // Money from nothing.
          return { ...output, updates: [...output.updates, mint(state)] };
        case 1: {
          // The same transaction twice.
          const twice: SignedTransaction[] = [...output.taken, ...output.taken.slice(0, 1)];
          return { ...output, taken: twice };
        }
        case 2:
          // One that does not hold, and a state as if it were not there.
          return {
            ...output,
            taken: [...output.taken, ...transactions.filter((one) => !output.taken.includes(one)).slice(0, 1)],
          };
        default:
          nextSet = (validators) =>
            validators.map((one) => (isSelf(one.id) ? { ...one, power: one.power + 1000 } : one));
          return output;
      }
    },
  });

  return {
    clockOffMs: has('invalid-blocks') && draw.chance(300) ? draw.pick([-3_600_000, 3_600_000, 20_000]) : 0,
    app: (honest) => (has('invalid-blocks') || has('censor') ? lyingApp(honest) : honest),
    heard: (message) => {
      if (has('replay') || has('flood')) keep(message);
      if (!has('forge') || !draw.chance(100)) return;
      try {
        const told = decodeMessage(message);
        if (told.type === 'vote') overheard = told.vote;
      } catch {
        // Another liar's.
      }
    },
    outgoing: (peer, message) => {
      if (has('withhold') && draw.chance(peers.indexOf(peer) % 2 === 0 ? 900 : 200)) return [];
      if (has('equivocate') || has('forge') || has('replay')) {
        if (has('replay')) keep(message);
        try {
          return twist(peer, message);
        } catch {
          // Rubbish of its own making passes as it is.
        }
      }
      return [message];
    },
    answering: (_peer, question, answer) => {
      if (has('withhold') && draw.chance(500)) return null;
      if (!has('false-answers') || answer === null || answer.length === 0) return answer;
      keep(answer);
      return draw.chance(800) ? falsified(question, answer) : answer;
    },
    idle: () => {
      const sent: { peer: string; message: Uint8Array }[] = [];
      if (peers.length === 0 || own >= OWN_MAX) return sent;
      const say = (message: Uint8Array): void => {
        own += 1;
        sent.push({ peer: draw.pick(peers), message });
      };
      if (has('replay') && kept.length > 0 && draw.chance(400)) say(draw.pick(kept));
      if (has('forge') && overheard !== null && draw.chance(300)) {
        // Accuses somebody of what nobody signed.
        const other = { ...overheard, block: draw.bytes(32) };
        const accusation = evidenceOfVotes(overheard, other);
        if (accusation !== null) say(encodeMessage({ type: 'evidence', evidence: encodeEvidence(accusation) }));
      }
      if (has('flood'))
        for (let i = draw.below(6); i > 0; i--) {
          if (kept.length > 0 && draw.chance(600))
            say(draw.chance(500) ? flip(draw, draw.pick(kept)) : draw.pick(kept));
          else say(draw.chance(500) ? draw.bytes(draw.between(0, 200)) : encodeCbor(['votes', [draw.bytes(40)]]));
        }
      return sent;
    },
  };
};
