import {
  createCore,
  proposerPlace,
  type ConsensusCore,
  type CoreEffect,
  type CoreInput,
} from '../../main/kernel/consensus/core/index.ts';
import { sortValidators } from '../../main/kernel/consensus/formats/validators.ts';
import type { Commit, ConsensusParams, Proposal, Validator, Vote } from '../../main/kernel/consensus/interface.ts';
import { createPlots } from './core-plots.ts';
import { createDraw, type Draw } from './draw.ts';
import { hexOf, Violation } from './judge.ts';
import { isProposalSigned, isVoteSigned, keysOf, sealProposal, sealVote, type SimKeys } from './keys.ts';
import { createTrace } from './trace.ts';
import { createVirtualTime } from './virtual-time.ts';
import type { RunOptions, RunResult } from './world.ts';

// The algorithm alone, with messages as objects and blocks as names: a hundred times as many runs in the same time as with whole
// replicas, and harder ones. Liars are not the program with lying surroundings but a player that says whatever may hurt.

const PARAMS: ConsensusParams = {
  blockBytesMax: 64 * 1024,
  transactionsMax: 10,
  heartbeatMs: 400,
  proposeMs: 120,
  voteMs: 60,
  growMs: 40,
  commitMs: 20,
  clockAheadMs: 1_000,
  evidenceBlocksMax: 100,
};
const GOSSIP_MS = 250;
const RECOVERY_MS = 30_000;
const PROGRESS = 2;

interface Block {
  hash: Uint8Array;
  height: number;
  previous: string;
  isValid: boolean;
  /** Who built it. */
  by: Uint8Array;
}
type Message = { vote: Vote } | { proposal: Proposal };
interface Final {
  block: string;
  commit: Commit;
}
interface Player {
  name: string;
  keys: SimKeys;
  isLiar: boolean;
  /** Blocks that it has, by name; survives only where it was kept. */
  blocks: Set<string>;
  disk: { final: Final[]; entries: Uint8Array[]; kept: Set<string> };
  core: ConsensusCore | null;
  /** Of its process; whatever belongs to another one is void. */
  life: number;
  /** Writes that follow each other. */
  writingUntilMs: number;
  isWriting: Uint8Array | null;
  isDeciding: boolean;
}

