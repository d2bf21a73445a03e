import { type Call, type RequestOf, calls } from '../../../preload/contract/index.ts';
import type { z } from 'zod';
import { RequestError } from './errors.ts';

/** Longest piece of a caller's own text that a sentence quotes. */
const QUOTE_CHARS_MAX = 60;

type Quote = (text: string) => string;
/** What a caller sent, short enough for a sentence and with nothing that moves a terminal's cursor. */
const quoteText: Quote = (text) => {
  const printable = text.replaceAll(/[\p{Cc}\p{Cf}]/gu, '?');
  return printable.length > QUOTE_CHARS_MAX ? `${printable.slice(0, QUOTE_CHARS_MAX)}…` : printable;
};

/** In place of what was sent where that may be a secret: it goes to screens, and from there into reports. */
const hide: Quote = () => '…';

const kindOf = (value: unknown, quote: Quote): string => {
  if (value === undefined) return 'nothing';
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'a list';
  if (typeof value === 'string') return `the text "${quote(value)}"`;
  return typeof value === 'object' ? 'an object' : `${typeof value} ${quote(JSON.stringify(value) ?? '')}`;
};

/** A bound as people say it: fields carry their unit in their name (`memoryBytes`, `timeMsMax`). */
const bound = (path: readonly PropertyKey[] | undefined, value: number | bigint): string => {
  const field = String(path?.at(-1) ?? '');
  const number = Number(value);
  if (/Bytes/.test(field) && number >= BYTES_PER_MIB)
    return `${value} bytes (${Math.floor(number / BYTES_PER_MIB)} MiB)`;
  if (/Bytes/.test(field)) return `${value} bytes`;
  if (/Ms/.test(field)) return `${value} ms (${number / 1000} s)`;
  return String(value);
};
const BYTES_PER_MIB = 1024 * 1024;

/** Words for what zod found, where the contract gives none of its own. */
const wordingWith =
  (quote: Quote) =>
  (issue: z.core.$ZodRawIssue): string => {
    switch (issue.code) {
      case 'invalid_type':
        if (issue.input === undefined) return 'is missing';
        return `must be ${issue.expected === 'int' ? 'a whole number' : `of type ${issue.expected}`}, not ${kindOf(issue.input, quote)}`;
      case 'too_big':
        if (issue.origin === 'string') return `must have at most ${issue.maximum} characters`;
        if (issue.origin === 'array') return `must have at most ${issue.maximum} entries`;
        return `must be at most ${bound(issue.path, issue.maximum)}, not ${quote(String(issue.input))}`;
      case 'too_small':
        if (issue.origin === 'string') return `must have at least ${issue.minimum} characters`;
        if (issue.origin === 'array') return `must have at least ${issue.minimum} entries`;
        return `must be at least ${bound(issue.path, issue.minimum)}, not ${quote(String(issue.input))}`;
      case 'invalid_value':
        return `must be one of ${issue.values.map(String).join(', ')}, not ${kindOf(issue.input, quote)}`;
      case 'unrecognized_keys':
        return `holds ${issue.keys
          .slice(0, 3)
          .map((key) => `"${quote(key)}"`)
          .join(', ')}, which is not known here`;
      case 'invalid_union':
        return `has none of the shapes that are allowed`;
      case 'invalid_format':
        return issue.format === 'base64' ? 'must be base64' : `is not a valid ${issue.format}`;
      default:
        return 'is not valid';
    }
  };

const wording = wordingWith(quoteText);
const discreetWording = wordingWith(hide);

const pathOf = (path: readonly PropertyKey[]): string =>
  path
    .map((part, index) =>
      typeof part === 'number' ? `[${part}]` : `${index === 0 ? '' : '.'}${quoteText(String(part))}`,
    )
    .join('');

/** Requests about the identity carry phrases and passphrases, also in the wrong place; those about private networks, their secrets. */
const holdsSecrets = (name: Call): boolean =>
  name.startsWith('identity:') || name === 'network:create' || name === 'network:join';

/**
 * The request as the contract has it, defaults filled in.
 *
 * @throws {RequestError} `BAD_REQUEST`, with one sentence that names the first field that is wrong and why
 */
export const parseRequest = <C extends Call>(name: C, request: unknown): RequestOf<C> => {
  const error = holdsSecrets(name) ? discreetWording : wording;
  const result = calls[name].request.safeParse(request, { error });
  if (result.success) return result.data as RequestOf<C>;
  const issue = result.error.issues[0];
  const field = issue === undefined ? '' : pathOf(issue.path);
  const subject = field === '' ? 'the request' : `\`${field}\``;
  throw new RequestError(
    { code: 'BAD_REQUEST', field },
    `${name} was refused: ${subject} ${sentencePart(issue)}. Correct it and ask again.`,
  );
};

/** The contract's own messages stand for themselves; ours follow the field's name. */
const sentencePart = (issue: z.core.$ZodIssue | undefined): string => {
  const message = issue?.message ?? 'is not valid';
  return /^(is|must|holds|has) /.test(message) ? message : `is not valid (${message})`;
};
