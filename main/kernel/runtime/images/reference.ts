/** As the contract's `imageReference`, and of the length that engines take. */
const REFERENCE = /^[a-zA-Z0-9][a-zA-Z0-9._/:@-]{0,511}$/;
/** `[registry[:port]/]path[:tag][@digest]`, https://github.com/distribution/reference. */
const NAMED =
  /^(?:(?<registry>localhost(?::\d{1,5})?|[a-zA-Z0-9-]+(?:(?:\.[a-zA-Z0-9-]+)+(?::\d{1,5})?|:\d{1,5}))\/)?(?<path>[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*(?:\/[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*)*)(?::(?<tag>[\w][\w.-]{0,127}))?(?:@(?<digest>sha256:[0-9a-f]{64}))?$/;

export const isReference = (text: string): boolean => REFERENCE.test(text);

/** @returns the full id of an image, null where the text is no id but a name */
export const idOf = (reference: string): string | null =>
  /^sha256:[0-9a-f]{64}$/.test(reference) ? reference : /^[0-9a-f]{64}$/.test(reference) ? `sha256:${reference}` : null;

/**
 * A name as engines show it: without the registry and folder that go without saying, with the tag that does.
 *
 * @returns null where it is none
 */
export const canonicalName = (reference: string): { name: string; repository: string; tag: string | null } | null => {
  const parts = NAMED.exec(reference)?.groups;
  if (parts === undefined) return null;
  let path = parts['path'] ?? '';
  let registry = parts['registry'];
  if (registry === 'docker.io' || registry === 'index.docker.io') registry = undefined;
  if (registry === undefined && path.startsWith('library/')) path = path.slice('library/'.length);
  const repository = registry === undefined ? path : `${registry}/${path}`;
  const digest = parts['digest'];
  const tag = parts['tag'] ?? (digest === undefined ? 'latest' : null);
  return {
    repository,
    tag,
    name: `${repository}${tag === null ? '' : `:${tag}`}${digest === undefined ? '' : `@${digest}`}`,
  };
};

/**
 * Whether a pattern of the owner's list covers a name: `python:*`, `registry.example.org/team/*`, an id, or a name. A star stands for
 * any characters, slashes too.
 */
export const matchesPattern = (pattern: string, name: string): boolean => {
  if (idOf(pattern) !== null || idOf(name) !== null) return idOf(pattern) === idOf(name);
  const wanted = pattern.includes('*') ? pattern : (canonicalName(pattern)?.name ?? pattern);
  const found = canonicalName(name)?.name ?? name;
  // By hand, as a pattern with many stars makes a regular expression take for ever.
  const parts = wanted.split('*');
  const [first = '', ...rest] = parts;
  if (rest.length === 0) return found === first;
  if (!found.startsWith(first)) return false;
  const end = rest.pop() ?? '';
  let at = first.length;
  for (const part of rest) {
    const place = found.indexOf(part, at);
    if (place === -1) return false;
    at = place + part.length;
  }
  return found.length - end.length >= at && found.endsWith(end);
};
