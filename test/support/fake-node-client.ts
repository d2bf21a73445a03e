import type {
  Asset,
  BenchmarkState,
  Call,
  CallError,
  Check,
  Config,
  IdentityView,
  Inventory,
  JobView,
  LendingTerms,
  Level,
  LiveSample,
  LogLine,
  NodeClient,
  NodeStatus,
  PauseState,
  PayloadOf,
  Push,
  Reading,
  Reply,
  RequestInputOf,
  ResourceKey,
  ResourcePromise,
  ResourceShare,
  ResponseOf,
  ShareState,
} from '../../preload/contract/index.ts';
import { fakeIdentityHandlers, noIdentity } from './fake-identity.ts';
import { type FakeJobs, fakeJobsHandlers, noJobs } from './fake-jobs.ts';
import { type FakeLedger, fakeLedgerHandlers, sampleLedgerState } from './fake-ledger.ts';
import { type FakeLending, fakeLendingHandlers, sampleLending } from './fake-lending.ts';
import { type FakeNetwork, fakeNetworkHandlers, sampleNetwork } from './fake-network.ts';
import { fakeProofsHandlers, noProofsState, type ProofsState } from './fake-proofs.ts';
import { type FakeRewards, fakeRewardsHandlers, sampleRewardsState } from './fake-rewards.ts';
import { type FakeWallet, fakeWalletHandlers, sampleWalletState } from './fake-wallet.ts';

const known = <T>(value: T): Reading<T> => ({ known: true, value });
const unknown = (reason: string) => ({ known: false, reason }) as const;

const GIB = 1024 ** 3;
const NOT_ALLOWED = 'Reading the memory modules needs administrator rights.';
const NO_SENSOR = 'This machine reports no temperature sensor.';

export const sampleInventory: Inventory = {
  detectedAtMs: Date.UTC(2026, 0, 5, 9, 30),
  tookMs: 212,
  system: {
    os: 'Debian GNU/Linux',
    version: '13 (trixie)',
    kernel: '6.12.48',
    hostname: 'workshop',
    virtualMachine: known(false),
    battery: known(false),
  },
  cpu: {
    model: known('AMD Ryzen 7 7840U with Radeon 780M Graphics'),
    vendor: known('AMD'),
    architecture: 'x86_64',
    sockets: known(1),
    cores: known(8),
    threads: 16,
    performanceCores: unknown('This processor does not say which of its cores are performance cores.'),
    efficiencyCores: unknown('This processor does not say which of its cores are efficiency cores.'),
    frequencyBaseMhz: known(3300),
    frequencyMaxMhz: known(5132),
    cacheL1Bytes: known(512 * 1024),
    cacheL2Bytes: known(8 * 1024 * 1024),
    cacheL3Bytes: known(16 * 1024 * 1024),
    features: known(['fpu', 'sse4_2', 'aes', 'avx', 'avx2', 'avx512f', 'sha_ni']),
    virtualization: known('AMD-V'),
    temperatureCelsius: unknown(NO_SENSOR),
  },
  memory: {
    totalBytes: 32 * GIB,
    swapTotalBytes: known(8 * GIB),
    modules: unknown(NOT_ALLOWED),
    numaNodes: known([{ id: 0, totalBytes: 32 * GIB, cpus: '0-15' }]),
  },
  disks: known([
    {
      name: 'nvme0n1',
      model: known('Samsung SSD 990 PRO 2TB'),
      kind: known('nvme'),
      sizeBytes: 2_000_398_934_016,
      removable: known(false),
      filesystems: [
        { mount: '/', kind: 'ext4', totalBytes: 1_900 * GIB, freeBytes: 1_212 * GIB, readOnly: false },
        { mount: '/boot/efi', kind: 'vfat', totalBytes: GIB, freeBytes: 0.96 * GIB, readOnly: false },
      ],
    },
  ]),
  interfaces: known([
    {
      name: 'wlp1s0',
      kind: known('wifi'),
      mac: known('a4:f9:33:00:12:34'),
      up: true,
      loopback: false,
      virtual: known(false),
      speedMbps: unknown('The driver does not report the speed of the wireless link.'),
      metered: known(false),
      isDefault: true,
      addresses: [
        { address: '192.168.1.40', prefixLength: 24, family: 'ipv4' },
        { address: 'fe80::a6f9:33ff:fe00:1234', prefixLength: 64, family: 'ipv6' },
      ],
    },
    {
      name: 'lo',
      kind: known('loopback'),
      mac: unknown('A loopback interface has no address of its own.'),
      up: true,
      loopback: true,
      virtual: known(true),
      speedMbps: unknown('A loopback interface has no speed.'),
      metered: known(false),
      isDefault: false,
      addresses: [{ address: '127.0.0.1', prefixLength: 8, family: 'ipv4' }],
    },
  ]),
  gpus: known([
    {
      slug: 'radeon-780m',
      model: 'AMD Radeon 780M',
      vendor: known('AMD'),
      memoryBytes: known(4 * GIB),
      driver: known('amdgpu 6.12'),
      pciAddress: known('0000:c1:00.0'),
      apis: ['webgpu'],
      software: false,
      temperatureCelsius: known(48),
    },
  ]),
  container: unknown(
    'No container engine answers at /run/user/1000/docker.sock or /var/run/docker.sock; start Docker or set its address in Settings.',
  ),
  economic: unknown('There is no ledger yet: value can be lent once this node has joined a network.'),
};

