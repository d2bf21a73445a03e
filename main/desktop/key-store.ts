import type { safeStorage } from 'electron';
import type { KeyStore } from '../apps/satchel/index.ts';
import { DesktopError } from './errors.ts';

/** What of Electron's `safeStorage` is used. Never `setUsePlainTextEncryption`, which would keep secrets in the clear. */
export type SafeStorage = Pick<
  typeof safeStorage,
  'isEncryptionAvailable' | 'getSelectedStorageBackend' | 'encryptString' | 'decryptString'
>;

/** Key stores of Linux that keep a key. `basic_text` does not: its key stands in Chromium's source. */
const LINUX_BACKENDS: Readonly<Record<string, string>> = {
  gnome_libsecret: 'GNOME Keyring',
  kwallet: 'KWallet',
  kwallet5: 'KWallet',
  kwallet6: 'KWallet',
};
/** Start of what Chromium encrypted under a key of the key ring; `v10` is the key that everybody knows. */
const LINUX_PREFIX = 'v11';

/**
 * The operating system's key store, as Electron reaches it: Keychain, DPAPI, or the Secret Service or KWallet of a Linux
 * session. Its asynchronous half is not used: on Linux it wants a portal that hardly any session has, and says so.
 * The first question may ask the owner to unlock the key ring, and holds this thread until that is answered.
 */
export const createKeyStore = (platform: NodeJS.Platform, storage: SafeStorage): KeyStore => {
  const state: KeyStore['state'] = () => {
    let name = platform === 'darwin' ? 'Keychain' : platform === 'win32' ? 'DPAPI' : null;
    if (name === null) {
      const backend = storage.getSelectedStorageBackend();
      name = LINUX_BACKENDS[backend] ?? null;
      if (name === null)
        return {
          available: false,
          reason: `Neither GNOME Keyring nor KWallet runs in this session (Electron found ${backend}).`,
        };
    }
    return storage.isEncryptionAvailable()
      ? { available: true, name }
      : { available: false, reason: `${name} does not answer or is locked.` };
  };
  /** @throws {DesktopError} `KEY_STORE_REFUSED` */
  const check = (): void => {
    const now = state();
    if (!now.available) throw new DesktopError({ code: 'KEY_STORE_REFUSED' }, now.reason);
  };
  return {
    state,
    protect: async (plain) => {
      check();
      const sealed = storage.encryptString(Buffer.from(plain).toString('base64'));
      if (
        platform !== 'darwin' &&
        platform !== 'win32' &&
        sealed.subarray(0, LINUX_PREFIX.length).toString('latin1') !== LINUX_PREFIX
      )
        throw new DesktopError(
          { code: 'KEY_STORE_REFUSED' },
          'The key ring would have kept the key in the clear, so nothing was given to it.',
        );
      return new Uint8Array(sealed);
    },
    unprotect: async (sealed) => {
      check();
      return new Uint8Array(Buffer.from(storage.decryptString(Buffer.from(sealed)), 'base64'));
    },
  };
};
