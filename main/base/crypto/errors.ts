import { NodeError, type Verdict } from '../errors.ts';

export class RecordError extends NodeError<
  /** Not a signed record, or not in its one canonical encoding. */
  | { code: 'RECORD_MALFORMED'; problem: string; verdict: Verdict }
  | { code: 'RECORD_VERSION'; found: number; verdict: Verdict }
  /** Signed for another purpose than the one it is shown for. */
  | { code: 'DOMAIN_MISMATCH'; expected: string; found: string; verdict: Verdict }
  | { code: 'DOMAIN_UNKNOWN'; found: string; verdict: Verdict }
  /** Signed by another than the expected signer. */
  | { code: 'SIGNER_MISMATCH'; expected: string; found: string; verdict: Verdict }
  /** A public key that is no point of the curve, of small order, or no FALCON key. */
  | { code: 'KEY_INVALID'; algorithm: 'ed25519' | 'falcon1024' | 'ml-kem-1024'; verdict: Verdict }
  | { code: 'SIGNATURE_INVALID'; algorithm: 'ed25519' | 'falcon1024'; verdict: Verdict }
  | { code: 'PAYLOAD_TOO_LARGE'; bytes: number; limit: number }
  | { code: 'LOCKED' }
> {
  override readonly name = 'RecordError';
}

export class PhraseError extends NodeError<
  | { code: 'PHRASE_LENGTH'; words: number }
  /** `place` counts from 1. The word itself is not told: it is a secret. */
  | { code: 'PHRASE_WORD'; place: number }
  | { code: 'PHRASE_CHECKSUM' }
> {
  override readonly name = 'PhraseError';
}

export class SealError extends NodeError<
  /** The key is another one, or the bytes were changed: which of the two cannot be told. */
  { code: 'SEAL_BROKEN'; verdict: Verdict } | { code: 'SEAL_MALFORMED'; problem: string; verdict: Verdict }
> {
  override readonly name = 'SealError';
}

export class CertificateError extends NodeError<
  | { code: 'CERTIFICATE_MALFORMED'; problem: string; verdict: Verdict }
  | { code: 'CERTIFICATE_VERSION'; found: number; verdict: Verdict }
  | { code: 'CERTIFICATE_KIND'; found: string; expected: string; verdict: Verdict }
  /** Its parts do not belong together, though each is signed. */
  | { code: 'CERTIFICATE_MISMATCH'; what: 'peerId' | 'account' | 'time'; verdict: Verdict }
> {
  override readonly name = 'CertificateError';
}
