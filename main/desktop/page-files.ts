import { readFile } from 'node:fs/promises';
import { extname, join, sep } from 'node:path';
import { isPageUrl } from './addresses.ts';

/** Kinds of file that the build makes. Anything else is not served. */
const CONTENT_TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.json': 'application/json; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.png': 'image/png',
  '.ico': 'image/x-icon',
  '.woff2': 'font/woff2',
  '.wasm': 'application/wasm',
};

/**
 * Nothing from elsewhere and no inline script. Styles may be inline because the component kit sets its custom properties
 * in a style element; without foreign images, fonts or connections a style has nowhere to send what it sees.
 */
export const CONTENT_SECURITY_POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self' 'unsafe-inline'",
  "img-src 'self' data:",
  "font-src 'self'",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
  "object-src 'none'",
].join('; ');

/** Sent with every answer, errors included. */
export const PAGE_HEADERS: Readonly<Record<string, string>> = {
  'Content-Security-Policy': CONTENT_SECURITY_POLICY,
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Embedder-Policy': 'require-corp',
  'Cross-Origin-Resource-Policy': 'same-origin',
  'X-Content-Type-Options': 'nosniff',
  'Referrer-Policy': 'no-referrer',
  'Permissions-Policy': 'camera=(), microphone=(), geolocation=(), usb=(), serial=(), hid=(), midi=(), payment=()',
  'Cache-Control': 'no-store',
};

/** What a request for a file of the page is answered with. */
export interface PageAnswer {
  status: 200 | 400 | 404 | 405;
  headers: Record<string, string>;
  body: Buffer | string;
}

/**
 * @returns path of the file below `folder`, or null for an address that is not ours, leaves the folder, or names a kind
 *   of file that the build does not make
 */
export const pageFilePath = (folder: string, address: string): string | null => {
  const url = URL.parse(address);
  if (url === null || !isPageUrl(address)) return null;
  let path: string;
  try {
    path = decodeURIComponent(url.pathname);
  } catch {
    return null;
  }
  if (path === '/' || path === '') path = '/index.html';
  // The build names its files in plain letters, so anything that could mean another place is simply not a name.
  if (!/^(\/[A-Za-z0-9_][A-Za-z0-9._-]*)+$/.test(path) || CONTENT_TYPES[extname(path)] === undefined) return null;
  const file = join(folder, ...path.split('/'));
  return file.startsWith(folder.endsWith(sep) ? folder : folder + sep) ? file : null;
};

/** Answers one request for the window's page from the built files in `folder`. Never throws. */
export const answerPageRequest = async (folder: string, method: string, address: string): Promise<PageAnswer> => {
  const plain = (status: PageAnswer['status'], body: string): PageAnswer => ({
    status,
    headers: { ...PAGE_HEADERS, 'Content-Type': 'text/plain; charset=utf-8' },
    body,
  });
  if (method !== 'GET' && method !== 'HEAD') return plain(405, 'Only GET is answered here.');
  const file = pageFilePath(folder, address);
  if (file === null) return plain(400, 'There is no such address in the page.');
  try {
    return {
      status: 200,
      headers: { ...PAGE_HEADERS, 'Content-Type': CONTENT_TYPES[extname(file)] as string },
      body: await readFile(file),
    };
  } catch {
    return plain(404, 'There is no such file in the page.');
  }
};
