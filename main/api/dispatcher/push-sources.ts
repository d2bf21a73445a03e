import type { PayloadOf, Push } from '../../../preload/contract/index.ts';
import type { LogBook } from '../../base/index.ts';
import type { Assets } from '../../kernel/assets/index.ts';
import type { Monitor } from '../../kernel/monitor/index.ts';
import type { Runtime } from '../../kernel/runtime/index.ts';
import type { ConfigSource, NodeControl } from '../interface.ts';

export interface PushSourceComponents {
  assets: Assets;
  runtime: Runtime;
  monitor: Pick<Monitor, 'watch'>;
  config: ConfigSource;
  logs: Pick<LogBook, 'onLine'>;
  node: NodeControl;
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
  config,
  logs,
  node,
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
});
