import type { NetworkState, NodeStatus, ReachView, TrafficView } from '../../../preload/contract/index.ts';
import type { Identity } from '../../apps/satchel/index.ts';
import { Emitter, type Startable } from '../../base/index.ts';
import type { Assets } from '../../kernel/assets/index.ts';
import type { ConfigSource, NetworkControl, NetworkControlEvents } from '../interface.ts';
import { NetworkError } from './errors.ts';
import { networkSettingsOf } from './settings.ts';

export interface NetworkControlComponents {
  config: ConfigSource;
  identity: Pick<Identity, 'node' | 'reason' | 'view' | 'on'>;
  assets: Pick<Assets, 'share' | 'on'>;
}

/** What is known of reachability before anything was tried. */
const REACH_UNKNOWN: ReachView = {
  reachable: 'unknown',
  nat: 'unknown',
  sentence: 'Nothing was tried yet.',
  advice: [],
  confirmed: [],
  mapped: [],
  relays: [],
};

/** The network as its owner sees and steers it: STOQ, tied to the identity, the settings and the limits of the machine. */
export const createNetworkControl = ({
  config,
  identity,
  assets,
}: NetworkControlComponents): NetworkControl & Startable => {
  const emitter = new Emitter<NetworkControlEvents>();
  let endings: (() => void)[] = [];

  const traffic = (): TrafficView => {
    const { rules, monthlyBytesUsed } = assets.share();
    return {
      sentBytesPerSecond: 0,
      receivedBytesPerSecond: 0,
      sendLimitBytesPerSecond: rules.network.sendBytesPerSecondMax,
      receiveLimitBytesPerSecond: rules.network.receiveBytesPerSecondMax,
      limitReason: '',
      monthBytes: monthlyBytesUsed,
      monthLimitBytes: rules.network.monthlyBytesMax,
      sentBytes: 0,
      receivedBytes: 0,
    };
  };
  const status = (): Pick<NetworkState, 'status' | 'reason'> => {
    if (!networkSettingsOf(config.get()).enabled)
      return {
        status: 'off',
        reason: 'You switched the network off; switch it on with `hypermesh net set --enabled on`.',
      };
    const missing = identity.reason();
    if (missing !== null) return { status: 'waiting', reason: missing.sentence };
    return { status: 'starting', reason: 'The network is starting.' };
  };
  const state = (): NetworkState => ({
    ...status(),
    peerId: identity.view().identity?.peerId ?? null,
    addresses: [],
    connections: 0,
    knownPeers: 0,
    reach: REACH_UNKNOWN,
    traffic: traffic(),
    networks: [],
    settings: networkSettingsOf(config.get()),
  });
  const notRunning = (): NetworkError => new NetworkError({ code: 'NOT_RUNNING' }, status().reason);
  const unknownPeer = (peer: string): NetworkError =>
    new NetworkError(
      { code: 'PEER_UNKNOWN', peer },
      `No peer is known by "${peer.slice(0, 64)}"; \`hypermesh peers\` lists them.`,
    );
  const refuse = async (): Promise<never> => {
    throw notRunning();
  };
  const refusePeer = async ({ peer }: { peer: string }): Promise<never> => {
    throw unknownPeer(peer);
  };
  const tell = (): void => emitter.emit('stateChanged', state());

  return {
    on: (name, listener) => emitter.on(name, listener),
    start: async () => {
      endings = [config.on('changed', tell), identity.on('changed', tell)];
    },
    stop: async () => {
      for (const end of endings.splice(0)) end();
    },
    state,
    configure: async (change) => {
      await config.set({ network: { ...config.get().network, ...change } });
      return state();
    },
    doctor: async () => {
      const { reason, status: now } = status();
      return [{ check: 'Network', state: now === 'off' ? 'warning' : 'ok', sentence: reason, advice: null }];
    },
    peers: () => [],
    peer: (peer) => {
      throw unknownPeer(peer);
    },
    add: refuse,
    trust: refusePeer,
    ban: refusePeer,
    unban: (peer) => refusePeer({ peer }),
    connect: (peer) => refusePeer({ peer }),
    disconnect: (peer) => refusePeer({ peer }),
    forget: (peer) => refusePeer({ peer }),
    ping: refusePeer,
    trace: (peer) => refusePeer({ peer }),
    invite: refuse,
    join: refuse,
    create: refuse,
    leave: async (network) => {
      throw new NetworkError(
        { code: 'NETWORK_UNKNOWN', network },
        `This node is in no private network "${network.slice(0, 64)}"; \`hypermesh net status\` lists them.`,
      );
    },
    warnings: (): NodeStatus['warnings'] => [],
  };
};
