import { isNodeError, type Outside } from '../../../base/index.ts';
import type { SignedTransaction } from '../../blocks/index.ts';
import { ANSWER_BYTES_MAX, INLINE_BLOCK_BYTES_MAX, MESSAGE_BYTES_MAX, MESSAGE_TRANSACTIONS_MAX } from '../constants.ts';
import { decodeEvidence, encodeEvidence } from '../formats/evidence.ts';
import { decodeMessage, encodeMessage, type Message } from '../formats/messages.ts';
import { hexOf, sameBytes } from '../formats/reader.ts';
import { placeOf } from '../formats/validators.ts';
import type { Evidence, Proposal, ReplicaNetwork, SignatureCheck, Validator, Vote } from '../interface.ts';
import type { ConsensusMetrics } from '../metrics.ts';
import type { Agreement } from './agreement.ts';
import {
  GOSSIP_BYTES_MAX,
  PEER_BYTES_BURST,
  PEER_BYTES_PER_SECOND,
  PEER_VOTES_BURST,
  PEER_VOTES_PER_SECOND,
  PEERS_MAX,
  PROPOSALS_AHEAD_MAX,
  SEEN_MAX,
  VALIDATOR_VOTES_BURST,
  VALIDATOR_VOTES_PER_SECOND,
  VOTES_WAITING_MAX,
} from './constants.ts';
import type { EvidencePool } from './evidence-pool.ts';
import type { Tip } from './interface.ts';
import type { Intake } from './intake.ts';
import { type Bucket, createBucket, createSeen } from './limits.ts';
import type { Pool } from './pool.ts';
import { contentOf, type Verify } from './verify.ts';

/** What a peer said of itself last. */
export interface PeerView {
  /** Newest final block that it says to have. */
  readonly height: number;
  readonly round: number;
  /** First block that it still has whole; 0: none. */
  readonly oldest: number;
}
/** What is told to peers and heard from them without being asked for. Each true thing is passed on once. */
export interface Gossip {
  message(peer: string, bytes: Uint8Array): void;
  joined(peer: string): void;
  left(peer: string): void;
  views(): ReadonlyMap<string, PeerView>;
  vote(vote: Vote): void;
  proposal(proposal: Proposal, block: Uint8Array | null): void;
  transactions(transactions: readonly SignedTransaction[], from: string | null): void;
  evidence(evidence: Evidence, from: string | null): void;
  /** Where this node stands, to all or to one. */
  hello(peer?: string): void;
  /** Some of what waits, to one peer after the other: what was lost on the way comes again. */
  remind(): void;
  /** What a peer answered; checked like what comes by itself. */
  heard(peer: string, proposals: readonly Proposal[], votes: readonly Vote[]): void;
  /** Proposals that came too early have their turn. */
  advanced(): void;
}
export interface GossipComponents {
  outside: Outside;
  metrics: ConsensusMetrics | null;
  network: ReplicaNetwork;
  check: SignatureCheck;
  verify: Verify;
  tip(): Tip;
  oldest(): number;
  agreement(): Agreement;
  intake: Intake;
  pool: Pool;
  evidencePool: EvidencePool;
  validatorsAt(height: number): Promise<readonly Validator[] | null>;
  /** A peer says that it has more. */
  told(peer: string): void;
  heardFrom(validator: Uint8Array): void;
  /** Evidence that is news and holds. */
  accused(evidence: Evidence): void;
}
interface Peer {
  view: PeerView;
  readonly bytes: Bucket;
  readonly votes: Bucket;
  dropped: number;
}
/** Of so many messages that came too fast, one offence. */
const DROPPED_PER_OFFENCE = 1_000;
/** Votes that are checked at once. */
const VOTES_AT_ONCE = 64;

