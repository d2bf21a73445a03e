import { NodeError } from '../../../base/index.ts';

/** Space that cannot be plotted now. What was whole before is whole still. */
export class SpaceError extends NodeError<
  /** Not enough room for what is to be plotted and the reserve beside it. Nothing half-made is left. */
  | { code: 'DISK_FULL'; neededBytes: number; freeBytes: number }
  /** The system refused to read or write. */
  | { code: 'PLOT_NOT_WRITTEN'; reason: string }
  /** Another change of size is under way. */
  | { code: 'PLOTS_BUSY' }
  | { code: 'PLOTS_CLOSED' }
  /** More than {@link PLOTS_MAX} plots would hold. */
  | { code: 'SIZE_INVALID'; bytes: number; bytesMax: number }
  /** A window came out other than before: memory or disk of this machine is at fault. */
  | { code: 'PLOT_DAMAGED'; window: number }
> {
  override readonly name = 'SpaceError';
}

/** Codes of findings about a proof of space, beside those of the challenge and the format. */
export const SPACE_CODES = [
  /** The proof names no plot. */
  'NO_PLOTS',
  /** The bytes of an opening are not among the attachments. */
  'OPENING_MISSING',
  /** An attachment is not what its name says. */
  'OPENING_HASH',
  /** The plot was made for another owner than the node that answers. */
  'PLOT_FOREIGN',
  /** The same plot twice, or not in the order of their ids. */
  'PLOT_REPEATED',
  'WINDOW_TOO_SMALL',
  'TOO_FEW_OPENINGS',
  'TOO_FEW_ANSWERS',
  /** The opening's nonce does not have the zero bits that it must have. */
  'GRIND_INVALID',
  /** The opening does not hold exactly what was drawn. */
  'OPENING_SHAPE',
  /** A label is not what its parents give. */
  'LABEL_WRONG',
  /** The opened columns are not those of the root. */
  'OPENING_ROOT',
  /** The answer does not hold exactly what was drawn. */
  'ANSWER_SHAPE',
  /** The answered labels are not those of the root: the space is not there. */
  'ANSWER_ROOT',
  'TOO_LITTLE_SPACE',
  /** It took longer than it may: long enough to compute instead of read. */
  'TOO_LATE',
  /** A round trip is not signed as a witness of this challenge by someone else. */
  'WITNESS_INVALID',
] as const;
export type SpaceCode = (typeof SPACE_CODES)[number];
