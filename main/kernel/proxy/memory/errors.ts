import { NodeError, type Verdict } from '../../../base/index.ts';

/** Borrowed or lent memory could not do what was asked of it. */
export class MemoryError extends NodeError<
  | { code: 'OUT_OF_RANGE'; offset: number; length: number; sizeBytes: number }
  /** The lender gave back other bytes than were written last; they are not handed out. */
  | { code: 'PAGE_DAMAGED'; page: number }
  /** It did not answer in time. What was under way may or may not have been done. */
  | { code: 'LENDER_AWAY'; waitedMs: number }
  /** The lender does not serve the lease (any more). */
  | { code: 'LEASE_OVER'; refusal: string }
  | { code: 'LEASE_NOT_MEMORY' }
  | { code: 'MEMORY_FULL'; neededBytes: number }
  | { code: 'VALUE_TOO_LARGE'; limitBytes: number }
  | { code: 'KEY_INVALID'; limitBytes: number }
  /** The key that memory is sealed with opens only with the node's identity. */
  | { code: 'KEYS_LOCKED' }
  | { code: 'TOO_SMALL'; sizeBytes: number }
  | { code: 'NO_ROOM'; bytes: number }
  | { code: 'MIRROR_INVALID' }
  | { code: 'CLOSED' }
  /** What came over the wire is not what docs/formats/far-memory.md allows. */
  | { code: 'MALFORMED'; problem: string; verdict: Verdict }
> {
  override readonly name = 'MemoryError';
}

export const malformed = (problem: string): MemoryError =>
  new MemoryError(
    { code: 'MALFORMED', problem, verdict: 'reject' },
    `The peer sent what the protocol of far memory does not allow: ${problem}.`,
  );
export const outOfRange = (offset: number, length: number, sizeBytes: number): MemoryError =>
  new MemoryError(
    { code: 'OUT_OF_RANGE', offset, length, sizeBytes },
    `There are ${sizeBytes} bytes; ${length} from ${offset} on are not all within. Ask for fewer, or borrow more.`,
  );
export const damaged = (page: number): MemoryError =>
  new MemoryError(
    { code: 'PAGE_DAMAGED', page },
    `The lender gave back other bytes than were written to page ${page}. Nothing of it was used; borrow from another lender, or keep a mirror.`,
  );
export const lenderAway = (waitedMs: number): MemoryError =>
  new MemoryError(
    { code: 'LENDER_AWAY', waitedMs },
    `The lender did not answer within ${waitedMs} ms. What was under way may or may not have been done; try again when it is reachable.`,
  );
export const closedError = (): MemoryError =>
  new MemoryError({ code: 'CLOSED' }, 'This memory was closed here; open it again by its lease.');
export const leaseOver = (refusal: string): MemoryError =>
  new MemoryError(
    { code: 'LEASE_OVER', refusal },
    `This lease of memory is not served any more, and what was kept in it is gone; borrow again. ${refusal}`,
  );
