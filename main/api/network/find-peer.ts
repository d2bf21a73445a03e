import type { KnownPeer } from '../../transport/stoq/index.ts';
import { NetworkError } from './errors.ts';

/** Every id begins with these, so that people leave them out. */
const COMMON_START = '12D3KooW';
/** So many candidates fit into a sentence. */
const CANDIDATES_MAX = 10;
const quote = (text: string): string => text.slice(0, 64);

/** Names as people compare them. */
export const sameName = (one: string, other: string): boolean =>
  one.normalize('NFKC').toLowerCase() === other.normalize('NFKC').toLowerCase();

/**
 * @param asked - a name that the owner gave, an id, or the beginning of one with or without what all begin with
 * @throws {NetworkError} `PEER_UNKNOWN` | `PEER_AMBIGUOUS`
 */
export const findPeer = (peers: readonly KnownPeer[], asked: string): KnownPeer => {
  const text = asked.trim();
  const whole = peers.find(({ peerId }) => peerId === text);
  if (whole !== undefined) return whole;
  const named = peers.filter(({ name }) => name !== '' && sameName(name, text));
  const found =
    named.length > 0
      ? named
      : peers.filter(({ peerId }) => peerId.startsWith(text) || peerId.startsWith(`${COMMON_START}${text}`));
  const [only] = found;
  if (only === undefined || text === '')
    throw new NetworkError(
      { code: 'PEER_UNKNOWN', peer: quote(text) },
      `No peer is known by "${quote(text)}"; \`hypermesh peers\` lists them.`,
    );
  if (found.length > 1) {
    const candidates = found.slice(0, CANDIDATES_MAX).map(({ peerId }) => peerId);
    const names = found
      .slice(0, CANDIDATES_MAX)
      .map(({ name, peerId }) => (name === '' ? peerId : `${peerId} (${name})`))
      .join(', ');
    throw new NetworkError(
      { code: 'PEER_AMBIGUOUS', peer: quote(text), candidates },
      `"${quote(text)}" could be any of ${names}${found.length > CANDIDATES_MAX ? ` and ${found.length - CANDIDATES_MAX} more` : ''}; write more of it.`,
    );
  }
  return only;
};
