import type { Clock, MetricsRegistry } from '../../../base/index.ts';
import type { Dialer, StartProxy } from '../interface.ts';
import { createHttpProxy } from './http/create-http-proxy.ts';
import { createNamesProxy } from './names/create-names-proxy.ts';
import { createProgramMetrics } from './program/metrics.ts';
import { createSocksProxy } from './socks5/create-socks-proxy.ts';

export interface ProxiesComponents {
  clock: Clock;
  dialer: Pick<Dialer, 'connect' | 'associate'>;
  metrics: MetricsRegistry | null;
}
/** SOCKS 5, HTTP and names, for programs of this machine. */
export const createProxies = ({ clock, dialer, metrics: registry }: ProxiesComponents): StartProxy => {
  const metrics = createProgramMetrics(registry);
  const components = { clock, dialer, metrics };
  return (kind, { names, ...init }) => {
    switch (kind) {
      case 'socks':
        return createSocksProxy(components, init);
      case 'http':
        return createHttpProxy(components, init);
      case 'names':
        return createNamesProxy(components, { port: init.port, names });
    }
  };
};
