import { useSyncExternalStore } from 'react';

/** Pages of the program, in the order of the navigation. */
export const pages = [
  'home',
  'share',
  'jobs',
  'containers',
  'lend',
  'borrow',
  'wallet',
  'rewards',
  'tunnels',
  'network',
  'proofs',
  'blocks',
  'ledger',
  'machine',
  'settings',
  'diagnostics',
] as const;
export type Page = (typeof pages)[number];
export interface Route {
  page: Page;
  /**
   * What on the page: a resource's key on Share, a job's id, `new` or a side on Jobs, a tab on Containers, a peer's id on
   * Network, a height or an asset's id on Blocks, a tab on Wallet, a network's id or `new` on Ledger.
   */
  part: string | null;
}

/** Whose jobs a list shows: mine on this machine, those of others on it, mine on other nodes. */
const jobSides = ['here', 'others', 'elsewhere'] as const;
export type JobSide = (typeof jobSides)[number];
export const isJobSide = (part: string): part is JobSide => jobSides.some((side) => side === part);

/** Parses `#/share/cpu`; anything unknown is Home. */
export const parseRoute = (hash: string): Route => {
  const [, page = '', part = ''] = hash.replace(/^#/, '').split('/');
  const known = pages.find((name) => name === page);
  let decoded = part;
  try {
    decoded = decodeURIComponent(part);
  } catch {
    decoded = '';
  }
  return { page: known ?? 'home', part: known === undefined || decoded === '' ? null : decoded };
};

/** Whether a page opens something of its own for the part: a job, a peer or a block; the other parts only choose within the page. */
const opensPart = ({ page, part }: Route): boolean =>
  part !== null &&
  ((page === 'jobs' && !isJobSide(part)) ||
    page === 'network' ||
    page === 'ledger' ||
    (page === 'blocks' && /^\d+$/.test(part)));

/** Whether the reader stays where they are: no scrolling to the top, no change of focus. */
export const staysInPlace = (before: Route, after: Route): boolean =>
  before.page === after.page && (before.part === after.part || (!opensPart(before) && !opensPart(after)));

/** Address of a page, for links. */
export const hrefOf = (page: Page, part?: string): string =>
  part === undefined ? `#/${page}` : `#/${page}/${encodeURIComponent(part)}`;

/** Goes to a page; the browser's back button leads back. */
export const goTo = (page: Page, part?: string): void => {
  window.location.hash = hrefOf(page, part);
};

const subscribe = (listener: () => void): (() => void) => {
  window.addEventListener('hashchange', listener);
  return () => window.removeEventListener('hashchange', listener);
};

/** The page that the address names. */
export const useRoute = (): Route => {
  const hash = useSyncExternalStore(subscribe, () => window.location.hash);
  return parseRoute(hash);
};
