import { describe, expect, it } from 'vitest';
import {
  type ConsensusCore,
  type CoreEffect,
  type CoreInit,
  type CoreInput,
  createCore,
  hexOf,
  type Proposal,
  proposerPlace,
  type Validator,
  type Vote,
  type VoteKind,
} from '../../../../../main/kernel/consensus/index.ts';
import { blockOf, makeSet, NETWORK, PARAMS, SIGNATURE } from './core-world.ts';

const A = blockOf('a');
const B = blockOf('b');

/** One core, and everybody else by hand. */
const createDesk = (powers: readonly number[], init: Partial<CoreInit> = {}) => {
  const validators = makeSet(powers);
  /** Who proposes in round 0 of height 1 is somebody else. */
  const proposer = (round: number, height = 1): number => proposerPlace(NETWORK, height, round, validators);
  const me = powers.length === 1 ? 0 : (proposer(0) + powers.length - 1) % powers.length;
  const others = validators.map((_, place) => place).filter((place) => place !== me);
  let core = createCore({ network: NETWORK, ...init });
  const log: Uint8Array[] = [];
  const begin = (height = 1, change: Partial<Extract<CoreInput, { kind: 'next' }>> = {}): CoreEffect[] =>
    feed({ kind: 'next', height, validators, params: PARAMS, self: validators[me]!.id, hasWork: true, ...change });
  /** Feeds, and signs at once whatever is to be signed. */
  const feed = (input: CoreInput): CoreEffect[] => {
    const effects: CoreEffect[] = [];
    const todo = [input];
    for (let next = todo.shift(); next !== undefined; next = todo.shift())
      for (const effect of core.step(next)) {
        effects.push(effect);
        if (effect.kind !== 'sign') continue;
        log.push(effect.entry);
        const self = validators[me]!.id;
        todo.push({
          kind: 'signed',
          message:
            effect.message.kind === 'vote'
              ? { ...effect.message.content, validator: self, signature: SIGNATURE }
              : { ...effect.message.content, proposer: self, signature: SIGNATURE },
        });
      }
    return effects;
  };
  const voteOf = (by: number, kind: VoteKind, round: number, block: Uint8Array | null, height = 1): Vote => ({
    network: NETWORK,
    kind,
    height,
    round,
    block,
    validator: validators[by]!.id,
    signature: SIGNATURE,
  });
  const vote = (by: number, kind: VoteKind, round: number, block: Uint8Array | null, height = 1): CoreEffect[] =>
    feed({ kind: 'vote', vote: voteOf(by, kind, round, block, height), from: `peer ${by}` });
  const propose = (
    round: number,
    block: Uint8Array,
    validRound = -1,
    by = proposer(round),
    height = 1,
  ): CoreEffect[] => {
    const proposal: Proposal = {
      network: NETWORK,
      height,
      round,
      validRound,
      block,
      proposer: validators[by]!.id,
      signature: SIGNATURE,
    };
    return feed({ kind: 'proposal', proposal, from: `peer ${by}` });
  };
  const timeout = (round: number, step: 'propose' | 'prevote' | 'precommit' | 'commit' | 'heartbeat', height = 1) =>
    feed({ kind: 'timeout', height, round, step });
  const checked = (block: Uint8Array, valid = true) => feed({ kind: 'checked', height: 1, block, valid });
  return {
    validators,
    proposer,
    me,
    others,
    begin,
    feed,
    vote,
    voteOf,
    propose,
    timeout,
    checked,
    core: (): ConsensusCore => core,
    crash: (): void => {
      core = createCore({ network: NETWORK, ...init });
      core.recover(log);
    },
    log: () => log,
  };
};
const signed = (effects: readonly CoreEffect[]): string[] =>
  effects.flatMap((effect) => {
    if (effect.kind !== 'sign') return [];
    const { message } = effect;
    const name = (block: Uint8Array | null): string =>
      block === null ? 'nil' : hexOf(block) === hexOf(A) ? 'A' : hexOf(block) === hexOf(B) ? 'B' : 'other';
    return message.kind === 'vote'
      ? [`${message.content.kind} ${message.content.round} ${name(message.content.block)}`]
      : [`proposal ${message.content.round} ${name(message.content.block)} (${message.content.validRound})`];
  });
const kinds = (effects: readonly CoreEffect[]): string[] => effects.map(({ kind }) => kind);
const find = <K extends CoreEffect['kind']>(effects: readonly CoreEffect[], kind: K) =>
  effects.filter((effect): effect is Extract<CoreEffect, { kind: K }> => effect.kind === kind);