/** One seed of the core-level simulation. */
export const runCoreSeed = async (seed: number, options: RunOptions = {}): Promise<RunResult> => {
  const draw: Draw = createDraw(seed, 11);
  const time = createVirtualTime();
  const trace = createTrace(options.print ?? null);
  const network = draw.bytes(32);
  let violation: string | null = null;
  const fail = (rule: string, detail: string): void => {
    violation ??= `${rule}: ${detail}`;
  };

  const count = options.nodes ?? draw.pick([1, 3, 4, 4, 4, 4, 5, 6, 7, 7]);
  const names = Array.from({ length: count }, (_, i) => `n${i}`);
  const powers = names.map(() => (draw.chance(600) ? 10 : draw.between(1, 30)));
  const total = powers.reduce((sum, power) => sum + power, 0);
  const liars = new Set<string>();
  if (draw.chance(800)) {
    let lying = 0;
    for (const i of draw.shuffled(names.map((_, index) => index)))
      if ((lying + powers[i]!) * 3 < total) {
        lying += powers[i]!;
        liars.add(names[i]!);
      }
  }
  const validators: Validator[] = sortValidators(
    names.map((name, i) => ({ id: keysOf(name).id, keys: keysOf(name).keys, power: powers[i]! })),
  );
  const healMs = draw.between(1_500, 6_000);
  const blocks = new Map<string, Block>();
  const chain: string[] = [hexOf(network)];
  const signed = new Map<string, string>();
  let evidence = 0;
  let rounds = 0;
  let isHealed = false;

  const players: Player[] = names.map((name) => ({
    name,
    keys: keysOf(name),
    isLiar: liars.has(name),
    blocks: new Set(),
    disk: { final: [], entries: [], kept: new Set() },
    core: null,
    life: 0,
    writingUntilMs: 0,
    isWriting: null,
    isDeciding: false,
  }));
  const honest = players.filter(({ isLiar }) => !isLiar);
  const note = (kind: string, who: string, detail: string): void => trace.add(time.nowMs, kind, who, detail);
  const heightOf = (player: Player): number => player.disk.final.length;
  const tipOf = (player: Player): string => player.disk.final.at(-1)?.block ?? chain[0]!;

  // The network: what is cut, and how bad the weather is.
  const cuts = new Set<string>();
  let lossPermille = draw.chance(500) ? draw.between(0, 300) : 0;
  let delayMax = draw.pick([10, 10, 60, 200]);
  const duplicatePermille = draw.chance(300) ? 150 : 0;
  const send = (from: string, to: Player, deliver: () => void): void => {
    if (!isHealed && (cuts.has(`${from}>${to.name}`) || draw.chance(lossPermille))) return;
    if (plots.isCutOff(from) || plots.isCutOff(to.name)) return;
    const times = draw.chance(duplicatePermille) ? 2 : 1;
    for (let i = 0; i < times; i++)
      time.after(draw.between(1, isHealed ? 10 : delayMax), () => {
        if (plots.isCutOff(from) || plots.isCutOff(to.name)) return;
        if (!cuts.has(`${from}>${to.name}`) || isHealed) deliver();
      });
  };
  const makeBlock = (by: Player, height: number, previous: string, isValid: boolean): Block => {
    const hash = draw.bytes(32);
    const block = { hash, height, previous, isValid, by: by.keys.id };
    blocks.set(hexOf(hash), block);
    return block;
  };

  /** Everybody checks the same objects: each once. */
  const checked = new WeakMap<Vote | Proposal, boolean>();
  const isSigned = (said: Vote | Proposal): boolean => {
    let holds = checked.get(said);
    if (holds === undefined) {
      const by = 'kind' in said ? said.validator : said.proposer;
      const signer = validators.find(({ id }) => Buffer.compare(id, by) === 0);
      holds =
        signer !== undefined &&
        ('kind' in said
          ? isVoteSigned(signer.keys, said, said.signature)
          : isProposalSigned(signer.keys, said, said.signature));
      checked.set(said, holds);
    }
    return holds;
  };
  const hear = (player: Player, message: Message, from: string): void => {
    if (player.core === null || !isSigned('vote' in message ? message.vote : message.proposal)) return;
    if (plots.hides(player, message)) return;
    if ('vote' in message) feed(player, { kind: 'vote', vote: message.vote, from });
    else {
      // The block travels beside it.
      player.blocks.add(hexOf(message.proposal.block));
      feed(player, { kind: 'proposal', proposal: message.proposal, from });
    }
  };
  const tell = (from: Player, message: Message, to: readonly Player[] = players): void => {
    for (const player of to)
      if (player !== from)
        send(from.name, player, () => (player.isLiar ? lie(player, message) : hear(player, message, from.name)));
  };

  /** Whether a player may vote for it now. */
  const mayFollow = (player: Player, name: string): boolean => {
    const block = blocks.get(name);
    return (
      block !== undefined && block.isValid && block.height === heightOf(player) + 1 && block.previous === tipOf(player)
    );
  };
  const decide = (player: Player, { block, commit }: Extract<CoreEffect, { kind: 'decide' }>, life: number): void => {
    const name = hexOf(block);
    // It may have got the final block from a neighbour meanwhile.
    if (player.life !== life || player.isDeciding || commit.height !== heightOf(player) + 1) return;
    if (!player.blocks.has(name)) {
      const source = draw.pick(players);
      if (source !== player && source.blocks.has(name))
        send(source.name, player, () => {
          if (player.life === life) player.blocks.add(name);
        });
      time.after(50, () => decide(player, { kind: 'decide', block, commit }, life));
      return;
    }
    player.isDeciding = true;
    time.after(draw.between(0, 5), () => {
      if (player.life === life) finish(player, { block: name, commit });
    });
  };
  const finish = (player: Player, final: Final): void => {
    const height = heightOf(player) + 1;
    const power = final.commit.signatures.reduce((sum, one, i) => sum + (one === null ? 0 : validators[i]!.power), 0);
    const isProved = final.commit.signatures.every(
      (one, i) =>
        one === null ||
        isVoteSigned(
          validators[i]!.keys,
          { network, kind: 'precommit', height, round: final.commit.round, block: blocks.get(final.block)!.hash },
          one,
        ),
    );
    if (power * 3 <= total * 2 || !isProved)
      fail('validity', `${player.name} decides height ${height} with ${power} of ${total}`);
    const block = blocks.get(final.block)!;
    if (!block.isValid || block.height !== height || block.previous !== tipOf(player))
      fail('validity', `${player.name} decides a block at ${height} that may not follow`);
    const turns = Array.from({ length: final.commit.round + 1 }, (_, round) =>
      proposerPlace(network, height, round, validators),
    );
    if (!turns.some((place) => Buffer.compare(validators[place]!.id, block.by) === 0))
      fail('validity', `${player.name} decides a block at ${height} of somebody whose turn it was not`);
    if (chain[height] === undefined) rounds += final.commit.round;
    chain[height] ??= final.block;
    if (chain[height] !== final.block)
      fail('one block per height', `${player.name} decides another block at height ${height}`);
    note('final', player.name, `${height}/${final.commit.round} ${final.block.slice(0, 8)}`);
    player.disk.final.push(final);
    plots.decided(player, height, final.block, final.commit.round);
    player.disk.entries = [];
    player.disk.kept = new Set();
    player.isDeciding = false;
    if (player.core !== null) begin(player);
  };
  const begin = (player: Player): void => {
    feed(player, {
      kind: 'next',
      height: heightOf(player) + 1,
      validators,
      params: PARAMS,
      self: player.keys.id,
      hasWork: draw.chance(600),
    });
  };

  const feed = (player: Player, input: CoreInput): void => {
    const { core, life } = player;
    if (core === null || violation !== null) return;
    let effects: CoreEffect[];
    try {
      effects = core.step(input);
    } catch (error) {
      fail('bug', `${player.name}: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`);
      return;
    }
    for (const effect of effects) act(player, effect, life);
  };
  const act = (player: Player, effect: CoreEffect, life: number): void => {
    const later = (ms: number, what: () => void): void => {
      time.after(ms, () => {
        if (player.life === life) what();
      });
    };
    switch (effect.kind) {
      case 'sign': {
        // Writes follow each other; a signature comes when its own has reached the disk.
        const writeMs = draw.chance(100) ? draw.between(0, 100) : draw.below(4);
        player.writingUntilMs = Math.max(player.writingUntilMs, time.nowMs) + writeMs;
        const { height } = effect.message.content;
        later(player.writingUntilMs - time.nowMs, () => {
          if (height === heightOf(player) + 1) player.disk.entries.push(effect.entry);
          for (const hash of effect.keep) player.disk.kept.add(hexOf(hash));
          sign(player, effect.message);
        });
        return;
      }
      case 'timeout':
        later(effect.afterMs * (isHealed ? 1 : 0.9 + draw.below(200) / 1000), () =>
          feed(player, { kind: 'timeout', height: effect.height, round: effect.round, step: effect.step }),
        );
        return;
      case 'build':
        later(draw.between(1, 15), () => {
          if (effect.height !== heightOf(player) + 1) return;
          const block = makeBlock(player, effect.height, tipOf(player), true);
          player.blocks.add(hexOf(block.hash));
          feed(player, { kind: 'built', height: effect.height, round: effect.round, block: block.hash });
        });
        return;
      case 'check': {
        const name = hexOf(effect.block);
        const source = players.find((one) => one.name === effect.from);
        const look = (): void => {
          if (player.blocks.has(name))
            feed(player, {
              kind: 'checked',
              height: effect.height,
              block: effect.block,
              valid: mayFollow(player, name),
            });
        };
        if (player.blocks.has(name)) later(draw.between(0, 8), look);
        else if (source !== undefined && source.blocks.has(name))
          send(source.name, player, () => {
            if (player.life !== life) return;
            player.blocks.add(name);
            look();
          });
        return;
      }
      case 'decide':
        decide(player, effect, life);
        return;
      case 'evidence':
        evidence += 1;
        note('evidence', player.name, `${effect.evidence.kind} ${effect.evidence.height}`);
        if (honest.some(({ keys }) => Buffer.compare(keys.id, effect.evidence.validator) === 0))
          fail('innocence', `${player.name} has evidence against somebody honest`);
        return;
      case 'behind':
      case 'missed':
    }
  };
  const sign = (player: Player, message: Extract<CoreEffect, { kind: 'sign' }>['message']): void => {
    const { content } = message;
    const place = `${player.name} ${message.kind === 'vote' ? message.content.kind : 'proposal'} ${content.height}/${content.round}`;
    const value = content.block === null ? '-' : hexOf(content.block);
    note('sign', player.name, `${place} ${value.slice(0, 8)}`);
    if ((signed.get(place) ?? value) !== value)
      fail('contradiction', `${place} for ${value.slice(0, 8)} after ${signed.get(place)!.slice(0, 8)}`);
    signed.set(place, value);
    const said: Vote | Proposal =
      message.kind === 'vote'
        ? { ...message.content, validator: player.keys.id, signature: sealVote(player.keys, message.content) }
        : { ...message.content, proposer: player.keys.id, signature: sealProposal(player.keys, message.content) };
    feed(player, { kind: 'signed', message: said });
    tell(player, 'kind' in said ? { vote: said } : { proposal: said });
  };

  const start = (player: Player): void => {
    if (player.core !== null || player.isLiar) return;
    player.life += 1;
    player.blocks = new Set([...player.disk.kept, ...player.disk.final.map(({ block }) => block)]);
    player.isDeciding = false;
    player.writingUntilMs = 0;
    player.core = createCore({ network });
    try {
      player.core.recover(player.disk.entries);
    } catch (error) {
      fail('bug', `${player.name} cannot recover: ${String(error)}`);
    }
    begin(player);
    gossip(player, player.life);
  };
  const crash = (player: Player): void => {
    note('crash', player.name, '');
    player.life += 1;
    player.core = null;
  };
  /** From time to time a neighbour is told what it may lack. */
  const gossip = (player: Player, life: number): void => {
    time.after(draw.between(GOSSIP_MS / 2, GOSSIP_MS), () => {
      if (player.life !== life || player.core === null) return;
      const peer = draw.pick(players);
      if (peer !== player && !peer.isLiar) {
        // As the replica does: what lets the neighbour go on from the round where it is.
        const { proposals, votes } = player.core.known(40, peer.core?.position().round);
        for (const proposal of proposals) send(player.name, peer, () => hear(peer, { proposal }, player.name));
        for (const vote of votes) send(player.name, peer, () => hear(peer, { vote }, player.name));
        // Whoever is behind gets the blocks that are final.
        const missing = player.disk.final[heightOf(peer)];
        if (missing !== undefined)
          send(player.name, peer, () => {
            if (peer.core === null || peer.isDeciding || heightOf(peer) + 1 !== missing.commit.height) return;
            peer.blocks.add(missing.block);
            finish(peer, missing);
          });
      }
      gossip(player, life);
    });
  };

  // Liars: whatever they hear makes them say something, to some. They know every block that was ever spoken of.
  const spoken: string[] = [];
  let heard: Vote | Proposal | null = null;
  const lie = (liar: Player, message: Message): void => {
    const said = 'vote' in message ? message.vote : message.proposal;
    heard = said;
    if (said.block !== null && !spoken.includes(hexOf(said.block))) spoken.push(hexOf(said.block));
    if (spoken.length > 12) spoken.shift();
    if (!plots.hears(said) && draw.chance(350)) harm(liar, said);
  };
  const harm = (liar: Player, { height, round }: { height: number; round: number }): void => {
    const some = draw.shuffled(honest).slice(0, draw.between(1, honest.length));
    const rest = honest.filter((one) => !some.includes(one));
    const at = { network, height, round: Math.max(0, round + (draw.chance(250) ? draw.between(-2, 3) : 0)) };
    const anyBlock = (): Uint8Array | null =>
      spoken.length === 0 || draw.chance(250) ? null : Buffer.from(draw.pick(spoken), 'hex');
    /** One that may follow, wherever somebody is at that height. */
    const freshBlock = (): Uint8Array | null => {
      const tip = honest.find((one) => heightOf(one) === height - 1);
      return tip === undefined ? null : makeBlock(liar, height, tipOf(tip), true).hash;
    };
    /** Whether it is this liar's turn: then what it proposes is looked at. */
    const isTurn =
      Buffer.compare(validators[proposerPlace(network, height, at.round, validators)]!.id, liar.keys.id) === 0;
    const say = (to: readonly Player[], kind: 'prevote' | 'precommit', block: Uint8Array | null): void => {
      const content = { ...at, kind, block };
      tell(liar, { vote: { ...content, validator: liar.keys.id, signature: sealVote(liar.keys, content) } }, to);
    };
    const offer = (to: readonly Player[], block: Uint8Array, validRound: number): void => {
      const content = { ...at, validRound, block };
      liar.blocks.add(hexOf(block));
      tell(liar, { proposal: { ...content, proposer: liar.keys.id, signature: sealProposal(liar.keys, content) } }, to);
    };
    const kind: 'prevote' | 'precommit' = draw.chance(500) ? 'prevote' : 'precommit';
    switch (isTurn && draw.chance(500) ? draw.between(3, 4) : draw.below(7)) {
      case 0:
        say(some, kind, anyBlock());
        say(rest, kind, anyBlock());
        return;
      case 1:
        say(some, 'prevote', anyBlock());
        say(some, 'precommit', anyBlock());
        return;
      case 2: {
        // Helps a real block along, before some only.
        const real = heard?.block ?? null;
        say(some, 'prevote', real);
        say(some, 'precommit', real);
        return;
      }
      case 3: {
        // Two blocks that may both follow, each before its half.
        const tip = honest.find((one) => heightOf(one) === height - 1);
        if (tip === undefined) return;
        offer(some, makeBlock(liar, height, tipOf(tip), true).hash, -1);
        offer(rest, makeBlock(liar, height, tipOf(tip), draw.chance(500)).hash, -1);
        return;
      }
      case 4: {
        // Says that a block had its prevotes in an earlier round.
        const block = draw.chance(500) ? freshBlock() : anyBlock();
        if (block !== null && at.round > 0)
          offer(draw.chance(500) ? honest : some, block, draw.chance(500) ? at.round - 1 : draw.below(at.round));
        return;
      }
      case 5: {
        // In another's name.
        const content = { ...at, kind, block: anyBlock() };
        const other = draw.pick(honest);
        tell(liar, { vote: { ...content, validator: other.keys.id, signature: sealVote(liar.keys, content) } }, some);
        return;
      }
      default:
        if (blocks.size > 0)
          offer(some, makeBlock(liar, height, draw.pick([...blocks.keys()].slice(-4)), false).hash, -1);
    }
  };

  const plots = createPlots<Player>({
    time,
    draw: draw.fork(),
    network,
    validators,
    honest,
    liars: players.filter(({ isLiar }) => isLiar),
    newest: () => chain.length - 1,
    isOver: () => isHealed,
    vote: (liar, to, place) => {
      const content = { network, ...place };
      tell(liar, { vote: { ...content, validator: liar.keys.id, signature: sealVote(liar.keys, content) } }, to);
    },
    offer: (liar, to, place) => {
      const tip = honest.find((one) => heightOf(one) === place.height - 1);
      if (tip === undefined) return;
      const { hash } = makeBlock(liar, place.height, tipOf(tip), true);
      const content = { network, ...place, block: hash };
      liar.blocks.add(hexOf(hash));
      spoken.push(hexOf(hash));
      const proposal = { ...content, proposer: liar.keys.id, signature: sealProposal(liar.keys, content) };
      tell(liar, { proposal }, to);
      plots.hears(proposal);
    },
    crash,
    start,
    note: (detail) => note('plot', '', detail),
  });
  // Some liars just talk; others have a plan.
  if (draw.chance(500)) plots.begin();
  for (const player of honest) time.after(draw.between(0, 200), () => start(player));
  // A liar needs nobody else to begin.
  for (const liar of players.filter(({ isLiar }) => isLiar))
    for (let atMs = 50; atMs < healMs + 2_000; atMs += draw.between(30, 250))
      time.after(atMs, () => harm(liar, { height: draw.pick(honest).disk.final.length + 1, round: heard?.round ?? 0 }));
  for (let i = draw.between(0, 12); i > 0; i--) {
    const player = draw.pick(players);
    const forMs = draw.between(20, 1_500);
    const kind = draw.below(4);
    time.after(draw.between(50, healMs - 100), () => {
      if (isHealed) return;
      if (kind < 2) {
        if (player.isLiar) return;
        crash(player);
        time.after(forMs, () => start(player));
      } else if (kind === 2) {
        const side = new Set(draw.shuffled(names).slice(0, draw.between(1, count)));
        const isOneWay = draw.chance(400);
        const cut = names.flatMap((from) =>
          names
            .filter((to) => side.has(from) !== side.has(to) && (!isOneWay || side.has(from)))
            .map((to) => `${from}>${to}`),
        );
        for (const one of cut) cuts.add(one);
        time.after(forMs, () => {
          for (const one of cut) cuts.delete(one);
        });
      } else {
        lossPermille = draw.between(0, 500);
        delayMax = draw.pick([10, 50, 250]);
      }
    });
  }
  if (draw.chance(150))
    time.after(draw.between(300, healMs - 200), () => {
      for (const player of honest) crash(player);
      for (const player of honest) time.after(draw.between(10, 300), () => start(player));
    });

  const goesOn = (): boolean => violation === null;
  try {
    await time.run(healMs, goesOn);
    isHealed = true;
    cuts.clear();
    for (const player of honest) start(player);
    const goal = chain.length - 1 + PROGRESS;
    const isThere = (): boolean => honest.every((player) => heightOf(player) >= goal);
    while (goesOn() && !isThere() && time.nowMs < healMs + RECOVERY_MS) await time.run(time.nowMs + 200, goesOn);
    if (goesOn() && !isThere()) {
      const slow = honest.find((player) => heightOf(player) < goal)!;
      const at = slow.core?.position();
      fail(
        'liveness',
        `${RECOVERY_MS} ms after the network healed ${slow.name} agrees on ${at?.height}/${at?.round} ${at?.step} and should have finished ${goal}`,
      );
    }
  } catch (error) {
    fail('bug', error instanceof Violation ? error.message : String((error as Error).stack));
  }
  return {
    seed,
    violation,
    trace: trace.digest(),
    virtualMs: time.nowMs,
    heights: chain.length - 1,
    rounds,
    transactions: 0,
    punished: evidence,
    events: time.fired,
    lies: [...liars],
  };
};