export const createGossip = (components: GossipComponents, init: { networkHash: Uint8Array }): Gossip => {
  const { outside, metrics, network, check, verify, tip, agreement, intake, pool, evidencePool } = components;
  const { clock } = outside;
  const { networkHash } = init;
  const peers = new Map<string, Peer>();
  const views = new Map<string, PeerView>();
  const seen = createSeen(SEEN_MAX);
  const voters = new Map<string, Bucket>();
  const waitingVotes: { vote: Vote; keys: Validator['keys']; name: string; from: string; again: boolean }[] = [];
  const waitingNames = new Set<string>();
  /** Proposals of the next height, until this node is there. */
  let ahead: { proposal: Proposal; block: Uint8Array | null; from: string }[] = [];
  let isChecking = false;
  let reminded = 0;

  const peerOf = (name: string): Peer | null => {
    let peer = peers.get(name);
    if (peer === undefined) {
      if (peers.size >= PEERS_MAX) return null;
      peer = {
        view: { height: 0, round: 0, oldest: 0 },
        bytes: createBucket(clock, PEER_BYTES_PER_SECOND, PEER_BYTES_BURST),
        votes: createBucket(clock, PEER_VOTES_PER_SECOND, PEER_VOTES_BURST),
        dropped: 0,
      };
      peers.set(name, peer);
    }
    return peer;
  };
  const offend = (peer: string, what: 'malformed' | 'forged' | 'spam', detail: string): void => {
    metrics?.offences.inc(1, { kind: what });
    network.offend(peer, what, detail);
  };
  const drop = (peer: string, state: Peer, kind: string): void => {
    metrics?.dropped.inc(1, { kind });
    state.dropped += 1;
    if (state.dropped % DROPPED_PER_OFFENCE === 0) offend(peer, 'spam', 'sends faster than anybody may');
  };
  const tell = (message: Message, except: string | null = null): void => {
    const encoded = encodeMessage(message);
    for (const peer of network.peers()) if (peer !== except) network.send(peer, encoded);
  };
  const mayRelay = (validator: Uint8Array): boolean => {
    const name = hexOf(validator);
    let bucket = voters.get(name);
    if (bucket === undefined) {
      if (voters.size >= PEERS_MAX) voters.clear();
      voters.set(name, (bucket = createBucket(clock, VALIDATOR_VOTES_PER_SECOND, VALIDATOR_VOTES_BURST)));
    }
    return bucket.take(1);
  };

  const voteName = ({ kind, height, round, block, validator }: Vote): string =>
    `${kind} ${height} ${round} ${block === null ? '' : hexOf(block)} ${hexOf(validator)}`;
  const proposalName = ({ height, round, validRound, block, proposer }: Proposal): string =>
    `proposal ${height} ${round} ${validRound} ${hexOf(block)} ${hexOf(proposer)}`;

  /** Keys of whoever says to have voted; null where nobody here needs to know. */
  const keysOf = (vote: Vote): Validator['keys'] | null => {
    const { height, validators, signers } = tip();
    if (!sameBytes(vote.network, networkHash)) return null;
    const set =
      vote.height === height + 1 || vote.height === height + 2
        ? validators
        : vote.height === height && vote.kind === 'precommit'
          ? signers
          : null;
    return set?.[placeOf(set, vote.validator)]?.keys ?? null;
  };
  /** @param again - whether it is told even if it was heard before: the algorithm may have had no room for it then */
  const takeVote = (vote: Vote, from: string, again = false): void => {
    const name = voteName(vote);
    if ((!again && seen.has(name)) || waitingNames.has(`${from} ${name}`)) return;
    const keys = keysOf(vote);
    if (keys === null || waitingVotes.length >= VOTES_WAITING_MAX) return;
    waitingNames.add(`${from} ${name}`);
    waitingVotes.push({ vote, keys, name, from, again });
    void checkVotes();
  };
  const checkVotes = async (): Promise<void> => {
    if (isChecking) return;
    isChecking = true;
    try {
      while (waitingVotes.length > 0) {
        const batch = waitingVotes.splice(0, VOTES_AT_ONCE);
        // A copy that another peer sent may have been found to hold meanwhile.
        const open = batch.filter(({ name, again }) => again || !seen.has(name));
        const held = await verify
          .votes(open.map(({ vote, keys }) => ({ keys, content: contentOf(vote), signature: vote.signature })))
          .catch(ignoreExpected);
        for (const { name, from } of batch) waitingNames.delete(`${from} ${name}`);
        open.forEach(({ vote, name, from, again }, place) => {
          if (held === null) return;
          if (held[place] !== true) return offend(from, 'forged', 'passed on a vote whose signatures do not hold');
          const isNew = seen.add(name);
          if (!isNew && !again) return;
          components.heardFrom(vote.validator);
          agreement().vote(vote, from);
          if (isNew && mayRelay(vote.validator)) tell({ type: 'vote', vote }, from);
        });
      }
    } finally {
      isChecking = false;
    }
  };
  const ignoreExpected = (error: unknown): null => {
    // The threads are busy, or end with the node: what is lost is told again.
    if (!isNodeError(error)) throw error;
    return null;
  };

  const takeProposal = async (
    proposal: Proposal,
    block: Uint8Array | null,
    from: string,
    again = false,
  ): Promise<void> => {
    const at = tip();
    if (!sameBytes(proposal.network, networkHash)) return;
    const keys = at.validators[placeOf(at.validators, proposal.proposer)]?.keys;
    if (proposal.height === at.height + 2) {
      if (ahead.length < PROPOSALS_AHEAD_MAX) ahead.push({ proposal, block, from });
      return;
    }
    const name = proposalName(proposal);
    if (proposal.height !== at.height + 1 || keys === undefined || (!again && seen.has(name))) return;
    const { height, round, validRound } = proposal;
    const content = { network: networkHash, height, round, validRound, block: proposal.block };
    const held = await check.proposal(keys, content, proposal.signature).catch(ignoreExpected);
    if (held === null || (!again && seen.has(name))) return;
    if (!held) return offend(from, 'forged', 'passed on a proposal whose signatures do not hold');
    const isNew = seen.add(name);
    components.heardFrom(proposal.proposer);
    const isRight = agreement().proposal(proposal, block, from);
    // Never a block that is another: whoever passes it on answers for it.
    if (isNew && mayRelay(proposal.proposer)) tell({ type: 'proposal', proposal, block: isRight ? block : null }, from);
  };

  const takeEvidence = async (encoded: Uint8Array, from: string): Promise<void> => {
    const evidence = decodeEvidence(encoded);
    const at = tip();
    if (evidencePool.isKnown(evidence) || evidence.height > at.height + 1) return;
    if (evidence.height < at.height + 1 - at.params.evidenceBlocksMax) return;
    const set = evidence.height === at.height + 1 ? at.validators : await components.validatorsAt(evidence.height);
    if (set === null) return;
    const problem = await verify.evidence(evidence, set).catch(ignoreExpected);
    if (problem === null) {
      if (evidencePool.add(evidence)) {
        components.accused(evidence);
        tell({ type: 'evidence', evidence: encoded }, from);
      }
    } else offend(from, 'forged', `passed on evidence that does not hold: ${problem}`);
  };

  const take = (message: Message, from: string, peer: Peer): void => {
    switch (message.type) {
      case 'hello':
        if (!sameBytes(message.network, networkHash)) return;
        peer.view = { height: message.height - 1, round: message.round, oldest: message.oldest };
        views.set(from, peer.view);
        components.told(from);
        break;
      case 'vote':
        if (peer.votes.take(1)) takeVote(message.vote, from);
        else drop(from, peer, 'vote');
        break;
      case 'proposal':
        if (peer.votes.take(1)) void takeProposal(message.proposal, message.block, from);
        else drop(from, peer, 'proposal');
        break;
      case 'transactions':
        intake.offer(from, message.transactions);
        break;
      case 'evidence':
        if (peer.votes.take(2)) void guarded(takeEvidence(message.evidence, from), from);
        else drop(from, peer, 'evidence');
        break;
    }
  };
  const guarded = async (work: Promise<void>, from: string): Promise<void> => {
    try {
      await work;
    } catch (error) {
      blame(error, from);
    }
  };
  const blame = (error: unknown, from: string): void => {
    if (!isNodeError(error)) throw error;
    if ((error.data as { verdict?: string }).verdict === 'reject') offend(from, 'malformed', error.message);
  };

  /** In messages that are not too large. */
  const tellTransactions = (transactions: readonly SignedTransaction[], send: (message: Message) => void): void => {
    let batch: Uint8Array[] = [];
    let bytes = 0;
    const flush = (): void => {
      if (batch.length > 0) send({ type: 'transactions', transactions: batch });
      batch = [];
      bytes = 0;
    };
    for (const { encoded } of transactions) {
      if (batch.length >= MESSAGE_TRANSACTIONS_MAX || (bytes > 0 && bytes + encoded.length > GOSSIP_BYTES_MAX)) flush();
      batch.push(encoded);
      bytes += encoded.length;
    }
    flush();
  };
  /** The oldest that wait, as many as make one message. */
  const oldestWaiting = (): SignedTransaction[] => {
    let bytes = 0;
    return pool.list(MESSAGE_TRANSACTIONS_MAX).filter(({ encoded }) => (bytes += encoded.length) <= GOSSIP_BYTES_MAX);
  };
  const hello = (peer?: string): void => {
    const { round } = agreement().position();
    const message: Message = {
      type: 'hello',
      network: networkHash,
      height: tip().height + 1,
      round,
      oldest: components.oldest(),
    };
    if (peer === undefined) tell(message);
    else network.send(peer, encodeMessage(message));
  };

  return {
    message: (from, bytes) => {
      const peer = peerOf(from);
      if (peer === null) return;
      if (bytes.length > MESSAGE_BYTES_MAX)
        return offend(from, 'malformed', 'sent a message that is larger than any may be');
      if (!peer.bytes.take(bytes.length)) return drop(from, peer, 'bytes');
      let message: Message;
      try {
        message = decodeMessage(bytes);
      } catch (error) {
        return blame(error, from);
      }
      metrics?.messages.inc(1, { kind: message.type });
      take(message, from, peer);
    },
    joined: (peer) => {
      if (peerOf(peer) === null) return;
      hello(peer);
      const { proposals, votes } = agreement().known(ANSWER_BYTES_MAX / 4096);
      for (const proposal of proposals) {
        const block = agreement().candidate(proposal.block);
        const inline = block !== null && block.length <= INLINE_BLOCK_BYTES_MAX ? block : null;
        network.send(peer, encodeMessage({ type: 'proposal', proposal, block: inline }));
      }
      for (const vote of votes) network.send(peer, encodeMessage({ type: 'vote', vote }));
      tellTransactions(oldestWaiting(), (message) => network.send(peer, encodeMessage(message)));
      for (const evidence of evidencePool.pick(GOSSIP_BYTES_MAX))
        network.send(peer, encodeMessage({ type: 'evidence', evidence: encodeEvidence(evidence) }));
    },
    left: (peer) => {
      peers.delete(peer);
      views.delete(peer);
      intake.forget(peer);
    },
    views: () => views,
    vote: (vote) => {
      seen.add(voteName(vote));
      tell({ type: 'vote', vote });
    },
    proposal: (proposal, block) => {
      seen.add(proposalName(proposal));
      tell({
        type: 'proposal',
        proposal,
        block: block !== null && block.length <= INLINE_BLOCK_BYTES_MAX ? block : null,
      });
    },
    transactions: (transactions, from) => tellTransactions(transactions, (message) => tell(message, from)),
    evidence: (evidence, from) => tell({ type: 'evidence', evidence: encodeEvidence(evidence) }, from),
    hello,
    remind: () => {
      const all = network.peers();
      const peer = all[reminded++ % Math.max(1, all.length)];
      if (peer === undefined) return;
      tellTransactions(oldestWaiting(), (message) => network.send(peer, encodeMessage(message)));
      for (const evidence of evidencePool.pick(GOSSIP_BYTES_MAX))
        network.send(peer, encodeMessage({ type: 'evidence', evidence: encodeEvidence(evidence) }));
    },
    heard: (from, proposals, votes) => {
      for (const vote of votes) takeVote(vote, from, true);
      for (const proposal of proposals) void takeProposal(proposal, null, from, true);
    },
    advanced: () => {
      const early = ahead;
      ahead = [];
      for (const { proposal, block, from } of early) void takeProposal(proposal, block, from);
    },
  };
};
