import type { Hash } from '../../blocks/index.ts';
import { evidenceOfProposals, evidenceOfVotes } from '../formats/evidence.ts';
import { hexOf, sameBytes } from '../formats/reader.ts';
import { isMoreThanAThird, isMoreThanTwoThirds, powerOf } from '../formats/validators.ts';
import { proposalPayload } from '../formats/vote.ts';
import type { Evidence, Proposal, Validator, Vote, VoteKind, VoteSignature } from '../interface.ts';

/** Rounds behind the present one whose votes are kept; those that a lock rests on stay however old. */
const ROUNDS_BEHIND_MAX = 32;
/** A vote and one that contradicts it: as many as count, and as make evidence. */
const PER_VALIDATOR_MAX = 2;

interface HeldVote {
  vote: Vote;
  /** Hex; null: for none. */
  block: string | null;
}
interface Round {
  /** By the place of the validator. */
  prevote: Map<number, HeldVote[]>;
  precommit: Map<number, HeldVote[]>;
  proposal: Proposal | null;
  /** Its proposer has contradicted itself already. */
  hasTwo: boolean;
}

/** All that was heard of one height. */
export interface VoteBook {
  readonly total: number;
  /** Place in the set, or undefined. */
  place(id: Uint8Array): number | undefined;
  /** @param now - the present round @returns what is news; evidence where it contradicts what was heard before */
  addVote(vote: Vote, from: string | null, now: number): { added: boolean; evidence: Evidence | null };
  addProposal(proposal: Proposal, from: string | null, now: number): { added: boolean; evidence: Evidence | null };
  proposal(round: number): Proposal | null;
  /** Block (null: none) that more than two thirds voted for in a round; undefined: no such. */
  quorum(round: number, kind: VoteKind): Hash | null | undefined;
  /** Whether more than two thirds prevoted for that very block. */
  isBacked(round: number, block: Hash): boolean;
  /** Whether more than two thirds voted for whatever. */
  hasTwoThirds(round: number, kind: VoteKind): boolean;
  /** A block that more than two thirds precommitted in one round. */
  decision(): { round: number; block: Hash } | null;
  /** The latest round above `round` that more than a third have reached, and a vote of each of them; null: none. */
  skipTo(round: number): { round: number; votes: readonly Vote[] } | null;
  /** Precommits for a block, in the order of the set. */
  signatures(round: number, block: Hash): (VoteSignature | null)[];
  votes(round: number, kind: VoteKind): readonly Vote[];
  rounds(): readonly number[];
  /** Who spoke of a block last; null: nobody but this node. */
  whoHas(block: Hash): string | null;
  /** Forgets rounds far behind, but for those named. */
  forget(now: number, keep: readonly number[]): void;
}

