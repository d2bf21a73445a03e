import type { MetricsRegistry } from '../../main/base/index.ts';

/** A registry that counts nothing, for modules whose metrics a test does not look at. */
export const createSilentMetrics = (): MetricsRegistry => ({
  counter: () => ({ inc: () => undefined }),
  gauge: () => ({ set: () => undefined }),
  histogram: () => ({ observe: () => undefined }),
  text: () => Promise.resolve(''),
});
