/** Under which the tab keeps the token. Session storage ends with the tab and is not shared with other origins. */
const TOKEN_KEY = 'hypermesh.token';
/** Tokens are 32 random bytes in base64url; anything much longer is not one. */
const TOKEN_LENGTH_MAX = 512;

/** What of a page's surroundings the token needs; `window` has all of it. */
export interface TokenSurroundings {
  location: Pick<Location, 'hash' | 'pathname' | 'search'>;
  history: Pick<History, 'replaceState'>;
  sessionStorage: Pick<Storage, 'getItem' | 'setItem' | 'removeItem'>;
}

/**
 * Takes the token from the address (`#token=…`), puts it into session storage and removes it from the address bar and
 * from the history, so that it is neither shared with a link nor seen over a shoulder. Without one in the address, the
 * one that this tab kept.
 */
export const takeToken = ({ location, history, sessionStorage }: TokenSurroundings): string | null => {
  const match = /^#token=([^&]+)$/.exec(location.hash);
  if (match?.[1] !== undefined && match[1].length <= TOKEN_LENGTH_MAX) {
    let token = match[1];
    try {
      token = decodeURIComponent(token);
    } catch {
      // Not percent-encoded after all: base64url holds no percent sign, so the node will refuse it and say so.
    }
    sessionStorage.setItem(TOKEN_KEY, token);
    history.replaceState(null, '', `${location.pathname}${location.search}#/`);
    return token;
  }
  return sessionStorage.getItem(TOKEN_KEY);
};

/** Forgets a token that the node refused. */
export const forgetToken = ({ sessionStorage }: Pick<TokenSurroundings, 'sessionStorage'>): void =>
  sessionStorage.removeItem(TOKEN_KEY);
