import { DEPTH_MAX, ENTRIES_MAX, STACK_CHARACTERS_MAX, TEXT_CHARACTERS_MAX, VALUES_MAX } from './constants.ts';

/** What stands in place of a secret. */
export const REDACTED = '[redacted]';

/** Takes secrets, home folders and control characters out of what is logged, and bounds its size. Pure. */
export interface Redactor {
  /** One line of text: control characters are written as `\u{a}`, so that one entry stays one line. */
  text(text: string): string;
  /** A plain copy, fit for JSON, of whatever a context holds. */
  context(context: Record<string, unknown>): Record<string, unknown>;
}

/** Names of fields whose values are never shown, compared without case, `-` and `_`. */
const SECRET_NAME =
  /token|secret|passw|passphrase|authori[sz]ation|cookie|seed|mnemonic|phrase|credential|(?<!public|resource|setting)keys?$/;
/** Names of fields that hold digests and ids: long, and public. */
const PUBLIC_NAME = /(sha256|hash|digest|cid|id|fingerprint|commit|version)$/;

/** C0, DEL, C1, line and paragraph separators, and marks that turn the direction of text. */
// oxlint-disable-next-line no-control-regex
const CONTROL = /[\u0000-\u001f\u007f-\u009f\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069]/gu;
/** 16 bytes or more in hex: a key, or a digest that may stand for one. */
const LONG_HEX = /(?<![0-9A-Za-z])(?:0x)?[0-9a-fA-F]{32,}(?![0-9A-Za-z])/g;
/** 24 bytes or more in base64 or base64url. Paths and ids are told apart below. */
const LONG_BASE64 = /(?<![0-9A-Za-z+/_-])[0-9A-Za-z+/_-]{32,}={0,2}(?![0-9A-Za-z+/_-])/g;
const BEARER = /\b(bearer|basic)\s+[^\s"',;]+/gi;
/** `token=…` and its like in addresses and command lines. */
const ASSIGNED =
  /\b([\w-]{0,40}(?:token|secret|password|passwd|passphrase|api[_-]?key|seed))(["']?\s*[=:]\s*["']?)([^\s"'&,;}]+)/gi;
