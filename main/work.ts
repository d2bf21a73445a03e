import {
  type Logger,
  type MetricsRegistry,
  type Outside,
  type Settings,
  type Startable,
  type Store,
  type WorkerPool,
} from './base/index.ts';
import type { AdapterEnvironment } from './kernel/assets/adapters/index.ts';
import type { Assets } from './kernel/assets/index.ts';
import type { Link, Links } from './kernel/leases/index.ts';
import type { Monitor } from './kernel/monitor/index.ts';
import type { KeyHolder } from './kernel/prover/index.ts';
import { type Containers, createContainers } from './kernel/runtime/containers/index.ts';
import {
  type ContentExchange,
  type ContentStore,
  createContentExchange,
  createContentMetrics,
  createContentStore,
} from './kernel/runtime/content/index.ts';
import { type ContainerDoctor, createContainerDoctor } from './kernel/runtime/doctor/index.ts';
import { createContainerDriver } from './kernel/runtime/drivers/container/index.ts';
import { createHolders } from './kernel/runtime/drivers/container/holder/index.ts';
import { createSandboxDriver } from './kernel/runtime/drivers/sandbox/index.ts';
import { createEngine, type Engine } from './kernel/runtime/engine/index.ts';
import { createImageMetrics, createImages, type Images } from './kernel/runtime/images/index.ts';
import { createRuntime, type HostProgram, type Runtime, type RuntimeComponents } from './kernel/runtime/index.ts';

export interface WorkComponents {
  outside: Outside;
  logger: Logger;
  metrics: MetricsRegistry | null;
  workers: WorkerPool;
  store: Store;
  settings: Settings;
  monitor: Monitor;
  assets: Assets;
  links: Links;
  /** Sign what comes of jobs. */
  keys: Pick<KeyHolder, 'node'>;
  /** As the owner set it; null: looked for in the usual places. */
  containerEndpoint: () => string | null;
  /** The variables that tell where a container engine listens. */
  environment: AdapterEnvironment;
  /** Whether whoever is at the other end is trusted by name, or a node of the same owner. */
  isFriend: (link: Link) => boolean;
  /** The way out of a job; null: none. */
  networkOf: NonNullable<RuntimeComponents['networkOf']>;
}
export interface WorkInit {
  host: HostProgram;
  contentFolder: string;
  /** Programs of ours that run in containers; there where a compiler was when the program was built. */
  holderHelper: string;
  probeHelper: string;
}

/** What runs jobs: the rooms of `kernel/runtime` put together, lowest first. */
export interface Work extends Startable {
  readonly engine: Engine;
  readonly content: ContentStore;
  readonly exchange: ContentExchange;
  readonly images: Images;
  readonly runtime: Runtime;
  readonly containers: Containers;
  readonly doctor: ContainerDoctor;
}

export const createWork = (components: WorkComponents, init: WorkInit): Work => {
  const { outside, logger, metrics, workers, store, settings, monitor, assets, links, isFriend } = components;
  const { clock } = outside;
  const engine = createEngine({
    outside,
    logger,
    settings,
    containerEndpoint: components.containerEndpoint,
    env: components.environment,
  });
  const contentMetrics = metrics === null ? null : createContentMetrics(metrics);
  const content = createContentStore(
    { store, outside, logger, metrics: contentMetrics },
    { folder: init.contentFolder },
  );
  const exchange = createContentExchange({ outside, logger, metrics: contentMetrics, links, content });
  const images = createImages(
    {
      engine,
      content,
      exchange,
      links,
      settings,
      store,
      outside,
      logger,
      metrics: metrics === null ? null : createImageMetrics(metrics),
    },
    { mayTakeFrom: isFriend, mayGiveTo: isFriend },
  );
  const holders = createHolders({ engine, outside, logger }, { helperPath: init.holderHelper });
  const containerDriver = createContainerDriver({ outside, logger, metrics, engine, images, holders });
  const runtime = createRuntime({
    outside,
    logger,
    metrics,
    store,
    settings,
    allocations: assets.allocations,
    drivers: [createSandboxDriver({ clock, logger, monitor, workers, host: init.host }), containerDriver],
    content,
    networkOf: components.networkOf,
    // Asked each time: an identity is made, locked and unlocked while the node runs.
    get signer() {
      return components.keys.node()?.signer ?? null;
    },
  });
  /** Removes what belongs to no job that lives or was moved a moment ago. */
  const sweep = async (): Promise<number> => {
    return await containerDriver.sweep(await runtime.inSystem());
  };
  const doctor = createContainerDoctor(
    {
      outside,
      logger,
      metrics,
      settings,
      engine,
      machine: () => {
        const { gpus, memory } = assets.inventory();
        return {
          graphicsCards: gpus.known ? gpus.value.map(({ model }) => model) : [],
          memoryBytes: memory.totalBytes,
        };
      },
      sweep,
      images,
      holders,
    },
    { probe: init.probeHelper },
  );
  const containers = createContainers({ engine, runtime, sweep });
  return {
    engine,
    content,
    exchange,
    images,
    runtime,
    containers,
    doctor,
    start: async () => {
      await content.start();
      await engine.start();
      await images.start();
      await runtime.start();
      await doctor.start();
    },
    stop: async () => {
      await doctor.stop();
      await runtime.stop();
      await images.stop();
      await engine.stop();
      await exchange.stop();
      await content.stop();
    },
  };
};
