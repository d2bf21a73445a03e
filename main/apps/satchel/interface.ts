import type {
  EventSource,
  Logger,
  MetricsRegistry,
  Outside,
  Settings,
  Startable,
  WorkerPool,
} from '../../base/index.ts';
import type { Argon2Costs, Opener, Signer } from '../../base/crypto/index.ts';
import type { DrillResult, IdentitySource, IdentityView, Sealing } from '../../../preload/contract/index.ts';

/** The operating system's key store. Only a face with a window reaches it (Electron); without one there is none. */
export interface KeyStore {
  /** Asked anew each time: a key ring may be locked meanwhile. */
  state(): { available: true; name: string } | { available: false; reason: string };
  /** @throws {Error} when it refuses, also when it could keep the bytes only in the clear */
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
 *
 * Requests run one after another. Each may be refused with {@link IdentityError}; its codes stand at the methods.
 */
export interface Identity extends Startable, EventSource<IdentityEvents> {
  view(): IdentityView;
  /** What the owner should know and do about it; for the node's status. */
  warnings(): { code: 'IDENTITY_LOCKED' | 'DRILL_DUE'; message: string }[];
  /**
   * Null while there is none or it is locked. The same object until the keys are locked; from then on its signer throws
   * `LOCKED` for good, so whoever keeps it listens to `changed` and asks again.
   */
  node(): { signer: Signer; opener: Opener; certificate: Uint8Array } | null;
  account(): { signer: Signer } | null;
  /**
   * One more account of the same phrase, docs/formats/keys.md; place 0 is {@link account}. The first time takes a second.
   * @param place - from 0
   * @throws {IdentityError} `IDENTITY_NONE` | `IDENTITY_LOCKED`
   */
  accountAt(place: number): Promise<{ signer: Signer }>;
  /**
   * Shows that whoever asks knows the passphrase of an unlocked identity: what is done in its owner's name by a face that anybody
   * could drive. Tries are counted with those of {@link unlock}.
   * @throws {IdentityError} `IDENTITY_NONE` | `IDENTITY_LOCKED` | `PASSPHRASE_NEEDED`, also where the keys lie under a key store
   *   and there is no passphrase | `PASSPHRASE_WRONG` | `TOO_MANY_ATTEMPTS` | `IDENTITY_DAMAGED` | `IDENTITY_UNREADABLE`
   */
  confirmOwner(request: { passphrase?: string | undefined }): Promise<void>;
  /**
   * Whether it was created in this folder, on this database. One that was restored, or whose database was lost, may have
   * made something before that is not here.
   */
  createdHere(): boolean;
  reason(): { code: 'IDENTITY_NONE' | 'IDENTITY_LOCKED'; sentence: string } | null;
  /**
   * Makes a phrase that lives in memory only, for a quarter of an hour; an earlier draft is forgotten.
   * @throws {IdentityError} `IDENTITY_EXISTS`
   */
  begin(): Promise<{ draftId: string; words: string[]; ask: number[]; expiresAtMs: number }>;
  /**
   * Derives the keys, seals them and writes the file; before that there is no identity, after it there is. The draft stays
   * when this is refused for another reason than its words.
   * @throws {IdentityError} `DRAFT_UNKNOWN` | `WORDS_WRONG` | `IDENTITY_EXISTS` | `KEY_STORE_UNAVAILABLE` | `IDENTITY_NOT_WRITTEN`
   */
  confirm(request: { draftId: string; words: readonly string[]; sealing: Sealing }): Promise<IdentityView>;
  /**
   * Into an empty folder, or (`replaceSealing`) a new sealing for the identity that is there, if it is the same one.
   * @throws {PhraseError}
   * @throws {IdentityError} `IDENTITY_EXISTS` | `IDENTITY_OTHER` | `BACKUP_UNREADABLE` | `BACKUP_NEWER` | `PASSPHRASE_WRONG` |
   *   `KEY_STORE_UNAVAILABLE` | `IDENTITY_NOT_WRITTEN`, and as {@link unlock} where there is a file that cannot be read
   */
  restore(request: { source: IdentitySource; sealing: Sealing; replaceSealing: boolean }): Promise<IdentityView>;
  /**
   * @throws {IdentityError} `IDENTITY_NONE` | `PASSPHRASE_NEEDED` | `PASSPHRASE_WRONG` | `TOO_MANY_ATTEMPTS` |
   *   `KEY_STORE_UNAVAILABLE` | `IDENTITY_DAMAGED` | `IDENTITY_NEWER` | `IDENTITY_UNREADABLE`
   */
  unlock(request: { passphrase?: string | undefined }): Promise<IdentityView>;
  /** Forgets keys and draft. @throws {IdentityError} `IDENTITY_NONE` */
  lock(): Promise<IdentityView>;
  /** @throws {IdentityError} as {@link unlock} does, and `IDENTITY_LOCKED` | `IDENTITY_NOT_WRITTEN` */
  seal(request: { passphrase?: string | undefined; sealing: Sealing }): Promise<IdentityView>;
  /** @throws {IdentityError} `IDENTITY_NONE` | `IDENTITY_LOCKED` */
  /** @param request.present - the passphrase that unlocks, asked for again: an unlocked node is not enough to copy its keys */
  backup(request: {
    passphrase: string;
    present?: string | undefined;
  }): Promise<{ fileName: string; backup: Uint8Array }>;
  /**
   * Works while locked too. A phrase that is sound and another's is a failed drill, not an error.
   * @throws {PhraseError}
   * @throws {IdentityError} `IDENTITY_NONE` | `BACKUP_UNREADABLE` | `BACKUP_NEWER` | `PASSPHRASE_WRONG`
   */
  drill(request: { source: IdentitySource }): Promise<DrillResult>;
}

export interface IdentityComponents {
  outside: Outside;
  logger: Logger;
  metrics: MetricsRegistry | null;
  settings: Settings;
  workers: WorkerPool;
  /** Null where no face has a window. */
  keyStore: KeyStore | null;
}
export interface IdentityInit {
  /** The file in the data folder. */
  path: string;
  /** Tried once at the start, for a node that nobody watches. Forgotten afterwards. @default null */
  passphrase?: string | null;
  /** For new files; those that are there bring their own. @default RFC 9106's 64 MiB, 3 passes, 4 lanes */
  costs?: Argon2Costs;
}
