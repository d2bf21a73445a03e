import { NodeError } from '../errors.ts';

/** Why a settings file was refused or not written. The file is as it was. */
export class ConfigError extends NodeError<
  /** Not JSON, or not an object. `line` counts from 1. */
  | { code: 'CONFIG_MALFORMED'; path: string; line: number; reason: string }
  /** Holds a key that this version does not know. */
  | { code: 'CONFIG_UNKNOWN_KEY'; path: string; key: string }
  /** Holds a value that the key cannot have. */
  | { code: 'CONFIG_INVALID'; path: string; key: string; reason: string }
  /** Written by a newer version of the app. */
  | { code: 'CONFIG_NEWER'; path: string; foundVersion: number; knownVersion: number }
  /** Cannot be read. */
  | { code: 'CONFIG_UNREADABLE'; path: string; reason: string }
  /** The change could not be written, and did not take effect. */
  | { code: 'CONFIG_NOT_WRITTEN'; path: string; reason: string }
> {
  override readonly name = 'ConfigError';
}
