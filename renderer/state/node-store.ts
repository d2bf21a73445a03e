import { createStore, type StoreApi } from 'zustand/vanilla';
import type {
  Asset,
  AssetProofs,
  BenchmarkState,
  Call,
  CallError,
  ChainHead,
  ChainVerification,
  Config,
  IdentityView,
  Inventory,
  JobView,
  LendingTerms,
  Level,
  LiveSample,
  LogLine,
  MachineRules,
  NetworkState,
  NodeStatus,
  PayloadOf,
  PeerView,
  ProofPlan,
  ProverState,
  Push,
  Reply,
  RequestInputOf,
  ResourceKey,
  ResourcePromise,
  ResourceShare,
  ResponseOf,
  ShareState,
} from '../../preload/contract/index.ts';
import type { ConnectedClient, Connection } from './connection.ts';

/** Live samples kept for the charts: two minutes at one a second. */
export const LIVE_SAMPLES_MAX = 120;
/** Log lines kept for the page; the node keeps the rest in its files. */
export const LOG_LINES_MAX = 2_000;

/** Everything that the faces show, as the node last told it. Null: not told yet. */
export interface NodeState {
  connection: Connection;
  /** Why the first reading of everything failed; null while it goes well. */
  loadError: CallError | null;
  status: NodeStatus | null;
  config: Config | null;
  inventory: Inventory | null;
  assets: readonly Asset[] | null;
  share: ShareState | null;
  levels: readonly Level[] | null;
  promises: readonly ResourcePromise[] | null;
  benchmark: BenchmarkState | null;
  /** Newest first. */
  jobs: readonly JobView[] | null;
  /** Who this node is, and whether its keys are unlocked. */
  identity: IdentityView | null;
  /** What the prover does now, and what waits. */
  prover: ProverState | null;
  /** Each asset with its four marks. */
  proofs: readonly AssetProofs[] | null;
  proofPlan: ProofPlan | null;
  chain: ChainHead | null;
  verification: ChainVerification | null;
  /** How this node stands in the network. */
  network: NetworkState | null;
  /** Known peers; read and kept current while the page of the network is open. */
  peers: readonly PeerView[] | null;
  /** Oldest first, at most {@link LIVE_SAMPLES_MAX}. Empty while nobody looks. */
  live: readonly LiveSample[];
}

/** A change of one resource's limits, as `share:set` takes it. */
export type ShareChange = Partial<Omit<ResourceShare, 'resource' | 'grid' | 'terms'>> & {
  terms?: Partial<LendingTerms>;
};

/** The one place of the renderer that talks to the node. */
export interface NodeAccess {
  readonly store: StoreApi<NodeState>;
  /** A call whose failure to reach the node is a {@link CallError} like any other. Never rejects. */
  ask<C extends Call>(name: C, request: RequestInputOf<C>): Promise<Reply<ResponseOf<C>>>;
  /** Reads everything anew. */
  refresh(): Promise<void>;
  /** Receives live samples from now on, until the returned function is called. Many may watch; the node is asked once. */
  watchLive(): () => void;
  /** A push that only one page needs, such as `log`; silent while the page is hidden. */
  watch<P extends Push>(name: P, listener: (payload: PayloadOf<P>) => void): () => void;
  /** Shows the change at once, then makes it; takes it back if the node refuses. */
  setShare(resource: ResourceKey, change: ShareChange): Promise<Reply<ResourceShare>>;
  setGrid(resource: ResourceKey, cells: readonly number[]): Promise<Reply<ResourceShare>>;
  setRules(change: Partial<MachineRules>): Promise<Reply<MachineRules>>;
  setConfig(change: Partial<Omit<Config, 'version'>>): Promise<Reply<Config>>;
  retryNow(): void;
  /** Ends all subscriptions. */
  stop(): void;
}

const notConnected = (error: unknown): CallError => ({
  name: 'ConnectionLost',
  code: 'NOT_CONNECTED',
  message:
    error instanceof Error && error.message !== ''
      ? error.message
      : 'The node cannot be reached. It is tried again by itself.',
});