const assetOf = (
  resource: ResourceKey,
  kind: Asset['kind'],
  label: string,
  unit: Asset['unit'],
  capacity: Reading<number>,
): Asset => ({
  id: `asset:${kind}:bafyreib${resource.replaceAll(/[^a-z0-9]/g, '')}`,
  kind,
  resource,
  label,
  unit,
  capacity,
  registeredAtMs: Date.UTC(2026, 0, 5),
  present: true,
});
export const sampleAssets: Asset[] = [
  assetOf('cpu', 'cpu', 'AMD Ryzen 7 7840U with Radeon 780M Graphics', 'millicores', known(16_000)),
  assetOf('gpu:radeon-780m', 'gpu', 'AMD Radeon 780M', 'millicards', known(1000)),
  assetOf('memory', 'memory', '32 GiB of memory', 'bytes', known(32 * GIB)),
  assetOf('storage', 'storage', 'Free space at /', 'bytes', known(1_212 * GIB)),
  assetOf(
    'network',
    'network',
    'wlp1s0',
    'bytesPerSecond',
    unknown('The driver does not report the speed of the wireless link.'),
  ),
];

const terms: LendingTerms = {
  privacyLevel: 'Private',
  privacyNames: [],
  allocationType: 'Private',
  leasesMax: 4,
  leaseMinutesMax: 1440,
  requiredProofs: ['space', 'stake', 'work', 'time'],
  proxy: { relaysAllowed: true, exitAllowed: false },
  price: { mode: 'market' },
};
const shareOf = (resource: ResourceKey, percentMax: number): ResourceShare => ({
  resource,
  percentMax,
  grid: Array.from({ length: 168 }, () => 100),
  usingPercent: Math.min(25, percentMax),
  awayPercent: 100,
  batteryPercent: 0,
  meteredPercent: 0,
  terms: { ...terms },
});

/** What a fake node keeps; a test may change it before or between calls. */
export interface FakeState extends ProofsState, FakeJobs {
  status: NodeStatus;
  config: Config;
  inventory: Inventory;
  assets: Asset[];
  share: ShareState;
  benchmark: BenchmarkState;
  identity: IdentityView;
  logs: LogLine[];
  checks: Check[];
  network: FakeNetwork;
  lending: FakeLending;
  wallet: FakeWallet;
  rewards: FakeRewards;
  ledger: FakeLedger;
}

export interface FakeNodeClient extends NodeClient {
  readonly state: FakeState;
  /** Every call that was made, oldest first. */
  readonly made: { name: Call; request: unknown }[];
  /** Answers the next call of this name with an error. */
  failNext(name: Call, error: CallError): void;
  /** Tells everybody who subscribed. */
  push<P extends Push>(name: P, payload: PayloadOf<P>): void;
  /** How many listen to a push. */
  listening(name: Push): number;
}

