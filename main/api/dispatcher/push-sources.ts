import type { PayloadOf, Push } from '../../../preload/contract/index.ts';
import type { Identity } from '../../apps/satchel/index.ts';
import type { LogBook } from '../../base/index.ts';
import type { Assets } from '../../kernel/assets/index.ts';
import type { Chain } from '../../kernel/blocks/index.ts';
import type { Monitor } from '../../kernel/monitor/index.ts';
import type { Prover } from '../../kernel/prover/index.ts';
import type { Runtime } from '../../kernel/runtime/index.ts';
import type { ConfigSource, NetworkControl, NodeControl } from '../interface.ts';

export interface PushSourceComponents {
  assets: Assets;
  runtime: Runtime;
  monitor: Pick<Monitor, 'watch'>;
  identity: Identity;
  prover: Prover;
  chain: Chain;
  config: ConfigSource;
  logs: Pick<LogBook, 'onLine'>;
  node: NodeControl;
  network: NetworkControl;
}

/** For each push of the contract: how to begin to listen for it. Returns how to end it. */
export type PushSources = { readonly [P in Push]: (emit: (payload: PayloadOf<P>) => void) => () => void };

const both = (one: () => void, other: () => void) => () => {
  one();
  other();
};

export const createPushSources = ({
  assets,
  runtime,
  monitor,
  identity,
  prover,
  chain,
  config,
  logs,
  node,
  network,
}: PushSourceComponents): PushSources => ({
  node: (emit) => node.on('statusChanged', emit),
  config: (emit) => config.on('changed', emit),
  log: (emit) => logs.onLine(emit),
  // Only these two need a reading each second; the monitor rests while nobody wants them.
  live: (emit) => both(assets.on('liveSampled', emit), monitor.watch()),
  promises: (emit) => both(assets.on('promisesChanged', emit), monitor.watch()),
  benchmark: (emit) => assets.on('benchmarkChanged', emit),
  inventory: (emit) => assets.on('inventoryChanged', emit),
  share: (emit) => assets.on('shareChanged', emit),
  levels: (emit) => assets.on('levelsChanged', emit),
  job: (emit) => runtime.on('jobChanged', emit),
  jobRemoved: (emit) => runtime.on('jobRemoved', emit),
  jobOutput: (emit) => runtime.on('outputWritten', emit),
  identity: (emit) => identity.on('viewChanged', emit),
  prover: (emit) => prover.on('stateChanged', emit),
  proofs: (emit) => prover.on('proofsChanged', emit),
  block: (emit) => chain.on('blockStored', emit),
  chain: (emit) => chain.on('headChanged', emit),
  network: (emit) => network.on('stateChanged', emit),
  peers: (emit) => network.on('peersChanged', emit),
  networkTraffic: (emit) => network.on('trafficSampled', emit),
  verification: (emit) => chain.on('verificationChanged', emit),
});
