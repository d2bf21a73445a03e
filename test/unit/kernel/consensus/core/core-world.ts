import { assert, encodeCbor, sha256, type Random } from '../../../../../main/base/index.ts';
import {
  type Commit,
  type ConsensusCore,
  type ConsensusParams,
  type CoreEffect,
  type CoreInput,
  createCore,
  type Evidence,
  hexOf,
  type Proposal,
  proposerPlace,
  type Validator,
  type Vote,
  type VoteSignature,
} from '../../../../../main/kernel/consensus/index.ts';

export const NETWORK = sha256(new Uint8Array([1]));
export const PARAMS: ConsensusParams = {
  blockBytesMax: 65_536,
  transactionsMax: 100,
  heartbeatMs: 5_000,
  proposeMs: 300,
  voteMs: 100,
  growMs: 50,
  commitMs: 100,
  clockAheadMs: 1_000,
  evidenceBlocksMax: 100,
};
/** Stands for what the driver has checked before the core hears of it. */
export const SIGNATURE: VoteSignature = { ed25519: new Uint8Array(64), falcon1024: new Uint8Array(1280) };

export const makeSet = (powers: readonly number[]): Validator[] =>
  powers
    .map((_, i) => sha256(encodeCbor(['validator', i])))
    .sort((one, other) => Buffer.compare(one, other))
    .map((id, i) => ({
      id,
      keys: { ed25519: new Uint8Array(32), falcon1024: new Uint8Array(1793) },
      power: powers[i]!,
    }));

export const blockOf = (...parts: (string | number)[]): Uint8Array => sha256(encodeCbor(['block', ...parts]));

const nameOf = ({ validator, round, kind, block }: Vote): string =>
  `${hexOf(validator)}/${round}/${kind}/${block === null ? '' : hexOf(block)}`;

/** Something that has been begun and comes to a node some time. */
type Pending =
  | { to: number; what: 'input'; input: CoreInput; isTimeout: boolean; isMessage: boolean }
  | { to: number; what: 'sign'; effect: Extract<CoreEffect, { kind: 'sign' }> }
  | { to: number; what: 'check'; height: number; block: Uint8Array }
  | { to: number; what: 'commit'; height: number; commit: Commit };

interface Node {
  core: ConsensusCore;
  height: number;
  /** What survives a crash. */
  log: Uint8Array[];
  kept: Set<string>;
  /** Blocks at hand. */
  blocks: Set<string>;
}

export interface WorldInit {
  powers: readonly number[];
  random: Random;
  /** Places of those who say what they like. */
  liars?: readonly number[];
  /** Breaks the driver on purpose: what is remembered is gone after a crash. */
  forgets?: boolean;
}

