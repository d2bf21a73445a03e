import { PAGE_HOST, PAGE_SCHEME } from './constants.ts';

/** True for an address that our own page has; false for anything that cannot be parsed. */
export const isPageUrl = (address: string): boolean => {
  const url = URL.parse(address);
  return url !== null && url.protocol === `${PAGE_SCHEME}:` && url.host === PAGE_HOST;
};

/** True for addresses that a page of ours may load from. */
export const isOwnAddress = (address: string, developmentOrigin: string | null): boolean => {
  if (isPageUrl(address)) return true;
  const url = URL.parse(address);
  if (url === null || developmentOrigin === null) return false;
  return url.origin === developmentOrigin || url.origin === developmentOrigin.replace(/^http/, 'ws');
};

/**
 * Sites that a link in the page may open in the owner's browser. Each is one that a sentence of ours points at; a page
 * that was taken over cannot send the owner anywhere else.
 */
const EXTERNAL_HOSTS: ReadonlySet<string> = new Set(['docs.docker.com', 'docs.podman.io', 'example.org']);

/** True for an https address of a site that our own sentences point at, without port, user or password. */
export const isAllowedExternal = (address: string): boolean => {
  const url = URL.parse(address);
  return (
    url !== null &&
    url.protocol === 'https:' &&
    url.port === '' &&
    url.username === '' &&
    url.password === '' &&
    EXTERNAL_HOSTS.has(url.hostname)
  );
};
