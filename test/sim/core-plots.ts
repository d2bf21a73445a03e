import { proposerPlace, type ConsensusCore } from '../../main/kernel/consensus/core/index.ts';
import type { Proposal, Validator, Vote, VoteKind } from '../../main/kernel/consensus/interface.ts';
import type { Draw } from './draw.ts';
import { hexOf } from './judge.ts';
import type { VirtualTime } from './virtual-time.ts';

// The strongest attacker there can be before the network heals: it decides which message gets through, when who falls, and what the
// liars say, and all of it serves one end. Somebody honest decides a block, and nobody hears of it; then everything is done so that the
// others decide another one. Chance alone would take millions of runs to get there.

/** An honest player as an attacker sees it. */
interface Target {
  readonly name: string;
  readonly keys: { readonly id: Uint8Array };
  readonly core: ConsensusCore | null;
  readonly life: number;
}
interface Plot {
  height: number;
  /** Decides, and is not heard from then on. */
  winner: Target;
  /** Do not get to know that a block had its prevotes, so that they lock nothing. */
  blind: ReadonlySet<Target>;
  /** What the winner decided, and in which round. */
  hidden: { block: string; round: number } | null;
  /** Whether the others fall once it has. */
  crashes: boolean;
  /** Whether blocks of liars are said to have had their prevotes already. */
  claims: boolean;
  endsMs: number;
  /** Who of the honest heard whose votes, by name, life, kind, round and block. */
  heard: Map<string, Set<string>>;
  /** What the liars did already. */
  done: Set<string>;
}

export interface Plots<P extends Target> {
  /** Begins one plot after the other. */
  begin(): void;
  /** Whether a message does not get to somebody honest. */
  hides(to: P, message: { vote: Vote } | { proposal: Proposal }): boolean;
  isCutOff(name: string): boolean;
  /** The liars hear something. @returns whether a plot is what they say next */
  hears(said: Vote | Proposal): boolean;
  decided(by: P, height: number, block: string, round: number): void;
}
export interface PlotsComponents<P extends Target> {
  time: VirtualTime;
  draw: Draw;
  network: Uint8Array;
  validators: readonly Validator[];
  honest: readonly P[];
  liars: readonly P[];
  /** Blocks that are final somewhere. */
  newest(): number;
  /** Whether the network has healed. */
  isOver(): boolean;
  vote(
    liar: P,
    to: readonly P[],
    content: { kind: VoteKind; height: number; round: number; block: Uint8Array | null },
  ): void;
  /** A new block that may follow. */
  offer(liar: P, to: readonly P[], place: { height: number; round: number; validRound: number }): void;
  crash(player: P): void;
  start(player: P): void;
  note(detail: string): void;
}

/** Between two looks of the attacker at where everybody is. */
const LOOK_MS = 15;
/** How long a block may take to be decided, and the one against it. */
const LURE_MS = 1_500;
const HIDDEN_MS = [600, 3_000] as const;

