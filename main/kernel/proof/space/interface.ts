import type { Logger, Outside, WorkerPool } from '../../../base/index.ts';
import type { KeyIdBytes } from '../../../base/crypto/index.ts';
import type { Challenge, Pace, Progress } from '../interface.ts';
import type { NetworkPlace } from './format.ts';
import type { SpaceMetrics } from './metrics.ts';

/** One plot in the folder. */
export interface PlotView {
  /** 32 bytes in hex; names the plot and its folder. */
  id: string;
  owner: KeyIdBytes;
  /** Space that it counts for. */
  bytes: number;
  windows: number;
  windowLabels: number;
  layers: number;
  root: Uint8Array;
  /** Windows that were found damaged; the plot does not answer until `setSize` has made them again. */
  badWindows: readonly number[];
}

/** What the ledger keeps of a plot, and what a stranger needs to believe it. */
export interface PlotCommitment {
  id: Uint8Array;
  owner: KeyIdBytes;
  root: Uint8Array;
  bytes: number;
  /** SHA-256 of the opening; its name among attachments. */
  openingHash: Uint8Array;
  opening: Uint8Array;
}

/**
 * Space reserved as files that cost so much to compute that answering a challenge in time needs them on disk.
 * docs/formats/proof-space.md
 */
export interface Plots {
  /**
   * Reads what is in the folder. What a crash left half-made and cannot be gone on with is removed; what is not a plot, or
   * of a newer version, is left alone and does not count.
   *
   * @throws {SpaceError} `PLOT_NOT_WRITTEN` when the folder cannot be read or made
   */
  open(): Promise<void>;
  /** Whole plots, of whichever owner, in the order of their ids. */
  list(): readonly PlotView[];
  /** Bytes of a plot of this owner that was begun and is not whole: `setSize` goes on with it. */
  pendingBytes(owner: KeyIdBytes): number;
  /**
   * Makes windows that were found damaged again, then plots or deletes until this owner's plots come to `bytes`, rounded
   * down to whole windows. Plots of other owners are left alone. A crash at any moment leaves whole plots and at most one
   * begun, which goes on from its last window.
   *
   * @throws {SpaceError} `DISK_FULL` | `PLOT_NOT_WRITTEN` | `PLOTS_BUSY` | `PLOTS_CLOSED` | `SIZE_INVALID` | `PLOT_DAMAGED`
   * @throws `signal.reason` when cancelled; whole windows stay and are gone on with
   */
  setSize(
    bytes: number,
    owner: KeyIdBytes,
    pace: Pace,
    progress: Progress,
    signal: AbortSignal,
  ): Promise<readonly PlotView[]>;
  /** Removes all plots of an owner, whole or begun. @throws {SpaceError} `PLOT_NOT_WRITTEN` | `PLOTS_BUSY` | `PLOTS_CLOSED` */
  remove(owner: KeyIdBytes): Promise<void>;
  /**
   * Answers a challenge from the plots of the node that it names. A plot with damaged windows is left out, and reported.
   *
   * @param place - addresses as the node knows them, and round trips that peers signed; none by default
   * @returns the encoded proof, and the openings it refers to by the SHA-256 of their bytes in hex
   * @throws {ProofError} `NO_SPACE_PLOTTED` when no plot can answer
   * @throws {SpaceError} `PLOTS_CLOSED`
   */
  prove(
    challenge: Challenge,
    challengeHash: Uint8Array,
    pace: Pace,
    progress: Progress,
    signal: AbortSignal,
    place?: NetworkPlace,
  ): Promise<{ proof: Uint8Array; attachments: Map<string, Uint8Array> }>;
  /** What there is to register, in the order of the ids. @throws {SpaceError} `PLOT_NOT_WRITTEN` when a file cannot be read */
  commitments(): Promise<PlotCommitment[]>;
  /** Nothing is begun after this; what runs is waited for by whoever cancelled it. May be called twice. */
  close(): Promise<void>;
}

export interface PlotsInit {
  folder: string;
  /** A power of two. @default 2^18, which is 8 MiB */
  windowLabels?: number;
  /** Smallest windows, where less is given than one of the usual size. @default 2^15, which is 1 MiB */
  smallWindowLabels?: number;
  /** @default 11 */
  layers?: number;
  /** @default 80 */
  openings?: number;
  /** @default 64 */
  answers?: number;
  /** Space left free on the disk. @default 512 MiB */
  reserveBytes?: number;
}
export interface PlotsComponents {
  outside: Outside;
  logger: Logger;
  workers: WorkerPool;
  metrics: SpaceMetrics | null;
}
