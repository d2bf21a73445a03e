import { decodeCbor, encodeCbor, isNodeError, type Logger, messageOf, type Outside } from '../../../base/index.ts';
import { proposerPlace } from '../core/proposer.ts';
import type { ConsensusCore, CoreEffect, CoreInput } from '../core/interface.ts';
import { decodeEntry, type OwnMessage } from '../core/entry.ts';
import { decodeBlock, decodeBlockSteps } from '../formats/block.ts';
import { hexOf, sameBytes } from '../formats/reader.ts';
import { placeOf } from '../formats/validators.ts';
import type { Commit, Evidence, LedgerBlock, Proposal, ReplicaStore, Vote } from '../interface.ts';
import type { ConsensusMetrics } from '../metrics.ts';
import type { Turns } from '../turns.ts';
import { type Candidate, createCandidates } from './candidates.ts';
import { FETCH_PAUSE_MS, INPUTS_MAX } from './constants.ts';
import type { Head } from './head.ts';
import type { Executed, Refused, VoteKeys } from './interface.ts';
import type { Voice } from './voice.ts';

/** Drives the algorithm: does its effects in their order, and tells it what came of them. */
export interface Agreement {
  /** @param remembered - as the store gave it back */
  start(remembered: readonly Uint8Array[]): void;
  stop(): void;
  /** Signatures are checked. @param block - where it came with the proposal @returns whether that is the block it is about */
  proposal(proposal: Proposal, block: Uint8Array | null, from: string): boolean;
  vote(vote: Vote, from: string): void;
  /** There is something to agree on. */
  work(): void;
  /** The newest block is another one: the next height begins. */
  advanced(): void;
  /** Keys came or went: this height begins again, with what was signed before. */
  rekey(): void;
  position(): ReturnType<ConsensusCore['position']>;
  known(limit: number, round?: number): ReturnType<ConsensusCore['known']>;
  /** Encoded block of this height. */
  candidate(hash: Uint8Array): Uint8Array | null;
  isValidator(): boolean;
}
export interface AgreementComponents {
  outside: Outside;
  logger: Logger;
  metrics: ConsensusMetrics | null;
  head: Head;
  store: Pick<ReplicaStore, 'remember'>;
  turns: Turns;
  keys: VoteKeys;
  voice: Pick<Voice, 'may' | 'speak' | 'doubt'>;
  createCore(): ConsensusCore;
  /** Best ones that wait, for a block. */
  gather(): { transactions: Parameters<Head['build']>[0]['transactions']; evidence: readonly Evidence[] };
  hasWork(): boolean;
  /** Asks peers for a block of this height. Null: that one does not have it. @throws */
  fetch(peer: string, hash: Uint8Array, signal: AbortSignal): Promise<Uint8Array | null>;
  peers(): readonly string[];
  /** To everybody. */
  sendVote(vote: Vote): void;
  sendProposal(proposal: Proposal, block: Uint8Array | null): void;
  evidence(evidence: Evidence): void;
  behind(height: number): void;
  missed(proposer: Uint8Array): void;
  /** Somebody sent a block that is none. */
  offend(peer: string, detail: string): void;
  halted(): boolean;
  halt(reason: string): void;
}

/** What is written before a signature: the algorithm's own entry, or a block that a lock rests on. */
const CORE_ENTRY = 0;
const BLOCK_ENTRY = 1;

/** Names what is signed: one such name for each thing that may be said. */
const sayingOf = ({ kind, content }: OwnMessage): string =>
  `${'kind' in content ? content.kind : kind} ${content.round} ${content.block === null ? '' : hexOf(content.block)}`;