/** Puts `job` where its id was, or in front: lists are newest first. */
export const withJob = (jobs: readonly JobView[] | null, job: JobView): JobView[] => {
  const all = jobs ?? [];
  const index = all.findIndex((other) => other.id === job.id);
  if (index === -1) return [job, ...all];
  return all.map((other, at) => (at === index ? job : other));
};

const withShare = (
  share: ShareState | null,
  resource: ResourceKey,
  change: (before: ResourceShare) => ResourceShare,
): ShareState | null =>
  share === null
    ? null
    : { ...share, resources: share.resources.map((entry) => (entry.resource === resource ? change(entry) : entry)) };

/** What of the document is needed: whether anybody can see it. */
export type Visibility = Pick<Document, 'hidden' | 'addEventListener' | 'removeEventListener'>;

/** Builds the store over a client and keeps it current until `stop`. */
export const createNodeAccess = (client: ConnectedClient, visibility: Visibility): NodeAccess => {
  const store = createStore<NodeState>(() => ({
    connection: client.connection(),
    loadError: null,
    status: null,
    config: null,
    inventory: null,
    assets: null,
    share: null,
    levels: null,
    promises: null,
    benchmark: null,
    jobs: null,
    identity: null,
    prover: null,
    proofs: null,
    proofPlan: null,
    chain: null,
    verification: null,
    network: null,
    peers: null,
    live: [],
  }));
  const set = (change: Partial<NodeState>): void => store.setState(change);

  const ask: NodeAccess['ask'] = async (name, request) => {
    try {
      return await client.call(name, request);
    } catch (error) {
      return { ok: false, error: notConnected(error) };
    }
  };

  const refresh = async (): Promise<void> => {
    const load = async <C extends Call>(
      name: C,
      apply: (value: ResponseOf<C>) => Partial<NodeState>,
    ): Promise<CallError | null> => {
      const reply = await ask(name, {} as RequestInputOf<C>);
      if (reply.ok) set(apply(reply.value));
      return reply.ok ? null : reply.error;
    };
    const errors = await Promise.all([
      load('node:status', (status) => ({ status })),
      load('config:get', (config) => ({ config })),
      load('hardware:inventory', (inventory) => ({ inventory })),
      load('hardware:assets', (assets) => ({ assets })),
      load('share:get', (share) => ({ share })),
      load('share:levels', (levels) => ({ levels })),
      load('share:promises', (promises) => ({ promises })),
      load('benchmark:get', (benchmark) => ({ benchmark })),
      load('job:list', (jobs) => ({ jobs })),
      load('identity:get', (identity) => ({ identity })),
      load('proof:state', (prover) => ({ prover })),
      load('proof:assets', (proofs) => ({ proofs })),
      load('proof:getPlan', (proofPlan) => ({ proofPlan })),
      load('chain:head', (chain) => ({ chain })),
      load('chain:verification', (verification) => ({ verification })),
      load('network:state', (network) => ({ network })),
    ]);
    set({ loadError: errors.find((error) => error !== null) ?? null });
  };

  // Two sorts of subscription: those that change seldom and stay (theme, levels, pause), and those that come every
  // second and rest while nobody can see the page.
  const seldom: (() => void)[] = [
    client.subscribe('node', (status) => set({ status })),
    client.subscribe('config', (config) => set({ config })),
    client.subscribe('share', (share) => set({ share })),
    client.subscribe('levels', (levels) => set({ levels })),
    client.subscribe('benchmark', (benchmark) => set({ benchmark })),
    client.subscribe('identity', (identity) => set({ identity })),
    client.subscribe('proofs', (proofs) => set({ proofs })),
    client.subscribe('chain', (chain) => set({ chain })),
    client.subscribe('network', (network) => set({ network })),
    client.subscribe('inventory', (inventory) => {
      set({ inventory });
      void ask('hardware:assets', {}).then((reply) => reply.ok && set({ assets: reply.value }));
    }),
    client.subscribe('jobRemoved', ({ id }) =>
      set({ jobs: (store.getState().jobs ?? []).filter((job) => job.id !== id) }),
    ),
  ];

  interface Watcher {
    start(): () => void;
    end: (() => void) | null;
  }
  const watchers = new Set<Watcher>();
  const addWatcher = (start: () => () => void): (() => void) => {
    const watcher: Watcher = { start, end: visibility.hidden ? null : start() };
    watchers.add(watcher);
    return () => {
      watcher.end?.();
      watcher.end = null;
      watchers.delete(watcher);
    };
  };
  const watch: NodeAccess['watch'] = (name, listener) => addWatcher(() => client.subscribe(name, listener));

  watch('promises', (promises) => set({ promises }));
  watch('prover', (prover) => set({ prover }));
  watch('verification', (verification) => set({ verification }));
  watch('job', (job) => set({ jobs: withJob(store.getState().jobs, job) }));

  let liveWatchers = 0;
  let endLive: (() => void) | null = null;
  const watchLive = (): (() => void) => {
    liveWatchers += 1;
    endLive ??= watch('live', (sample) => set({ live: [...store.getState().live, sample].slice(-LIVE_SAMPLES_MAX) }));
    let ended = false;
    return () => {
      if (ended) return;
      ended = true;
      liveWatchers -= 1;
      if (liveWatchers > 0) return;
      endLive?.();
      endLive = null;
    };
  };

  const onVisibility = (): void => {
    for (const watcher of watchers) {
      if (visibility.hidden) {
        watcher.end?.();
        watcher.end = null;
      } else watcher.end ??= watcher.start();
    }
    // Whatever was missed while hidden.
    if (!visibility.hidden && store.getState().connection.status === 'connected') void refresh();
  };
  visibility.addEventListener('visibilitychange', onVisibility);

  const endConnection = client.onConnection((connection) => {
    const before = store.getState().connection.status;
    set({ connection });
    if (connection.status === 'connected' && before !== 'connected') void refresh();
  });
  if (client.connection().status === 'connected') void refresh();

  /** Puts right what was shown too early. */
  const readShare = async (): Promise<void> => {
    const reply = await ask('share:get', {});
    if (reply.ok) set({ share: reply.value });
  };

  const settleShare = async (resource: ResourceKey, reply: Reply<ResourceShare>): Promise<Reply<ResourceShare>> => {
    if (reply.ok) set({ share: withShare(store.getState().share, resource, () => reply.value) });
    else await readShare();
    return reply;
  };

  return {
    store,
    ask,
    refresh,
    watchLive,
    watch,
    setShare: async (resource, change) => {
      const { terms, ...plain } = change;
      set({
        share: withShare(store.getState().share, resource, (before) => ({
          ...before,
          ...plain,
          terms: { ...before.terms, ...terms },
        })),
      });
      return settleShare(resource, await ask('share:set', { resource, ...change }));
    },
    setGrid: async (resource, cells) => {
      set({ share: withShare(store.getState().share, resource, (before) => ({ ...before, grid: [...cells] })) });
      return settleShare(resource, await ask('share:setGrid', { resource, cells: [...cells] }));
    },
    setRules: async (change) => {
      const { share } = store.getState();
      if (share !== null) set({ share: { ...share, rules: { ...share.rules, ...change } } });
      const reply = await ask('share:setRules', change);
      const now = store.getState().share;
      if (reply.ok && now !== null) set({ share: { ...now, rules: reply.value } });
      else await readShare();
      return reply;
    },
    setConfig: async (change) => {
      const before = store.getState().config;
      if (before !== null) set({ config: { ...before, ...change } });
      const reply = await ask('config:set', change);
      if (reply.ok) {
        const { status } = store.getState();
        set({
          config: reply.value,
          ...(status === null ? {} : { status: { ...status, firstRunDone: reply.value.firstRunDone } }),
        });
      } else set({ config: before });
      return reply;
    },
    retryNow: () => client.retryNow(),
    stop: () => {
      visibility.removeEventListener('visibilitychange', onVisibility);
      endConnection();
      for (const end of seldom) end();
      for (const watcher of watchers) watcher.end?.();
      watchers.clear();
      client.close();
    },
  };
};

/** Adds a line and forgets the oldest beyond {@link LOG_LINES_MAX}. */
export const withLogLine = (lines: readonly LogLine[], line: LogLine): LogLine[] =>
  [...lines, line].slice(-LOG_LINES_MAX);
