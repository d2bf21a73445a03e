import { createHash, timingSafeEqual } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import type { Clock } from '../../base/index.ts';
import { FAILED_TOKENS_MAX, FAILED_TOKENS_WINDOW_MS } from './constants.ts';
import { HttpError } from './errors.ts';

const digest = (text: string): Buffer => createHash('sha256').update(text).digest();

/** Decides who may ask: our own names, our own page, and whoever knows the token. */
export class Guard {
  readonly #clock: Clock;
  readonly #token: Buffer;
  #hosts: ReadonlySet<string> = new Set();
  #failures = 0;
  #windowStartedMs = Number.NEGATIVE_INFINITY;

  constructor(clock: Clock, token: string) {
    this.#clock = clock;
    this.#token = digest(token);
  }

  /** Told once the port is known. */
  listensAt(port: number): void {
    const names = ['[::1]', '127.0.0.1', 'localhost'];
    this.#hosts = new Set(names.flatMap((name) => (port === 80 ? [name, `${name}:80`] : [`${name}:${port}`])));
  }

  /**
   * @throws {HttpError} `HOST_REFUSED` | `ORIGIN_REFUSED`
   * @see https://en.wikipedia.org/wiki/DNS_rebinding
   */
  checkAddress(headers: IncomingHttpHeaders): void {
    const host = headers.host?.toLowerCase() ?? '';
    if (!this.#hosts.has(host))
      throw new HttpError(
        { code: 'HOST_REFUSED' },
        "This address is not one of the node's own; open the page at the address that `hypermesh status` shows.",
      );
    const { origin } = headers;
    if (origin === undefined) return;
    // Any of our names will do: `localhost` and `[::1]` are both this node.
    if (!origin.startsWith('http://') || !this.#hosts.has(origin.slice('http://'.length).toLowerCase()))
      throw new HttpError(
        { code: 'ORIGIN_REFUSED' },
        'Pages of other sites may not talk to the node; use its own page, at the address that `hypermesh status` shows.',
      );
  }

  /**
   * Compares in constant time. A right token always passes, however many wrong ones came before.
   * @throws {HttpError} `UNAUTHORIZED` | `TOO_MANY_FAILURES`
   */
  checkToken(token: string | undefined): void {
    // Digests have one length whatever came in, so the comparison tells nothing about the token's.
    if (token !== undefined && timingSafeEqual(digest(token), this.#token)) return;
    const nowMs = this.#clock.monotonicMs();
    if (nowMs - this.#windowStartedMs > FAILED_TOKENS_WINDOW_MS) {
      this.#windowStartedMs = nowMs;
      this.#failures = 0;
    }
    this.#failures += 1;
    if (this.#failures > FAILED_TOKENS_MAX)
      throw new HttpError(
        { code: 'TOO_MANY_FAILURES' },
        'Too many wrong tokens in the last minute; wait a minute and use the address that `hypermesh status` shows.',
      );
    throw new HttpError(
      { code: 'UNAUTHORIZED' },
      'The token is missing or not the one of this start of the node; `hypermesh status` shows the address with the right one.',
    );
  }

  /** @param header - `Authorization`, in the form of RFC 6750: `Bearer <token>` */
  checkAuthorization(header: string | undefined): void {
    this.checkToken(/^Bearer ([\w~+/.=-]{1,256})$/i.exec(header ?? '')?.[1]);
  }
}
