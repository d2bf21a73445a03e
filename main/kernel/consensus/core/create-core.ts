import { assert } from '../../../base/index.ts';
import type { Hash } from '../../blocks/index.ts';
import { hexOf, sameBytes } from '../formats/reader.ts';
import type { Evidence, Proposal, Vote, VoteKind } from '../interface.ts';
import { type Backed, decodeEntry, encodeEntry, type Entry, type OwnMessage } from './entry.ts';
import { beginHeight, createPastDecision, type HeightState, type PastDecision } from './height.ts';
import type { ConsensusCore, CoreEffect, CoreInit, CoreInput, TimeoutStep } from './interface.ts';
import { createLookAhead } from './look-ahead.ts';
import { proposerPlace } from './proposer.ts';

/** A time-out of a late round: long after any network has answered, and short enough for a person to wait. */
const TIMEOUT_MS_MAX = 600_000;
const FUTURE_VOTES_MAX = 8;

const nameOf = (message: OwnMessage): string =>
  `${message.content.round}/${message.kind === 'vote' ? message.content.kind : 'proposal'}`;

const isFor = (vote: Vote, block: Hash): boolean => vote.block !== null && sameBytes(vote.block, block);

/**
 * Tendermint as in arXiv 1807.04938, algorithm 1; "line" in the comments is a line of it. Where it differs: a height may wait for
 * work before its first round; more than two thirds of prevotes count for a block although its proposal was not seen (a liar may
 * have proposed two), and more than two thirds of precommits decide before the block is at hand.
 */
