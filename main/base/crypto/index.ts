// A room with its own door, not part of base/index.ts: what it loads is large, and only those who sign or verify need it.
export * from './aead.ts';
export * from './certificate.ts';
export * from './constants.ts';
export * from './derive-keys.ts';
export * from './ed25519.ts';
export * from './errors.ts';
export * from './falcon.ts';
export * from './hkdf.ts';
export * from './interface.ts';
export * from './key-id.ts';
export * from './merkle.ts';
export * from './ml-kem.ts';
export * from './passphrase.ts';
export * from './peer-id.ts';
export * from './phrase.ts';
export * from './signed-record.ts';
export * from './tasks.ts';
