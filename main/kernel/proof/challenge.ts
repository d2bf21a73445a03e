import { encodeCbor, sha256 } from '../../base/codec.ts';
import { parseAssetId } from '../../base/ids.ts';
import type { Challenge } from './interface.ts';
import { bytesOf, decodeStrict, fieldsOf, integerOf, literalOf, malformed, textOf } from './strict.ts';

/** Largest encoded challenge: all fields at their limits come to some 450 bytes. */
export const CHALLENGE_BYTES_MAX = 1024;
/** Longest time from the issue of a challenge to its end: a proof at a low level takes hours, and a week is past all use. */
export const CHALLENGE_LIFETIME_MS_MAX = 7 * 24 * 3_600_000;
/** Largest time that is read: the end of the year 9999. */
export const TIME_MS_MAX = 253_402_300_799_999;
/** Largest height that is read. */
const HEIGHT_MAX = Number.MAX_SAFE_INTEGER;
const PURPOSE = /^[a-z][a-z0-9.-]{0,63}$/;
/** How far the verifier's clock may be behind the issuer's. */
export const CLOCK_SKEW_MS_MAX = 60_000;

const CHALLENGE_FIELDS = [
  'v',
  'network',
  'node',
  'asset',
  'purpose',
  'nonce',
  'issuer',
  'issuedAtMs',
  'expiresAtMs',
  'anchor',
] as const;

/** The challenge as it is encoded, for formats that hold it inside. */
export const challengeFields = (challenge: Challenge): Record<string, unknown> => ({
  v: 1,
  network: challenge.network,
  node: challenge.node,
  asset: challenge.asset,
  purpose: challenge.purpose,
  nonce: challenge.nonce,
  issuer: challenge.issuer,
  issuedAtMs: challenge.issuedAtMs,
  expiresAtMs: challenge.expiresAtMs,
  anchor: challenge.anchor === null ? null : { height: challenge.anchor.height, hash: challenge.anchor.hash },
});

/** @throws {ProofFormatError} `PROOF_MALFORMED` | `PROOF_VERSION` */
export const parseChallenge = (value: unknown): Challenge => {
  const fields = fieldsOf(value, CHALLENGE_FIELDS, 'the challenge');
  literalOf(fields.v, 1, 'the version of the challenge');
  if (typeof fields.asset !== 'string' || fields.asset.length > 128)
    throw malformed('the asset of the challenge is not a text');
  const asset = parseAssetId(fields.asset);
  if (asset === null) throw malformed('the asset of the challenge is no asset id');
  const issuedAtMs = integerOf(fields.issuedAtMs, 0, TIME_MS_MAX, 'the time of issue');
  const expiresAtMs = integerOf(fields.expiresAtMs, 0, TIME_MS_MAX, 'the time of expiry');
  if (expiresAtMs <= issuedAtMs || expiresAtMs - issuedAtMs > CHALLENGE_LIFETIME_MS_MAX)
    throw malformed(`a challenge lives for more than 0 and at most ${CHALLENGE_LIFETIME_MS_MAX} ms`);
  const anchor = fields.anchor === null ? null : fieldsOf(fields.anchor, ['height', 'hash'], 'the anchor');
  return {
    version: 1,
    network: bytesOf(fields.network, 32, 'the network'),
    node: bytesOf(fields.node, 32, 'the node'),
    asset,
    purpose: textOf(fields.purpose, PURPOSE, 'the purpose'),
    nonce: bytesOf(fields.nonce, 32, 'the nonce'),
    issuer: bytesOf(fields.issuer, 32, 'the issuer'),
    issuedAtMs,
    expiresAtMs,
    anchor:
      anchor === null
        ? null
        : {
            height: integerOf(anchor.height, 0, HEIGHT_MAX, 'the height of the anchor'),
            hash: bytesOf(anchor.hash, 32, 'the hash of the anchor'),
          },
  };
};

/** Canonical dag-cbor; docs/formats/proof.md. @throws {ProofFormatError} `PROOF_MALFORMED` when a field breaks a limit */
export const encodeChallenge = (challenge: Challenge): Uint8Array => {
  const fields = challengeFields(challenge);
  // Whatever is encoded can be decoded: a challenge that breaks a limit is noticed by its maker.
  parseChallenge(fields);
  return encodeCbor(fields);
};

/** @throws {ProofFormatError} `PROOF_TOO_LARGE` | `PROOF_MALFORMED` */
export const decodeChallenge = (encoded: Uint8Array): Challenge =>
  parseChallenge(decodeStrict(encoded, CHALLENGE_BYTES_MAX, 'The challenge'));

/** SHA-256 of the canonical challenge: what all four proofs carry. 32 bytes. */
export const challengeHashOf = (challenge: Challenge): Uint8Array => new Uint8Array(sha256(encodeChallenge(challenge)));

/**
 * Whether a challenge can be answered at this time: it was issued, as far as clocks agree, and has not expired.
 *
 * @param skewMs - how far the clocks of issuer and reader may differ
 */
export const isFresh = (challenge: Challenge, nowMs: number, skewMs = CLOCK_SKEW_MS_MAX): boolean =>
  challenge.issuedAtMs <= nowMs + skewMs && nowMs <= challenge.expiresAtMs;
