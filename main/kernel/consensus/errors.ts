import { NodeError, type Verdict } from '../../base/index.ts';

/** Bytes that somebody sent or kept and that are not what their page in docs/formats/ has. */
export class ConsensusFormatError extends NodeError<
  | { code: 'CONSENSUS_MALFORMED'; what: string; problem: string; verdict: Verdict }
  /** Made by a newer version of the program. */
  | { code: 'CONSENSUS_VERSION'; what: string; found: number; verdict: Verdict }
> {
  override readonly name = 'ConsensusFormatError';
}

/** Well-formed, and yet it does not convince: a commit, a header, evidence, or a proof about the ledger. */
export class ConsensusProofError extends NodeError<
  | { code: 'NETWORK_WRONG'; verdict: Verdict }
  /** It is about another block, height or set than it is shown for. */
  | { code: 'COMMIT_WRONG' | 'HEADER_WRONG' | 'SET_WRONG' | 'EVIDENCE_WRONG'; problem: string; verdict: Verdict }
  /** Power that signed, and what more than two thirds would be. */
  | { code: 'SIGNATURES_TOO_FEW'; power: number; total: number; verdict: Verdict }
  | { code: 'SIGNATURE_FORGED'; validator: string; verdict: Verdict }
  /** Too few of those who are trusted signed it, or what is trusted is too old. A header in between may help. */
  | { code: 'NOT_TRUSTED'; height: number; trustedHeight: number; problem: string; verdict: Verdict }
  /** The state is not what the proof says. */
  | { code: 'STATE_WRONG'; problem: string; verdict: Verdict }
> {
  override readonly name = 'ConsensusProofError';
}

/** What the front of consensus refuses. */
export class ConsensusError extends NodeError<
  /** `refusal` and `reason` are those of whoever refused. */
  | { code: 'TRANSACTION_REFUSED'; refusal: string; reason: string }
  | { code: 'POOL_FULL'; limit: number }
  | { code: 'HALTED'; reason: string }
  /** It left the waiting ones and will not become final. */
  | { code: 'DROPPED'; reason: string }
  /** More signatures wait for a check than are held. */
  | { code: 'BUSY'; limit: number }
  | { code: 'LEDGER_UNKNOWN'; ledger: string }
  | { code: 'LEDGER_AMBIGUOUS'; ledger: string; matches: number }
  | { code: 'GENESIS_INVALID'; problem: string }
  | { code: 'GENESIS_NEWER'; found: number }
  | { code: 'LEDGERS_FULL'; limit: number }
  /** The home network belongs to the node. */
  | { code: 'HOME_STAYS' }
  | { code: 'STILL_VALIDATOR'; ledger: string }
> {
  override readonly name = 'ConsensusError';
}

/** What is wrong with how a network is to begin. */
export class GenesisError extends NodeError<{ code: 'GENESIS_INVALID'; problem: string; verdict: Verdict }> {
  override readonly name = 'GenesisError';
}
