import type { SignedTransaction } from '../../blocks/index.ts';
import type { SignatureCheck } from '../interface.ts';
import type { Turns } from '../turns.ts';
import { OPENED_AT_ONCE } from './constants.ts';

/** Takes the transactions of a block apart and checks them, with pauses; null where one does not hold. */
export type OpenTransactions = (encoded: readonly Uint8Array[]) => Promise<readonly SignedTransaction[] | null>;

export const createOpenTransactions =
  (check: Pick<SignatureCheck, 'transactions'>, turns: Turns): OpenTransactions =>
  async (encoded) => {
    const signed: SignedTransaction[] = [];
    for (let from = 0; from < encoded.length; from += OPENED_AT_ONCE) {
      if (from > 0) await turns.pause();
      for (const one of await check.transactions(encoded.slice(from, from + OPENED_AT_ONCE))) {
        if (one === null) return null;
        signed.push(one);
      }
    }
    return signed;
  };
