import { NodeError, type Verdict } from '../../../base/index.ts';

/** What images and their exchange refuse. */
export class ImageError extends NodeError<
  /** A part is not what its digest says. */
  | { code: 'DIGEST_MISMATCH'; part: string; verdict: Verdict }
  /** Not allowed by the owner's list, or not as images are. */
  | { code: 'IMAGE_REFUSED'; image: string; reason: string; verdict: Verdict }
  /** Neither here nor to be had; `why` says which. */
  | { code: 'IMAGE_MISSING'; image: string; why: 'offline' | 'unknown' | 'failed' }
  | { code: 'IMAGE_IN_USE'; image: string }
  | { code: 'IMAGE_NOT_OURS'; image: string }
  | { code: 'TOO_MANY_TRANSFERS'; limit: number }
  | { code: 'TRANSFER_UNKNOWN'; id: string }
  | { code: 'CANCELLED' }
  /** A message that is not as docs/formats/image-manifest.md has it. */
  | { code: 'IMAGE_MALFORMED'; problem: string; verdict: 'reject' }
> {
  override readonly name = 'ImageError';
}

/** An image that is not as images are; whoever sent it is at fault. */
export const badImage = (image: string, reason: string, verdict: Verdict = 'reject'): ImageError =>
  new ImageError(
    { code: 'IMAGE_REFUSED', image, reason, verdict },
    `The image ${image} was refused: ${reason}. Nothing of it was taken; build it anew, or take another.`,
  );
export const digestMismatch = (part: string): ImageError =>
  new ImageError(
    { code: 'DIGEST_MISMATCH', part, verdict: 'reject' },
    `A part of the image is not what its digest says (${part}); it was not taken. Fetch it again, or from somebody else.`,
  );
export const imageMissing = (image: string, why: 'offline' | 'unknown' | 'failed', sentence: string): ImageError =>
  new ImageError({ code: 'IMAGE_MISSING', image, why }, sentence);
