export type * from './interface.ts';
export { contentHolderOf } from './interface.ts';
export { ContentError } from './errors.ts';
export { createContentMetrics, type ContentMetrics } from './metrics.ts';
export { createContentStore, type ContentStoreComponents, type ContentStoreInit } from './create-content-store.ts';
export { createContentExchange, type ContentExchangeComponents } from './create-exchange.ts';
