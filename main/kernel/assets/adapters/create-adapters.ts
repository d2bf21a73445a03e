import type { Logger, Outside, WorkerPool } from '../../../base/index.ts';
import type { Inventory } from '../../../../preload/contract/index.ts';
import type { Monitor } from '../../monitor/index.ts';
import type { AssetAdapter } from '../interface.ts';
import { type AdapterEnvironment, createContainerAdapter } from './container.ts';
import { createCpuAdapter } from './cpu.ts';
import { createEconomicAdapter } from './economic.ts';
import { createGpuAdapter } from './gpu.ts';
import type { GpuProbe } from './gpu-probe.ts';
import { createMemoryAdapter } from './memory.ts';
import { createNetworkAdapter } from './network.ts';
import { createStorageAdapter } from './storage.ts';

export interface AdapterComponents {
  outside: Outside;
  logger: Logger;
  monitor: Monitor;
  /** Null where no face has a window. */
  gpuProbe: GpuProbe | null;
  /**
   * Threads for `systeminformation` and `dockerode`, which block for up to a second and take 10 and 30 MB: a thread
   * gives both back. Without a pool they run in the caller's thread, which only tests do.
   */
  workers?: WorkerPool | undefined;
  /** Endpoint that the owner configured, such as `unix:///run/docker.sock`; null: look for one. */
  containerEndpoint: () => string | null;
  env: AdapterEnvironment;
  /** The data folder: what is lent as storage lies on its filesystem. */
  storagePath: string;
}

/** One adapter per kind, each with its part of the inventory. */
export interface Adapters {
  cpu: AssetAdapter<Inventory['cpu']>;
  gpu: AssetAdapter<Inventory['gpus']>;
  memory: AssetAdapter<Inventory['memory']>;
  storage: AssetAdapter<Inventory['disks']>;
  network: AssetAdapter<Inventory['interfaces']>;
  container: AssetAdapter<Inventory['container']>;
  economic: AssetAdapter<Inventory['economic']>;
}

/** Touches no hardware yet: every adapter looks when it is asked to. */
export const createAdapters = (components: AdapterComponents): Adapters => ({
  cpu: createCpuAdapter(components),
  gpu: createGpuAdapter(components),
  memory: createMemoryAdapter(components),
  storage: createStorageAdapter(components),
  network: createNetworkAdapter(components),
  container: createContainerAdapter(components),
  economic: createEconomicAdapter(),
});
