import type { EventSource, Startable } from '../../base/index.ts';
import type { Opener, Signer } from '../../base/crypto/index.ts';
import type { DrillResult, IdentitySource, IdentityView, Sealing } from '../../../preload/contract/index.ts';

/** The operating system's key store. Only a face with a window reaches it (Electron); without one there is none. */
export interface KeyStore {
  /** Asked anew each time: a key ring may be locked meanwhile. */
  state(): { available: true; name: string } | { available: false; reason: string };
  /** @throws {Error} when it refuses */
  protect(plain: Uint8Array): Promise<Uint8Array>;
  /** @throws {Error} when it refuses or the bytes are not its own */
  unprotect(sealed: Uint8Array): Promise<Uint8Array>;
}

export interface IdentityEvents {
  viewChanged: IdentityView;
  /** Keys were unlocked, locked, created or restored. */
  changed: null;
}

/**
 * The recovery phrase and all keys that come from it. One per data folder. Locked means locked: it is never made again in
 * the place of a locked or damaged one, and it is never written in the clear.
 */
export interface Identity extends Startable, EventSource<IdentityEvents> {
  view(): IdentityView;
  /** Null while there is none or it is locked. */
  node(): { signer: Signer; opener: Opener; certificate: Uint8Array } | null;
  account(): { signer: Signer } | null;
  reason(): { code: 'IDENTITY_NONE' | 'IDENTITY_LOCKED'; sentence: string } | null;
  /** Makes a phrase that lives in memory only, for a quarter of an hour. @throws {IdentityError} */
  begin(): Promise<{ draftId: string; words: string[]; ask: number[]; expiresAtMs: number }>;
  confirm(request: { draftId: string; words: readonly string[]; sealing: Sealing }): Promise<IdentityView>;
  restore(request: { source: IdentitySource; sealing: Sealing; replaceSealing: boolean }): Promise<IdentityView>;
  unlock(request: { passphrase?: string | undefined }): Promise<IdentityView>;
  lock(): Promise<IdentityView>;
  seal(request: { passphrase?: string | undefined; sealing: Sealing }): Promise<IdentityView>;
  backup(request: { passphrase: string }): Promise<{ fileName: string; backup: Uint8Array }>;
  drill(request: { source: IdentitySource }): Promise<DrillResult>;
}