describe('A validator alone', () => {
  it('decides at once, and again when there is work', () => {
    const desk = createDesk([3]);
    expect(kinds(desk.begin())).toEqual(['timeout', 'build']);
    const effects = desk.feed({ kind: 'built', height: 1, round: 0, block: A });
    expect(signed(effects)).toEqual(['proposal 0 A (-1)', 'prevote 0 A', 'precommit 0 A']);
    expect(find(effects, 'decide')).toMatchObject([
      { block: A, commit: { height: 1, round: 0, signatures: [SIGNATURE] } },
    ]);
    // Nothing is locked before the block is kept.
    expect(find(effects, 'sign').map(({ keep }) => keep.length)).toEqual([1, 0, 0]);
    const next = desk.begin(2, { hasWork: false });
    expect(next).toEqual([{ kind: 'timeout', height: 2, round: 0, step: 'heartbeat', afterMs: PARAMS.heartbeatMs }]);
    expect(desk.core().lastCommit()).toMatchObject({ height: 1, block: A });
    expect(desk.core().position()).toEqual({ height: 2, round: 0, step: 'waiting' });
    expect(kinds(desk.feed({ kind: 'work' }))).toEqual(['timeout', 'build']);
  });
  it('makes a block after the heartbeat all the same, and goes on where none can be built', () => {
    const desk = createDesk([1]);
    desk.begin(1, { hasWork: false });
    expect(kinds(desk.timeout(0, 'heartbeat'))).toEqual(['timeout', 'build']);
    desk.feed({ kind: 'built', height: 1, round: 0, block: null });
    const effects = desk.timeout(0, 'propose');
    expect(signed(effects)).toEqual(['prevote 0 nil', 'precommit 0 nil']);
    expect(find(effects, 'missed')).toHaveLength(1);
    expect(find(desk.timeout(0, 'precommit'), 'build')).toEqual([{ kind: 'build', height: 1, round: 1 }]);
  });
  it('signs nothing while its keys are locked, and all when they are there', () => {
    const desk = createDesk([1]);
    const locked = [...desk.begin(1, { self: null }), ...desk.timeout(0, 'propose')];
    expect(signed(locked)).toEqual([]);
    expect(desk.core().position()).toMatchObject({ step: 'prevote' });
    expect(find(desk.begin(1), 'build')).toHaveLength(1);
    const effects = desk.feed({ kind: 'built', height: 1, round: 0, block: A });
    expect(find(effects, 'decide')).toHaveLength(1);
  });
});

