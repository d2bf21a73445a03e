import type { Clock, WorkerPool } from '../../../base/index.ts';
import type { Reading } from '../../../../preload/contract/index.ts';

/**
 * Multiplies what the CPU would, on a card. The prover's `GpuMultiplier` is one; it is declared here because this room lies
 * below the prover's.
 */
export interface CardMultiplier {
  /**
   * @param seed - 32 bytes that both operands are made from
   * @returns the rows of the product, 16 bits an entry, little endian; and how long the card was at it
   */
  multiply(
    seed: Uint8Array,
    rows: { from: number; count: number },
    signal: AbortSignal,
  ): Promise<Reading<{ product: Uint8Array; tookMs: number }>>;
}

export interface ProveWorkComponents {
  workers: WorkerPool;
  clock: Clock;
}
export interface ProveWorkInit {
  /** Rows of the product; 262 144 multiplications each. @default 65536 */
  rows?: number | undefined;
  /** Rows that are opened. @default 48 */
  openings?: number | undefined;
  /** Slices under way at once, at most as many as the pool has threads. More than one shows the whole processor. @default 1 */
  threads?: number | undefined;
  /** Multiplies instead of the processor. @default null */
  gpu?: CardMultiplier | null | undefined;
}
export interface MadeWorkProof {
  /** docs/formats/proof-work.md. */
  proof: Uint8Array;
  multiplications: number;
  /** Time during which a slice was under way: without the rests that the level demands. On a card, the card's own time. */
  busyMs: number;
  /** From the first slice to the root, rests included. */
  wallMs: number;
  /** Proven capacity: multiplications by busy time. */
  multiplicationsPerSecond: number;
  /** The same by the whole time, which the level holds down. */
  multiplicationsPerSecondWall: number;
}
