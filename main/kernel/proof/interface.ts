import type { AssetId } from '../../base/index.ts';
import type { KeyIdBytes } from '../../base/crypto/index.ts';
import type { ProofKind } from '../../../preload/contract/index.ts';

/**
 * What a proof answers. Whoever asks makes it; the home network's node makes its own. All four proofs carry its hash, so
 * none can be used for another node, asset, purpose or question. dag-cbor; docs/formats/proof.md.
 */
export interface Challenge {
  version: 1;
  /** SHA-256 that names the network: the hash of its genesis transaction. 32 bytes. */
  network: Uint8Array;
  /** Key id of the node that is to prove. 32 bytes. */
  node: KeyIdBytes;
  asset: AssetId;
  /** Lower-case words, such as `block`, `audit`, `lease`. At most 64 characters. */
  purpose: string;
  /** 32 fresh random bytes of whoever asks. */
  nonce: Uint8Array;
  /** Key id of whoever asks; equal to `node` where the node asks itself. 32 bytes. */
  issuer: KeyIdBytes;
  issuedAtMs: number;
  /** A proof finished later counts for nothing. */
  expiresAtMs: number;
  /** Newest block that whoever asks knew: the proof was begun after it existed. Null before the first block. */
  anchor: { height: number; hash: Uint8Array } | null;
}

/**
 * The four proofs as canonical dag-cbor, each in the format of its page, all bound to one challenge. What a body looks
 * like inside is known to its generator and its verifier, which share the format and nothing else.
 */
export interface CombinedProof {
  version: 1;
  challenge: Challenge;
  /** Encoded dag-cbor of each proof. */
  space: Uint8Array;
  stake: Uint8Array;
  work: Uint8Array;
  time: Uint8Array;
}

/** What a proof refers to and what a stranger needs beside it, by the SHA-256 (hex) of its bytes: openings of plots. */
export type Attachments = ReadonlyMap<string, Uint8Array>;

/** Which proofs, how fresh and how much. Data, not code: an allocation type or a lease carries one. */
export interface ProofRequirements {
  /** Proofs that must be there and pass. Others are checked all the same, and reported. */
  kinds: readonly ProofKind[];
  /** Age since `finishedAtMs` of the time proof; null: any. */
  maxAgeMs: number | null;
  space: {
    /** Plotted bytes at least. */
    bytesMin: number;
    /** Labels of a window at least: below it, computing a window again may be quicker than the deadline. */
    windowLabelsMin: number;
    /** Leaves that an answer opens, at least. */
    answersMin: number;
    /** Nodes of the plot whose labels are checked, at least. */
    openingsMin: number;
    /** How long the answer may have taken from the challenge; checked only by whoever asked, with its own clock. */
    answerMsMax: number;
  };
  stake: {
    certificate: 'any' | 'selfMade' | 'issued';
    stakeMicroMin: bigint;
  };
  work: {
    /** Multiplications in the field, at least. */
    multiplicationsMin: number;
    /** Rows that are opened, at least. */
    rowsMin: number;
    multiplicationsPerSecondMin: number;
  };
  time: {
    /** Hashes of the chain, at least. */
    stepsMin: number;
    /** Segments that are computed again, at least; `whole` computes all of them. */
    segments: number | 'whole';
    /** How far stamps may lie from the verifier's clock, and outside of the order that they must have. */
    skewMsMax: number;
  };
}

/** What one verifier found. */
export interface ProofFinding {
  kind: ProofKind;
  passed: boolean;
  /** First thing that is wrong; null when it passed. Codes are listed in errors.ts of the proof's folder. */
  code: string | null;
  /** One sentence: what was shown with its figures, or what is wrong. */
  reason: string;
  /** What it showed, for whoever goes on with it: such as `bytes`, `multiplicationsPerSecond`, `steps`. Empty when it failed. */
  shown: Readonly<Record<string, number>>;
}

/** What each verifier is handed beside the bytes. Plain data, so that it crosses into a worker. */
export interface VerifyContext {
  challenge: Challenge;
  /** SHA-256 of the canonical challenge; every proof carries it. */
  challengeHash: Uint8Array;
  attachments: Attachments;
  requirements: ProofRequirements;
  /** The verifier's clock. */
  nowMs: number;
  /** 32 bytes that the prover could not know: where spot checks look. */
  checkSeed: Uint8Array;
  /** How long after the challenge the proof arrived, by the clock of whoever asked; null where the verifier did not ask. */
  answeredAfterMs: number | null;
  /** Time of the block that the challenge is anchored at, where the verifier has that block. */
  anchorTimeMs: number | null;
}

/**
 * What the owner lets proofs take; they are work like any other. Provided by the prover. A generator does all its heavy
 * work in slices: each is one task of the worker pool that keeps one thread busy for at most {@link SLICE_MS_MAX}.
 */
export interface Pace {
  /**
   * Runs one slice, then waits so long that the share of a core which the level allows is not exceeded. Waits before the
   * slice, without end, while the level is zero or the owner has paused.
   *
   * @throws `signal.reason` of whoever made the pace, when cancelled
   */
  slice<T>(work: () => Promise<T>): Promise<T>;
}

/** Longest busy time of one slice on an ordinary machine: short against the second within which a level takes effect. */
export const SLICE_MS_MAX = 100;

/** Where generators tell how far they are, 0 to 100. */
export type Progress = (percent: number) => void;
