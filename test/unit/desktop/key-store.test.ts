import { describe, expect, it } from 'vitest';
import { type SafeStorage, createKeyStore } from '../../../main/desktop/key-store.ts';

/** Electron's half as Chromium's documentation and source have it; the real one is tested with a key ring in e2e. */
const storageOf = (change: { backend?: string; available?: boolean; prefix?: string } = {}): SafeStorage => ({
  getSelectedStorageBackend: () => (change.backend ?? 'gnome_libsecret') as 'basic_text',
  isEncryptionAvailable: () => change.available ?? true,
  encryptString: (text) => Buffer.from(`${change.prefix ?? 'v11'}${text}`),
  decryptString: (sealed) => sealed.toString().slice(3),
});
const key = new Uint8Array(32).fill(200);

describe('the key store of a Linux session', () => {
  it.each([
    ['gnome_libsecret', 'GNOME Keyring'],
    ['kwallet', 'KWallet'],
    ['kwallet5', 'KWallet'],
    ['kwallet6', 'KWallet'],
  ])('%s keeps keys and gives them back', async (backend, name) => {
    const store = createKeyStore('linux', storageOf({ backend }));
    expect(store.state()).toEqual({ available: true, name });
    expect(await store.unprotect(await store.protect(key))).toEqual(key);
  });

  it.each(['basic_text', 'unknown', 'something_new'])('%s is none', async (backend) => {
    const store = createKeyStore('linux', storageOf({ backend }));
    expect(store.state()).toMatchObject({ available: false, reason: expect.stringContaining(backend) as string });
    await expect(store.protect(key)).rejects.toMatchObject({ code: 'KEY_STORE_REFUSED' });
    await expect(store.unprotect(key)).rejects.toMatchObject({ code: 'KEY_STORE_REFUSED' });
  });

  it('is given nothing that it would keep under the key that everybody knows', async () => {
    const store = createKeyStore('linux', storageOf({ prefix: 'v10' }));
    await expect(store.protect(key)).rejects.toThrow(/in the clear/);
  });

  it('is asked anew each time', () => {
    const change = { available: true };
    const store = createKeyStore('linux', {
      ...storageOf(),
      isEncryptionAvailable: () => change.available,
    });
    expect(store.state().available).toBe(true);
    change.available = false;
    expect(store.state()).toEqual({ available: false, reason: 'GNOME Keyring does not answer or is locked.' });
  });
});

describe('elsewhere', () => {
  it('is the system’s own', () => {
    expect(createKeyStore('darwin', storageOf()).state()).toEqual({ available: true, name: 'Keychain' });
    expect(createKeyStore('win32', storageOf()).state()).toEqual({ available: true, name: 'DPAPI' });
    expect(createKeyStore('darwin', storageOf({ available: false })).state().available).toBe(false);
  });
});
