import type { NetworkFinding, NetworkSettings, NetworkState } from '../../../preload/contract/index.ts';
import { type StoqNode, PUBLIC_NETWORK, scopeOf } from '../../transport/stoq/index.ts';

const ok = (check: string, sentence: string): NetworkFinding => ({ check, state: 'ok', sentence, advice: null });
const warning = (check: string, sentence: string, advice: string | null): NetworkFinding => ({
  check,
  state: 'warning',
  sentence,
  advice,
});

/** A node that does not talk to others says why; there is nothing else to test. */
export const findingsAtRest = ({ status, reason }: Pick<NetworkState, 'status' | 'reason'>): NetworkFinding[] => {
  switch (status) {
    case 'off':
      return [warning('Network', reason, 'Switch it on: hypermesh net set --enabled on')];
    case 'waiting':
      return [warning('Network', reason, null)];
    case 'failed':
      return [{ check: 'Network', state: 'problem', sentence: reason, advice: 'See hypermesh logs --module network' }];
    default:
      return [ok('Network', reason)];
  }
};

const addresses = (stoq: StoqNode, { loopbackOnly, ipv4 }: NetworkSettings): NetworkFinding => {
  const check = 'Addresses';
  if (loopbackOnly)
    return warning(
      check,
      'The node talks to nodes on this machine only.',
      'Let it talk to others: hypermesh net set --loopback-only off',
    );
  const scopes = stoq.endpoint.addresses().map((address) => ({ address, scope: scopeOf(address) }));
  const global = scopes.filter(({ scope }) => scope === 'global');
  if (global.some(({ address }) => address.startsWith('/ip6/')))
    return ok(check, 'This machine has a global IPv6 address.');
  const missing = stoq.problems().some(({ code }) => code === 'NO_IPV6');
  return warning(
    check,
    missing
      ? `This machine has no IPv6${ipv4 ? '; the node talks over IPv4' : ', and IPv4 is switched off'}.`
      : 'This machine has no global IPv6 address; IPv6 reaches the local network only.',
    ipv4
      ? 'With IPv6 from your provider, most peers could be reached directly; many offer it as a setting of the router.'
      : 'Switch IPv4 on until there is IPv6: hypermesh net set --ipv4 on',
  );
};

const reachability = ({ reach }: NetworkState): NetworkFinding[] => {
  const check = 'Reachability';
  const advice = reach.advice.join(' ') || null;
  const state: NetworkFinding['state'] =
    reach.reachable === 'yes' ? 'ok' : reach.reachable === 'no' ? 'problem' : 'warning';
  return [{ check, state, sentence: reach.sentence, advice }];
};

const mapping = ({ reach, settings }: NetworkState): NetworkFinding => {
  const check = 'Port mapping';
  const [first] = reach.mapped;
  if (first !== undefined) return ok(check, `The router opened ${first.address} by ${first.by}.`);
  if (!settings.portMapping)
    return reach.reachable === 'yes'
      ? ok(check, 'It is switched off and not needed: others reach this node.')
      : warning(check, 'It is switched off.', 'Switch it on: hypermesh net set --port-mapping on');
  if (reach.reachable === 'yes') return ok(check, 'No port was mapped and none is needed: others reach this node.');
  return warning(
    check,
    'No router opened a port: none answers to UPnP, NAT-PMP or PCP.',
    'Switch one of them on in the router, or forward the UDP and TCP port of this node to this machine.',
  );
};

const discovery = (stoq: StoqNode, { settings }: NetworkState): NetworkFinding => {
  const check = 'Discovery';
  const at = stoq.discoveries();
  const nodes = stoq.dht(PUBLIC_NETWORK)?.size() ?? 0;
  const sentence = `At work: ${at.join(', ') || 'none'}; ${nodes} ${nodes === 1 ? 'node' : 'nodes'} in the table of the DHT.`;
  if (!settings.localDiscovery && !settings.loopbackOnly)
    return warning(
      check,
      `${sentence} Local discovery is switched off.`,
      'Find nodes on your own network: hypermesh net set --local-discovery on',
    );
  return ok(check, sentence);
};

/** What a person wants to know when peers do not find each other. */
export const findingsOf = (stoq: StoqNode, state: NetworkState, limitStopped: string | null): NetworkFinding[] => [
  ok('Network', `It runs and is connected to ${state.connections} of ${state.knownPeers} known peers.`),
  stoq.port === null ? ok('Port', 'The node is starting.') : ok('Port', `QUIC and TLS listen at port ${stoq.port}.`),
  ...stoq.problems().map(({ code, sentence }) => warning(code, sentence, null)),
  addresses(stoq, state.settings),
  ...reachability(state),
  mapping(state),
  discovery(stoq, state),
  state.connections > 0
    ? ok('Peers', 'Somebody is there.')
    : warning(
        'Peers',
        'Nobody is connected.',
        'Start another node on your network, or connect to one elsewhere: hypermesh invite there, hypermesh join here.',
      ),
  limitStopped === null
    ? ok('Limits', state.traffic.limitReason === '' ? 'No limit holds traffic back.' : `${state.traffic.limitReason}.`)
    : warning('Limits', limitStopped, 'Look at the limits of the network: hypermesh share get'),
];