export const createPlots = <P extends Target>(components: PlotsComponents<P>): Plots<P> => {
  const { time, draw, network, validators, honest, liars, newest, isOver, vote, offer, crash, start, note } =
    components;
  const powers = new Map(validators.map(({ id, power }) => [hexOf(id), power]));
  const total = validators.reduce((sum, { power }) => sum + power, 0);
  const powerOf = (player: Target): number => powers.get(hexOf(player.keys.id)) ?? 0;
  const isQuorum = (power: number): boolean => power * 3 > total * 2;
  let plot: (Plot & { winner: P }) | null = null;

  const others = (): P[] => honest.filter((one) => one !== plot?.winner);
  const isNews = (what: string): boolean => {
    if (plot === null || plot.done.has(what)) return false;
    plot.done.add(what);
    return true;
  };

  const hatch = (): void => {
    // Without the winner the others have to be enough for a block.
    const winners = honest.filter((one) => one.core !== null && isQuorum(total - powerOf(one)));
    if (winners.length === 0) return;
    const winner = draw.pick(winners);
    const blind = new Set<Target>();
    let seeing = total;
    for (const one of draw.shuffled(honest))
      if (one !== winner && draw.chance(300) && isQuorum(seeing - powerOf(one))) {
        blind.add(one);
        seeing -= powerOf(one);
      }
    plot = {
      height: newest() + draw.between(1, 2),
      winner,
      blind,
      hidden: null,
      crashes: draw.chance(500),
      claims: draw.chance(500),
      endsMs: time.nowMs + LURE_MS,
      heard: new Map(),
      done: new Set(),
    };
    note(`${winner.name} is to decide ${plot.height} alone`);
    look(plot);
  };
  const give = (): void => {
    if (plot === null) return;
    note('given up');
    const { winner } = plot;
    plot = null;
    start(winner);
  };
  const again = (fromMs: number, toMs: number): void => {
    time.after(draw.between(fromMs, toMs), () => {
      if (isOver()) return;
      if (plot === null) hatch();
      again(50, 600);
    });
  };

  /** Liars speak in every round, or the others would wait for them. */
  const look = (mine: Plot): void => {
    if (plot !== mine) return;
    if (isOver() || time.nowMs > mine.endsMs) return give();
    for (const one of honest) {
      const at = one.core?.position();
      if (at === undefined || at.height !== mine.height || (mine.hidden !== null && one === mine.winner)) continue;
      enter(mine, at.round);
    }
    time.after(LOOK_MS, () => look(mine));
  };
  const enter = (mine: Plot, round: number): void => {
    const { height, hidden, blind } = mine;
    const stage = hidden === null ? 'lure' : 'hidden';
    const turn = validators[proposerPlace(network, height, round, validators)]!;
    const proposer = liars.find(({ keys }) => Buffer.compare(keys.id, turn.id) === 0);
    if (proposer !== undefined && isNews(`offer ${round}`)) {
      const isProvable = hidden !== null && mine.claims && round > hidden.round;
      offer(
        proposer,
        honest.filter((one) => (hidden === null ? !blind.has(one) : one !== mine.winner)),
        { height, round, validRound: isProvable ? draw.between(hidden.round, round - 1) : -1 },
      );
    }
    if (hidden === null || !isNews(`${stage} nothing ${round}`)) return;
    time.after(draw.between(10, 200), () => {
      if (plot !== mine) return;
      for (const liar of liars)
        for (const kind of ['prevote', 'precommit'] as const)
          vote(liar, others(), { kind, height, round, block: null });
    });
  };

  return {
    begin: () => again(50, 1_500),
    hides: (to, message) => {
      if (plot === null || isOver() || to === plot.winner) return false;
      if ('proposal' in message)
        return plot.hidden === null && message.proposal.height === plot.height && plot.blind.has(to);
      const { kind, height, round, block, validator } = message.vote;
      if (height !== plot.height || block === null) return false;
      const name = hexOf(block);
      const isHarmless = plot.hidden === null ? kind === 'prevote' && !plot.blind.has(to) : name !== plot.hidden.block;
      if (isHarmless) return false;
      const key = `${to.name} ${to.life} ${kind} ${round} ${name}`;
      // What it says itself counts, too, unless it cannot come to say so.
      const heard = plot.heard.get(key) ?? new Set(plot.blind.has(to) ? [] : [hexOf(to.keys.id)]);
      const all = new Set([...heard, hexOf(validator)]);
      if (isQuorum([...all].reduce((sum, id) => sum + (powers.get(id) ?? 0), 0))) return true;
      plot.heard.set(key, all);
      return false;
    },
    isCutOff: (name) => plot !== null && plot.hidden !== null && plot.winner.name === name && !isOver(),
    hears: (said) => {
      if (plot === null || isOver() || said.height !== plot.height) return false;
      const { winner, blind, hidden } = plot;
      const { height, round, block } = said;
      if (block === null) return true;
      const name = hexOf(block);
      if (!isNews(`${hidden === null ? 'lure' : 'hidden'} ${round} ${name}`)) return true;
      if (hidden !== null && name === hidden.block) return true;
      for (const liar of liars)
        if (hidden === null) {
          // The winner sees a block that all want, and the others a round that comes to nothing.
          const seeing = honest.filter((one) => !blind.has(one));
          vote(liar, seeing, { kind: 'prevote', height, round, block });
          vote(liar, [...(blind as Set<P>)], { kind: 'prevote', height, round, block: null });
          vote(liar, [winner], { kind: 'precommit', height, round, block });
          vote(liar, others(), { kind: 'precommit', height, round, block: null });
        } else
          for (const kind of ['prevote', 'precommit'] as const) vote(liar, others(), { kind, height, round, block });
      return true;
    },
    decided: (by, height, block, round) => {
      if (plot === null || height !== plot.height || plot.hidden !== null) return;
      if (by !== plot.winner) return give();
      const mine = plot;
      mine.hidden = { block, round };
      mine.endsMs = time.nowMs + draw.between(...HIDDEN_MS);
      note(`${by.name} has decided ${height}/${round}`);
      if (draw.chance(300)) crash(by);
      if (!mine.crashes) return;
      // All at the same moment, or each at its own.
      const together = draw.chance(500) ? { at: draw.between(1, 60), forMs: draw.between(5, 100) } : null;
      for (const one of others())
        if (draw.chance(850))
          time.after(together?.at ?? draw.between(1, 200), () => {
            if (plot !== mine || one.core === null) return;
            crash(one);
            time.after(together?.forMs ?? draw.between(5, 300), () => start(one));
          });
    },
  };
};
