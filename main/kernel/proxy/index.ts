export type * from './interface.ts';
export * from './errors.ts';
export { createDialer, type DialerControl } from './dialer.ts';
export { createForwardService, type ForwardService } from './forward-service.ts';
export { createLimit } from './limit.ts';
export { createProxyMetrics, type ProxyMetrics } from './metrics.ts';
export { createRoutes, type RoutesControl } from './routes/index.ts';
export { createTranslationTable, type TranslationTableControl } from './translation-table.ts';
export { createTunnels } from './create-tunnels.ts';
