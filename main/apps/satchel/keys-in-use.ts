import type { Clock, WorkerPool } from '../../base/index.ts';
import {
  DOMAINS,
  type Domain,
  type Opener,
  PAYLOAD_BYTES_MAX,
  RecordError,
  type SelfMadeCertificate,
  SealError,
  type SignInput,
  type Signer,
  type SignerSecrets,
  isKemCipherText,
} from '../../base/crypto/index.ts';
import { type Secrets, wipe } from './identity-file.ts';
import type { SatchelMetrics } from './metrics.ts';

const locked = (): RecordError =>
  new RecordError(
    { code: 'LOCKED' },
    'The keys are locked, so nothing can be signed or opened; unlock them in Settings or with `hypermesh identity unlock`.',
  );

/** Unlocked keys, and those who work with them. Locking ends all of them at once. */
export interface KeysInUse {
  readonly node: { signer: Signer; opener: Opener; certificate: Uint8Array };
  readonly account: { signer: Signer };
  /** A copy for one piece of work, which its taker wipes. Null once locked. */
  copy(): Secrets | null;
  lock(): void;
}

export const copySecrets = ({ entropy, node, kem, account }: Secrets): Secrets => ({
  entropy: entropy.slice(),
  node: { ed25519: node.ed25519.slice(), falcon1024: node.falcon1024.slice() },
  kem: kem.slice(),
  account: { ed25519: account.ed25519.slice(), falcon1024: account.falcon1024.slice() },
});

/** @param secrets - taken over: wiped when locked */
export const createKeysInUse = (
  { workers, clock, metrics }: { workers: WorkerPool; clock: Clock; metrics: SatchelMetrics | null },
  certificate: SelfMadeCertificate,
  encoded: Uint8Array,
  secrets: Secrets,
): KeysInUse => {
  let kept: Secrets | null = secrets;

  const signerOf = (
    { keys, keyId, keyIdBytes }: SelfMadeCertificate['node'],
    pick: (from: Secrets) => SignerSecrets,
  ): Signer => ({
    keyId,
    keyIdBytes,
    keys,
    sign: async (domain: Domain, payload: Uint8Array) => {
      if (kept === null) throw locked();
      // Refused here as well: an error that crosses from a worker has lost its code.
      if (!DOMAINS.includes(domain))
        throw new RecordError(
          { code: 'DOMAIN_UNKNOWN', found: 'another', verdict: 'ignore' },
          'Nothing is signed for a purpose that this program does not know.',
        );
      if (payload.length > PAYLOAD_BYTES_MAX)
        throw new RecordError(
          { code: 'PAYLOAD_TOO_LARGE', bytes: payload.length, limit: PAYLOAD_BYTES_MAX },
          `A signed record holds at most ${PAYLOAD_BYTES_MAX} bytes, and this one has ${payload.length}; sign the hash of it.`,
        );
      const startedMs = clock.monotonicMs();
      // A copy: the run may wait for a thread, and be locked meanwhile.
      const { ed25519, falcon1024 } = pick(kept);
      const own = { ed25519: ed25519.slice(), falcon1024: falcon1024.slice() };
      try {
        const input: SignInput = { keys, secrets: own, domain, payload };
        return await workers.run<SignInput, Uint8Array>('crypto.sign', input);
      } finally {
        own.ed25519.fill(0);
        own.falcon1024.fill(0);
        metrics?.signSeconds.observe((clock.monotonicMs() - startedMs) / 1000);
      }
    },
  });

  return {
    node: {
      signer: signerOf(certificate.node, (from) => from.node),
      opener: {
        publicKey: certificate.kem,
        decapsulate: async (cipherText) => {
          if (kept === null) throw locked();
          if (!isKemCipherText(cipherText))
            throw new SealError(
              { code: 'SEAL_MALFORMED', problem: 'the wrapped key does not have its size', verdict: 'reject' },
              'What was sealed for this node is not in its one form; ask its sender for it again.',
            );
          const secret = kept.kem.slice();
          try {
            return await workers.run<unknown, Uint8Array>('crypto.decapsulate', { secret, cipherText });
          } finally {
            secret.fill(0);
          }
        },
      },
      certificate: encoded,
    },
    account: { signer: signerOf(certificate.account, (from) => from.account) },
    copy: () => kept && copySecrets(kept),
    lock: () => {
      if (kept !== null) wipe(kept);
      kept = null;
    },
  };
};
