import { createPrivateKey, generateKeyPairSync, sign } from 'node:crypto';

/** DER of a value: tag, length, content (X.690). Contents here stay below 64 KiB. */
const der = (tag: number, ...contents: readonly Uint8Array[]): Buffer => {
  const content = Buffer.concat(contents);
  const { length } = content;
  const header =
    length < 128 ? [tag, length] : length < 256 ? [tag, 0x81, length] : [tag, 0x82, length >> 8, length & 255];
  return Buffer.concat([Uint8Array.from(header), content]);
};
const SEQUENCE = 0x30;
const SET = 0x31;
const hex = (text: string): Buffer => Buffer.from(text, 'hex');
const ECDSA_WITH_SHA256 = der(SEQUENCE, hex('06082a8648ce3d040302'));
const COMMON_NAME = hex('0603550403');
/** The same for every node: the certificate says nothing about who shows it. */
const NAME = der(SEQUENCE, der(SET, der(SEQUENCE, COMMON_NAME, der(0x0c, Buffer.from('stoq')))));
/** Wide, as nobody checks it and clocks are wrong; 9999 means "none" in RFC 5280, section 4.1.2.5. */
const VALIDITY = der(SEQUENCE, der(0x17, Buffer.from('200101000000Z')), der(0x18, Buffer.from('99991231235959Z')));
const VERSION_3 = hex('a003020102');

/**
 * A key and a certificate for TLS that live as long as a carrier and name nobody. TLS must have one; who is at the other end is
 * settled by the STOQ handshake, which is bound to the channel.
 *
 * @param serial - 8 random bytes, of which 63 bits are used
 * @returns a certificate after RFC 5280 for a fresh key on P-256, both as PEM
 */
export const createSelfSignedCertificate = (serial: Uint8Array): { key: string; cert: string } => {
  const pair = generateKeyPairSync('ec', {
    namedCurve: 'P-256',
    publicKeyEncoding: { type: 'spki', format: 'der' },
    privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
  });
  const number = Buffer.from(serial.subarray(0, 8));
  // Positive and without leading zeros, as DER writes integers.
  number[0] = ((number[0] ?? 0) & 0x3f) | 0x40;
  const body = der(SEQUENCE, VERSION_3, der(0x02, number), ECDSA_WITH_SHA256, NAME, VALIDITY, NAME, pair.publicKey);
  const signature = sign('sha256', body, createPrivateKey(pair.privateKey));
  const certificate = der(SEQUENCE, body, ECDSA_WITH_SHA256, der(0x03, Uint8Array.of(0), signature));
  const base64 = certificate.toString('base64').replace(/.{64}(?=.)/g, '$&\n');
  return { key: pair.privateKey, cert: `-----BEGIN CERTIFICATE-----\n${base64}\n-----END CERTIFICATE-----\n` };
};
