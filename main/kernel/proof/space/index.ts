export {
  ANSWERS_DEFAULT,
  LAYERS_DEFAULT,
  OPENINGS_DEFAULT,
  RESERVE_BYTES_DEFAULT,
  SMALL_WINDOW_LABELS,
  WINDOW_LABELS_DEFAULT,
} from './constants.ts';
export { createPlots } from './create-plots.ts';
export { answerMsMaxOf } from './deadline.ts';
export { SPACE_CODES, type SpaceCode, SpaceError } from './errors.ts';
export type { NetworkPlace } from './format.ts';
export type * from './interface.ts';
export { createSpaceMetrics, type SpaceMetrics } from './metrics.ts';
export { verifyOpening, verifySpace } from './verify.ts';