/** The levels that follow from slider, grid, presence and pause: the real rules without their readings. */
export const levelsOf = (share: ShareState, atMs: number, present: boolean): Level[] =>
  share.resources.map((entry) => {
    const at = new Date(atMs);
    const cell = ((at.getDay() + 6) % 7) * 24 + at.getHours();
    const grid = entry.grid[cell] ?? 0;
    const presence = present ? entry.usingPercent : entry.awayPercent;
    const all: Level['all'] = [
      {
        rule: 'slider' as const,
        percent: entry.percentMax,
        reason: `Your limit: ${entry.percentMax} %`,
        untilMs: null,
      },
      { rule: 'grid' as const, percent: grid, reason: `Week grid: ${grid} %`, untilMs: null },
      {
        rule: 'presence' as const,
        percent: presence,
        reason: present ? 'You are using the machine' : 'You are away',
        untilMs: null,
      },
      ...(share.pause.paused
        ? [{ rule: 'pause' as const, percent: 0, reason: 'Paused by you', untilMs: share.pause.untilMs }]
        : []),
    ].toSorted((a, b) => a.percent - b.percent);
    const winner = all[0]!;
    return { resource: entry.resource, ...winner, all, unread: [{ rule: 'temperature' as const, reason: NO_SENSOR }] };
  });

const promisesOf = (share: ShareState, assets: readonly Asset[], jobs: readonly JobView[]): ResourcePromise[] =>
  levelsOf(share, Date.now(), true).map((level) => {
    const asset = assets.find((entry) => entry.resource === level.resource);
    const live = jobs.filter((job) => job.state !== 'ended');
    const promised =
      level.resource === 'cpu'
        ? live.reduce((sum, job) => sum + job.promised.cpuPercent * 10, 0)
        : level.resource === 'memory'
          ? live.reduce((sum, job) => sum + job.promised.memoryBytes, 0)
          : 0;
    const measured =
      level.resource === 'cpu'
        ? live.reduce((sum, job) => sum + (job.measured.cpuPercentNow ?? 0) * 10, 0)
        : live.reduce((sum, job) => sum + (job.measured.memoryBytesPeak ?? 0), 0);
    const lendable = asset?.capacity.known === true ? Math.floor((asset.capacity.value * level.percent) / 100) : null;
    return {
      resource: level.resource,
      unit: asset?.unit ?? 'containers',
      lendable,
      promised,
      effective: Math.min(promised, lendable ?? 0),
      measured: promised === 0 ? null : measured,
      allocations: promised === 0 ? 0 : live.length,
    };
  });

/** A live sample with plausible numbers, one second after another. */
export const sampleLive = (atMs: number, step: number): LiveSample => {
  const wave = (period: number, phase = 0): number => Math.sin((step / period) * 2 * Math.PI + phase);
  const cpu = 34 + 14 * wave(47) + 6 * wave(9, 1);
  const asUse = (resource: ResourceKey, usedPercent: number, used: number, lentUsed: number) => ({
    resource,
    usedPercent: known(usedPercent),
    used: known(used),
    lentUsed: known(lentUsed),
    temperatureCelsius: unknown(NO_SENSOR),
  });
  const burst = Math.max(0, wave(31)) ** 3;
  return {
    atMs,
    uses: [
      asUse('cpu', cpu, cpu * 160, 500 + 20 * wave(7)),
      asUse('memory', 41 + wave(60), (41 + wave(60)) * 0.01 * 32 * GIB, 22 * 1024 * 1024),
      asUse('storage', 36, 688 * GIB, 0),
      {
        resource: 'network',
        usedPercent: unknown('The speed of the link is not known.'),
        used: known(1_800_000 * burst + 12_000),
        lentUsed: known(0),
        temperatureCelsius: unknown(NO_SENSOR),
      },
    ],
    cpuThreadsPercent: known(Array.from({ length: 16 }, (_, index) => 30 + 20 * wave(20, index))),
    networkReceivedBytesPerSecond: known(1_500_000 * burst + 9_000),
    networkSentBytesPerSecond: known(300_000 * burst + 3_000),
    diskReadBytesPerSecond: known(Math.max(0, 4_200_000 * wave(53))),
    diskWrittenBytesPerSecond: known(900_000 + 700_000 * wave(11)),
    app: { cpuPercentOfCore: 50.9, memoryBytes: 143 * 1024 * 1024 },
  };
};

const refused = (name: string, code: string, message: string): Reply<never> => ({
  ok: false,
  error: { name, code, message },
});