export const createVoteBook = (validators: readonly Validator[], futureVotesMax: number): VoteBook => {
  const total = powerOf(validators);
  const places = new Map(validators.map(({ id }, place) => [hexOf(id), place]));
  const rounds = new Map<number, Round>();
  const speakers = new Map<string, string>();
  /** Proposals of a whole turn are kept ahead of time. */
  const proposalsAhead = Math.max(validators.length, futureVotesMax);

  const roundAt = (round: number): Round => {
    const found = rounds.get(round);
    if (found !== undefined) return found;
    const made: Round = { prevote: new Map(), precommit: new Map(), proposal: null, hasTwo: false };
    rounds.set(round, made);
    return made;
  };
  const powerWhere = (votes: Map<number, HeldVote[]>, holds: (held: HeldVote) => boolean): number => {
    let power = 0;
    for (const [place, held] of votes) if (held.some(holds)) power += validators[place]!.power;
    return power;
  };
  /** Too far behind to matter, unless the proposal of the present round rests on it. */
  const isPast = (round: number, now: number): boolean =>
    round < now - ROUNDS_BEHIND_MAX && !rounds.has(round) && rounds.get(now)?.proposal?.validRound !== round;
  /**
   * A proposal rests on prevotes of an earlier round, and this is one of them. It counts although its signer has said two other
   * things already: otherwise a liar who said them here, and this elsewhere, would keep the two sides from ever agreeing.
   */
  const isWanted = ({ kind, round, block }: Vote): boolean =>
    kind === 'prevote' &&
    block !== null &&
    [...rounds.values()].some(
      ({ proposal }) => proposal !== null && proposal.validRound === round && sameBytes(proposal.block, block),
    );
  const hear = (block: Hash | null, from: string | null): void => {
    if (block !== null && from !== null) speakers.set(hexOf(block), from);
  };

  /** Makes room for a vote of a later round; whoever votes in many is counted in the latest. */
  const hasRoom = (place: number, round: number, now: number): boolean => {
    const later = [...rounds].filter(([number]) => number > now);
    const held = later.flatMap(([number, { prevote, precommit }]) =>
      [prevote, precommit].flatMap((votes) => (votes.get(place) ?? []).map(() => ({ number, votes }))),
    );
    if (held.length < futureVotesMax) return true;
    const lowest = held.reduce((one, other) => (other.number < one.number ? other : one));
    if (lowest.number >= round) return false;
    lowest.votes.delete(place);
    const { prevote, precommit, proposal } = roundAt(lowest.number);
    if (prevote.size + precommit.size === 0 && proposal === null) rounds.delete(lowest.number);
    return true;
  };

  const book: VoteBook = {
    total,
    place: (id) => places.get(hexOf(id)),
    addVote: (vote, from, now) => {
      const nothing = { added: false, evidence: null };
      const place = places.get(hexOf(vote.validator));
      if (place === undefined) return nothing;
      if (isPast(vote.round, now)) return nothing;
      const before = rounds.get(vote.round)?.[vote.kind].get(place) ?? [];
      const block = vote.block === null ? null : hexOf(vote.block);
      if (before.some((held) => held.block === block)) return nothing;
      if (before.length >= PER_VALIDATOR_MAX && !isWanted(vote)) return nothing;
      if (vote.round > now && !hasRoom(place, vote.round, now)) return nothing;
      const contradicted = before[0];
      hear(vote.block, from);
      roundAt(vote.round)[vote.kind].set(place, [...before, { vote, block }]);
      const isFirst = before.length === 1 && contradicted !== undefined;
      return { added: true, evidence: isFirst ? evidenceOfVotes(contradicted.vote, vote) : null };
    },
    addProposal: (proposal, from, now) => {
      const nothing = { added: false, evidence: null };
      const { round } = proposal;
      if (round > now + proposalsAhead || isPast(round, now)) return nothing;
      const known = roundAt(round);
      if (known.proposal === null) {
        known.proposal = proposal;
        hear(proposal.block, from);
        return { added: true, evidence: null };
      }
      if (known.hasTwo || sameBytes(proposalPayload(known.proposal), proposalPayload(proposal))) return nothing;
      known.hasTwo = true;
      return { added: false, evidence: evidenceOfProposals(known.proposal, proposal) };
    },
    proposal: (round) => rounds.get(round)?.proposal ?? null,
    quorum: (round, kind) => {
      const votes = rounds.get(round)?.[kind];
      if (votes === undefined) return undefined;
      const sums = new Map<string | null, { power: number; block: Hash | null }>();
      for (const [place, held] of votes)
        for (const { vote, block } of held) {
          const sum = sums.get(block) ?? { power: 0, block: vote.block };
          sum.power += validators[place]!.power;
          sums.set(block, sum);
        }
      for (const { power, block } of sums.values()) if (isMoreThanTwoThirds(power, total)) return block;
      return undefined;
    },
    isBacked: (round, block) => {
      const votes = rounds.get(round)?.prevote;
      const name = hexOf(block);
      return (
        votes !== undefined &&
        isMoreThanTwoThirds(
          powerWhere(votes, (held) => held.block === name),
          total,
        )
      );
    },
    hasTwoThirds: (round, kind) => {
      const votes = rounds.get(round)?.[kind];
      return (
        votes !== undefined &&
        isMoreThanTwoThirds(
          powerWhere(votes, () => true),
          total,
        )
      );
    },
    decision: () => {
      for (const round of book.rounds()) {
        const block = book.quorum(round, 'precommit');
        if (block !== undefined && block !== null) return { round, block };
      }
      return null;
    },
    skipTo: (now) => {
      // A third cannot be liars alone: one of them is honest, and has reached the earliest of their rounds at least.
      const reached = new Map<number, Vote>();
      let power = 0;
      for (const round of [...book.rounds()].reverse()) {
        if (round <= now) return null;
        for (const votes of [roundAt(round).prevote, roundAt(round).precommit])
          for (const [place, held] of votes)
            if (!reached.has(place)) {
              reached.set(place, held[0]!.vote);
              power += validators[place]!.power;
            }
        if (isMoreThanAThird(power, total)) return { round, votes: [...reached.values()] };
      }
      return null;
    },
    signatures: (round, block) => {
      const votes = rounds.get(round)?.precommit;
      const name = hexOf(block);
      return validators.map(
        (_, place) => votes?.get(place)?.find((held) => held.block === name)?.vote.signature ?? null,
      );
    },
    votes: (round, kind) =>
      [...(rounds.get(round)?.[kind] ?? [])]
        .sort(([one], [other]) => one - other)
        .flatMap(([, held]) => held.map(({ vote }) => vote)),
    rounds: () => [...rounds.keys()].sort((one, other) => one - other),
    whoHas: (block) => speakers.get(hexOf(block)) ?? null,
    forget: (now, keep) => {
      for (const round of rounds.keys())
        if (round < now - ROUNDS_BEHIND_MAX && !keep.includes(round)) rounds.delete(round);
      const spokenOf = new Set<string>();
      for (const { prevote, precommit, proposal } of rounds.values()) {
        if (proposal !== null) spokenOf.add(hexOf(proposal.block));
        for (const votes of [prevote, precommit])
          for (const held of votes.values()) for (const { block } of held) if (block !== null) spokenOf.add(block);
      }
      for (const name of speakers.keys()) if (!spokenOf.has(name)) speakers.delete(name);
    },
  };
  return book;
};
