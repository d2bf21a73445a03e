import type { Clock, WorkerPool } from '../../base/index.ts';
import {
  DOMAINS,
  type Domain,
  type Opener,
  PAYLOAD_BYTES_MAX,
  RecordError,
  type AccountInput,
  type DerivedKeys,
  type SelfMadeCertificate,
  SealError,
  type SignInput,
  type Signer,
  type SignerSecrets,
  isKemCipherText,
  keyIdBytesOf,
  keyIdText,
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
  /**
   * One more account of the phrase. Its keys are derived when it is first asked for, which takes a second, and kept until all
   * are locked.
   * @throws {RecordError} `LOCKED`
   */
  accountAt(place: number): Promise<{ signer: Signer }>;
  /** A copy for one piece of work, which its taker wipes. Null once locked. */
  copy(): Secrets | null;
  lock(): void;
}

const wipeSigner = ({ ed25519, falcon1024 }: SignerSecrets): void => {
  ed25519.fill(0);
  falcon1024.fill(0);
};

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
  /** By place. Those of the first account are among the secrets themselves. */
  const further = new Map<number, Promise<{ signer: Signer }>>();
  const furtherSecrets: SignerSecrets[] = [];

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

  const derive = async (place: number): Promise<{ signer: Signer }> => {
    if (kept === null) throw locked();
    const entropy = kept.entropy.slice();
    let derived: DerivedKeys['account'];
    try {
      derived = await workers.run<AccountInput, DerivedKeys['account']>('crypto.deriveAccount', { entropy, place });
    } finally {
      entropy.fill(0);
    }
    const { public: keys, secret } = derived;
    // Locked meanwhile: nobody is to have them any more.
    if (kept === null) {
      wipeSigner(secret);
      throw locked();
    }
    furtherSecrets.push(secret);
    const keyIdBytes = keyIdBytesOf(keys);
    return { signer: signerOf({ keys, keyIdBytes, keyId: keyIdText(keyIdBytes) }, () => secret) };
  };
  const account = { signer: signerOf(certificate.account, (from) => from.account) };

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
    account,
    accountAt: async (place) => {
      if (kept === null) throw locked();
      if (place === 0) return account;
      let found = further.get(place);
      if (found === undefined) {
        found = derive(place);
        further.set(place, found);
        found.catch(() => further.delete(place));
      }
      return await found;
    },
    copy: () => kept && copySecrets(kept),
    lock: () => {
      if (kept !== null) wipe(kept);
      kept = null;
      furtherSecrets.splice(0).forEach(wipeSigner);
      further.clear();
    },
  };
};
