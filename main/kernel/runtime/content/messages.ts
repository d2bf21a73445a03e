import { decodeCbor, encodeCbor, messageOf } from '../../../base/index.ts';
import type { ProtocolSpec } from '../../../transport/stoq/index.ts';
import { ContentError } from './errors.ts';

// Messages of `/hypermesh/content/1`; docs/formats/content-messages.md. One question per stream.

export const CONTENT_PROTOCOL = '/hypermesh/content/1';
const VERSION = 1;
/** Names in one question. */
export const ASKED_MAX = 512;
/** So many names of 34 bytes, and what is around them. */
export const CONTENT_MESSAGE_BYTES_MAX = 20 * 1024;
const ITEMS_MAX = ASKED_MAX + 16;
/** Longest file that is spoken of: 1 TiB. */
export const CONTENT_FILE_BYTES_MAX = 2 ** 40;

export const contentSpec: ProtocolSpec = {
  name: CONTENT_PROTOCOL,
  streamsMax: 16,
  // A job of 256 small files sends each in a stream of its own.
  opensPerTenSeconds: 1000,
  // Bounded by what was announced, and that by whoever allows it.
  bytesMax: null,
  deadlineMs: null,
  bytesPerSecondMin: 1024,
};

export type ContentQuestion =
  /** Which of these are not there? */
  | { kind: 'lacks'; scope: string; sha256: readonly string[] }
  /** A file follows, of so many bytes, from where the answer says. */
  | { kind: 'give'; scope: string; sha256: string; bytes: number }
  /** A file is wanted, from this offset on. */
  | { kind: 'get'; scope: string; sha256: string; offset: number };
export type ContentAnswer =
  /** To `lacks`: places in the list. */
  | { kind: 'missing'; places: readonly number[] }
  /** To `give`: send from here on. */
  | { kind: 'take'; offset: number }
  /** To `give`: it is here, before or after it was sent. */
  | { kind: 'have' }
  /** To `get`: so many bytes in all; those from the offset on follow. */
  | { kind: 'file'; bytes: number }
  | { kind: 'refused'; code: RefusalCode };
/** `missing`: not here, or not for you. `mismatch`: what came was another. */
export const REFUSALS = ['missing', 'full', 'mismatch', 'busy'] as const;
export type RefusalCode = (typeof REFUSALS)[number];

const FIELDS = {
  lacks: ['scope', 'sha256'],
  give: ['scope', 'sha256', 'bytes'],
  get: ['scope', 'sha256', 'offset'],
  missing: ['places'],
  take: ['offset'],
  have: [],
  file: ['bytes'],
  refused: ['code'],
} as const satisfies Record<(ContentQuestion | ContentAnswer)['kind'], readonly string[]>;
const SCOPE = /^(job|image):[0-9a-z-]{1,80}$/;

const toBytes = (hex: string): Uint8Array => new Uint8Array(Buffer.from(hex, 'hex'));
export const encodeContentMessage = (message: ContentQuestion | ContentAnswer): Uint8Array => {
  const { kind } = message;
  if (kind === 'lacks') return encodeCbor({ v: VERSION, ...message, sha256: message.sha256.map(toBytes) });
  if (kind === 'give' || kind === 'get') return encodeCbor({ v: VERSION, ...message, sha256: toBytes(message.sha256) });
  return encodeCbor({ v: VERSION, ...message });
};

export const malformedContent = (problem: string): ContentError =>
  new ContentError(
    { code: 'CONTENT_MALFORMED', problem, verdict: 'reject' },
    `The message about content is not as its format has it (${problem}); its sender made it up or speaks another version.`,
  );
const open = <K extends keyof typeof FIELDS>(encoded: Uint8Array, kinds: readonly K[]) => {
  let value: unknown;
  try {
    value = decodeCbor(encoded, ITEMS_MAX);
  } catch (error) {
    throw malformedContent(messageOf(error));
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value) || value instanceof Uint8Array)
    throw malformedContent('it is no map');
  const fields = value as Record<string, unknown>;
  const kind = kinds.find((one) => one === fields['kind']);
  if (kind === undefined) throw malformedContent('its kind is none');
  const names = ['v', 'kind', ...FIELDS[kind]];
  if (Object.keys(fields).length !== names.length || names.some((name) => !Object.hasOwn(fields, name)))
    throw malformedContent(`it does not have exactly the fields ${names.join(', ')}`);
  if (fields['v'] !== VERSION) throw malformedContent(`its version is not ${VERSION}`);
  return { kind, fields };
};
const scopeIn = (value: unknown): string => {
  if (typeof value !== 'string' || !SCOPE.test(value)) throw malformedContent('its scope is none');
  return value;
};
const hashIn = (value: unknown): string => {
  if (!(value instanceof Uint8Array) || value.length !== 32) throw malformedContent('a name is not 32 bytes');
  return Buffer.from(value).toString('hex');
};
const wholeIn = (value: unknown, max: number, what: string): number => {
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 0 || value > max)
    throw malformedContent(`${what} is no whole number up to ${max}`);
  return value;
};

/** @throws {ContentError} `CONTENT_MALFORMED` */
export const decodeContentQuestion = (encoded: Uint8Array): ContentQuestion => {
  const { kind, fields } = open(encoded, ['lacks', 'give', 'get']);
  const scope = scopeIn(fields['scope']);
  switch (kind) {
    case 'lacks': {
      const list = fields['sha256'];
      if (!Array.isArray(list) || list.length < 1 || list.length > ASKED_MAX)
        throw malformedContent(`its names are no list of 1 to ${ASKED_MAX}`);
      return { kind, scope, sha256: list.map(hashIn) };
    }
    case 'give':
      return {
        kind,
        scope,
        sha256: hashIn(fields['sha256']),
        bytes: wholeIn(fields['bytes'], CONTENT_FILE_BYTES_MAX, 'its length'),
      };
    case 'get':
      return {
        kind,
        scope,
        sha256: hashIn(fields['sha256']),
        offset: wholeIn(fields['offset'], CONTENT_FILE_BYTES_MAX, 'its offset'),
      };
  }
};
/** @throws {ContentError} `CONTENT_MALFORMED` */
export const decodeContentAnswer = (encoded: Uint8Array): ContentAnswer => {
  const { kind, fields } = open(encoded, ['missing', 'take', 'have', 'file', 'refused']);
  switch (kind) {
    case 'missing': {
      const list = fields['places'];
      if (!Array.isArray(list) || list.length > ASKED_MAX) throw malformedContent('its places are no list');
      const places = list.map((place) => wholeIn(place, ASKED_MAX - 1, 'a place'));
      if (places.some((place, i) => i > 0 && place <= (places[i - 1] ?? 0)))
        throw malformedContent('its places do not ascend');
      return { kind, places };
    }
    case 'take':
      return { kind, offset: wholeIn(fields['offset'], CONTENT_FILE_BYTES_MAX, 'its offset') };
    case 'file':
      return { kind, bytes: wholeIn(fields['bytes'], CONTENT_FILE_BYTES_MAX, 'its length') };
    case 'refused': {
      const code = REFUSALS.find((one) => one === fields['code']);
      if (code === undefined) throw malformedContent('its code is none');
      return { kind, code };
    }
    case 'have':
      return { kind };
  }
};
