import {
  assert,
  type Clock,
  type Counter,
  type Gauge,
  type Logger,
  type MetricsRegistry,
} from '../../../base/index.ts';
import type { LendingTerms, ResourceKey } from '../../../../preload/contract/index.ts';
import type { LeaseId, LeaseProvider, LentLease, ProvidedLease } from '../../leases/index.ts';
import { ProxyError } from '../errors.ts';
import type { ExitLease, Exits } from '../interface.ts';
import { createLimit } from '../limit.ts';
import { newCounters } from '../translation-table.ts';
import type { ExitRules } from './exit-rules.ts';

/** Connections that one lease may have open through this node: each is a file number and a port of the router. */
export const EXIT_CONNECTIONS_MAX = 512;
/** What is taken now is the mean over at least so long. */
const USE_WINDOW_MS = 1_000;

export interface ExitProviderComponents {
  clock: Clock;
  logger: Logger;
  metrics: MetricsRegistry | null;
  rules: Pick<ExitRules, 'policy'>;
  /** The owner's terms as they are now; those of the grant where the resource is gone. */
  terms: (resource: ResourceKey) => Pick<LendingTerms, 'proxy'> | null;
}
export interface ExitProvider extends LeaseProvider, Exits {}

interface Metrics {
  leases: Gauge;
  bytes: Counter;
}
const createMetrics = (registry: MetricsRegistry | null): Metrics | null =>
  registry && {
    leases: registry.gauge('hypermesh_proxy_exit_leases', 'Leases of the network of this node that run'),
    bytes: registry.counter('hypermesh_proxy_exit_bytes_total', 'Bytes that left and came back for borrowers', [
      'direction',
    ]),
  };

/** Lends the network of this node: bytes a second in each direction, out to where the owner's rules let them. */
export const createExitProvider = ({
  clock,
  logger,
  metrics: registry,
  rules,
  terms,
}: ExitProviderComponents): ExitProvider => {
  const metrics = createMetrics(registry);
  const leases = new Map<LeaseId, ExitLease>();

  const start = async (lent: LentLease): Promise<ProvidedLease> => {
    const { id, resource } = lent;
    assert(!leases.has(id), 'A lease starts once.');
    const policy = (): ReturnType<ExitRules['policy']> => rules.policy(terms(resource) ?? lent.terms);
    if (policy().mode === 'none')
      throw new ProxyError(
        { code: 'DESTINATION_REFUSED', rule: 'none' },
        'The owner lends this network but lets nothing out through it now; ask the owner to allow exits, or another lender.',
      );
    const ended = new AbortController();
    // Nothing passes before the engine has said how much.
    const limit = createLimit({ clock }, { bytesPerSecond: 0 });
    const counters = newCounters(clock.nowMs());
    leases.set(id, { lease: id, policy, limit, counters, ended: ended.signal, connectionsMax: EXIT_CONNECTIONS_MAX });
    metrics?.leases.set(leases.size);
    let sample = { atMs: clock.monotonicMs(), sent: 0, received: 0, used: 0 };
    return {
      setEffective: (amount) => {
        if (!ended.signal.aborted) limit.setRate(Math.max(0, Math.min(amount, lent.amount)));
      },
      use: () => {
        const { sentBytes, receivedBytes } = counters;
        const elapsedMs = clock.monotonicMs() - sample.atMs;
        if (elapsedMs >= USE_WINDOW_MS) {
          // A line carries its speed in each direction at once: the busier one is what is taken.
          const sent = sentBytes - sample.sent;
          const received = receivedBytes - sample.received;
          const used = (Math.max(sent, received) / elapsedMs) * 1_000;
          metrics?.bytes.inc(sent, { direction: 'sent' });
          metrics?.bytes.inc(received, { direction: 'received' });
          sample = { atMs: clock.monotonicMs(), sent: sentBytes, received: receivedBytes, used };
        }
        return { used: sample.used, sentBytes, receivedBytes };
      },
      stop: async (reason) => {
        if (ended.signal.aborted) return;
        leases.delete(id);
        metrics?.leases.set(leases.size);
        ended.abort(new Error(reason));
        limit.stop();
        logger.debug('An exit ended', { connections: counters.connectionsNow });
      },
    };
  };
  return {
    kind: 'network',
    // Connections do not outlive the node; a lease that goes on would promise more than there is.
    survivesRestart: false,
    amountMax: () => null,
    start,
    find: (lease) => leases.get(lease) ?? null,
  };
};
