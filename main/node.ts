import { uptime } from 'node:os';
import {
  type DataFolder,
  Emitter,
  type LogBook,
  type Logger,
  type MetricsRegistry,
  type Outside,
  type RunningNode,
  assert,
  createLogBook,
  createMetricsRegistry,
  createSettings,
  createStore,
  createWorkerPool,
  isNodeError,
  messageOf,
  openDataFolder,
} from './base/index.ts';
import {
  type ApprovalDialog,
  createIdentity,
  createWallet,
  type Identity,
  type KeyStore,
} from './apps/satchel/index.ts';
import { createCaesar } from './apps/caesar/index.ts';
import { createDiagnostics } from './api/diagnostics/index.ts';
import { createDispatcher } from './api/dispatcher/index.ts';
import { HttpError, TOKEN_BYTES, createHttpServer } from './api/http/index.ts';
import { createLedgerDesk } from './api/ledgers/index.ts';
import { createNetworkControl, createPeerRows } from './api/network/index.ts';
import type {
  ConfigSource,
  Dispatcher,
  NetworkControl,
  NodeControl,
  NodeControlEvents,
  WindowControl,
} from './api/interface.ts';
import { type AdapterEnvironment, createAdapters, createSystemReader } from './kernel/assets/adapters/index.ts';
import { createBenchmark } from './kernel/assets/benchmark/index.ts';
import { type GpuProbe, createAssets } from './kernel/assets/index.ts';
import { createChain } from './kernel/blocks/index.ts';
import { createLinks } from './kernel/leases/index.ts';
import { type PresenceSource, createMonitor } from './kernel/monitor/index.ts';
import { type ClockWatch, createClockWatch, createClockWatchMetrics } from './kernel/proof/index.ts';
import { createPlots, createSpaceMetrics, type PlotsInit } from './kernel/proof/space/index.ts';
import {
  createBlockProofCheck,
  createPlotKeeper,
  createProofEngine,
  createProver,
  type GpuMultiplier,
  type ProofEngineInit,
  type ProverInit,
} from './kernel/prover/index.ts';
import type { Runtime } from './kernel/runtime/index.ts';
import {
  createMesh,
  createPeerBook,
  createStandingMetrics,
  createStoq,
  PUBLIC_NETWORK,
} from './transport/stoq/index.ts';
import { loadConfig } from './config.ts';
import { ledgerModules } from './ledger-modules.ts';
import { createNodeLedgers } from './economy.ts';
import { createLending, type Lending } from './lending.ts';
import type { ProgramPaths } from './paths.ts';
import { createWork } from './work.ts';
import type { NetworkSettings, NodeStatus } from '../preload/contract/index.ts';

export interface NodeComponents {
  outside: Outside;
  /** Opened and locked. The node announces itself there; whoever opened it releases it. */
  folder: DataFolder;
  config: ConfigSource;
  logs: LogBook;
  presence: PresenceSource;
  /** Null where no face has a window. */
  gpuProbe: GpuProbe | null;
  /** Null where no face has a window: graphics cards are not proved then. */
  gpuMultiplier: GpuMultiplier | null;
  /** Null where no face has a window: only Electron reaches it. */
  keyStore: KeyStore | null;
  /** Null where no face has a window: whoever signs says the passphrase. */
  approval: ApprovalDialog | null;
  windowControl: WindowControl | null;
}
export interface NodeInit {
  paths: ProgramPaths;
  mode: 'desktop' | 'headless';
  version: string;
  /** In place of the port in the settings. @default the settings' */
  apiPort?: number | null;
  /** The variables that tell where a container engine listens; only an entry reads the environment. */
  environment: AdapterEnvironment;
  /** Unlocks the identity at the start, where nobody is there to do it. @default null */
  passphrase?: string | null;
  /** Network settings for whatever the settings file leaves out, in place of the program's own. @default none */
  network?: Partial<NetworkSettings>;
  /** How much is proved. Tests make it small, on the side of what is demanded too. @default as each room has it */
  proving?: ProvingInit;
}
export interface ProvingInit {
  plots?: Omit<PlotsInit, 'folder'>;
  engine?: ProofEngineInit;
  prover?: ProverInit;
}

/** A whole node: all modules, built and started lowest layer first. It knows nothing of Electron. */
export interface HyperMeshNode {
  /** The node's log, for the face that runs in the same process. */
  readonly logger: Logger;
  readonly dispatcher: Dispatcher;
  /** What other programs of the same user are told. */
  readonly running: RunningNode;
  /** Resolves once the node has stopped, whoever asked for it. */
  readonly stopped: Promise<void>;
  status(): NodeStatus;
  /** Stops everything in reverse, the store last. May be called twice; both wait for the end. */
  stop(): Promise<void>;
}

