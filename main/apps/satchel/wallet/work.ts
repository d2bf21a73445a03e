import { isNodeError } from '../../../base/errors.ts';
import { verifyRecord } from '../../../base/crypto/index.ts';
import { WalletError } from './errors.ts';
import { type MessageOutcome, decodeMessage } from './message.ts';

/** Body of `satchel.verifyMessage`. Takes some milliseconds. */
export const verifyMessage = (input: unknown): MessageOutcome => {
  try {
    const { payload, keyIdBytes } = verifyRecord(input as Uint8Array, { domain: 'wallet-message' });
    return { ok: true, account: keyIdBytes, ...decodeMessage(payload) };
  } catch (error) {
    if (!isNodeError(error)) throw error;
    if (error instanceof WalletError) {
      if (error.code === 'MESSAGE_NEWER')
        return { ok: false, code: 'newer', found: (error.data as { found: number }).found };
      return { ok: false, code: 'malformed', problem: (error.data as { problem: string }).problem };
    }
    if (error.code === 'RECORD_VERSION')
      return { ok: false, code: 'newer', found: (error.data as { found: number }).found };
    if (error.code === 'RECORD_MALFORMED')
      return { ok: false, code: 'malformed', problem: (error.data as { problem: string }).problem };
    if (error.code === 'DOMAIN_UNKNOWN')
      return { ok: false, code: 'malformed', problem: 'it was signed for something else' };
    return { ok: false, code: 'forged', sentence: error.message };
  }
};
