import type { Clock, Random } from '../../../base/index.ts';
import type { WalletDraft } from '../../../../preload/contract/index.ts';
import type { AccountRow } from './rows.ts';
import { DRAFT_MS, DRAFTS_MAX } from './constants.ts';
import { WalletError, draftUnknown } from './errors.ts';

/** What is signed once its owner has agreed: made when it is shown, and never made anew. */
export type Payload =
  | { type: 'transaction'; ledger: string; network: Uint8Array; kind: string; fields: Record<string, unknown> }
  | { type: 'message'; bytes: Uint8Array; atMs: number };
export interface Prepared {
  view: WalletDraft;
  account: AccountRow;
  payload: Payload;
}
/** What waits for its owner's word. In memory only; each is used once, and forgotten after five minutes. */
export interface Drafts {
  /** @throws {WalletError} `DRAFTS_FULL` */
  add(make: (id: string, expiresAtMs: number) => Prepared): Prepared;
  /** Takes it out for one question: nobody else gets it meanwhile. @throws {WalletError} `DRAFT_UNKNOWN` */
  take(id: string): Prepared;
  /** It may be asked about again: nothing was signed, and nobody said no. */
  putBack(id: string): void;
  /** Whether nobody locked the wallet while the question stood. */
  holds(id: string): boolean;
  /** Signed, or declined: gone for good. */
  end(id: string): void;
  /** Of what is shown now nothing is signed any more. */
  clear(): void;
}

const ID_BYTES = 16;

export const createDrafts = ({ clock, random }: { clock: Clock; random: Random }): Drafts => {
  const kept = new Map<string, { prepared: Prepared; untilMs: number; asking: boolean }>();
  // By the monotonic clock: one that is set neither ends a draft nor keeps it.
  const dropOld = (): void => {
    for (const [id, { untilMs, asking }] of kept) if (!asking && untilMs <= clock.monotonicMs()) kept.delete(id);
  };
  return {
    add(make) {
      dropOld();
      if (kept.size >= DRAFTS_MAX)
        throw new WalletError(
          { code: 'DRAFTS_FULL', max: DRAFTS_MAX },
          `${DRAFTS_MAX} things wait to be signed already; sign one of them, or wait five minutes.`,
        );
      const id = Buffer.from(random.bytes(ID_BYTES)).toString('hex');
      const prepared = make(id, clock.nowMs() + DRAFT_MS);
      kept.set(id, { prepared, untilMs: clock.monotonicMs() + DRAFT_MS, asking: false });
      return prepared;
    },
    take(id) {
      dropOld();
      const found = kept.get(id);
      if (found === undefined || found.asking) throw draftUnknown();
      found.asking = true;
      return found.prepared;
    },
    putBack(id) {
      const found = kept.get(id);
      if (found !== undefined) found.asking = false;
    },
    holds: (id) => kept.has(id),
    end(id) {
      kept.delete(id);
    },
    clear() {
      kept.clear();
    },
  };
};