/** How far the node is. Never goes back. */
const PHASES = ['starting', 'running', 'stopping', 'stopped'] as const;
type Phase = (typeof PHASES)[number];

/** Both ends' work of one handshake runs side by side; more would only wait for the same processors. */
const NETWORK_THREADS = 2;

/** So long a reply to `node:stop` may need to leave before its connection closes. */
const STOP_DELAY_MS = 50;

/**
 * Where the node stands on its way into the network. This version is phase 0 and cannot be more: what phase 1 needs does not
 * exist in it yet, and it says so.
 *
 * @param connections - nodes that it talks to now; null where it talks to none
 */
const phaseOf = (connections: number | null): NodeStatus['phase'] => ({
  number: 0,
  reason:
    connections === null
      ? 'This node works alone: it lends to jobs that its owner starts.'
      : connections === 0
        ? 'This node is in the network and has met nobody yet: it runs the jobs that its owner starts.'
        : `This node is in touch with ${connections} ${connections === 1 ? 'other' : 'others'}, each known by a certificate that it made for itself; it lends them processor, containers, memory and network as far as its owner lets them.`,
  nextNeeds: 'Phase 1 needs a certificate from TrustChain, which this version does not have yet.',
});

/** What was started, so that it can be stopped in reverse. */
class Started {
  readonly #stops: { name: string; stop: () => Promise<unknown> }[] = [];
  readonly #logger: Logger;

  constructor(logger: Logger) {
    this.#logger = logger;
  }

  add(name: string, stop: () => Promise<unknown>): void {
    this.#stops.push({ name, stop });
  }

  /** Goes on when one fails: the others still hold files and processes. */
  async stopAll(): Promise<void> {
    for (let step = this.#stops.pop(); step !== undefined; step = this.#stops.pop()) {
      try {
        await step.stop();
      } catch (error) {
        this.#logger.error('Module did not stop cleanly', { module: step.name, error: messageOf(error) });
      }
    }
  }
}

/** {@link NodeControl}: the status as faces see it, and the way to stop. */
class Control implements NodeControl {
  readonly #emitter = new Emitter<NodeControlEvents>();
  readonly #read: (phase: Exclude<Phase, 'stopped'>) => NodeStatus;
  readonly #stop: (afterJobs: boolean) => void;
  #phase: Phase = 'starting';
  #lastText = '';

  constructor(read: (phase: Exclude<Phase, 'stopped'>) => NodeStatus, stop: (afterJobs: boolean) => void) {
    this.#read = read;
    this.#stop = stop;
  }