export const createAgreement = (components: AgreementComponents): Agreement => {
  const { outside, logger, metrics, head, store, turns, keys, voice, createCore } = components;
  const { clock } = outside;
  const candidates = createCandidates();
  const inputs: CoreInput[] = [];
  const timers = new Set<() => void>();
  const fetches = new Map<string, Promise<Candidate | null>>();
  let core = createCore();
  /** What was remembered of this height, oldest first. */
  let entries: Uint8Array[] = [];
  let rememberedBlocks = new Set<string>();
  /** What this disk has of the signatures of this height: place, and block. */
  let said = new Set<string>();
  let isRunning = false;
  let isStopped = true;
  let selfId: Uint8Array | null = null;
  let beganMs: number | null = null;
  /** Ended with each height. */
  let height = new AbortController();

  const current = (): number => head.tip().height + 1;

  const feed = (input: CoreInput): void => {
    if (isStopped) return;
    // A disk that is full may hold the algorithm up for hours.
    const isHeard = input.kind === 'vote' || input.kind === 'proposal';
    if (isHeard && inputs.length >= INPUTS_MAX) return;
    inputs.push(input);
    void run();
  };
  const run = async (): Promise<void> => {
    if (isRunning) return;
    isRunning = true;
    try {
      for (let input = inputs.shift(); input !== undefined && !isStopped; input = inputs.shift()) {
        // Somebody who goes no further says nothing more; what is known stays known.
        if (components.halted()) continue;
        await act(core.step(input));
      }
    } finally {
      isRunning = false;
    }
  };

  const act = async (effects: readonly CoreEffect[]): Promise<void> => {
    const line = [...effects];
    for (let effect = line.shift(); effect !== undefined && !isStopped; effect = line.shift()) {
      switch (effect.kind) {
        case 'timeout':
          setTimer(effect);
          break;
        case 'sign':
          line.push(...(await sign(effect)));
          break;
        case 'build':
          void build(effect.height, effect.round);
          break;
        case 'check':
          void check(effect);
          break;
        case 'decide':
          void decide(effect.commit);
          break;
        case 'evidence':
          components.evidence(effect.evidence);
          break;
        case 'behind':
          components.behind(effect.height);
          break;
        case 'missed':
          metrics?.rounds.inc();
          components.missed(effect.proposer);
          break;
      }
    }
  };
  const setTimer = ({ height: at, round, step, afterMs }: Extract<CoreEffect, { kind: 'timeout' }>): void => {
    const cancel = clock.after(afterMs, () => {
      timers.delete(cancel);
      feed({ kind: 'timeout', height: at, round, step });
    });
    timers.add(cancel);
  };
  const clearTimers = (): void => {
    for (const cancel of timers) cancel();
    timers.clear();
  };

  const remember = async (kind: number, entry: Uint8Array): Promise<void> => {
    await head.writing(() => store.remember(encodeCbor([kind, entry])));
  };
  /** A block that this node is about to be bound to has to be there after a crash as well. @returns whether it is */
  const rememberBlock = async (hash: Uint8Array): Promise<boolean> => {
    const name = hexOf(hash);
    if (rememberedBlocks.has(name)) return true;
    const candidate = candidates.get(hash);
    if (candidate === undefined) return false;
    candidates.pin(hash);
    await remember(BLOCK_ENTRY, candidate.encoded);
    rememberedBlocks.add(name);
    return true;
  };

  /** Writes, signs, tells the algorithm, tells the others. @returns what follows */
  const sign = async ({ message, entry, keep }: Extract<CoreEffect, { kind: 'sign' }>): Promise<CoreEffect[]> => {
    const signer = keys.voter();
    if (signer === null || selfId === null || !sameBytes(signer.id, selfId)) return [];
    const asked = core;
    let signed: Vote | Proposal;
    try {
      for (const hash of keep)
        if (!(await rememberBlock(hash))) {
          logger.warn('Nothing was signed', { height: message.content.height, error: 'its block is not at hand' });
          return [];
        }
      await voice.speak();
      said.add(sayingOf(message));
      await remember(CORE_ENTRY, entry);
      entries.push(entry);
      signed =
        message.kind === 'vote'
          ? { ...message.content, validator: signer.id, signature: await signer.vote(message.content) }
          : { ...message.content, proposer: signer.id, signature: await signer.propose(message.content) };
    } catch (error) {
      if (isStopped) return [];
      if (!isNodeError(error)) throw error;
      // The keys were locked meanwhile, or the disk is broken: nothing is said, and nothing contradicts what was written.
      logger.warn('Nothing was signed', { height: message.content.height, error: messageOf(error) });
      return [];
    }
    // The height began again meanwhile, with what was written down.
    if (isStopped || core !== asked) return [];
    const follows = core.step({ kind: 'signed', message: signed });
    if ('proposer' in signed) components.sendProposal(signed, candidates.get(signed.block)?.encoded ?? null);
    else components.sendVote(signed);
    return follows;
  };

  const outcomeOf = (candidate: Candidate): Promise<Executed | Refused> => {
    candidate.outcome ??= head.execute(candidate.block, candidate.encoded, { vouched: false }).then((outcome) => {
      // One that does not hold now may hold in a later round, when the clock has gone on.
      if (!outcome.ok) candidate.outcome = null;
      return outcome;
    });
    return candidate.outcome;
  };
  const build = async (at: number, round: number): Promise<void> => {
    if (at !== current() || selfId === null) return;
    beganMs ??= clock.monotonicMs();
    const input = { proposer: selfId, lastCommit: core.lastCommit(), ...components.gather() };
    const built = await head.build(input).catch((error: unknown) => {
      // The threads are busy, or gone with the node.
      if (!isNodeError(error)) throw error;
      logger.warn('No block could be built', { height: at, error: messageOf(error) });
      return null;
    });
    if (at !== current()) return;
    if (built !== null) candidates.add(built.block, built.encoded).outcome = Promise.resolve(built);
    feed({ kind: 'built', height: at, round, block: built?.block.hash ?? null });
  };
  const check = async (effect: Extract<CoreEffect, { kind: 'check' }>): Promise<void> => {
    const { height: at, block, from, proposer } = effect;
    if (at !== current()) return;
    beganMs ??= clock.monotonicMs();
    const candidate = await obtain(block, from);
    if (candidate === null || at !== current()) return;
    // A new block is its proposer's own: it would otherwise be blamed, or paid, for what somebody else made.
    if (proposer !== null && !sameBytes(candidate.block.header.proposer, proposer)) {
      logger.warn('A proposed block does not hold', { height: at, problem: 'it names another proposer' });
      feed({ kind: 'checked', height: at, block, valid: false });
      return;
    }
    const outcome = await outcomeOf(candidate);
    if (at !== current()) return;
    if (!outcome.ok && !outcome.stale)
      logger.warn('A proposed block does not hold', { height: at, problem: outcome.problem });
    feed({ kind: 'checked', height: at, block, valid: outcome.ok });
  };

  /** Asks everybody again and again until somebody has it. Null: the height is over. */
  const obtain = (hash: Uint8Array, from: string | null): Promise<Candidate | null> => {
    const known = candidates.get(hash);
    if (known !== undefined) return Promise.resolve(known);
    const name = hexOf(hash);
    let under = fetches.get(name);
    if (under === undefined) {
      under = search(hash, from, height.signal).finally(() => fetches.delete(name));
      fetches.set(name, under);
    }
    return under;
  };
  const search = async (hash: Uint8Array, from: string | null, signal: AbortSignal): Promise<Candidate | null> => {
    while (!signal.aborted && !isStopped) {
      const others = components.peers().filter((peer) => peer !== from);
      for (const peer of from === null ? others : [from, ...others]) {
        const found = await ask(peer, hash, signal);
        if (signal.aborted) return null;
        if (found !== null) return found;
        // It may have come by itself.
        const known = candidates.get(hash);
        if (known !== undefined) return known;
      }
      await clock.sleep(FETCH_PAUSE_MS, signal).catch(() => undefined);
    }
    return null;
  };
  const ask = async (peer: string, hash: Uint8Array, signal: AbortSignal): Promise<Candidate | null> => {
    let encoded: Uint8Array | null;
    try {
      encoded = await components.fetch(peer, hash, signal);
    } catch {
      // Gone, or too slow: another one may have it.
      return null;
    }
    if (encoded === null) return null;
    try {
      const block = await turns.run(decodeBlockSteps(encoded), signal);
      return signal.aborted ? null : accept(block, encoded, hash, peer);
    } catch (error) {
      return signal.aborted ? null : refuse(error, peer);
    }
  };
  /** @returns null for another block than that one, which costs its sender */
  const accept = (block: LedgerBlock, encoded: Uint8Array, hash: Uint8Array, from: string): Candidate | null => {
    if (sameBytes(block.hash, hash)) return candidates.add(block, encoded);
    components.offend(from, 'sent another block than it was asked for');
    return null;
  };
  const refuse = (error: unknown, from: string): null => {
    if (!isNodeError(error)) throw error;
    components.offend(from, error.message);
    return null;
  };
  /** One that came with its proposal, and is small for that. */
  const acceptInline = (encoded: Uint8Array, hash: Uint8Array, from: string): Candidate | null => {
    try {
      return accept(decodeBlock(encoded), encoded, hash, from);
    } catch (error) {
      return refuse(error, from);
    }
  };

  const decide = async (commit: Commit): Promise<void> => {
    const candidate = await obtain(commit.block, null);
    if (candidate === null || commit.height !== current()) return;
    let outcome = await outcomeOf(candidate);
    // Its time may have been too far ahead when it was judged first; more than two thirds found that it is not.
    if (!outcome.ok && !outcome.stale)
      outcome = await head.execute(candidate.block, candidate.encoded, { vouched: true });
    if (commit.height !== current() || isStopped) return;
    if (!outcome.ok) {
      if (outcome.stale) return;
      components.halt(
        `More than two thirds of the validators agreed on block ${commit.height}, and here ${outcome.problem}; get the newest version of HyperMesh.`,
      );
      return;
    }
    try {
      await head.append(outcome, commit);
    } catch (error) {
      if (isStopped) return;
      if (!isNodeError(error)) throw error;
      components.halt(`Block ${commit.height} could not be written down: ${error.message}`);
    }
  };

  /** Where the algorithm goes on. */
  const ownId = (): Uint8Array | null => {
    const id = keys.voter()?.id ?? null;
    return id !== null && placeOf(head.tip().validators, id) >= 0 && voice.may(id) ? id : null;
  };
  const begin = (): void => {
    const { validators, params, height: done } = head.tip();
    selfId = ownId();
    feed({ kind: 'next', height: done + 1, validators, params, self: selfId, hasWork: components.hasWork() });
  };
  const endHeight = (): void => {
    clearTimers();
    height.abort();
    height = new AbortController();
  };
  /** What was remembered, taken apart; blocks go where blocks are. */
  const recall = (remembered: readonly Uint8Array[]): Uint8Array[] => {
    const found: Uint8Array[] = [];
    for (const one of remembered) {
      const [kind, entry] = decodeCbor(one) as [number, Uint8Array];
      if (kind === CORE_ENTRY) {
        found.push(entry);
        said.add(sayingOf(decodeEntry(entry).message));
      } else {
        const block = decodeBlock(entry);
        candidates.add(block, entry);
        candidates.pin(block.hash);
        rememberedBlocks.add(hexOf(block.hash));
      }
    }
    return found;
  };

  /** Others may sign proposals as well, and blocks with them would only take room. */
  const isTurnOf = ({ network, height: at, round, proposer }: Proposal): boolean => {
    const { validators } = head.tip();
    return sameBytes(validators[proposerPlace(network, at, round, validators)]!.id, proposer);
  };
  /** Another start: with keys, or without any. */
  const rekey = (): void => {
    if (isStopped) return;
    const next = ownId();
    if (next === null ? selfId === null : selfId !== null && sameBytes(next, selfId)) return;
    // A new one that remembers what was signed, as after a start: steps that it took without a voice are taken with one.
    const { proposals, votes } = core.known(Number.MAX_SAFE_INTEGER);
    clearTimers();
    inputs.length = 0;
    core = createCore();
    if (entries.length > 0) core.recover(entries);
    begin();
    for (const proposal of proposals) feed({ kind: 'proposal', proposal, from: '' });
    for (const vote of votes) feed({ kind: 'vote', vote, from: '' });
  };
  /** Something with this node's own signature, from somebody else. Where this disk knows nothing of it, two machines sign. */
  const listenToSelf = (message: OwnMessage): void => {
    const { height: at } = message.content;
    if (at < current() || (at === current() && said.has(sayingOf(message)))) return;
    if (voice.doubt()) logger.error('Another machine signs with this node’s identity', { height: at });
    rekey();
  };

  return {
    start: (remembered) => {
      isStopped = false;
      entries = recall(remembered);
      if (entries.length > 0) core.recover(entries);
      begin();
    },
    stop: () => {
      isStopped = true;
      endHeight();
      inputs.length = 0;
    },
    proposal: (proposal, block, from) => {
      if (proposal.height !== current() || !isTurnOf(proposal)) return false;
      if (selfId !== null && sameBytes(proposal.proposer, selfId))
        listenToSelf({ kind: 'proposal', content: proposal });
      const isRight =
        block === null ||
        candidates.get(proposal.block) !== undefined ||
        acceptInline(block, proposal.block, from) !== null;
      // What is signed counts whatever came with it; the block may be had from somebody else.
      feed({ kind: 'proposal', proposal, from });
      return isRight;
    },
    vote: (vote, from) => {
      if (selfId !== null && sameBytes(vote.validator, selfId)) listenToSelf({ kind: 'vote', content: vote });
      feed({ kind: 'vote', vote, from });
    },
    work: () => feed({ kind: 'work' }),
    advanced: () => {
      endHeight();
      candidates.clear();
      rememberedBlocks = new Set();
      entries = [];
      said = new Set();
      if (beganMs !== null) metrics?.blockSeconds.observe((clock.monotonicMs() - beganMs) / 1000);
      beganMs = null;
      begin();
    },
    rekey,
    position: () => core.position(),
    known: (limit, round) => core.known(limit, round),
    candidate: (hash) => candidates.get(hash)?.encoded ?? null,
    isValidator: () => selfId !== null,
  };
};
