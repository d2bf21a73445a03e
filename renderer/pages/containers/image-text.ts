import type { ImagePolicy, ImageTransfer, ImageView } from '../../../preload/contract/index.ts';
import { shortId } from '../../components/short-hash.tsx';

/** As the contract's `imageReference` has it, so that a wrong one is told before it is sent. */
export const isImageReference = (text: string): boolean => /^[a-zA-Z0-9][a-zA-Z0-9._/:@-]{0,511}$/.test(text.trim());

/** Its first name, or the short form of its id. */
export const imageName = (image: ImageView): string => image.references[0] ?? shortId(image.id);

/** Patterns of allowed images, one a line. */
export const patternsOf = (text: string): string[] => [
  ...new Set(
    text
      .split('\n')
      .map((line) => line.trim())
      .filter((line) => line !== ''),
  ),
];
/** What is wrong with a list of patterns; null where nothing is. The bounds are the contract's. */
export const patternsProblem = (patterns: readonly string[]): string | null => {
  if (patterns.length > 256) return `There are ${patterns.length} lines; at most 256 are kept.`;
  const long = patterns.find((pattern) => pattern.length > 256);
  if (long !== undefined) return `“${long.slice(0, 24)}…” is longer than 256 characters.`;
  const odd = patterns.find((pattern) => /\s/.test(pattern));
  return odd === undefined ? null : `“${odd}” has a space in it; write one pattern a line.`;
};

export const OTHERS: Record<ImagePolicy['others'], { label: string; sentence: string }> = {
  refused: { label: 'Refuse', sentence: 'Borrowers may run only images of the list that are here.' },
  own: { label: 'Of your own nodes', sentence: 'Your own nodes may bring any image; others only those of the list.' },
  all: {
    label: 'Of everybody',
    sentence: 'Whoever may borrow containers may bring any image. It is walled off all the same.',
  },
};

export const transferTitle = (transfer: ImageTransfer): string => {
  switch (transfer.what) {
    case 'pull':
      return `${transfer.reference} from ${transfer.with}`;
    case 'fetch':
      return `${transfer.reference} from ${transfer.with}`;
    case 'push':
      return `${transfer.reference} to ${transfer.with}`;
  }
};