describe('Votes', () => {
  it('lead from a proposal to a decision', () => {
    const desk = createDesk([1, 1, 1, 1]);
    desk.begin();
    const [one, two] = desk.others as [number, number, number];
    expect(find(desk.propose(0, A), 'check')).toMatchObject([{ block: A, round: 0, from: `peer ${desk.proposer(0)}` }]);
    expect(signed(desk.checked(A))).toEqual(['prevote 0 A']);
    desk.vote(one, 'prevote', 0, A);
    const locked = desk.vote(two, 'prevote', 0, A);
    expect(signed(locked)).toEqual(['precommit 0 A']);
    expect(find(locked, 'sign')[0]!.keep).toEqual([A]);
    desk.vote(one, 'precommit', 0, A);
    const effects = desk.vote(two, 'precommit', 0, A);
    expect(find(effects, 'decide')[0]!.commit.signatures.filter((signature) => signature !== null)).toHaveLength(3);
    expect(desk.core().position().step).toBe('commit');
  });
  it('are for nobody where the block may not follow, or none came in time', () => {
    const desk = createDesk([1, 1, 1, 1]);
    desk.begin();
    desk.propose(0, A);
    expect(signed(desk.checked(A, false))).toEqual(['prevote 0 nil']);
    const late = createDesk([1, 1, 1, 1]);
    late.begin();
    const effects = late.timeout(0, 'propose');
    expect(signed(effects)).toEqual(['prevote 0 nil']);
    expect(find(effects, 'missed')).toMatchObject([{ round: 0, proposer: late.validators[late.proposer(0)]!.id }]);
    expect(late.timeout(0, 'propose')).toEqual([]);
  });
  it('count by weight, each validator once for a block', () => {
    const desk = createDesk([5, 1, 1, 1]);
    const heavy = desk.validators.findIndex(({ power }) => power === 5);
    desk.begin();
    const light = desk.others.filter((place) => place !== heavy);
    for (const place of light) for (let again = 0; again < 3; again++) desk.vote(place, 'precommit', 0, A);
    expect(desk.core().position().step).not.toBe('commit');
  });
  it('of any round decide, whether or not the block is at hand', () => {
    const desk = createDesk([1, 1, 1, 1]);
    desk.begin();
    for (const place of desk.others) desk.vote(place, 'precommit', 0, null);
    desk.timeout(0, 'precommit');
    expect(desk.core().position().round).toBe(1);
    const other = createDesk([1, 1, 1, 1]);
    other.begin();
    const effects = other.others.flatMap((place) => other.vote(place, 'precommit', 3, A));
    expect(find(effects, 'decide')).toMatchObject([{ block: A, commit: { round: 3 } }]);
  });
  it('that come after the decision go into the commit of the next block', () => {
    const desk = createDesk([1, 1, 1, 1]);
    desk.begin();
    const [one, two, three] = desk.others as [number, number, number];
    desk.propose(0, A);
    desk.checked(A);
    for (const place of [one, two]) desk.vote(place, 'prevote', 0, A);
    for (const place of [one, two]) desk.vote(place, 'precommit', 0, A);
    const effects = desk.begin(2);
    expect(find(effects, 'timeout')).toMatchObject([{ step: 'commit', afterMs: PARAMS.commitMs }]);
    const there = (): number =>
      desk
        .core()
        .lastCommit()!
        .signatures.filter((signature) => signature !== null).length;
    expect(there()).toBe(3);
    // A lie about the block before is one all the same.
    expect(find(desk.vote(one, 'precommit', 0, B), 'evidence')).toHaveLength(1);
    desk.vote(three, 'precommit', 0, A);
    expect(there()).toBe(4);
    expect(desk.core().position().step).toBe('propose');
  });
});

describe('A lock', () => {
  /** Locked on A in round 0, and in round 1 now. */
  const lockedDesk = (): ReturnType<typeof createDesk> => {
    const desk = createDesk([1, 1, 1, 1]);
    desk.begin();
    desk.propose(0, A);
    desk.checked(A);
    for (const place of desk.others.slice(0, 2)) desk.vote(place, 'prevote', 0, A);
    for (const place of desk.others.slice(0, 2)) desk.vote(place, 'precommit', 0, null);
    desk.timeout(0, 'precommit');
    return desk;
  };
  it('keeps a validator from another block', () => {
    const desk = lockedDesk();
    desk.propose(1, B);
    expect(signed(desk.checked(B))).toEqual(['prevote 1 nil']);
  });
  it('lets it vote for the same one again', () => {
    const desk = lockedDesk();
    expect(signed(desk.propose(1, A, 0))).toEqual(['prevote 1 A']);
  });
  it('gives way to a later proof, and to that alone', () => {
    const desk = lockedDesk();
    desk.timeout(1, 'propose');
    // All others prevote for B in round 1, which this one hears of too late.
    for (const place of desk.others) desk.vote(place, 'precommit', 1, null);
    desk.timeout(1, 'precommit');
    expect(desk.core().position().round).toBe(2);
    desk.propose(2, B, 1);
    desk.checked(B);
    // Without the proof it waits.
    expect(desk.core().position().step).toBe('propose');
    const effects = desk.others.flatMap((place) => desk.vote(place, 'prevote', 1, B));
    expect(signed([...effects, ...desk.checked(B)])).toEqual(['prevote 2 B']);
  });
  it('is proposed again, with its proof, when it is this one’s turn', () => {
    const desk = lockedDesk();
    let round = 1;
    let effects: CoreEffect[] = [];
    for (; desk.proposer(round) !== desk.me; round++) {
      for (const place of desk.others) desk.vote(place, 'precommit', round, null);
      effects = desk.timeout(round, 'precommit');
    }
    expect(signed(effects)).toContain(`proposal ${round} A (0)`);
    expect(find(effects, 'build')).toEqual([]);
  });
  it('outlives a crash, with all that it rests on', () => {
    const desk = lockedDesk();
    desk.crash();
    const effects = desk.begin();
    expect(signed(effects)).toEqual(['prevote 0 A', 'precommit 0 A']);
    const backing = desk
      .core()
      .known(100)
      .votes.filter(({ kind, block }) => kind === 'prevote' && block !== null);
    expect(backing).toHaveLength(3);
    for (const place of desk.others) desk.vote(place, 'precommit', 0, null);
    desk.timeout(0, 'precommit');
    desk.propose(1, B);
    expect(signed(desk.checked(B))).toEqual(['prevote 1 nil']);
  });
});

