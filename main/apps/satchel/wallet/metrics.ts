import type { Counter, MetricsRegistry } from '../../../base/index.ts';

export interface WalletMetrics {
  /** Labels: `outcome` = `signed`, `declined`, `refused`. */
  approvals: Counter;
}
export const createWalletMetrics = (registry: MetricsRegistry | null): WalletMetrics | null =>
  registry && {
    approvals: registry.counter('hypermesh_wallet_approvals_total', 'Questions to sign something, by outcome.', [
      'outcome',
    ]),
  };
