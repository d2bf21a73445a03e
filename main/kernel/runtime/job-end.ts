import type { JobEnd } from '../../../preload/contract/index.ts';

/** Whether another start may help. */
export const isFailure = (end: JobEnd): boolean =>
  (end.why === 'exited' && end.exitCode !== 0) ||
  end.why === 'crashed' ||
  end.why === 'unhealthy' ||
  end.why === 'lost';

/** What happened, to go on a sentence. */
export const sentenceOf = (end: JobEnd): string =>
  end.why === 'exited' ? `it ended with code ${end.exitCode}.` : 'message' in end ? end.message : 'it was cancelled.';
