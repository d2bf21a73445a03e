import { decodeCbor, encodeCbor, messageOf } from '../../../base/index.ts';
import type { ProtocolSpec } from '../../../transport/stoq/index.ts';
import { EXCHANGE_DEADLINE_MS, MANIFEST_BYTES_MAX } from './constants.ts';
import { ImageError } from './errors.ts';
import { isReference } from './reference.ts';

// Messages of `/hypermesh/image/1`: one question and one answer per stream; docs/formats/image-manifest.md.

export const IMAGE_PROTOCOL = '/hypermesh/image/1';
const VERSION = 1;
/** A manifest and what is around it. */
export const IMAGE_MESSAGE_BYTES_MAX = MANIFEST_BYTES_MAX + 256;
const ITEMS_MAX = 8;
const SENTENCE_CHARACTERS_MAX = 300;

export const imageSpec: ProtocolSpec = {
  name: IMAGE_PROTOCOL,
  streamsMax: 8,
  opensPerTenSeconds: 40,
  bytesMax: IMAGE_MESSAGE_BYTES_MAX + 64,
  deadlineMs: EXCHANGE_DEADLINE_MS,
  // A question is there at once; making or taking an image is what lasts.
  bytesPerSecondMin: 16,
};

export type ImageQuestion =
  /** For an image by name or id. */
  | { kind: 'want'; reference: string }
  /** Before parts of an image are sent. */
  | { kind: 'offer'; manifest: Uint8Array }
  /** All of its parts are there. */
  | { kind: 'sent'; config: Uint8Array };
export type ImageAnswer =
  | { kind: 'manifest'; manifest: Uint8Array }
  /** Send what is missing. */
  | { kind: 'take' }
  /** The engine has it, under this id. */
  | { kind: 'have' }
  | { kind: 'refused'; code: string; sentence: string };

const FIELDS = {
  want: ['reference'],
  offer: ['manifest'],
  sent: ['config'],
  manifest: ['manifest'],
  take: [],
  have: [],
  refused: ['code', 'sentence'],
} as const satisfies Record<(ImageQuestion | ImageAnswer)['kind'], readonly string[]>;
/** One line that no terminal would obey. */
const LINE = new RegExp(`^[^\\p{Cc}\\p{Cf}\\p{Cs}\\p{Zl}\\p{Zp}]{0,${SENTENCE_CHARACTERS_MAX}}$`, 'u');
const shortened = (sentence: string): string =>
  sentence
    .toWellFormed()
    .replaceAll(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]+/gu, ' ')
    .slice(0, SENTENCE_CHARACTERS_MAX)
    .toWellFormed();

export const encodeImageMessage = (message: ImageQuestion | ImageAnswer): Uint8Array =>
  encodeCbor({ v: VERSION, ...message, ...('sentence' in message && { sentence: shortened(message.sentence) }) });

const malformed = (problem: string): ImageError =>
  new ImageError(
    { code: 'IMAGE_MALFORMED', problem, verdict: 'reject' },
    `The message about an image is not as its format has it (${problem}); its sender made it up or speaks another version.`,
  );
const open = <K extends keyof typeof FIELDS>(encoded: Uint8Array, kinds: readonly K[]) => {
  let value: unknown;
  try {
    value = decodeCbor(encoded, ITEMS_MAX);
  } catch (error) {
    throw malformed(messageOf(error));
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value) || value instanceof Uint8Array)
    throw malformed('it is no map');
  const fields = value as Record<string, unknown>;
  const kind = kinds.find((one) => one === fields['kind']);
  if (kind === undefined) throw malformed('its kind is none');
  const names = ['v', 'kind', ...FIELDS[kind]];
  if (Object.keys(fields).length !== names.length || names.some((name) => !Object.hasOwn(fields, name)))
    throw malformed(`it does not have exactly the fields ${names.join(', ')}`);
  if (fields['v'] !== VERSION) throw malformed(`its version is not ${VERSION}`);
  return { kind, fields };
};
const bytesIn = (value: unknown, min: number, max: number, what: string): Uint8Array => {
  if (!(value instanceof Uint8Array) || value.length < min || value.length > max)
    throw malformed(`${what} is not ${min} to ${max} bytes`);
  return value;
};

/** @throws {ImageError} `IMAGE_MALFORMED` */
export const decodeImageQuestion = (encoded: Uint8Array): ImageQuestion => {
  const { kind, fields } = open(encoded, ['want', 'offer', 'sent']);
  switch (kind) {
    case 'want': {
      const { reference } = fields;
      if (typeof reference !== 'string' || !isReference(reference)) throw malformed('its reference is none');
      return { kind, reference };
    }
    case 'offer':
      return { kind, manifest: bytesIn(fields['manifest'], 1, MANIFEST_BYTES_MAX, 'its manifest') };
    case 'sent':
      return { kind, config: bytesIn(fields['config'], 32, 32, 'its digest') };
  }
};
/** @throws {ImageError} `IMAGE_MALFORMED` */
export const decodeImageAnswer = (encoded: Uint8Array): ImageAnswer => {
  const { kind, fields } = open(encoded, ['manifest', 'take', 'have', 'refused']);
  switch (kind) {
    case 'manifest':
      return { kind, manifest: bytesIn(fields['manifest'], 1, MANIFEST_BYTES_MAX, 'its manifest') };
    case 'refused': {
      const { code, sentence } = fields;
      if (typeof code !== 'string' || !/^[A-Z][A-Z0-9_]{0,63}$/.test(code)) throw malformed('its code is none');
      if (typeof sentence !== 'string' || !LINE.test(sentence)) throw malformed('its sentence is none');
      return { kind, code, sentence };
    }
    default:
      return { kind };
  }
};
