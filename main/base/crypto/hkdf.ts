import { hkdfSync } from 'node:crypto';

/** HKDF with SHA-512, RFC 5869. @param info - text is taken as UTF-8 @param length - at most 16 320 bytes */
export const hkdfSha512 = (ikm: Uint8Array, salt: Uint8Array, info: string | Uint8Array, length: number): Uint8Array =>
  new Uint8Array(hkdfSync('sha512', ikm, salt, typeof info === 'string' ? Buffer.from(info, 'utf8') : info, length));