/** A node in memory: real share semantics where they are cheap, and nothing behind them. For tests of the faces. */
export const createFakeNodeClient = (): FakeNodeClient => {
  const state: FakeState = {
    status: {
      version: '0.1.0',
      state: 'running',
      mode: 'headless',
      startedAtMs: Date.UTC(2026, 0, 5, 9),
      pid: 4321,
      dataFolder: '/home/owner/.local/share/hypermesh',
      phase: {
        number: 0,
        reason: 'A home network of one: certificates are self-made and names come from ordinary DNS.',
        nextNeeds: 'TrustChain certificates, once this node has met a network.',
      },
      api: { listening: true, url: 'http://[::1]:9470/' },
      jobsRunning: 0,
      firstRunDone: true,
      warnings: [],
    },
    config: {
      version: 1,
      apiPort: 9470,
      logLevel: 'info',
      theme: 'system',
      openAtLogin: false,
      closeHintShown: false,
      firstRunDone: true,
      containerEndpoint: null,
      network: {},
    },
    inventory: structuredClone(sampleInventory),
    assets: structuredClone(sampleAssets),
    share: {
      version: 1,
      resources: [
        shareOf('cpu', 50),
        shareOf('gpu:radeon-780m', 0),
        shareOf('memory', 25),
        shareOf('storage', 10),
        shareOf('network', 50),
      ],
      rules: {
        awayAfterMinutes: 5,
        temperature: { ceilingCelsius: 80, hysteresisCelsius: 5, stepPercent: 10 },
        programs: [],
        network: { sendBytesPerSecondMax: null, receiveBytesPerSecondMax: null, monthlyBytesMax: null },
      },
      pause: { paused: false },
      monthlyBytesUsed: 0,
    },
    benchmark: { status: 'never' },
    identity: noIdentity(),
    ...noProofsState(sampleAssets),
    network: sampleNetwork(),
    lending: sampleLending(),
    wallet: sampleWalletState(),
    rewards: sampleRewardsState(),
    ledger: sampleLedgerState(),
    ...noJobs(),
    logs: [
      {
        atMs: Date.UTC(2026, 0, 5, 9, 0, 1),
        level: 'info',
        module: 'node',
        message: 'Node started',
        context: { version: '0.1.0' },
      },
      {
        atMs: Date.UTC(2026, 0, 5, 9, 0, 2),
        level: 'info',
        module: 'assets',
        message: 'Hardware detected',
        context: { assets: 5, tookMs: 212 },
      },
      {
        atMs: Date.UTC(2026, 0, 5, 9, 0, 2),
        level: 'warn',
        module: 'assets',
        message: 'No container engine',
        context: { tried: 2 },
      },
    ],
    checks: [
      {
        id: 'data-folder',
        title: 'Data folder',
        status: 'ok',
        finding: 'It is yours, on a disk with 1.18 TiB free.',
        fix: null,
      },
      {
        id: 'container',
        title: 'Container engine',
        status: 'warning',
        finding: 'No engine answers in the usual places.',
        fix: 'Start Docker, or set its address in Settings.',
      },
    ],
  };
  const made: { name: Call; request: unknown }[] = [];
  const failures = new Map<Call, CallError>();
  const listeners = new Map<Push, Set<(payload: never) => void>>();
  const push = <P extends Push>(name: P, payload: PayloadOf<P>): void => {
    for (const listener of listeners.get(name) ?? []) listener(payload as never);
  };
  const told = (): void => {
    push('share', structuredClone(state.share));
    push('levels', levelsOf(state.share, Date.now(), true));
    push('promises', promisesOf(state.share, state.assets, state.jobs));
  };
  const resourceOf = (resource: string): ResourceShare | undefined =>
    state.share.resources.find((entry) => entry.resource === resource);
  const setPause = (pause: PauseState): PauseState => {
    state.share = { ...state.share, pause };
    told();
    return pause;
  };

  type Handlers = { [C in Call]?: (request: RequestInputOf<C>) => Reply<ResponseOf<C>> };
  const ok = <T>(value: T): Reply<T> => ({ ok: true, value });
  const handlers: Handlers = {
    ...fakeIdentityHandlers(
      () => state.identity,
      (view) => {
        state.identity = view;
        push('identity', view);
      },
    ),
    ...fakeProofsHandlers(state, () => state.identity.status === 'unlocked', push),
    ...fakeNetworkHandlers(state.network, push),
    ...fakeLendingHandlers(state.lending, push),
    ...fakeWalletHandlers(state.wallet, push),
    ...fakeRewardsHandlers(state.rewards, push),
    ...fakeLedgerHandlers(state.ledger, push),
    ...fakeJobsHandlers(state, push, () => state.share.pause.paused),
    'node:status': () => ok(state.status),
    'config:get': () => ok(state.config),
    'config:set': (change) => {
      state.config = { ...state.config, ...(change as Partial<Config>) };
      push('config', state.config);
      return ok(state.config);
    },
    'hardware:inventory': () => ok(state.inventory),
    'hardware:detect': () => ok(state.inventory),
    'hardware:assets': () => ok(state.assets),
    'hardware:live': () => ok(sampleLive(Date.now(), 0)),
    'share:get': () => ok(structuredClone(state.share)),
    'share:levels': () => ok(levelsOf(state.share, Date.now(), true)),
    'share:promises': () => ok(promisesOf(state.share, state.assets, state.jobs)),
    'share:preview': (conditions) =>
      ok(levelsOf(state.share, conditions.atMs ?? Date.now(), conditions.present ?? true)),
    'share:set': ({ resource, terms: termsChange, ...change }) => {
      const entry = resourceOf(resource);
      if (entry === undefined)
        return refused(
          'LimitsError',
          'RESOURCE_UNKNOWN',
          `This machine has no ${resource}; see Machine for what it has.`,
        );
      Object.assign(entry, change, { terms: { ...entry.terms, ...termsChange } });
      told();
      return ok(structuredClone(entry));
    },
    'share:setGrid': ({ resource, cells }) => {
      const entry = resourceOf(resource);
      if (entry === undefined)
        return refused(
          'LimitsError',
          'RESOURCE_UNKNOWN',
          `This machine has no ${resource}; see Machine for what it has.`,
        );
      entry.grid = [...cells];
      told();
      return ok(structuredClone(entry));
    },
    'share:setRules': (change) => {
      state.share = { ...state.share, rules: { ...state.share.rules, ...(change as Partial<ShareState['rules']>) } };
      told();
      return ok(state.share.rules);
    },
    'share:pause': ({ untilMs }) => {
      if (untilMs !== null && untilMs <= Date.now())
        return refused('LimitsError', 'PAUSE_IN_THE_PAST', 'That time has passed; choose one that is still to come.');
      return ok(setPause({ paused: true, sinceMs: Date.now(), untilMs }));
    },
    'share:resume': () => ok(setPause({ paused: false })),
    'share:stopEverything': () => {
      setPause({ paused: true, sinceMs: Date.now(), untilMs: null });
      return ok({ jobsEnded: state.jobs.filter((job) => job.state !== 'ended').length, allocationsEnded: 0 });
    },
    'benchmark:get': () => ok(state.benchmark),
    'benchmark:start': () => {
      state.benchmark = {
        status: 'running',
        part: 'cpuSingle',
        progressPercent: 0,
        startedAtMs: Date.now(),
        partial: [],
      };
      push('benchmark', state.benchmark);
      return ok(state.benchmark);
    },
    'benchmark:cancel': () => {
      if (state.benchmark.status === 'running')
        state.benchmark = {
          status: 'cancelled',
          startedAtMs: state.benchmark.startedAtMs,
          partial: state.benchmark.partial,
        };
      push('benchmark', state.benchmark);
      return ok(state.benchmark);
    },
    'logs:read': () => ok(state.logs),
    'doctor:run': () => ok(state.checks),
    'disk:ledger': () =>
      ok([
        { path: 'hypermesh.db', sizeBytes: 1_220_608, what: 'Assets, limits, jobs', removable: false },
        { path: 'config.json', sizeBytes: 214, what: 'Settings', removable: false },
        { path: 'logs', sizeBytes: 88_213, what: 'Log of the last days', removable: true },
      ]),
    'bundle:preview': () =>
      ok([
        {
          name: 'status.json',
          sizeBytes: 412,
          description: 'How the node is',
          content: JSON.stringify(state.status, null, 2),
        },
      ]),
    'bundle:create': () => ok({ path: '/home/owner/.local/share/hypermesh/tmp/support.tar.gz', sizeBytes: 2_048 }),
  };

  return {
    state,
    made,
    failNext: (name, error) => void failures.set(name, error),
    push,
    listening: (name) => listeners.get(name)?.size ?? 0,
    call: async (name, request) => {
      made.push({ name, request });
      const failure = failures.get(name);
      if (failure !== undefined) {
        failures.delete(name);
        return { ok: false, error: failure };
      }
      const handler = handlers[name] as ((request: unknown) => Reply<never>) | undefined;
      return handler === undefined
        ? refused('DispatchError', 'UNKNOWN_CALL', `The fake node does not know ${name}.`)
        : structuredClone(handler(request));
    },
    subscribe: (name, listener) => {
      const set = listeners.get(name) ?? new Set();
      listeners.set(name, set);
      set.add(listener);
      return () => void set.delete(listener);
    },
  };
};
