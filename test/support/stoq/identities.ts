import {
  deriveKeys,
  type DerivedKeys,
  keyIdBytesOf,
  keyIdText,
  makeSelfMadeCertificate,
  signRecord,
} from '../../../main/base/crypto/index.ts';
import type { Random } from '../../../main/base/index.ts';
import type { LocalPeer } from '../../../main/transport/stoq/interface.ts';
import { createLocalPeer } from '../../../main/transport/stoq/verifier.ts';

export interface TestIdentity {
  keys: DerivedKeys;
  certificate: Uint8Array;
  local: LocalPeer;
}

/** A whole identity with real keys, of a number. Takes half a second to a second (two FALCON keys). @param random - for its signatures */
export const makeIdentity = (number: number, random?: Random): TestIdentity => {
  const keys = deriveKeys(Uint8Array.from({ length: 32 }, () => number));
  const certificate = makeSelfMadeCertificate(keys, Date.UTC(2026, 0, 5));
  return { keys, certificate, local: localPeerOf(keys, certificate, random) };
};

/** @param random - makes signatures the same in every run. @default the platform's */
export const localPeerOf = (keys: DerivedKeys, certificate: Uint8Array, random?: Random): LocalPeer => {
  const keyIdBytes = keyIdBytesOf(keys.node.public);
  return createLocalPeer(
    {
      keyId: keyIdText(keyIdBytes),
      keyIdBytes,
      keys: keys.node.public,
      sign: (domain, payload) =>
        Promise.resolve(signRecord(keys.node.public, keys.node.secret, domain, payload, random?.bytes(48))),
    },
    certificate,
  );
};
