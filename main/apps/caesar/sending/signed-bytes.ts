import { encodeCbor } from '../../../base/index.ts';
import {
  ED25519_PUBLIC_BYTES,
  ED25519_SIGNATURE_BYTES,
  FALCON_PUBLIC_BYTES,
  FALCON_SIGNATURE_BYTES,
  RECORD_VERSION,
} from '../../../base/crypto/index.ts';

/** Size of a signed transaction by that of its payload: keys and signatures have one size each. docs/formats/signed-record.md */
export const signedBytes = (payloadBytes: number): number =>
  encodeCbor({
    v: RECORD_VERSION,
    domain: 'transaction',
    payload: new Uint8Array(payloadBytes),
    signer: { ed25519: new Uint8Array(ED25519_PUBLIC_BYTES), falcon1024: new Uint8Array(FALCON_PUBLIC_BYTES) },
    signatures: {
      ed25519: new Uint8Array(ED25519_SIGNATURE_BYTES),
      falcon1024: new Uint8Array(FALCON_SIGNATURE_BYTES),
    },
  }).length;
