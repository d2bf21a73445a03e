import type { Check } from '../../../preload/contract/index.ts';
import type { NetworkControl } from '../interface.ts';

/** The node talks to others, and others reach it. `net doctor` looks closer, and asks the network for it. */
export const checkNetwork = (network: Pick<NetworkControl, 'state'>): Check => {
  const title = 'Network';
  const id = 'network';
  const { status, reason, connections, reach } = network.state();
  if (status === 'failed')
    return { id, title, status: 'problem', finding: reason, fix: 'Read why: hypermesh logs --module network' };
  if (status !== 'running')
    return {
      id,
      title,
      status: status === 'starting' ? 'ok' : 'warning',
      finding: reason,
      fix: status === 'off' ? 'Switch it on: hypermesh net set --enabled on' : null,
    };
  const finding = `It runs, with ${connections} ${connections === 1 ? 'connection' : 'connections'}. ${reach.sentence}`;
  return reach.reachable === 'no'
    ? { id, title, status: 'warning', finding, fix: reach.advice[0] ?? 'Look closer: hypermesh net doctor' }
    : { id, title, status: 'ok', finding, fix: null };
};