export const createCore = (init: CoreInit): ConsensusCore => {
  const { network } = init;
  const futureVotesMax = init.futureVotesMax ?? FUTURE_VOTES_MAX;
  const ahead = createLookAhead(futureVotesMax);
  let at: HeightState | null = null;
  let recovered: readonly Entry[] = [];
  let past: PastDecision | null = null;
  let decided: Backed | null = null;
  let effects: CoreEffect[] = [];

  const emit = (effect: CoreEffect): void => {
    effects.push(effect);
  };
  const tell = (evidence: Evidence | null): void => {
    if (evidence !== null) emit({ kind: 'evidence', evidence });
  };
  const schedule = (h: HeightState, step: TimeoutStep, ms: number): void => {
    const afterMs =
      step === 'commit' || step === 'heartbeat' ? ms : Math.min(ms + h.round * h.params.growMs, TIMEOUT_MS_MAX);
    emit({ kind: 'timeout', height: h.height, round: h.round, step, afterMs });
  };
  const proposerOf = (h: HeightState, round: number): Uint8Array =>
    h.validators[proposerPlace(network, h.height, round, h.validators)]!.id;

  /** Asks for a signature; whatever is said twice was said before a crash, and is the same. */
  const askToSign = (h: HeightState, message: OwnMessage): void => {
    assert(h.self !== null, 'Only a validator signs.');
    // Before a lock is written down, the block that it is on is: nobody else may have it after a crash of all.
    const keep = [h.locked?.block, h.valid?.block, message.kind === 'proposal' ? message.content.block : undefined]
      .filter((block) => block !== undefined)
      .filter((block) => {
        const isNews = !h.kept.has(hexOf(block));
        h.kept.add(hexOf(block));
        return isNews;
      });
    const { valid } = h;
    const isProved = valid === null || valid.round <= h.provedRound;
    const backing = isProved ? [] : h.book.votes(valid.round, 'prevote').filter((one) => isFor(one, valid.block));
    const proof = [...h.entered, ...backing];
    h.entered = [];
    h.provedRound = Math.max(h.provedRound, valid?.round ?? -1);
    const entry = encodeEntry({ self: h.self, message, locked: h.locked, valid, proof });
    emit({ kind: 'sign', message, entry, keep });
  };
  const say = (h: HeightState, message: OwnMessage): void => {
    if (h.self === null || h.book.place(h.self) === undefined || h.mine.has(nameOf(message))) return;
    h.mine.set(nameOf(message), message);
    askToSign(h, message);
  };
  const vote = (h: HeightState, kind: VoteKind, block: Hash | null): void => {
    h.step = kind;
    say(h, { kind: 'vote', content: { network, kind, height: h.height, round: h.round, block } });
  };
  const propose = (h: HeightState, block: Hash, validRound: number): void => {
    say(h, { kind: 'proposal', content: { network, height: h.height, round: h.round, validRound, block } });
  };

  /** Whether a block may follow; undefined: asked, and not known yet. */
  const soundness = (h: HeightState, block: Hash, proposer: Uint8Array | null): boolean | undefined => {
    const name = hexOf(block);
    if (h.sound.has(name)) return true;
    if (h.unsound.has(name)) return false;
    if (!h.asked.has(name)) {
      h.asked.add(name);
      emit({ kind: 'check', height: h.height, round: h.round, block, from: h.book.whoHas(block), proposer });
    }
    return undefined;
  };

  /** Line 11. */
  const startRound = (h: HeightState, round: number, entered: readonly Vote[] = []): void => {
    h.round = round;
    h.entered = entered;
    h.step = 'propose';
    h.isGathering = false;
    h.asked = new Set();
    h.unsound = new Set();
    h.timeouts = new Set();
    h.building = null;
    const rests = [h.locked?.round, h.valid?.round, h.book.proposal(round)?.validRound];
    h.book.forget(
      round,
      rests.filter((one) => one !== undefined),
    );
    schedule(h, 'propose', h.params.proposeMs);
    if (h.self === null || !sameBytes(proposerOf(h, round), h.self) || h.mine.has(`${round}/proposal`)) return;
    if (h.valid !== null) propose(h, h.valid.block, h.valid.round);
    else {
      h.building = round;
      emit({ kind: 'build', height: h.height, round });
    }
  };

  /** Line 49: of any round of this height, whether or not its proposal was seen. */
  const tryDecide = (h: HeightState): boolean => {
    const decision = h.book.decision();
    if (decision === null) return false;
    h.step = 'commit';
    h.isGathering = false;
    decided = decision;
    const { round, block } = decision;
    const signatures = h.book.signatures(round, block);
    emit({ kind: 'decide', block, commit: { height: h.height, round, block, signatures } });
    return true;
  };
  /** Line 55; and a height that waits for work begins where others have begun it. */
  const trySkip = (h: HeightState): boolean => {
    const isWaiting = h.step === 'waiting';
    const skip = h.book.skipTo(isWaiting ? -1 : h.round);
    if (skip !== null) startRound(h, skip.round, skip.votes);
    else if (isWaiting && h.book.proposal(0) !== null) startRound(h, 0);
    else return false;
    return true;
  };
  /** Lines 22 and 28. */
  const tryPrevote = (h: HeightState): boolean => {
    const proposal = h.book.proposal(h.round);
    if (h.step !== 'propose' || proposal === null) return false;
    const { block, validRound } = proposal;
    if (validRound >= 0 && !h.book.isBacked(validRound, block)) return false;
    const sound = soundness(h, block, validRound < 0 ? proposal.proposer : null);
    if (sound === undefined) return false;
    const isFree = h.locked === null || h.locked.round <= validRound || sameBytes(h.locked.block, block);
    vote(h, 'prevote', sound && isFree ? block : null);
    return true;
  };
  /** Lines 34, 36 and 44. */
  const tryPrecommit = (h: HeightState): boolean => {
    if (h.step !== 'prevote' && h.step !== 'precommit') return false;
    const block = h.book.quorum(h.round, 'prevote');
    if (block === null && h.step === 'prevote') {
      vote(h, 'precommit', null);
      return true;
    }
    if (block !== undefined && block !== null && soundness(h, block, null) === true) {
      const backed = { round: h.round, block };
      const isLater = (h.valid?.round ?? -1) < h.round;
      if (isLater) h.valid = backed;
      if (h.step === 'prevote') {
        h.locked = backed;
        vote(h, 'precommit', block);
        return true;
      }
      return false;
    }
    if (h.step === 'prevote' && !h.timeouts.has('prevote') && h.book.hasTwoThirds(h.round, 'prevote')) {
      h.timeouts.add('prevote');
      schedule(h, 'prevote', h.params.voteMs);
    }
    return false;
  };
  /** Line 47. */
  const awaitPrecommits = (h: HeightState): void => {
    if (h.step === 'waiting' || h.step === 'commit' || h.timeouts.has('precommit')) return;
    if (!h.book.hasTwoThirds(h.round, 'precommit')) return;
    h.timeouts.add('precommit');
    schedule(h, 'precommit', h.params.voteMs);
  };
  const evaluate = (h: HeightState): void => {
    while (h.step !== 'commit' && (tryDecide(h) || trySkip(h) || tryPrevote(h) || tryPrecommit(h)));
    awaitPrecommits(h);
  };

  const idle = (h: HeightState): void => {
    h.isGathering = false;
    if (h.hasWork) startRound(h, 0);
    else schedule(h, 'heartbeat', h.params.heartbeatMs);
  };
  const hear = (h: HeightState, input: Extract<CoreInput, { kind: 'vote' | 'proposal' }>): void => {
    const { height } = input.kind === 'vote' ? input.vote : input.proposal;
    if (height > h.height) {
      if (ahead.keep(h.height, input)) emit({ kind: 'behind', height });
      return;
    }
    if (height === h.height) {
      addHeard(h, input.kind === 'vote' ? input.vote : input.proposal, input.from);
      evaluate(h);
    } else if (input.kind === 'vote' && past?.height === height && at?.height === height + 1) {
      tell(past.add(input.vote));
      if (h.isGathering && past.isComplete) idle(h);
    }
  };
  const addHeard = (h: HeightState, message: Vote | Proposal, from: string | null): void => {
    if (!sameBytes(message.network, network)) return;
    if ('kind' in message) tell(h.book.addVote(message, from, h.round).evidence);
    else if (sameBytes(message.proposer, proposerOf(h, message.round)))
      tell(h.book.addProposal(message, from, h.round).evidence);
  };

  /** Goes on where a crash, or the loss of the keys, cut this validator off. @param isBack - it followed this height without a voice */
  const resume = (h: HeightState, isBack: boolean): void => {
    const own = recovered.filter(
      ({ self, message }) => h.self !== null && message.content.height === h.height && sameBytes(self, h.self),
    );
    recovered = recovered.filter((entry) => !own.includes(entry));
    for (const { message, locked, valid, proof } of own) {
      assert(sameBytes(message.content.network, network), 'A log of one network is read for that network.');
      const known = h.mine.get(nameOf(message));
      assert(
        known === undefined || sameBytes(known.content.block ?? network, message.content.block ?? network),
        'What was written down never contradicts itself.',
      );
      h.mine.set(nameOf(message), message);
      if (locked !== null && locked.round > (h.locked?.round ?? -1)) h.locked = locked;
      if (valid !== null && valid.round > (h.valid?.round ?? -1)) h.valid = valid;
      for (const one of proof) h.book.addVote(one, null, one.round);
      h.provedRound = Math.max(h.provedRound, valid?.round ?? -1);
    }
    if (h.mine.size === 0 && (h.step === 'waiting' || !isBack)) return;
    // Never back: a lock that was given up for an earlier one would be none.
    const round = Math.max(h.round, ...[...h.mine.values()].map(({ content }) => content.round));
    startRound(h, round, round === h.round ? h.entered : []);
    if (h.mine.has(`${round}/prevote`)) h.step = 'prevote';
    if (h.mine.has(`${round}/precommit`)) h.step = 'precommit';
    // Perhaps none of it was sent: what names a block is signed once more, as a lock or a decision may rest on it, and what belongs
    // to the last round. Once each, however often it stands in the log.
    for (const message of new Map(own.map((entry) => [nameOf(entry.message), entry.message])).values())
      if (message.content.block !== null || message.content.round === round) askToSign(h, message);
  };

  const next = (input: Extract<CoreInput, { kind: 'next' }>): void => {
    if (at !== null && at.height === input.height) {
      const isBack = at.self === null && input.self !== null;
      at.self = input.self;
      at.hasWork ||= input.hasWork;
      if (at.step === 'commit' || !isBack) return;
      resume(at, true);
      evaluate(at);
      return;
    }
    assert(at === null || input.height > at.height, 'Heights only rise.');
    past =
      at !== null && decided !== null && input.height === at.height + 1
        ? createPastDecision(network, at.height, at.validators, decided, at.book)
        : null;
    decided = null;
    const h = beginHeight(input, futureVotesMax);
    at = h;
    resume(h, false);
    for (const one of ahead.take(h.height)) addHeard(h, one.kind === 'vote' ? one.vote : one.proposal, one.from);
    evaluate(h);
    if (h.step !== 'waiting') return;
    if (past === null || past.isComplete || h.params.commitMs === 0) idle(h);
    else {
      h.isGathering = true;
      schedule(h, 'commit', h.params.commitMs);
    }
    evaluate(h);
  };

  const timeout = (h: HeightState, { round, step }: Extract<CoreInput, { kind: 'timeout' }>): void => {
    if (round !== h.round) return;
    switch (step) {
      case 'commit':
        if (h.step === 'waiting' && h.isGathering) idle(h);
        break;
      case 'heartbeat':
        if (h.step === 'waiting' && !h.isGathering) startRound(h, 0);
        break;
      // Line 57.
      case 'propose':
        if (h.step !== 'propose') return;
        if (h.book.proposal(round) === null)
          emit({ kind: 'missed', height: h.height, round, proposer: proposerOf(h, round) });
        vote(h, 'prevote', null);
        break;
      // Line 61.
      case 'prevote':
        if (h.step === 'prevote') vote(h, 'precommit', null);
        break;
      // Line 65.
      case 'precommit':
        if (h.step !== 'commit' && h.step !== 'waiting') startRound(h, round + 1, h.book.votes(round, 'precommit'));
    }
    evaluate(h);
  };

  const take = (h: HeightState, input: Exclude<CoreInput, { kind: 'next' }>): void => {
    switch (input.kind) {
      case 'vote':
      case 'proposal':
        hear(h, input);
        return;
      case 'signed':
        if (input.message.height === h.height) addHeard(h, input.message, null);
        else if ('kind' in input.message && at?.height === input.message.height + 1)
          tell(past?.add(input.message) ?? null);
        break;
      case 'checked':
        if (input.height !== h.height) return;
        (input.valid ? h.sound : h.unsound).add(hexOf(input.block));
        break;
      case 'built':
        if (input.height !== h.height || h.building !== input.round || h.step !== 'propose') return;
        h.building = null;
        if (input.block === null) return;
        h.sound.add(hexOf(input.block));
        propose(h, input.block, -1);
        break;
      case 'timeout':
        if (input.height === h.height) timeout(h, input);
        return;
      case 'work':
        h.hasWork = true;
        if (h.step === 'waiting' && !h.isGathering) startRound(h, 0);
    }
    evaluate(h);
  };

  return {
    step: (input) => {
      effects = [];
      if (input.kind === 'next') next(input);
      else {
        assert(at !== null, 'A core is told the height before anything else.');
        take(at, input);
      }
      return effects;
    },
    recover: (entries) => {
      assert(at === null, 'What was remembered is read before the first height begins.');
      recovered = entries.map(decodeEntry);
    },
    position: () => ({ height: at?.height ?? 0, round: at?.round ?? 0, step: at?.step ?? 'waiting' }),
    known: (limit, round) => {
      if (at === null) return { proposals: [], votes: [] };
      const { book, valid, round: now } = at;
      const rests = [book.proposal(now)?.validRound, valid?.round, decided?.round].filter((one) => one !== undefined);
      const later = book.rounds().filter((one) => one >= (round ?? now));
      const order = [...new Set([now, ...rests, ...later.reverse(), ...book.rounds()])];
      const votes = order.flatMap((one) => [...book.votes(one, 'precommit'), ...book.votes(one, 'prevote')]);
      const proposals = order.flatMap((one) => book.proposal(one) ?? []);
      return { proposals: proposals.slice(0, limit), votes: votes.slice(0, limit) };
    },
    lastCommit: () => (past !== null && at?.height === past.height + 1 ? past.commit() : null),
  };
};
