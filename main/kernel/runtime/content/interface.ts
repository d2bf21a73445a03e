import type { Readable } from 'node:stream';
import type { JobId, Startable } from '../../../base/index.ts';
import type { Link } from '../../leases/index.ts';

/**
 * Files by the hash of their content: what goes into jobs, what comes out of them, layers of images. Bounded; what nobody holds goes
 * first, by when it was used last. docs/formats/content-store.md.
 */
export interface ContentStore extends Startable {
  /**
   * Takes a stream in, hashes it on the way, keeps it once it is whole on disk.
   * @param options.expected - refused when it is another; null: whatever it is
   * @throws {ContentError} `CONTENT_FULL` | `CONTENT_TOO_LARGE` | `CONTENT_MISMATCH`
   */
  put(
    source: AsyncIterable<Uint8Array>,
    options: { expected: string | null; bytesMax: number; signal?: AbortSignal },
  ): Promise<{ sha256: string; bytes: number }>;
  /** The same for bytes that come by themselves, such as over a link that may break and be made anew. */
  begin(expected: string, bytesMax: number): Promise<ContentIntake>;
  /** @returns its size, null when it is not here */
  sizeOf(sha256: string): Promise<number | null>;
  /** @throws {ContentError} `CONTENT_MISSING` */
  open(sha256: string, offset?: number): Promise<Readable>;
  /** Where it lies, for a driver that takes it from disk. @throws {ContentError} `CONTENT_MISSING` */
  diskPath(sha256: string): Promise<string>;
  /** Keeps these until `release` of the same holder: a job, an image. Rows, so they hold over restarts. */
  hold(holder: string, sha256: readonly string[]): Promise<void>;
  release(holder: string): Promise<void>;
  /** The same, and what nobody else holds is removed at once: nothing of a borrower stays when its lease ends. */
  discard(holder: string): Promise<void>;
  /** What a holder keeps, whether or not it has come yet. */
  holdsOf(holder: string): readonly string[];
  /** Everybody who holds something, so that those that are no more can be released. */
  holders(): readonly string[];
  /** Takes away a file that was found to be damaged, whoever holds it. */
  remove(sha256: string): Promise<void>;
  usage(): { bytes: number; bytesMax: number; files: number };
  /** An owner's upload, a piece at a time. @throws {ContentError} `UPLOAD_UNKNOWN` | `TOO_MANY_UPLOADS` | `CONTENT_FULL` */
  upload(
    upload: string | null,
    data: Uint8Array,
    done: boolean,
  ): Promise<{ upload: string; bytes: number; sha256: string | null }>;
}

/** A file that is coming in. Exactly one of `done` and `drop` ends it. */
export interface ContentIntake {
  /** That came so far. */
  readonly bytes: number;
  /** @throws {ContentError} `CONTENT_FULL` | `CONTENT_TOO_LARGE`; only `drop` may follow */
  write(chunk: Uint8Array): Promise<void>;
  /** @throws {ContentError} `CONTENT_MISMATCH` | `CONTENT_FULL`; it is then gone */
  done(): Promise<void>;
  drop(): Promise<void>;
}

/** Content over a link, `/hypermesh/content/1`, docs/formats/content-messages.md. Whole, hashed at the end, bounded both ways. */
export interface ContentExchange {
  /** Fetches what is not here from whoever is at the other end. @throws {ContentError} `CONTENT_MISSING` | `CONTENT_MISMATCH` | `NOT_ALLOWED` {StreamError} */
  bring(
    link: Link,
    scope: string,
    sha256: readonly { sha256: string; bytes: number }[],
    options: { signal?: AbortSignal; progress?: (doneBytes: number) => void },
  ): Promise<void>;
  /** Sends what the other end lacks. @returns bytes that it had already */
  send(
    link: Link,
    scope: string,
    sha256: readonly string[],
    options: { signal?: AbortSignal; progress?: (doneBytes: number) => void },
  ): Promise<{ savedBytes: number }>;
  /**
   * Says who may read and write what: `scope` is `job:<id>` or `image:<id>`. Several rooms register; one that answers true is enough.
   * @returns what takes it out
   */
  addGate(gate: ContentGate): () => void;
}
export interface ContentGate {
  mayRead(link: Link, scope: string, sha256: string): boolean;
  /** @returns bytes that this file may have in this scope; 0 refuses, and nobody learns whether it is here. A gate that bounds a scope
   * as a whole knows what each file of it may have, from the job's request or the image's manifest. */
  mayWrite(link: Link, scope: string, sha256: string): number;
}
/** Holder of what a job came with or left. */
export const contentHolderOf = (job: JobId): string => `job:${job}`;