  on<K extends keyof NodeControlEvents>(name: K, listener: (payload: NodeControlEvents[K]) => void): () => void {
    return this.#emitter.on(name, listener);
  }
  status(): NodeStatus {
    return this.#read(this.#phase === 'stopped' ? 'stopping' : this.#phase);
  }
  get phase(): Phase {
    return this.#phase;
  }
  enter(phase: Phase): void {
    assert(
      PHASES.indexOf(phase) >= PHASES.indexOf(this.#phase),
      `the node does not go from ${this.#phase} back to ${phase}`,
    );
    this.#phase = phase;
    this.refresh();
  }
  /** Something that the status is made of may be different now. */
  refresh(): void {
    if (!this.#emitter.hasListeners('statusChanged')) return;
    const status = this.status();
    const text = JSON.stringify(status);
    if (text === this.#lastText) return;
    this.#lastText = text;
    this.#emitter.emit('statusChanged', status);
  }
  requestStop(afterJobs: boolean): void {
    this.#stop(afterJobs);
  }
}

/**
 * Builds and starts a node. When any part fails, what was started before it is stopped again and the error goes to the
 * caller: nothing is left running.
 *
 * @throws {StoreError} when the database cannot be opened
 * @throws {HttpError} `PORT_IN_USE` | `PORT_REFUSED` in headless mode; with a window the node runs without its page and says so
 */
export const createNode = async (components: NodeComponents, init: NodeInit): Promise<HyperMeshNode> => {
  const { outside, folder, config, logs, presence, gpuProbe, gpuMultiplier, keyStore, approval, windowControl } =
    components;
  const { paths, mode, version, environment, proving = {} } = init;
  const { clock, random } = outside;
  const logger = logs.logger;
  const startedAtMs = clock.nowMs();
  const port = init.apiPort ?? config.get().apiPort;
  const started = new Started(logger);
  const waiting = new AbortController();
  const { promise: stopped, resolve: tellStopped } = Promise.withResolvers<void>();
  let stopping: Promise<void> | null = null;
  let runtime: Runtime | null = null;
  let identity: Identity | null = null;
  let clockWatch: ClockWatch | null = null;
  let network: NetworkControl | null = null;
  let api: NodeStatus['api'] = { listening: false, reason: 'The node is starting.' };

  const warnings = (): NodeStatus['warnings'] => {
    const all: NodeStatus['warnings'] = [];
    if (!api.listening && control.phase === 'running') all.push({ code: 'API_NOT_LISTENING', message: api.reason });
    if (config.get().apiPort !== port && (init.apiPort ?? null) === null)
      all.push({ code: 'RESTART_NEEDED', message: `The API moves to port ${config.get().apiPort} at the next start.` });
    all.push(...(identity?.warnings() ?? []));
    all.push(...(network?.warnings() ?? []));
    const jumped = clockWatch?.warning() ?? null;
    if (jumped !== null) all.push({ code: 'CLOCK_JUMPED', message: jumped.sentence });
    return all;
  };
  const stop = (): Promise<void> => {
    stopping ??= (async () => {
      if (control.phase !== 'stopping') control.enter('stopping');
      waiting.abort(new Error('the node stops'));
      logger.info('Node stopping');
      await started.stopAll();
      control.enter('stopped');
      logger.info('Node stopped', { afterMs: clock.nowMs() - startedAtMs });
      tellStopped();
    })();
    return stopping;
  };
  const control = new Control(
    (state) => ({
      version,
      state,
      mode,
      startedAtMs,
      pid: process.pid,
      dataFolder: folder.path,
      phase: phaseOf(network?.connections() ?? null),
      api,
      jobsRunning: runtime?.running ?? 0,
      firstRunDone: config.get().firstRunDone,
      warnings: warnings(),
    }),
    (afterJobs) => {
      if (control.phase === 'stopping' && afterJobs) return;
      if (control.phase !== 'stopping') control.enter('stopping');
      if (afterJobs && runtime !== null && runtime.running > 0) {
        logger.info('Node stops after its jobs', { jobs: runtime.running });
        // Ended by a second request, which does not wait.
        void runtime.idle(waiting.signal).then(stop, () => undefined);
      } else clock.after(STOP_DELAY_MS, () => void stop());
    },
  );

  try {
    logger.info('Node starting', { version, mode, pid: process.pid });
    const metrics: MetricsRegistry = createMetricsRegistry({ clock });
    const store = await createStore(
      { logger, metrics, clock },
      { path: folder.databasePath, workerPath: paths.storeWorker },
    );
    started.add('store', () => store.close());
    const settings = createSettings({ store, clock });
    const workers = createWorkerPool({ logger, metrics, clock }, { workerPath: paths.worker });
    started.add('workers', () => workers.close());

    const satchel = createIdentity(
      { outside, logger, metrics, settings, workers, keyStore },
      { path: folder.identityPath, passphrase: init.passphrase ?? null },
    );
    identity = satchel;
    started.add('identity', () => satchel.stop());
    await satchel.start();

    const monitor = createMonitor({ outside, logger, metrics, presence, storagePath: folder.path });
    started.add('monitor', () => monitor.stop());
    await monitor.start();

    const adapters = createAdapters({
      outside,
      logger,
      monitor,
      gpuProbe,
      workers,
      containerEndpoint: () => config.get().containerEndpoint,
      env: environment,
      storagePath: folder.path,
    });
    const benchmark = createBenchmark({ outside, logger, workers, gpuProbe, storagePath: folder.path });
    const assets = createAssets({
      outside,
      logger,
      metrics,
      store,
      settings,
      monitor,
      adapters,
      system: createSystemReader({ logger, workers }),
      benchmark,
    });
    started.add('assets', () => assets.stop());
    await assets.start();

    const plots = createPlots(
      { outside, logger: logger.child('space'), workers, metrics: createSpaceMetrics(metrics) },
      { ...proving.plots, folder: folder.plotsPath },
    );
    started.add('plots', () => plots.close());
    // Without its folder of plots a node proves nothing, and does everything else.
    await plots.open().catch((error: unknown) => {
      if (!isNodeError(error)) throw error;
      logger.error('Plots cannot be read', { code: error.code, reason: error.message });
    });
    const chain = createChain({
      outside,
      logger,
      metrics,
      store,
      workers,
      keys: satchel,
      modules: ledgerModules(proving.engine?.requirements),
      verifyProof: createBlockProofCheck({ workers, random }, { requirements: proving.engine?.requirements }),
    });
    started.add('chain', () => chain.stop());
    await chain.start();
    const watch = createClockWatch({
      clock,
      logger: logger.child('clock'),
      metrics: createClockWatchMetrics(metrics),
      // Counts time asleep on Linux and Windows; elsewhere it follows the wall clock and tells nothing.
      uptimeMs: process.platform === 'linux' || process.platform === 'win32' ? () => uptime() * 1000 : null,
      newestStampMs: () => chain.tip()?.timeMs ?? null,
    });
    clockWatch = watch;
    started.add('clock watch', () => watch.stop());
    await watch.start();
    const prover = createProver(
      {
        outside,
        logger,
        metrics,
        store,
        settings,
        assets,
        identity: satchel,
        chain,
        plots: createPlotKeeper(
          { logger: logger.child('space'), plots },
          { windowLabels: proving.plots?.windowLabels },
        ),
        engine: createProofEngine({ outside, workers, metrics, clockWatch: watch, space: plots }, proving.engine),
        clockWatch: watch,
        card: gpuMultiplier,
      },
      proving.prover,
    );
    started.add('prover', () => prover.stop());
    await prover.start();

    // Handshakes wait ten seconds at most, and a proof may hold a thread for longer.
    const netWorkers = createWorkerPool(
      { logger, metrics: null, clock },
      { workerPath: paths.worker, size: NETWORK_THREADS },
    );
    started.add('network workers', () => netWorkers.close());
    const book = createPeerBook({
      outside,
      logger: logger.child('peers'),
      store: createPeerRows({ store, clock }),
      metrics: createStandingMetrics(metrics),
    });
    started.add('peer book', () => book.stop());
    const mesh = createMesh({ book });
    const net = createNetworkControl(
      {
        outside,
        logger,
        metrics,
        config,
        settings,
        workers: netWorkers,
        identity: satchel,
        assets,
        book,
        mesh,
        openStoq: (parts) =>
          createStoq({ outside, logger, metrics, workers: netWorkers }, { ...parts, sideWorker: paths.sideWorker }),
      },
      { agent: `hypermesh/${version}`, defaults: init.network ?? {} },
    );
    network = net;
    started.add('network', () => net.stop());
    await net.start();

    const economy = createNodeLedgers({
      outside,
      logger,
      metrics,
      store,
      settings,
      workers,
      netWorkers,
      identity: satchel,
      mesh,
      directories: () => [PUBLIC_NETWORK, ...net.memberships().map(({ id }) => id)],
    });
    const { ledgers } = economy;
    started.add('ledgers', () => economy.stop());
    await economy.start();
    const caesar = createCaesar({
      outside,
      logger,
      metrics,
      store,
      settings,
      ledgers,
      keys: satchel,
      prover,
      assets,
      network: () => net.state(),
    });

    const links = createLinks({ mesh });
    const work = createWork(
      {
        outside,
        logger,
        metrics,
        workers,
        store,
        settings,
        monitor,
        assets,
        links,
        keys: satchel,
        containerEndpoint: () => config.get().containerEndpoint,
        environment,
        isFriend: ({ party }) => party.kind === 'peer' && lending.isFriend(party.peerId),
        networkOf: (origin) => lending.jobNetworkOf(origin),
      },
      {
        host: { execPath: paths.node, script: paths.jobHost, env: {} },
        contentFolder: folder.contentPath,
        holderHelper: paths.holderHelper,
        probeHelper: paths.probeHelper,
      },
    );
    const lending: Lending = createLending(
      {
        outside,
        logger,
        metrics,
        workers,
        netWorkers,
        store,
        settings,
        assets,
        prover,
        keys: satchel,
        work,
        mesh,
        links,
        terms: caesar.terms,
        network: net,
        apiPort: () => (api.listening ? Number(new URL(api.url).port) : null),
      },
      { tunHelper: paths.tunHelper, secretFiles: [folder.identityPath, folder.databasePath, folder.configPath] },
    );
    const { leases, tunnels, memories, guard, exitRules, remoteJobs } = lending;
    const { runtime: jobs, content, images, containers, doctor: containerDoctor } = work;
    runtime = jobs;
    started.add('work', () => work.stop());
    await work.start();
    caesar.attach(leases);
    started.add('caesar', () => caesar.stop());
    await caesar.start();
    started.add('lending', () => lending.stop());
    await lending.start();

    const wallet = createWallet({
      outside,
      logger,
      metrics,
      settings,
      store,
      workers,
      identity: satchel,
      ledgers,
      sender: caesar.sender,
      approval,
    });
    started.add('wallet', () => wallet.stop());
    await wallet.start();
    const ledgerDesk = createLedgerDesk({
      outside,
      workers: netWorkers,
      ledgers,
      identity: satchel,
      wallet,
      network: net,
      mesh,
    });
    started.add('ledger desk', async () => ledgerDesk.stop());

    const diagnostics = createDiagnostics({
      clock,
      dataFolder: folder,
      store,
      logs,
      config,
      assets,
      node: control,
      network: net,
      identity: satchel,
      chain,
      plots,
      prover,
      clockWatch: watch,
    });
    const dispatcher = createDispatcher({
      clock,
      logger: logger.child('api'),
      metrics,
      identity: satchel,
      prover,
      chain,
      transferFolder: folder.transferPath,
      assets,
      runtime: jobs,
      remoteJobs,
      content,
      images,
      containers,
      containerDoctor,
      monitor,
      config,
      logs,
      node: control,
      network: net,
      leases,
      tunnels,
      memories,
      guard,
      exitRules,
      ledgers,
      ledgerDesk,
      wallet,
      caesar,
      workers,
      diagnostics,
      windowControl,
    });

    const token = Buffer.from(random.bytes(TOKEN_BYTES)).toString('base64url');
    const server = createHttpServer(
      { outside, logger: logger.child('http'), metrics, dispatcher, workers },
      { port, token, pageFolder: paths.pageFolder, version },
    );
    try {
      const url = await server.start();
      api = { listening: true, url };
      started.add('http', () => server.stop());
    } catch (error) {
      if (mode === 'headless' || !(error instanceof HttpError)) throw error;
      logger.error('Local API not listening', { code: error.code, reason: error.message });
      api = { listening: false, reason: error.message };
    }

    const endings = [
      jobs.on('jobChanged', () => control.refresh()),
      jobs.on('queueChanged', () => {
        // The owner asked for the end of the work, and it has come. What waits is kept for another day.
        const queue = jobs.queue();
        if (queue.mode === 'finish' && queue.running === 0 && control.phase === 'running') control.requestStop(false);
      }),
      satchel.on('viewChanged', () => control.refresh()),
      watch.on('jumped', () => control.refresh()),
      net.on('statusChanged', () => control.refresh()),
      config.on('changed', ({ logLevel }) => {
        logs.setLevel(logLevel);
        control.refresh();
      }),
    ];
    started.add('listeners', async () => endings.forEach((end) => end()));

    const running: RunningNode = {
      pid: process.pid,
      url: api.listening ? api.url : null,
      token,
      mode,
      startedAtMs,
      version,
    };
    await folder.announce(running);
    control.enter('running');
    logger.info('Node running', { url: running.url, tookMs: clock.nowMs() - startedAtMs });
    return { dispatcher, logger, running, stopped, status: () => control.status(), stop };
  } catch (error) {
    logger.error('Node did not start', { reason: isNodeError(error) ? error.code : messageOf(error) });
    await stop();
    throw error;
  }
};

export interface OpenNodeComponents extends Omit<NodeComponents, 'folder' | 'config' | 'logs'> {}
export interface OpenNodeInit extends NodeInit {
  /** Path of the data folder; made when it is not there. */
  dataFolder: string;
  /** Whether log lines also go to stderr. */
  logToTerminal: boolean;
}

/**
 * What an entry calls: opens and locks the data folder, reads the settings, opens the log, and runs a node on them.
 * When the node stops, log and folder are given back before `stopped` resolves.
 *
 * @throws {DataFolderError} when the folder is in use, somebody else's, newer or not writable
 * @throws {ConfigError} when the settings cannot be understood; the file stays as it is
 * @throws as {@link createNode} does; the folder is released by then
 */
export const openNode = async (
  components: OpenNodeComponents,
  { dataFolder, logToTerminal, ...init }: OpenNodeInit,
): Promise<HyperMeshNode> => {
  const { outside } = components;
  const folder = await openDataFolder({}, { path: dataFolder });
  let logs: LogBook | null = null;
  const giveBack = async (): Promise<void> => {
    await logs?.close();
    await folder.release();
  };
  try {
    const config = await loadConfig(folder.configPath);
    logs = await createLogBook(
      { clock: outside.clock },
      { folder: folder.logsPath, level: config.get().logLevel, stderr: logToTerminal },
    );
    const node = await createNode({ ...components, folder, config, logs }, init);
    const stopped = node.stopped.then(giveBack);
    return {
      ...node,
      stopped,
      stop: async () => {
        await node.stop();
        await stopped;
      },
    };
  } catch (error) {
    await giveBack();
    throw error;
  }
};