/** `//name:password@` in addresses. */
const USER_INFO = /(\/\/[^/\s:@]+:)[^/\s@]+@/g;
const UNIX_HOME = /(?<![\w/])\/(?:home|Users)\/[^/\s"':]+/g;
const WINDOWS_HOME = /(?<!\w)[A-Za-z]:[\\/]Users[\\/][^\\/\s"':]+/g;

/** Random base64 has capitals, small letters and digits; a path has short pieces, an id one case. */
const looksRandom = (text: string): boolean => {
  if (!/[A-Z]/.test(text) || !/[a-z]/.test(text)) return false;
  const pieces = text.split('/');
  if (pieces.length > 1 && !text.includes('+') && text.length / pieces.length < 12) return false;
  return /[0-9]/.test(text) || !/[/_-]/.test(text);
};

/** @param home - home folder of the user, shown as `~`; null when there is none to hide */
export const createRedactor = (home: string | null): Redactor => {
  // A service may have `/` for its home, which is no secret and stands in every path.
  const shownHome = home !== null && home.length > 1 ? home.replace(/[\\/]+$/, '') : null;

  const hideHome = (text: string): string => {
    let shown = text;
    if (shownHome !== null && shownHome.length > 1) {
      // Only whole names: `/root` is not part of `/rootfs`.
      shown = shown
        .split(shownHome)
        .map((part, i) => (i === 0 ? part : /^[\w.-]/.test(part) ? shownHome + part : `~${part}`))
        .join('');
    }
    return shown.replace(UNIX_HOME, '~').replace(WINDOWS_HOME, '~');
  };
  const escape = (text: string): string =>
    text.replace(CONTROL, (character) => `\\u{${character.codePointAt(0)!.toString(16)}}`);
  const shorten = (text: string, charactersMax: number): string =>
    text.length <= charactersMax ? text : `${text.slice(0, charactersMax)}… (${text.length - charactersMax} more)`;

  const clean = (text: string, charactersMax: number, isPublic = false): string => {
    // Shortened only after the secrets are out: a secret cut in half may look like none. Bounded before that as well,
    // so that a text of many megabytes costs nothing.
    let shown = text.length > charactersMax * 8 ? text.slice(0, charactersMax * 8) : text;
    shown = shown
      .replace(BEARER, `$1 ${REDACTED}`)
      .replace(ASSIGNED, `$1$2${REDACTED}`)
      .replace(USER_INFO, `$1${REDACTED}@`);
    if (!isPublic)
      shown = shown
        .replace(LONG_HEX, REDACTED)
        .replace(LONG_BASE64, (found) => (looksRandom(found) ? REDACTED : found));
    return shorten(escape(hideHome(shown)), charactersMax);
  };

  const context = (value: Record<string, unknown>): Record<string, unknown> => {
    let valuesLeft = VALUES_MAX;
    const above = new Set<object>();

    const copyValue = (name: string, given: unknown, depth: number): unknown => {
      if (valuesLeft-- <= 0) return '[more left out]';
      if (given === null || given === undefined || typeof given === 'boolean') return given ?? null;
      const plainName = name.toLowerCase().replaceAll(/[-_]/g, '');
      if (SECRET_NAME.test(plainName)) return REDACTED;
      switch (typeof given) {
        case 'string':
          return clean(
            given,
            name === 'stack' ? STACK_CHARACTERS_MAX : TEXT_CHARACTERS_MAX,
            PUBLIC_NAME.test(plainName),
          );
        case 'number':
          // JSON has no negative zero: what is kept is what will be read.
          return Number.isFinite(given) ? given + 0 : String(given);
        case 'bigint':
          return String(given);
        case 'object':
          return copyObject(given, depth, name);
        default:
          return `[${typeof given}]`;
      }
    };

    const copyObject = (given: object, depth: number, name: string): unknown => {
      if (above.has(given)) return '[circular]';
      if (depth >= DEPTH_MAX) return '[deeper left out]';
      if (given instanceof Uint8Array || given instanceof ArrayBuffer) return `[${given.byteLength} bytes]`;
      if (given instanceof Date) return Number.isNaN(given.getTime()) ? 'no date' : given.toISOString();
      above.add(given);
      try {
        if (given instanceof Error) return copyError(given, depth);
        if (given instanceof Map || given instanceof Set) return copyList([...given.values()], depth, name);
        if (Array.isArray(given)) return copyList(given, depth, name);
        return copyEntries(given, depth);
      } finally {
        above.delete(given);
      }
    };
    const copyList = (list: readonly unknown[], depth: number, name: string): unknown[] => {
      const copied = list.slice(0, ENTRIES_MAX).map((entry) => copyValue(name, entry, depth + 1));
      if (list.length > ENTRIES_MAX) copied.push(`[${list.length - ENTRIES_MAX} more]`);
      return copied;
    };
    const copyEntries = (given: object, depth: number): Record<string, unknown> => {
      const copied: Record<string, unknown> = {};
      let count = 0;
      for (const key of Object.keys(given)) {
        if (count++ >= ENTRIES_MAX) {
          copied['…'] = `[${Object.keys(given).length - ENTRIES_MAX} more]`;
          break;
        }
        // `__proto__` as a name would set the copy's prototype instead of a field.
        const shownKey = key === '__proto__' ? '[__proto__]' : clean(key, 128);
        let entry: unknown;
        try {
          entry = (given as Record<string, unknown>)[key];
        } catch {
          entry = '[unreadable]';
        }
        copied[shownKey] = copyValue(key, entry, depth + 1);
      }
      return copied;
    };
    const copyError = (error: Error, depth: number): Record<string, unknown> => {
      const { name, message, stack, cause } = error;
      const code: unknown = (error as { code?: unknown }).code;
      return {
        name: copyValue('name', name, depth + 1),
        message: copyValue('message', message, depth + 1),
        ...(typeof code === 'string' ? { code: copyValue('code', code, depth + 1) } : {}),
        ...(typeof stack === 'string' ? { stack: copyValue('stack', stack, depth + 1) } : {}),
        ...(cause === undefined ? {} : { cause: copyValue('cause', cause, depth + 1) }),
      };
    };
    return copyEntries(value, 0);
  };

  return { text: (text) => clean(text, TEXT_CHARACTERS_MAX), context };
};
