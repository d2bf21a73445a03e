import { createSettings, Emitter, type Settings, type Store } from '../../main/base/index.ts';
import type { Adapters, AssetAdapter, DetectedAsset, SystemReader } from '../../main/kernel/assets/index.ts';
import type {
  ConditionName,
  Conditions,
  MachineSample,
  Monitor,
  MonitorEvents,
} from '../../main/kernel/monitor/index.ts';
import type { Inventory, Level, ResourceKind } from '../../preload/contract/index.ts';
import type { ManualClock } from './manual-clock.ts';
import { conditionsOf, known } from './situation.ts';

const unread = { known: false as const, reason: 'not part of this test' };

/** A machine whose hardware and conditions a test sets: four cores, 1000 bytes of memory and disk, a network, one card. */
export interface TestMachine {
  adapters: Adapters;
  monitor: Monitor;
  system: SystemReader;
  /** What the next look at the conditions finds. */
  conditions: Partial<Conditions>;
  /** What was asked for at each look. */
  asked: ConditionName[][];
  /** Makes the next looks wait for ever. */
  hang: boolean;
  /** Assets that adapters find, by kind. */
  found: Record<ResourceKind, DetectedAsset[]>;
  /** Levels that adapters were told, in order. */
  applied: Level[];
  /** Makes adapters refuse levels. */
  refuseLevels: boolean;
  /** Watchers of the monitor. */
  watchers: number;
  /** Has the monitor take a sample. */
  sampleNow: () => void;
}

const asset = (resource: DetectedAsset['resource'], unit: DetectedAsset['unit'], capacity: number): DetectedAsset => ({
  resource,
  label: `Test ${resource}`,
  unit,
  capacity: known(capacity),
  fingerprint: { serial: resource },
});

export const createTestMachine = (clock: ManualClock): TestMachine => {
  const emitter = new Emitter<MonitorEvents>();
  const sampleOf = (): MachineSample => ({
    atMs: clock.nowMs(),
    cpuPercent: known(12),
    cpuThreadsPercent: known([12, 12]),
    cpuTemperatureCelsius: unread,
    memoryUsedBytes: known(100),
    memoryTotalBytes: 1000,
    networkReceivedBytesPerSecond: unread,
    networkSentBytesPerSecond: unread,
    diskReadBytesPerSecond: unread,
    diskWrittenBytesPerSecond: unread,
    storageUsedBytes: unread,
    storageTotalBytes: unread,
    gpus: new Map(),
    app: { cpuPercentOfCore: 1, memoryBytes: 5 },
  });
  const machine: TestMachine = {
    adapters: {} as Adapters,
    system: () =>
      Promise.resolve({
        os: 'Test',
        version: '1',
        kernel: '1',
        hostname: 'test',
        virtualMachine: unread,
        battery: unread,
      }),
    conditions: {},
    asked: [],
    hang: false,
    found: {
      cpu: [asset('cpu', 'millicores', 4000)],
      gpu: [asset('gpu:card0', 'millicards', 1000)],
      memory: [asset('memory', 'bytes', 1000)],
      storage: [asset('storage', 'bytes', 1000)],
      network: [asset('network', 'bytesPerSecond', 1000)],
      container: [],
      economic: [],
    },
    applied: [],
    refuseLevels: false,
    watchers: 0,
    sampleNow: () => {
      emitter.emit('sampled', sampleOf());
    },
    monitor: {
      on: (name, listener) => emitter.on(name, listener),
      start: () => Promise.resolve(),
      stop: () => Promise.resolve(),
      latest: sampleOf,
      sample: () => Promise.resolve(sampleOf()),
      watch: () => {
        machine.watchers++;
        return () => {
          machine.watchers--;
        };
      },
      conditions: (wanted) => {
        machine.asked.push([...wanted].sort());
        return machine.hang ? new Promise(() => undefined) : Promise.resolve(conditionsOf(machine.conditions));
      },
      countProcess: () => () => undefined,
    },
  };
  const adapterOf = <Part>(kind: ResourceKind, inventory: Part): AssetAdapter<Part> => ({
    kind,
    elasticity: ['memory', 'storage', 'economic'].includes(kind) ? 'space' : 'share',
    detect: () => Promise.resolve({ assets: machine.found[kind], inventory }),
    measure: () => Promise.resolve({ usedPercent: known(10), used: known(1), temperatureCelsius: unread }),
    allocate: () => Promise.resolve(),
    applyLevel: (level) => {
      if (machine.refuseLevels) return Promise.reject(new Error('the limiter is stuck'));
      machine.applied.push(level);
      return Promise.resolve();
    },
    release: () => Promise.resolve(),
  });
  const cpu: Inventory['cpu'] = {
    model: unread,
    vendor: unread,
    architecture: 'test',
    sockets: unread,
    cores: unread,
    threads: 4,
    performanceCores: unread,
    efficiencyCores: unread,
    frequencyBaseMhz: unread,
    frequencyMaxMhz: unread,
    cacheL1Bytes: unread,
    cacheL2Bytes: unread,
    cacheL3Bytes: unread,
    features: unread,
    virtualization: unread,
    temperatureCelsius: unread,
  };
  machine.adapters = {
    cpu: adapterOf('cpu', cpu),
    gpu: adapterOf<Inventory['gpus']>('gpu', unread),
    memory: adapterOf<Inventory['memory']>('memory', {
      totalBytes: 1000,
      swapTotalBytes: unread,
      modules: unread,
      numaNodes: unread,
    }),
    storage: adapterOf<Inventory['disks']>('storage', unread),
    network: adapterOf<Inventory['interfaces']>('network', unread),
    container: adapterOf<Inventory['container']>('container', { known: false, reason: 'no engine answers' }),
    economic: adapterOf<Inventory['economic']>('economic', unread),
  };
  return machine;
};

/** The real settings, with a switch that makes the disk refuse. */
export const createTestSettings = (store: Store, clock: ManualClock): Settings & { refuse: Error | null } => {
  const real = createSettings({ store, clock });
  const settings: Settings & { refuse: Error | null } = {
    ...real,
    refuse: null,
    set: (key, value) => (settings.refuse === null ? real.set(key, value) : Promise.reject(settings.refuse)),
  };
  return settings;
};