describe('After a crash', () => {
  it('nothing is signed that contradicts what was, however it is asked', () => {
    const desk = createDesk([1, 1, 1, 1]);
    desk.begin();
    desk.propose(0, A);
    desk.checked(A);
    desk.crash();
    const again = [...desk.begin(), ...desk.propose(0, B), ...desk.checked(B), ...desk.timeout(0, 'propose')];
    expect(new Set(signed(again))).toEqual(new Set(['prevote 0 A']));
    expect(desk.core().position()).toEqual({ height: 1, round: 0, step: 'prevote' });
  });
  it('a proposer proposes the same block again', () => {
    const desk = createDesk([1]);
    desk.begin();
    const effects = desk.core().step({ kind: 'built', height: 1, round: 0, block: A });
    const entries = find(effects, 'sign').map(({ entry }) => entry);
    const core = createCore({ network: NETWORK });
    core.recover(entries);
    const { id } = desk.validators[0]!;
    const next: CoreInput = {
      kind: 'next',
      height: 1,
      validators: desk.validators,
      params: PARAMS,
      self: id,
      hasWork: true,
    };
    const again = core.step(next);
    expect(signed(again)).toEqual(['proposal 0 A (-1)']);
    expect(find(again, 'build')).toEqual([]);
  });
  it('says each thing once more, however often it fell', () => {
    const desk = createDesk([1, 1, 1, 1]);
    desk.begin();
    desk.propose(0, A);
    desk.checked(A);
    for (let again = 0; again < 5; again++) {
      desk.crash();
      expect(signed(desk.begin())).toEqual(['prevote 0 A']);
    }
    expect(desk.log()).toHaveLength(6);
  });
  it('entries of another signer or height change nothing', () => {
    const desk = createDesk([1, 1, 1, 1]);
    desk.begin();
    desk.propose(0, A);
    desk.checked(A);
    desk.crash();
    expect(signed(desk.begin(2))).toEqual([]);
    desk.crash();
    expect(signed(desk.begin(1, { self: desk.validators[desk.others[0]!]!.id }))).toEqual([]);
  });
  it('a log that has other bytes than were written stops it', () => {
    const core = createCore({ network: NETWORK });
    expect(() => {
      core.recover([new Uint8Array([1, 2, 3])]);
    }).toThrow('write-ahead log');
  });
  it('keys that come back speak no second time of what was signed', () => {
    const desk = createDesk([1, 1, 1, 1]);
    desk.begin();
    desk.propose(0, A);
    expect(signed(desk.checked(A))).toEqual(['prevote 0 A']);
    desk.begin(1, { self: null });
    const unlocked = [...desk.begin(1), ...desk.timeout(0, 'propose')];
    expect(signed(unlocked)).toEqual([]);
  });
});

describe('Rounds', () => {
  it('are skipped to when more than a third are there, and not for one liar', () => {
    const desk = createDesk([1, 1, 1, 1]);
    desk.begin();
    const [one, two] = desk.others as [number, number, number];
    desk.vote(one, 'prevote', 900, null);
    expect(desk.core().position().round).toBe(0);
    desk.vote(two, 'prevote', 7, null);
    expect(desk.core().position()).toMatchObject({ round: 7, step: 'propose' });
  });
  it('wait longer each, up to ten minutes', () => {
    const desk = createDesk([1, 1, 1, 1]);
    desk.begin();
    const [one, two] = desk.others as [number, number, number];
    const wait = (round: number): number =>
      find(
        [one, two].flatMap((place) => desk.vote(place, 'prevote', round, null)),
        'timeout',
      )[0]!.afterMs;
    expect(wait(4)).toBe(PARAMS.proposeMs + 4 * PARAMS.growMs);
    expect(wait(2 ** 29)).toBe(600_000);
  });
  it('visit everybody, by weight at first', () => {
    const validators = makeSet([1, 6, 1]);
    const heights = Array.from({ length: 800 }, (_, height) => proposerPlace(NETWORK, height, 0, validators));
    expect(heights.filter((place) => place === 1).length).toBeGreaterThan(520);
    expect(new Set([0, 1, 2].map((round) => proposerPlace(NETWORK, 5, round, validators))).size).toBe(3);
  });
});

