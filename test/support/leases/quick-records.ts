import {
  type Domain,
  type DerivedKeys,
  ed25519Sign,
  ed25519Verify,
  keyIdBytesOf,
  keyIdText,
  type SignerKeys,
} from '../../../main/base/crypto/index.ts';
import { decodeCbor, encodeCbor, type Task } from '../../../main/base/index.ts';
import type { RecordOutcome } from '../../../main/kernel/leases/formats/index.ts';

/**
 * Records of the same shape with one real signature of the two: FALCON takes fifty times as long as all else together, and tests of
 * what follows from records need thousands. Tests of forgeries of all kinds are those of the records themselves.
 */
const messageOf = (domain: string, keyId: Uint8Array, payload: Uint8Array): Uint8Array =>
  encodeCbor(['quick', domain, keyId, payload]);

export const quickSign = (keys: DerivedKeys['node'], domain: Domain, payload: Uint8Array): Uint8Array => {
  decodeCbor(payload);
  const { ed25519, falcon1024 } = keys.public;
  const message = messageOf(domain, keyIdBytesOf(keys.public), payload);
  return encodeCbor({
    v: 1,
    domain,
    payload,
    signer: { ed25519, falcon1024 },
    signatures: { ed25519: ed25519Sign(keys.secret.ed25519, message), falcon1024: new Uint8Array(8) },
  });
};
/** Stands in for the tasks of leases. */
export const quickTasks: Record<string, Task> = {
  'leases.verifyRecord': (input): RecordOutcome => {
    const { domain, encoded } = input as { domain: Domain; encoded: Uint8Array };
    try {
      const record = decodeCbor(encoded) as {
        domain: Domain;
        payload: Uint8Array;
        signer: SignerKeys;
        signatures: SignerKeys;
      };
      const { payload, signer } = record;
      const keyIdBytes = keyIdBytesOf(signer);
      if (record.domain !== domain) return { ok: false, problem: 'another domain' };
      if (!ed25519Verify(signer.ed25519, messageOf(domain, keyIdBytes, payload), record.signatures.ed25519))
        return { ok: false, problem: 'the signature does not hold' };
      return { ok: true, value: { domain, payload, signer, keyIdBytes, keyId: keyIdText(keyIdBytes) } };
    } catch {
      return { ok: false, problem: 'no record' };
    }
  },
};
