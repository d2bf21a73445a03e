import { NodeError, type Verdict } from '../../../base/index.ts';

/** What the content store and the exchange of content refuse. */
export class ContentError extends NodeError<
  /** No room within the quota, or on the disk, and everything that is here is needed. */
  | { code: 'CONTENT_FULL'; bytesMax: number }
  | { code: 'CONTENT_TOO_LARGE'; bytesMax: number; verdict: Verdict }
  /** What came is not what was named. */
  | { code: 'CONTENT_MISMATCH'; sha256: string; verdict: Verdict }
  | { code: 'CONTENT_MISSING'; sha256: string }
  /** The other end does not take it from us. */
  | { code: 'NOT_ALLOWED'; scope: string }
  | { code: 'UPLOAD_UNKNOWN'; upload: string }
  | { code: 'TOO_MANY_UPLOADS'; uploadsMax: number }
  /** A message that is not as docs/formats/content-messages.md has it. */
  | { code: 'CONTENT_MALFORMED'; problem: string; verdict: 'reject' }
> {
  override readonly name = 'ContentError';
}

export const contentMissing = (sha256: string): ContentError =>
  new ContentError(
    { code: 'CONTENT_MISSING', sha256 },
    `Content ${sha256} is not here; upload the file again, or ask whoever has it.`,
  );
export const contentFull = (bytesMax: number, cause?: unknown): ContentError =>
  new ContentError(
    { code: 'CONTENT_FULL', bytesMax },
    'There is no room for more files: everything that is kept is needed by jobs, or the disk is nearly full. Remove jobs that have ended, or make room on the disk.',
    ...(cause === undefined ? [] : [{ cause }]),
  );
export const contentTooLarge = (bytesMax: number, verdict: Verdict = 'ignore'): ContentError =>
  new ContentError(
    { code: 'CONTENT_TOO_LARGE', bytesMax, verdict },
    `A file has more than the ${bytesMax} bytes that were announced or are allowed; it was not kept.`,
  );
export const contentMismatch = (sha256: string, verdict: Verdict = 'ignore'): ContentError =>
  new ContentError(
    { code: 'CONTENT_MISMATCH', sha256, verdict },
    `What came as ${sha256} is something else; it was thrown away. Ask again, or ask somebody else.`,
  );