describe('Floods', () => {
  it('of votes for far rounds are held in bounds, and never cover the truth', () => {
    const desk = createDesk([1, 1, 1, 1], { futureVotesMax: 4 });
    desk.begin();
    const [liar, one, two] = desk.others as [number, number, number];
    for (let round = 1; round < 3000; round++) desk.vote(liar, 'prevote', round, null);
    expect(desk.core().known(10_000, 0).votes.length).toBeLessThanOrEqual(4);
    for (let round = 1; round < 20; round++) desk.vote(liar, 'precommit', 0, blockOf(round));
    expect(desk.core().known(10_000, 0).votes.length).toBeLessThanOrEqual(6);
    desk.propose(0, A);
    desk.checked(A);
    for (const place of [one, two]) desk.vote(place, 'prevote', 0, A);
    const effects = [one, two].flatMap((place) => desk.vote(place, 'precommit', 0, A));
    expect(find(effects, 'decide')).toHaveLength(1);
  });
  it('of later heights are held in bounds, and asked after once each', () => {
    const desk = createDesk([1, 1, 1, 1]);
    desk.begin();
    const [one] = desk.others as [number];
    const behind = Array.from({ length: 50 }, (_, i) => desk.vote(one, 'prevote', 0, null, 2 + (i % 3))).flat();
    expect(find(behind, 'behind').map(({ height }) => height)).toEqual([2, 3, 4]);
  });
  it('of strangers, of other networks and from the wrong proposer are nothing', () => {
    const desk = createDesk([1, 1, 1, 1]);
    desk.begin();
    const vote = desk.voteOf(desk.others[0]!, 'prevote', 0, A);
    desk.feed({ kind: 'vote', vote: { ...vote, validator: blockOf('stranger') }, from: 'peer' });
    desk.feed({ kind: 'vote', vote: { ...vote, network: A }, from: 'peer' });
    expect(desk.propose(0, A, -1, (desk.proposer(0) + 1) % 4)).toEqual([]);
    expect(desk.core().known(10)).toEqual({ proposals: [], votes: [] });
  });
});

describe('What is heard early', () => {
  it('counts when its height begins', () => {
    const desk = createDesk([1, 1, 1, 1]);
    desk.begin();
    const place = desk.proposer(0, 2);
    desk.propose(0, B, -1, place, 2);
    for (const other of desk.others) desk.vote(other, 'prevote', 0, B, 2);
    const effects = desk.begin(2, { hasWork: false });
    expect(find(effects, 'check')).toMatchObject([{ height: 2, block: B }]);
    expect(desk.core().position()).toMatchObject({ height: 2, step: 'propose' });
  });
  it('wakes a height that waits for work', () => {
    const desk = createDesk([1, 1, 1, 1]);
    expect(kinds(desk.begin(1, { hasWork: false }))).toEqual(['timeout']);
    expect(desk.core().position().step).toBe('waiting');
    desk.propose(0, A);
    expect(desk.core().position().step).toBe('propose');
  });
});

describe('Evidence', () => {
  it('is told once for each contradiction, of votes and of proposals', () => {
    const desk = createDesk([1, 1, 1, 1]);
    desk.begin();
    const [liar] = desk.others as [number];
    desk.vote(liar, 'prevote', 0, A);
    expect(find(desk.vote(liar, 'prevote', 0, B), 'evidence')).toMatchObject([
      { evidence: { kind: 'votes', validator: (desk.validators[liar] as Validator).id, height: 1 } },
    ]);
    expect(find(desk.vote(liar, 'prevote', 0, null), 'evidence')).toEqual([]);
    expect(find(desk.vote(liar, 'precommit', 0, null), 'evidence')).toEqual([]);
    desk.propose(0, A);
    expect(find(desk.propose(0, B), 'evidence')).toMatchObject([{ evidence: { kind: 'proposals' } }]);
    expect(find(desk.propose(0, A, -1), 'evidence')).toEqual([]);
  });
});

describe('A driver’s mistakes', () => {
  it('stop the core', () => {
    const core = createCore({ network: NETWORK });
    expect(() => core.step({ kind: 'work' })).toThrow('told the height');
    const desk = createDesk([1]);
    desk.begin(5);
    expect(() => desk.begin(4)).toThrow('Heights only rise');
    expect(() => {
      desk.core().recover([]);
    }).toThrow('before the first height');
  });
});
