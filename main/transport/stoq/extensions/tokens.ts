import { assert, encodeCbor, sha256, type Outside } from '../../../base/index.ts';
import { peerIdOf } from '../../../base/crypto/index.ts';
import type { LocalPeer, PeerId, PeerVerifier } from '../interface.ts';
import { EXTENSIONS_VERSION, TOKEN_BYTES_MAX, TOKEN_LIFE_MS_MAX, TOKEN_SKEW_MS, TOKENS_USED_MAX } from './constants.ts';
import { TokenError } from './errors.ts';
import { readFields, sameBytes } from './fields.ts';

/** What a routing token says, all of it signed by its issuer. */
export interface TokenClaims {
  issuer: PeerId;
  /** Who may show it. */
  holder: PeerId;
  /** Where it may be shown. */
  audience: PeerId;
  protocol: string;
  /** SHA-256 of the message that it lets pass. */
  message: Uint8Array;
  nonce: Uint8Array;
  issuedAtMs: number;
  expiresAtMs: number;
}

const FIELDS = ['v', 'holder', 'nonce', 'issuer', 'message', 'audience', 'protocol', 'issuedAtMs', 'expiresAtMs'];
const NONCE_BYTES = 16;

/**
 * Lets one message of one peer pass at another, once.
 *
 * @param claims - `lifeMs` at most ten minutes
 * @returns the token, at most 3900 bytes, for the extension `token` of a stream
 */
export const issueToken = (
  components: { outside: Outside; local: LocalPeer },
  claims: { holder: PeerId; audience: PeerId; protocol: string; message: Uint8Array; lifeMs: number },
): Promise<Uint8Array> => {
  const { outside, local } = components;
  assert(claims.lifeMs > 0 && claims.lifeMs <= TOKEN_LIFE_MS_MAX, 'A routing token lives ten minutes at most.');
  const issuedAtMs = outside.clock.nowMs();
  return local.sign(
    'stoq-token',
    encodeCbor({
      v: EXTENSIONS_VERSION,
      issuer: local.peerId,
      holder: claims.holder,
      audience: claims.audience,
      protocol: claims.protocol,
      message: sha256(claims.message),
      nonce: outside.random.bytes(NONCE_BYTES),
      issuedAtMs,
      expiresAtMs: issuedAtMs + Math.floor(claims.lifeMs),
    }),
  );
};

const malformed = (problem: string): TokenError =>
  new TokenError(
    { code: 'TOKEN_MALFORMED', problem, verdict: 'reject' },
    `This is no routing token (${problem}); ask its issuer for another.`,
  );

/** @throws {TokenError} `TOKEN_MALFORMED` */
export const readTokenClaims = (payload: Uint8Array): TokenClaims => {
  const fields = readFields(payload, { names: FIELDS, version: EXTENSIONS_VERSION, itemsMax: 32 }, malformed);
  const claims: TokenClaims = {
    issuer: fields.peer('issuer'),
    holder: fields.peer('holder'),
    audience: fields.peer('audience'),
    protocol: fields.text('protocol', 64),
    message: fields.bytes('message', 32),
    nonce: fields.bytes('nonce', NONCE_BYTES),
    issuedAtMs: fields.integer('issuedAtMs', 0, Number.MAX_SAFE_INTEGER),
    expiresAtMs: fields.integer('expiresAtMs', 0, Number.MAX_SAFE_INTEGER),
  };
  const lifeMs = claims.expiresAtMs - claims.issuedAtMs;
  if (lifeMs <= 0 || lifeMs > TOKEN_LIFE_MS_MAX) throw malformed('its life is not within ten minutes');
  return claims;
};

/** Checks the tokens that messages are shown with; remembers which were used. */
export interface TokenGate {
  /**
   * Holds a token against the message that it came with, and uses it up.
   *
   * @param shown - who brought the message, over which protocol, and the message
   * @throws {TokenError} the first thing that does not hold | {PeerError} `SIGNATURE_REFUSED`
   */
  admit(token: Uint8Array, shown: { holder: PeerId; protocol: string; message: Uint8Array }): Promise<TokenClaims>;
  /** Tokens that are remembered as used. */
  readonly usedCount: number;
}

export const createTokenGate = (
  components: { outside: Outside; verifier: PeerVerifier },
  init: {
    self: PeerId;
    /** Whose tokens count. */
    isIssuer: (peer: PeerId) => boolean;
    /** @default 60 000 */
    skewMs?: number;
    /** @default 8192 */
    usedMax?: number;
  },
): TokenGate => {
  const { outside, verifier } = components;
  const { self, isIssuer, skewMs = TOKEN_SKEW_MS, usedMax = TOKENS_USED_MAX } = init;
  /** Nonces with issuer, until when they must be known, in order of use. */
  const used = new Map<string, number>();

  const mismatch = (what: 'issuer' | 'holder' | 'audience' | 'protocol' | 'message'): TokenError =>
    new TokenError(
      { code: 'TOKEN_MISMATCH', what, verdict: 'reject' },
      `This routing token was made for another ${what}; it lets nothing pass here.`,
    );
  /** No two calls can both: nothing waits in between. */
  const spend = (claims: TokenClaims, nowMs: number): void => {
    const key = `${claims.issuer} ${Buffer.from(claims.nonce).toString('hex')}`;
    if (used.has(key))
      throw new TokenError({ code: 'TOKEN_USED', verdict: 'reject' }, 'This routing token was used; ask for another.');
    if (used.size >= usedMax) for (const [other, untilMs] of used) if (untilMs < nowMs) used.delete(other);
    // One that has not expired is never forgotten, as it could then be shown again.
    if (used.size >= usedMax)
      throw new TokenError(
        { code: 'TOKENS_FULL', limit: usedMax, verdict: 'ignore' },
        `${usedMax} routing tokens were used and have not expired; try again in some minutes.`,
      );
    used.set(key, claims.expiresAtMs + skewMs);
  };

  return {
    admit: async (token, shown) => {
      if (token.length > TOKEN_BYTES_MAX) throw malformed('it is too large');
      const { payload, keys } = await verifier.openRecord('stoq-token', token);
      const claims = readTokenClaims(payload);
      if (claims.issuer !== peerIdOf(keys.ed25519)) throw mismatch('issuer');
      if (!isIssuer(claims.issuer))
        throw new TokenError(
          { code: 'TOKEN_ISSUER', issuer: claims.issuer, verdict: 'reject' },
          'This routing token was made by a peer whose tokens do not count here.',
        );
      if (claims.audience !== self) throw mismatch('audience');
      if (claims.holder !== shown.holder) throw mismatch('holder');
      if (claims.protocol !== shown.protocol) throw mismatch('protocol');
      if (!sameBytes(claims.message, sha256(shown.message))) throw mismatch('message');
      const nowMs = outside.clock.nowMs();
      if (nowMs > claims.expiresAtMs + skewMs)
        throw new TokenError(
          { code: 'TOKEN_EXPIRED', byMs: nowMs - claims.expiresAtMs, verdict: 'ignore' },
          'This routing token has expired; ask for another, and check the clock if it is new.',
        );
      if (nowMs < claims.issuedAtMs - skewMs)
        throw new TokenError(
          { code: 'TOKEN_EARLY', byMs: claims.issuedAtMs - nowMs, verdict: 'ignore' },
          'This routing token was made in the future; one of the two clocks is wrong.',
        );
      spend(claims, nowMs);
      return claims;
    },
    get usedCount() {
      return used.size;
    },
  };
};
