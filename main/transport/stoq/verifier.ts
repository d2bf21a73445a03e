import { sha256, type WorkerPool } from '../../base/index.ts';
import { peerIdOf, type SelfMadeCertificate, type Signer, type VerifiedRecord } from '../../base/crypto/index.ts';
import { PeerError } from './errors.ts';
import type { LocalPeer, PeerId, PeerVerifier, VerifiedPeer } from './interface.ts';
import type { Outcome } from './tasks.ts';

/** Certificates found to hold, kept so that the next meeting costs no signatures. One takes some 14 KiB. */
const VERIFIED_MAX = 256;

/**
 * Believes whoever holds the keys of a self-made certificate, docs/formats/certificate.md. Nobody vouches for such a node. Checks
 * run in workers; what held before is known by its hash.
 */
export const createSelfMadeVerifier = ({ workers }: { workers: WorkerPool }): PeerVerifier => {
  /** By hash, least recently used first. What is under way is in here too: two at once cost one check. */
  const verified = new Map<string, Promise<VerifiedPeer>>();

  const check = async (certificate: Uint8Array): Promise<VerifiedPeer> => {
    const outcome = await workers.run<Uint8Array, Outcome<SelfMadeCertificate>>('stoq.verifyCertificate', certificate);
    if (!outcome.ok)
      throw new PeerError(
        { code: 'CERTIFICATE_REFUSED', problem: outcome.problem, verdict: 'reject' },
        `The certificate of the peer does not hold: ${outcome.problem}`,
      );
    const { node, peerId, kem } = outcome.value;
    return { peerId: peerId as PeerId, keyId: node.keyId, keys: node.keys, kem, certificate };
  };

  return {
    verify: async (certificate) => {
      const hash = Buffer.from(sha256(certificate)).toString('base64');
      const known = verified.get(hash);
      if (known !== undefined) {
        verified.delete(hash);
        verified.set(hash, known);
        return await known;
      }
      // A copy: the caller's bytes may be part of a larger buffer, which would be kept with them.
      const checking = check(new Uint8Array(certificate));
      verified.set(hash, checking);
      const oldest = verified.size > VERIFIED_MAX ? verified.keys().next().value : undefined;
      if (oldest !== undefined) verified.delete(oldest);
      try {
        return await checking;
      } catch (error) {
        if (verified.get(hash) === checking) verified.delete(hash);
        throw error;
      }
    },
    openRecord: async (domain, record) => {
      const outcome = await workers.run<unknown, Outcome<VerifiedRecord>>('stoq.verifyRecord', { domain, record });
      if (!outcome.ok)
        throw new PeerError(
          { code: 'SIGNATURE_REFUSED', problem: outcome.problem, verdict: 'reject' },
          `What the peer signed does not hold: ${outcome.problem}`,
        );
      const { payload, keyId, signer } = outcome.value;
      return { payload, keyId, keys: signer };
    },
  };
};

/** @param signer - unlocked keys of the node @param certificate - made of the same keys */
export const createLocalPeer = (signer: Signer, certificate: Uint8Array): LocalPeer => ({
  peerId: peerIdOf(signer.keys.ed25519) as PeerId,
  keyId: signer.keyId,
  certificate,
  sign: (domain, payload) => signer.sign(domain, payload),
});
