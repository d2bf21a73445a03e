import type { AssetId, EventSource, Startable } from '../../base/index.ts';
import type { KeyIdBytes, Opener, Signer } from '../../base/crypto/index.ts';
import type { Attachments, Challenge, CombinedProof, Pace, Progress, ProofFinding } from '../proof/index.ts';
import type {
  AssetProofs,
  ProofEntry,
  ProofPlan,
  ProofVerdict,
  ProverState,
  Reading,
} from '../../../preload/contract/index.ts';

/** Whose keys prove and sign; the wallet above holds them and is handed down as this. */
export interface KeyHolder extends EventSource<{ changed: null }> {
  /** Null while there is no identity or it is locked. */
  node(): { signer: Signer; opener: Opener; certificate: Uint8Array } | null;
  /** Why there are none now, one sentence that says what to do. */
  reason(): { code: 'IDENTITY_NONE' | 'IDENTITY_LOCKED'; sentence: string } | null;
}

export interface ProverEvents {
  stateChanged: ProverState;
  proofsChanged: AssetProofs[];
}

/** Multiplies in WebGPU what the CPU would; only a face with a window has it. */
export interface GpuMultiplier {
  /**
   * @param seed - 32 bytes; the operands are made from it as docs/formats/proof-work.md says
   * @returns rows × columns of the product, 16 bits each, little endian; and how long the card took
   */
  multiply(
    seed: Uint8Array,
    rows: { from: number; count: number },
    signal: AbortSignal,
  ): Promise<Reading<{ product: Uint8Array; tookMs: number }>>;
}

/** A plot that is whole, as the ledger is told of it. */
export interface PlotOnDisk {
  /** Root over its windows: names it. 32 bytes. */
  root: Uint8Array;
  /** Whole windows. */
  bytes: number;
  /** Shows that its labels were computed, and holds its description; docs/formats/proof-space.md. */
  opening: Uint8Array;
}

/** The node's plotted space as the prover drives it. */
export interface PlotKeeper {
  /** How much of so many bytes can be plotted: plots are made of whole windows. 0 when it is too little for one. */
  fitting(bytes: number): number;
  /** Bytes of what is plotted to its end, of whichever owner. */
  plottedBytes(): number;
  /** Bytes that can answer for this owner: what is damaged cannot. */
  usableBytes(owner: KeyIdBytes): number;
  /** What is plotted and opened for this owner. */
  plots(owner: KeyIdBytes): Promise<PlotOnDisk[]>;
  /** Plots until so many bytes are there. May be cut off at any moment; the next call goes on from there. */
  grow(bytes: number, owner: KeyIdBytes, pace: Pace, progress: Progress, signal: AbortSignal): Promise<void>;
  /** Deletes plots until no more than so many bytes are left. Needs no keys. */
  shrink(bytes: number): Promise<void>;
  /** Deletes plots of all other owners, which nobody here could answer with. */
  keepOnly(owner: KeyIdBytes): Promise<void>;
}

/** Makes and checks combined proofs, as the prover drives it. */
export interface ProofEngine {
  /** @throws `signal.reason`; {@link ProofError} */
  make(request: {
    challenge: Challenge;
    keys: { signer: Signer; certificate: Uint8Array };
    /** Multiplies in place of the processor; null: the processor does. */
    card: GpuMultiplier | null;
    pace: Pace;
    signal: AbortSignal;
    progress: (step: 'space' | 'work' | 'time' | 'stake', percent: number) => void;
  }): Promise<{ proof: CombinedProof; attachments: Attachments }>;
  /** Checks with the code that strangers use, which shares nothing with what made it. */
  check(request: {
    proof: CombinedProof;
    attachments: Attachments;
    /** The challenge as it was asked, not as the proof tells it. */
    challenge: Challenge;
    answeredAfterMs: number | null;
    anchorTimeMs: number | null;
    signal: AbortSignal;
  }): Promise<{ verdict: ProofVerdict; findings: readonly ProofFinding[] }>;
  /** SHA-256 over the four. */
  idOf(proof: CombinedProof): Uint8Array;
  encode(proof: CombinedProof): Uint8Array;
  decode(encoded: Uint8Array): CombinedProof;
  file(proof: CombinedProof, attachments: Attachments): Uint8Array;
  /** @throws {ProofFileError} `PROOF_UNREADABLE` */
  verifyFile(file: Uint8Array, nonce: Uint8Array | null): Promise<ProofVerdict>;
}

/**
 * Registers the assets of this node, proves each one when it is new, when its level or inventory changed and on a
 * schedule, and appends a block when something happened. Never beyond the owner's limits: the processor that proofs use
 * is allocated like that of any job, and the space of plots like that of any lease.
 */
export interface Prover extends Startable, EventSource<ProverEvents> {
  state(): ProverState;
  assets(): AssetProofs[];
  list(query: { asset?: AssetId | undefined; limit: number }): Promise<ProofEntry[]>;
  /**
   * Proves one asset now and waits for it. Takes its place before the schedule.
   * @param nonce - 32 bytes that whoever asks has chosen
   * @throws {ProverError} `IDENTITY_NONE` | `IDENTITY_LOCKED` | `ASSET_UNKNOWN` | `PROVER_BUSY` | `PROOF_CANCELLED` | `NO_SPACE_PLOTTED` | `PROOF_FAILED`
   */
  make(request: { asset: AssetId; purpose: string; nonce: Uint8Array | null }): Promise<ProofEntry>;
  /** Stops what is being made; the schedule takes it up again later. */
  cancel(): ProverState;
  /** A proof with all that a stranger needs to check it; docs/formats/proof-file.md. @throws {ProverError} `PROOF_UNKNOWN` */
  file(id: string): Promise<{ fileName: string; bytes: Uint8Array }>;
  /** @throws {ProofFileError} `PROOF_UNREADABLE` */
  verify(file: Uint8Array, nonce: Uint8Array | null): Promise<ProofVerdict>;
  plan(): ProofPlan;
  setPlan(change: Partial<ProofPlan>): Promise<ProofPlan>;
}
