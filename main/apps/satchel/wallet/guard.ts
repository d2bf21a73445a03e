import { decodeCbor, encodeCbor } from '../../../base/index.ts';
import type { Signer } from '../../../base/crypto/index.ts';
import { sameBytes } from './economy.ts';
import type { Payload } from './drafts.ts';
import { WalletError } from './errors.ts';

const changed = (what: string): WalletError =>
  new WalletError(
    { code: 'DRAFT_CHANGED', what },
    `Nothing was signed: ${what} is not what was shown any more. Prepare it again and look at it once more.`,
  );

/**
 * A signer for one thing that its owner agreed to. Whatever else it is given to sign, it refuses: what is signed is what was
 * shown, whoever puts the bytes together.
 *
 * @throws {WalletError} `DRAFT_CHANGED` from `sign`
 */
export const guardedSigner = (
  signer: Signer,
  shown: Extract<Payload, { type: 'transaction' }> & { feeMicro: bigint },
): Signer => {
  let used = false;
  return {
    keyId: signer.keyId,
    keyIdBytes: signer.keyIdBytes,
    keys: signer.keys,
    sign: async (domain, payload) => {
      if (used) throw changed('the second signature');
      if (domain !== 'transaction') throw changed('the purpose');
      const { network, kind, asset, previous, data } = decodeCbor(payload) as Record<string, unknown>;
      if (!(network instanceof Uint8Array) || !sameBytes(network, shown.network)) throw changed('the network');
      if (kind !== shown.kind || asset !== null || previous !== null) throw changed('the kind');
      const { nonce, fee, ...fields } = data as Record<string, unknown>;
      if (typeof nonce !== 'number' || (typeof fee !== 'number' && typeof fee !== 'bigint'))
        throw changed('the transaction');
      if (BigInt(fee) !== shown.feeMicro) throw changed('the fee');
      // One encoding of each value: equal bytes are equal fields.
      if (!sameBytes(encodeCbor(fields), encodeCbor(shown.fields))) throw changed('what it does');
      used = true;
      return await signer.sign(domain, payload);
    },
  };
};

/** A signer that only says whose it is: for asking what something would cost. */
export const namedSigner = (keyId: Signer['keyId'], keyIdBytes: Uint8Array): Signer => ({
  keyId,
  keyIdBytes,
  keys: { ed25519: new Uint8Array(32), falcon1024: new Uint8Array(1793) },
  sign: async () => {
    throw changed('who signs');
  },
});
