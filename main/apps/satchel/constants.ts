import type { Argon2Costs } from '../../base/crypto/index.ts';

/** Version of the identity file, docs/formats/identity-file.md. */
export const IDENTITY_VERSION = 1;
export const IDENTITY_KIND = 'hypermesh-identity';
/** Version of the backup file, docs/formats/identity-backup.md. */
export const BACKUP_VERSION = 1;
export const BACKUP_KIND = 'hypermesh-identity-backup';

/** An identity file has some 17 KiB. What is larger is none, and is not read. */
export const IDENTITY_FILE_BYTES_MAX = 64 * 1024;
/** A backup file has some 300 bytes. */
export const BACKUP_FILE_BYTES_MAX = 4 * 1024;
/** What a key store makes of 32 bytes: some hundred bytes with Electron, more where it adds certificates. */
export const WRAPPED_BYTES_MAX = 8 * 1024;
/** Name of a key store in the file. */
export const KEY_STORE_NAME_LENGTH_MAX = 64;

/**
 * Costs that a file may ask for. The upper bounds keep a file that somebody made from taking the machine's memory, or
 * minutes of its time: 256 MiB ten times over are 13 times our own costs, some seconds. The lower ones are those below
 * which Argon2 stops being worth its name.
 */
export const ARGON2_BOUNDS = {
  memoryKiB: { min: 8 * 1024, max: 256 * 1024 },
  passes: { min: 1, max: 10 },
  lanes: { min: 1, max: 16 },
} as const satisfies Record<keyof Argon2Costs, { min: number; max: number }>;

/** A phrase on a screen that was left alone is forgotten after this. */
export const DRAFT_LIFE_MS = 15 * 60_000;
/** Words that are asked for: four of 24 cannot be guessed (2048^4), and whoever has them has most likely written down all. */
export const DRAFT_ASKS = 4;
export const DRAFT_TRIES = 3;

/** Wrong passphrases that cost nothing: everybody mistypes. */
export const FREE_TRIES = 3;
/** The wait after the first try beyond these; it doubles with each further one. */
export const RETRY_MS_FIRST = 1_000;
export const RETRY_MS_MAX = 5 * 60_000;

/** A drill is due each quarter of a year. */
export const DRILL_INTERVAL_MS = 91 * 24 * 60 * 60_000;
/** So far a clock may be ahead before a date is taken as wrong. */
export const CLOCK_SKEW_MS = 5 * 60_000;
/** How often the date is looked at while the node runs. */
export const DRILL_LOOK_MS = 10 * 60_000;

/** Requests that may wait for one another: a person makes one at a time. */
export const REQUESTS_MAX = 16;

export const SETTING_DRILL = 'identity.drill';
export const SETTING_BACKUP = 'identity.backup';
/** Whose identity was created in this folder, on this database. */
export const SETTING_CREATED = 'identity.created';
