import {
  ed25519Sign,
  ed25519Verify,
  keyIdBytesOf,
  keyIdText,
  type SignerKeys,
} from '../../../main/base/crypto/index.ts';
import { decodeCbor, encodeCbor } from '../../../main/base/index.ts';
import { PeerError } from '../../../main/transport/stoq/errors.ts';
import type { LocalPeer, PeerVerifier } from '../../../main/transport/stoq/interface.ts';
import type { TestPeer } from './make-peer.ts';

interface QuickRecord {
  payload: Uint8Array;
  keys: SignerKeys;
  signature: Uint8Array;
}

/** Proves itself in handshakes by Ed25519 alone, some 0.1 ms in place of 15; signs everything else as `sign` does. */
export const quickPeer = ({ keys, local }: TestPeer, sign: LocalPeer['sign']): LocalPeer => ({
  ...local,
  sign: async (domain, payload) => {
    if (domain !== 'stoq-handshake') return await sign(domain, payload);
    const { ed25519, falcon1024 } = keys.node.public;
    return encodeCbor({
      payload,
      keys: { ed25519, falcon1024 },
      signature: ed25519Sign(keys.node.secret.ed25519, payload),
    });
  },
});
/** Believes such proofs of handshakes, and leaves everything else to `verifier`. For measurements of what comes after handshakes. */
export const quickVerifier = (verifier: PeerVerifier): PeerVerifier => ({
  verify: verifier.verify,
  openRecord: async (domain, record) => {
    if (domain !== 'stoq-handshake') return await verifier.openRecord(domain, record);
    const { payload, keys, signature } = decodeCbor(record, 16) as QuickRecord;
    if (!ed25519Verify(keys.ed25519, payload, signature))
      throw new PeerError(
        { code: 'SIGNATURE_REFUSED', problem: 'its Ed25519 signature', verdict: 'reject' },
        'What the peer signed does not hold.',
      );
    return { payload, keys, keyId: keyIdText(keyIdBytesOf(keys)) };
  },
});
