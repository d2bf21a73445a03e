import { assert, Emitter, isNodeError, messageOf } from '../../../base/index.ts';
import { createCore } from '../core/index.ts';
import { EVIDENCE_BYTES_MAX } from '../constants.ts';
import { ConsensusError } from '../errors.ts';
import { networkOf } from '../formats/index.ts';
import { hexOf } from '../formats/reader.ts';
import { placeOf } from '../formats/validators.ts';
import type { Commit, Replica, ReplicaEvents, ReplicaStatus, Validator } from '../interface.ts';
import { type Agreement, createAgreement } from './agreement.ts';
import { createAnswers } from './answers.ts';
import { SNAPSHOT_BEHIND, SNAPSHOT_EVERY, STUCK_MS, TELL_MS, TICK_MS } from './constants.ts';
import { createEvidencePool } from './evidence-pool.ts';
import { askPeer } from './ask.ts';
import { createGossip, type Gossip } from './gossip.ts';
import { createHead } from './head.ts';
import { createHistory } from './history.ts';
import { createIntake } from './intake.ts';
import type { Executed, ReplicaComponents, ReplicaInit } from './interface.ts';
import { createOpenTransactions } from './open-transactions.ts';
import { createPool } from './pool.ts';
import { createReports } from './reports.ts';
import { createSnapshotSync } from './snapshot-sync.ts';
import { createSync } from './sync.ts';
import { createVerify } from './verify.ts';
import { createVoice } from './voice.ts';
import { createWaiters } from './waiters.ts';

/** Peers that are asked at once what they know of a height that does not get on. */
const ASKED_WHEN_STUCK = 3;

/**
 * One network's ledger on this node. Follows it by what peers tell and none of them needs to be believed; agrees on it where this
 * node's keys are a validator's and unlocked.
 */
