import { createReadStream } from 'node:fs';
import { realpath, stat } from 'node:fs/promises';
import { extname, join, sep } from 'node:path';
import type { FastifyReply } from 'fastify';
import { HttpError } from './errors.ts';

/** What a build of the page consists of; anything else is not served. */
const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.png': 'image/png',
  '.ico': 'image/x-icon',
  '.woff2': 'font/woff2',
  '.json': 'application/json; charset=utf-8',
  '.webmanifest': 'application/manifest+json',
};
/** Names that a bundler gives, one folder or more deep; no dot at the start of a part, so no `..` and nothing hidden. */
const PATH = /^(?:\/[\w-][\w.-]{0,127}){1,8}$/;

/**
 * Sends one file of the built page. Files are found when asked for, so nothing is kept in memory and a new build shows
 * at once. A path without an extension is a place inside the page: `index.html`.
 *
 * @throws {HttpError} `NOT_FOUND` | `PAGE_MISSING`
 */
export const sendPageFile = async (folder: string, urlPath: string, reply: FastifyReply): Promise<FastifyReply> => {
  const extension = extname(urlPath);
  const path = extension === '' ? '/index.html' : urlPath;
  const type = TYPES[extension === '' ? '.html' : extension];
  const missing = () =>
    path === '/index.html'
      ? new HttpError(
          { code: 'PAGE_MISSING' },
          'The page is not there; build it with `npm run build`, or install HyperMesh again.',
        )
      : new HttpError(
          { code: 'NOT_FOUND' },
          'There is nothing at this address; the page is at / and the API below /v1.',
        );
  if (type === undefined || (urlPath !== '/' && !PATH.test(urlPath))) throw missing();
  try {
    // A link that leads out of the folder is not part of the page.
    const root = await realpath(folder);
    const file = await realpath(join(root, path));
    const found = await stat(file);
    if (!file.startsWith(root + sep) || !found.isFile()) throw missing();
    return await reply
      .header('content-type', type)
      .header('content-length', found.size)
      // Files below assets/ carry a hash of their content in their name.
      .header('cache-control', path.startsWith('/assets/') ? 'public, max-age=31536000, immutable' : 'no-cache')
      .send(createReadStream(file));
  } catch (error) {
    if (['ENOENT', 'ENOTDIR', 'EISDIR', 'EACCES'].includes((error as { code?: string }).code ?? '')) throw missing();
    throw error;
  }
};

/** Headers of every answer. Mantine writes `style` elements at run time, hence 'unsafe-inline' for styles alone. */
export const securityHeaders: Readonly<Record<string, string>> = {
  'content-security-policy': [
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self' 'unsafe-inline'",
    "img-src 'self' data:",
    "font-src 'self'",
    "manifest-src 'self'",
    // Covers the WebSocket of the same host and port as well (CSP level 3, scheme-part matching).
    "connect-src 'self'",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ].join('; '),
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  'permissions-policy': 'camera=(), microphone=(), geolocation=(), usb=(), serial=(), hid=(), midi=(), payment=()',
};