/** Cores without a clock: anything under way may come next, be lost or come twice, and a time-out may fire whenever it likes. */
export const createCoreWorld = ({ powers, random, liars = [], forgets = false }: WorldInit) => {
  const validators = makeSet(powers);
  let pending: Pending[] = [];
  const sound = new Set<string>();
  const unsound = new Set<string>();
  const decisions = new Map<number, string>();
  const commits = new Map<number, Commit>();
  /** Everything that honest ones signed. */
  const signed = new Map<string, string>();
  const evidence: Evidence[] = [];
  let made = 0;

  const begin = (node: Node, place: number): CoreInput => ({
    kind: 'next',
    height: node.height + 1,
    validators,
    params: PARAMS,
    self: validators[place]!.id,
    hasWork: random.below(2) === 0,
  });
  const nodes = validators.map((_, place): Node | null =>
    liars.includes(place)
      ? null
      : { core: createCore({ network: NETWORK }), height: 0, log: [], kept: new Set(), blocks: new Set() },
  );

  const deliver = (place: number, input: CoreInput): void => {
    const node = nodes[place];
    if (node === null || node === undefined) return;
    for (const effect of node.core.step(input)) perform(place, node, effect);
  };
  const send = (message: Vote | Proposal, from: number, to: readonly number[]): void => {
    for (const place of to) {
      if (nodes[place] === null || place === from) continue;
      const input: CoreInput =
        'kind' in message
          ? { kind: 'vote', vote: message, from: String(from) }
          : { kind: 'proposal', proposal: message, from: String(from) };
      pending.push({ to: place, what: 'input', input, isTimeout: false, isMessage: true });
    }
  };
  const all = validators.map((_, place) => place);

  const perform = (place: number, node: Node, effect: CoreEffect): void => {
    switch (effect.kind) {
      case 'sign':
        pending.push({ to: place, what: 'sign', effect });
        break;
      case 'timeout': {
        const { height, round, step } = effect;
        const input: CoreInput = { kind: 'timeout', height, round, step };
        pending.push({ to: place, what: 'input', input, isTimeout: true, isMessage: false });
        break;
      }
      case 'build': {
        const block = blockOf(place, effect.height, effect.round, made++);
        sound.add(hexOf(block));
        node.blocks.add(hexOf(block));
        const input: CoreInput = { kind: 'built', height: effect.height, round: effect.round, block };
        pending.push({ to: place, what: 'input', input, isTimeout: false, isMessage: false });
        break;
      }
      case 'check':
        pending.push({ to: place, what: 'check', height: effect.height, block: effect.block });
        break;
      case 'decide': {
        const power = effect.commit.signatures.reduce((sum, one, i) => sum + (one === null ? 0 : powers[i]!), 0);
        assert(3 * power > 2 * powers.reduce((sum, one) => sum + one, 0), 'a commit has more than two thirds');
        pending.push({ to: place, what: 'commit', height: effect.commit.height, commit: effect.commit });
        break;
      }
      case 'evidence':
        evidence.push(effect.evidence);
        break;
      case 'behind':
      case 'missed':
    }
  };

  const settle = (place: number, node: Node, height: number, commit: Commit): void => {
    if (height !== node.height + 1) return;
    const name = hexOf(commit.block);
    assert(sound.has(name), 'no block is final that may not follow');
    assert((decisions.get(height) ?? name) === name, `two blocks are final at height ${height}`);
    decisions.set(height, name);
    commits.set(height, commit);
    node.height = height;
    node.log = [];
    node.kept = new Set();
    deliver(place, begin(node, place));
  };

  /** What a node writes down it writes in order. */
  const take = (picked: Pending): Pending => {
    const one = picked.what === 'sign' ? pending.find(({ what, to }) => what === 'sign' && to === picked.to)! : picked;
    pending.splice(pending.indexOf(one), 1);
    return one;
  };
  const carryOut = (one: Pending): void => {
    const node = nodes[one.to]!;
    switch (one.what) {
      case 'input':
        deliver(one.to, one.input);
        break;
      case 'sign': {
        const { message, entry, keep } = one.effect;
        // Stale: the height went on meanwhile, and the store with it.
        if (message.content.height <= node.height) return;
        for (const block of keep) {
          assert(node.blocks.has(hexOf(block)), 'what is to be kept is at hand');
          node.kept.add(hexOf(block));
        }
        node.log.push(entry);
        const self = validators[one.to]!.id;
        const kind = message.kind === 'vote' ? message.content.kind : 'proposal';
        const name = `${one.to}/${message.content.height}/${message.content.round}/${kind}`;
        const words = hexOf(encodeCbor(message.content));
        assert((signed.get(name) ?? words) === words, `validator ${one.to} contradicts itself: ${name}`);
        signed.set(name, words);
        const said: Vote | Proposal =
          message.kind === 'vote'
            ? { ...message.content, validator: self, signature: SIGNATURE }
            : { ...message.content, proposer: self, signature: SIGNATURE };
        deliver(one.to, { kind: 'signed', message: said });
        send(said, one.to, all);
        break;
      }
      case 'check': {
        const name = hexOf(one.block);
        const isThere = nodes.some((other) => other?.blocks.has(name)) || unsound.has(name);
        if (!isThere) {
          // Nobody has it now. Asked again until the height is over.
          if (one.height === node.height + 1) pending.push(one);
          return;
        }
        node.blocks.add(name);
        deliver(one.to, { kind: 'checked', height: one.height, block: one.block, valid: sound.has(name) });
        break;
      }
      case 'commit':
        settle(one.to, node, one.height, one.commit);
    }
  };

  const crash = (place: number): void => {
    const node = nodes[place];
    if (node === null || node === undefined) return;
    pending = pending.filter((one) => one.to !== place || (one.what === 'input' && one.isMessage));
    node.core = createCore({ network: NETWORK });
    node.blocks = new Set(node.kept);
    node.core.recover(forgets ? [] : node.log);
    deliver(place, begin(node, place));
  };

  /** One thing that a liar may do: votes and proposals of any kind, for any of the blocks, to anybody. */
  const lie = (liar: number): void => {
    const heights = nodes.flatMap((node) => (node === null ? [] : [node.core.position()]));
    const { height, round: present } = heights[random.below(heights.length)]!;
    if (height === 0) return;
    const round = Math.max(0, present - 1 + random.below(4));
    const self = validators[liar]!.id;
    const known = [...sound, ...unsound];
    const pick = (): Uint8Array => {
      if (known.length > 0 && random.below(4) > 0)
        return new Uint8Array(Buffer.from(known[known.length - 1 - random.below(Math.min(known.length, 4))]!, 'hex'));
      const block = blockOf('liar', liar, height, made++);
      (random.below(2) === 0 ? sound : unsound).add(hexOf(block));
      for (const node of nodes) if (random.below(2) === 0) node?.blocks.add(hexOf(block));
      return block;
    };
    const to = all.filter(() => random.below(2) === 0);
    const isTurn = proposerPlace(NETWORK, height, round, validators) === liar;
    const signature = SIGNATURE;
    if (isTurn && random.below(2) === 0) {
      const validRound = round > 0 && random.below(2) === 0 ? random.below(round) : -1;
      send({ network: NETWORK, height, round, validRound, block: pick(), proposer: self, signature }, liar, to);
    } else {
      const kind = random.below(2) === 0 ? 'prevote' : 'precommit';
      const block = random.below(3) === 0 ? null : pick();
      send({ network: NETWORK, kind, height, round, block, validator: self, signature }, liar, to);
    }
  };

  /** What nodes tell each other from time to time: votes that the other may lack, and final blocks. */
  const gossip = (from: number, to: number): void => {
    const [one, other] = [nodes[from], nodes[to]];
    if (one === null || one === undefined || other === null || other === undefined || from === to) return;
    if (one.height > other.height) {
      const commit = commits.get(other.height + 1)!;
      pending.push({ to, what: 'commit', height: other.height + 1, commit });
      return;
    }
    const { height, round } = other.core.position();
    if (one.core.position().height !== height) return;
    const { proposals, votes } = one.core.known(400, round);
    const there = other.core.known(400, 0);
    for (const proposal of proposals)
      if (!there.proposals.some((known) => known.round === proposal.round)) send(proposal, from, [to]);
    const names = new Set(there.votes.map(nameOf));
    for (const vote of votes) if (!names.has(nameOf(vote))) send(vote, from, [to]);
  };

  for (const [place, node] of nodes.entries()) if (node !== null) deliver(place, begin(node, place));

  return {
    nodes,
    decisions,
    evidence,
    validators,
    /** @param steps - each one message, time-out, crash, lie or loss, whichever comes */
    disturb: (steps: number): void => {
      for (let step = 0; step < steps; step++) {
        const dice = random.below(100);
        if (dice < 2) crash(random.below(nodes.length));
        else if (dice < 10 && liars.length > 0) lie(liars[random.below(liars.length)]!);
        else if (dice < 14) gossip(random.below(nodes.length), random.below(nodes.length));
        else if (pending.length > 0) {
          const place = random.below(pending.length);
          const one = pending[place]!;
          // Time-outs are rarer than messages, or nothing would ever be agreed on.
          if (one.what === 'input' && one.isTimeout && random.below(4) > 0) continue;
          const isLost = one.what === 'input' && one.isMessage && random.below(10) === 0;
          const isTwice = one.what === 'input' && one.isMessage && random.below(10) === 0;
          if (isTwice) carryOut(one);
          else if (isLost) pending.splice(place, 1);
          else carryOut(take(one));
        }
      }
    },
    crashAll: (): void => {
      for (const place of all) crash(place);
    },
    /** Everything arrives, in any order, and time-outs fire only when nothing else is under way. */
    heal: (height: number, stepsMax: number): boolean => {
      let toldAt = '';
      const places = (): string => JSON.stringify(nodes.map((node) => node?.core.position()));
      for (let step = 0; step < stepsMax; step++) {
        if (nodes.every((node) => node === null || node.height >= height)) return true;
        const isReady = (one: Pending): boolean => one.what !== 'input' || !one.isTimeout;
        const ready = pending.filter(isReady);
        const isStuck = ready.every((one) => one.what === 'check' && !isAtHand(one.block));
        if (isStuck) {
          if (toldAt !== places()) {
            toldAt = places();
            for (const from of all) for (const to of all) gossip(from, to);
            continue;
          }
          // Those who are behind first, as time-outs grow with the rounds: some time all are in one round long enough.
          const timeouts = pending.flatMap((one) =>
            one.what === 'input' && one.input.kind === 'timeout' ? [{ one, at: one.input }] : [],
          );
          const lowest = Math.min(...timeouts.map(({ at }) => at.height));
          const round = Math.min(...timeouts.flatMap(({ at }) => (at.height === lowest ? [at.round] : [])));
          const first = timeouts.filter(({ at }) => at.height === lowest && at.round === round);
          if (first.length === 0) return false;
          carryOut(take(first[random.below(first.length)]!.one));
          continue;
        }
        const one = ready[random.below(ready.length)]!;
        carryOut(take(one));
      }
      return false;
    },
  };

  function isAtHand(block: Uint8Array): boolean {
    const name = hexOf(block);
    return unsound.has(name) || nodes.some((node) => node?.blocks.has(name));
  }
};