export const createReplica = (components: ReplicaComponents, init: ReplicaInit): Replica => {
  const { outside, metrics, store, network, check, app, keys, turns } = components;
  const logger = components.logger.child('ledger');
  const { clock } = outside;
  const { genesis, keepBlocks = null, snapshotBehind = SNAPSHOT_BEHIND, snapshotEvery = SNAPSHOT_EVERY } = init;
  const networkHash = networkOf(genesis);
  const emitter = new Emitter<ReplicaEvents>();
  const ending = new AbortController();
  const verify = createVerify(check, turns, networkHash);
  const waiters = createWaiters();
  const evidencePool = createEvidencePool();
  /** For good. */
  let stoppedReason: string | null = null;
  /** Until the disk has room. */
  let fullReason: string | null = null;
  let isStarted = false;
  let oldest = 0;
  let progressMs = clock.monotonicMs();
  let toldMs = clock.monotonicMs();
  let asked = 0;
  let endings: (() => void)[] = [];

  const changed = (): void => {
    if (isStarted && emitter.hasListeners('status')) emitter.emit('status', status());
  };
  const halt = (reason: string): void => {
    if (stoppedReason !== null) return;
    stoppedReason = reason;
    logger.error('The ledger goes no further', { reason });
    changed();
  };
  const stall = (reason: string | null): void => {
    if (fullReason === reason) return;
    fullReason = reason;
    if (reason !== null) logger.error('The ledger waits', { reason });
    changed();
  };
  const haltedReason = (): string | null => stoppedReason ?? fullReason;
  const halted = (): boolean => haltedReason() !== null;

  const pool = createPool({
    app,
    clock,
    turns,
    stopped: ending.signal,
    state: () => head.tip().state,
    place: () => {
      const { height, timeMs } = head.tip();
      return { network: networkHash, height: height + 1, timeMs: Math.max(clock.nowMs(), timeMs + 1) };
    },
    dropped: ({ hash }, reason) => {
      metrics?.transactions.inc(1, { outcome: 'dropped' });
      waiters.dropped(hexOf(hash), reason);
      emitter.emit('waiting', { hash, state: 'dropped', reason });
    },
    settled: () => {
      if (pool.hasReady()) agreement.work();
    },
  });
  const reports = createReports({ clock, pool });

  const head = createHead(
    {
      outside,
      logger,
      metrics,
      store,
      app,
      turns,
      verify,
      createTree: components.createTree,
      open: createOpenTransactions(check, turns),
      stall,
      advanced: (executed, commit) => advanced(executed, commit),
      stopped: ending.signal,
    },
    { genesis, network: networkHash },
  );

  const history = createHistory({ store, head, turns }, { genesis });

  const offend = (peer: string, what: 'malformed' | 'forged' | 'spam', detail: string): void => {
    metrics?.offences.inc(1, { kind: what });
    network.offend(peer, what, detail);
  };
  const intake = createIntake({
    clock,
    check,
    pool,
    turns,
    stopped: ending.signal,
    metrics,
    taken: (transactions, from) => {
      gossip.transactions(transactions, from);
      for (const { hash } of transactions) emitter.emit('waiting', { hash, state: 'waiting', reason: '' });
      if (pool.hasReady()) agreement.work();
    },
    offend,
    bytesMax: () => head.tip().params.blockBytesMax,
  });
  const hasWork = (): boolean => pool.hasReady() || evidencePool.count > 0;

  const voice = createVoice(
    {
      nowMs: () => clock.nowMs(),
      tip: head.tip,
      write: (record) => head.writing(() => store.voter(record)),
    },
    { genesis },
  );
  /** Keys came or went. */
  const rekey = async (): Promise<void> => {
    const id = keys.voter()?.id ?? null;
    try {
      if (id !== null && !voice.isNoted(id)) await voice.note(id);
    } catch (error) {
      if (ending.signal.aborted) return;
      if (!isNodeError(error)) throw error;
      // Tried again with the next change, or start: until then it signs nothing.
      logger.error('This node signs nothing', { reason: messageOf(error) });
    }
    if (ending.signal.aborted) return;
    agreement.rekey();
    changed();
  };
  const agreement: Agreement = createAgreement({
    outside,
    logger,
    metrics,
    head,
    store,
    turns,
    keys,
    voice,
    createCore: () => createCore({ network: networkHash }),
    gather: () => {
      const { params } = head.tip();
      const evidence = evidencePool.pick(Math.floor(params.blockBytesMax / 4));
      const room = params.blockBytesMax - evidence.length * EVIDENCE_BYTES_MAX;
      return { evidence, transactions: pool.pick(room, params.transactionsMax) };
    },
    hasWork,
    fetch: (peer, hash, signal) => askPeer(network, peer, { type: 'block', hash }, signal),
    peers: () => network.peers(),
    sendVote: (vote) => gossip.vote(vote),
    sendProposal: (proposal, block) => gossip.proposal(proposal, block),
    evidence: (evidence) => {
      if (!evidencePool.add(evidence)) return;
      accused(evidence);
      gossip.evidence(evidence, null);
    },
    behind: () => sync.poke(),
    missed: (proposer) => reports.missed(proposer),
    offend: (peer, detail) => {
      if (peer !== '') offend(peer, 'malformed', detail);
    },
    halted,
    halt,
  });
  const accused: (evidence: ReplicaEvents['evidence']) => void = (evidence) => {
    logger.warn('A validator contradicted itself', { validator: hexOf(evidence.validator), height: evidence.height });
    emitter.emit('evidence', evidence);
    agreement.work();
  };
  const gossip: Gossip = createGossip(
    {
      outside,
      metrics,
      network,
      check,
      verify,
      tip: head.tip,
      oldest: () => oldest,
      agreement: () => agreement,
      intake,
      pool,
      evidencePool,
      validatorsAt: head.validatorsAt,
      told: () => sync.poke(),
      heardFrom: (validator) => reports.heard(validator),
      accused,
    },
    { networkHash },
  );
  const answers = createAnswers({ clock, store, tip: head.tip, agreement: () => agreement, offend });
  const snapshots = createSnapshotSync(
    {
      clock,
      logger,
      metrics,
      network,
      head,
      verify,
      adopted: (height) => {
        oldest = 0;
        signersBefore = head.tip().signers;
        answers.keep(height, head.tree().frozen());
        pool.settle([]);
        follow();
        emitter.emit('adopted', { height });
      },
    },
    { genesis, networkHash },
  );
  const sync = createSync(
    {
      outside,
      logger,
      metrics,
      network,
      head,
      turns,
      verify,
      snapshots,
      views: () => gossip.views(),
      halted,
      halt,
      changed,
    },
    { snapshotBehind },
  );

  /** The newest block is another: everybody goes on from there. */
  const follow = (): void => {
    progressMs = clock.monotonicMs();
    const { height, validators } = head.tip();
    metrics?.height.set(height);
    metrics?.validators.set(validators.length);
    metrics?.waiting.set(pool.count);
    metrics?.waitingBytes.set(pool.bytes);
    agreement.advanced();
    gossip.advanced();
    gossip.hello();
    sync.poke();
    changed();
  };
  /** A block is on disk and applied. */
  const advanced = (executed: Executed, commit: Commit): void => {
    const { block, encoded, transactions, evidence, updates } = executed;
    const { height } = block.header;
    if (oldest === 0) oldest = height;
    metrics?.blocks.inc(1, { way: sync.state().state === 'blocks' ? 'sync' : 'agreement' });
    metrics?.blockBytes.observe(encoded.length);
    metrics?.transactions.inc(transactions.length, { outcome: 'final' });
    const { params } = head.tip();
    reports.block(block, signersBefore, { bytesMax: params.blockBytesMax, transactionsMax: params.transactionsMax });
    signersBefore = head.tip().signers;
    evidencePool.settle(evidence, height, params.evidenceBlocksMax);
    // First who waits for them, so that nobody hears that one was dropped which is final.
    for (const { hash } of transactions) waiters.final(hexOf(hash), height);
    pool.settle(transactions);
    if (height % snapshotEvery === 0) answers.keep(height, head.tree().frozen());
    emitter.emit('final', { block, commit, transactions, evidence, updates });
    follow();
    if (keepBlocks !== null && height % snapshotEvery === 0 && height > keepBlocks) void prune(height - keepBlocks);
  };
  /** Who signed the newest block: whose signatures the next one has. */
  let signersBefore: readonly Validator[] = [];
  const prune = async (below: number): Promise<void> => {
    try {
      await store.prune(below);
      oldest = Math.max(oldest, below);
    } catch (error) {
      if (!isNodeError(error)) throw error;
      logger.warn('Old blocks stay on disk', { below, reason: messageOf(error) });
    }
  };

  /** Looks after what got lost on its way. */
  const tick = (): void => {
    sync.poke();
    const nowMs = clock.monotonicMs();
    const isStuck = agreement.position().step !== 'waiting' && nowMs - progressMs >= STUCK_MS;
    if (isStuck) askAround();
    if (nowMs - toldMs < (isStuck ? STUCK_MS : TELL_MS)) return;
    toldMs = nowMs;
    gossip.hello();
    if (pool.count > 0 || evidencePool.count > 0) gossip.remind();
    pool.age();
  };
  /** Asks some peers at this height for the votes and proposals that they know. */
  const askAround = (): void => {
    const { height } = head.tip();
    const { round } = agreement.position();
    const same = [...gossip.views()].filter(([, view]) => view.height === height).map(([peer]) => peer);
    for (let i = 0; i < Math.min(ASKED_WHEN_STUCK, same.length); i++)
      void hear(same[asked++ % same.length]!, height + 1, round);
  };
  const hear = async (peer: string, height: number, round: number): Promise<void> => {
    try {
      const { proposals, votes } = await askPeer(network, peer, { type: 'votes', height, round }, ending.signal);
      if (!ending.signal.aborted) gossip.heard(peer, proposals, votes);
    } catch (error) {
      if (isNodeError(error) && (error.data as { verdict?: string }).verdict === 'reject')
        offend(peer, 'malformed', error.message);
    }
  };

  const status = (): ReplicaStatus => {
    const { height, hash, timeMs } = head.tip();
    const { round, step } = agreement.position();
    return {
      network: networkHash,
      height,
      hash: height === 0 ? null : hash,
      timeMs,
      round,
      step,
      isValidator: agreement.isValidator(),
      silent: silence(),
      sync: sync.state(),
      waitingTransactions: pool.count,
      waitingBytes: pool.bytes,
      peers: network.peers().length,
      halted: haltedReason(),
    };
  };
  const silence = (): string | null => {
    const id = keys.voter()?.id ?? null;
    return id === null || placeOf(head.tip().validators, id) < 0 ? null : voice.reason(id);
  };
  return {
    genesis,
    network: networkHash,
    on: (name, listener) => emitter.on(name, listener),
    start: async () => {
      assert(!isStarted, 'A ledger is started once.');
      network.serve({
        message: (peer, message) => {
          if (isStarted && !ending.signal.aborted) gossip.message(peer, message);
        },
        answer: async (peer, question) =>
          isStarted && !ending.signal.aborted ? await answers.answer(peer, question) : null,
        joined: (peer) => {
          if (!isStarted || ending.signal.aborted) return;
          gossip.joined(peer);
          changed();
        },
        left: (peer) => {
          gossip.left(peer);
          answers.forget(peer);
          if (isStarted && !ending.signal.aborted) sync.poke();
          changed();
        },
      });
      const { remembered, voter } = await head.load();
      voice.load(voter);
      const { height, signers } = head.tip();
      signersBefore = signers;
      const [first] = height === 0 ? [] : await store.blocks(1, 1, 1);
      // After a snapshot the newest one may be the first that is whole, or not even that.
      oldest = (first?.block ?? null) !== null ? 1 : head.tip().encoded === null ? 0 : height;
      const own = keys.voter()?.id ?? null;
      if (own !== null) await voice.note(own);
      isStarted = true;
      progressMs = clock.monotonicMs();
      agreement.start(remembered);
      endings = [clock.every(TICK_MS, tick), keys.on('changed', () => void rekey())];
      for (const peer of network.peers()) gossip.joined(peer);
      changed();
    },
    stop: async () => {
      if (ending.signal.aborted) return;
      ending.abort();
      for (const end of endings.splice(0)) end();
      if (isStarted) agreement.stop();
      sync.stop();
      waiters.stop();
      await head.idle();
    },
    status,
    state: () => head.tip().state,
    params: () => head.tip().params,
    validators: () => head.tip().validators,
    vouch: async () => {
      const id = keys.voter()?.id ?? null;
      if (id === null) return;
      await voice.vouch(id);
      agreement.rekey();
      changed();
    },
    reports: () => reports.list(head.tip().validators),
    submit: async (encoded) => {
      const reason = haltedReason();
      if (reason !== null) throw new ConsensusError({ code: 'HALTED', reason }, reason);
      return await intake.submit(encoded);
    },
    settled: (hash, signal) => waiters.wait(hexOf(hash), pool.has(hexOf(hash)), signal),
    waiting: () => pool.list(),
    block: history.block,
    prove: history.prove,
  };
};
