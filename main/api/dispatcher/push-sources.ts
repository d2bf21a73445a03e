import type { PayloadOf, Push } from '../../../preload/contract/index.ts';
import type { Caesar } from '../../apps/caesar/index.ts';
import type { Identity, Wallet } from '../../apps/satchel/index.ts';
import type { Clock, LogBook } from '../../base/index.ts';
import type { Assets } from '../../kernel/assets/index.ts';
import type { Chain } from '../../kernel/blocks/index.ts';
import type { Ledgers } from '../../kernel/consensus/index.ts';
import type { Leases } from '../../kernel/leases/index.ts';
import type { Monitor } from '../../kernel/monitor/index.ts';
import type { Prover } from '../../kernel/prover/index.ts';
import type { Guard, Tunnels } from '../../kernel/proxy/index.ts';
import type { ContainerDoctor } from '../../kernel/runtime/doctor/index.ts';
import type { Images } from '../../kernel/runtime/images/index.ts';
import type { Runtime } from '../../kernel/runtime/index.ts';
import type { RemoteJobs } from '../../kernel/runtime/remote/index.ts';
import type { ConfigSource, NetworkControl, NodeControl } from '../interface.ts';
import type { LedgerDesk } from '../ledgers/index.ts';
import { withPeerName } from './job-handlers.ts';

export interface PushSourceComponents {
  assets: Assets;
  runtime: Runtime;
  remoteJobs: RemoteJobs;
  images: Images;
  containerDoctor: ContainerDoctor;
  monitor: Pick<Monitor, 'watch'>;
  identity: Identity;
  prover: Prover;
  chain: Chain;
  config: ConfigSource;
  logs: Pick<LogBook, 'onLine'>;
  node: NodeControl;
  network: NetworkControl;
  clock: Clock;
  leases: Leases;
  tunnels: Tunnels;
  guard: Guard;
  ledgers: Ledgers;
  ledgerDesk: Pick<LedgerDesk, 'list'>;
  wallet: Wallet;
  caesar: Caesar;
}

/** For each push of the contract: how to begin to listen for it. Returns how to end it. */
export type PushSources = { readonly [P in Push]: (emit: (payload: PayloadOf<P>) => void) => () => void };

/** Pushes of what may change with every packet come at most so often. */
const PUSH_MS = 1_000;
const GUARD_PUSH_MS = 500;
const IMAGES_PUSH_MS = 500;
const LEDGER_PUSH_MS = 500;

/** Calls `tell` soon after something happened, and never more often than every `ms`: the first at once, the last for sure. */
const throttled = (clock: Clock, ms: number, tell: () => void): { changed(): void; end(): void } => {
  let lastMs = Number.NEGATIVE_INFINITY;
  let cancel: (() => void) | null = null;
  const fire = (): void => {
    cancel = null;
    lastMs = clock.monotonicMs();
    tell();
  };
  return {
    changed: () => {
      if (cancel !== null) return;
      const waitMs = lastMs + ms - clock.monotonicMs();
      if (waitMs <= 0) fire();
      else cancel = clock.after(waitMs, fire);
    },
    end: () => cancel?.(),
  };
};

const both = (one: () => void, other: () => void) => () => {
  one();
  other();
};

export const createPushSources = ({
  assets,
  runtime,
  remoteJobs,
  images,
  containerDoctor,
  monitor,
  identity,
  prover,
  chain,
  config,
  logs,
  node,
  network,
  clock,
  leases,
  tunnels,
  guard,
  ledgers,
  ledgerDesk,
  wallet,
  caesar,
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
  // Jobs here and jobs elsewhere: one list to whoever looks.
  job: (emit) =>
    both(
      runtime.on('jobChanged', (job) => emit(withPeerName(network, job))),
      remoteJobs.on('jobChanged', emit),
    ),
  jobRemoved: (emit) => both(runtime.on('jobRemoved', emit), remoteJobs.on('jobRemoved', emit)),
  jobOutput: (emit) => both(runtime.on('outputWritten', emit), remoteJobs.on('outputWritten', emit)),
  queue: (emit) => {
    const gate = throttled(clock, PUSH_MS, () => emit(runtime.queue()));
    return both(runtime.on('queueChanged', gate.changed), gate.end);
  },
  images: (emit) => {
    let listens = true;
    const gate = throttled(
      clock,
      IMAGES_PUSH_MS,
      () =>
        void images.state().then(
          (state) => listens && emit(state),
          () => undefined,
        ),
    );
    const end = both(images.on('changed', gate.changed), gate.end);
    return () => {
      listens = false;
      end();
    };
  },
  containerDoctor: (emit) => containerDoctor.on('changed', emit),
  identity: (emit) => identity.on('viewChanged', emit),
  prover: (emit) => prover.on('stateChanged', emit),
  proofs: (emit) => prover.on('proofsChanged', emit),
  block: (emit) => chain.on('blockStored', emit),
  chain: (emit) => chain.on('headChanged', emit),
  network: (emit) => network.on('stateChanged', emit),
  peers: (emit) => network.on('peersChanged', emit),
  networkTraffic: (emit) => network.on('trafficSampled', emit),
  // Those that changed since the last push: a face keeps the others as it has them.
  leases: (emit) => {
    const changed = new Map<string, PayloadOf<'leases'>['leases'][number]>();
    const gate = throttled(clock, PUSH_MS, () => {
      emit({ leases: [...changed.values()] });
      changed.clear();
    });
    const end = leases.on('leaseChanged', (lease) => {
      changed.set(lease.id, lease);
      gate.changed();
    });
    return both(end, gate.end);
  },
  ownOffers: (emit) => {
    const gate = throttled(clock, PUSH_MS, () => emit({ offers: leases.ownOffers() }));
    return both(leases.on('offersChanged', gate.changed), gate.end);
  },
  tunnels: (emit) => {
    const gate = throttled(clock, PUSH_MS, () => emit(tunnels.state()));
    return both(tunnels.on('changed', gate.changed), gate.end);
  },
  guard: (emit) => {
    const gate = throttled(clock, GUARD_PUSH_MS, () => emit(guard.state()));
    return both(guard.on('changed', gate.changed), gate.end);
  },
  verification: (emit) => chain.on('verificationChanged', emit),
  ledgers: (emit) => {
    const gate = throttled(clock, LEDGER_PUSH_MS, () => emit({ ledgers: ledgerDesk.list() }));
    return both(ledgers.on('changed', gate.changed), gate.end);
  },
  wallet: (emit) => {
    let listens = true;
    const gate = throttled(
      clock,
      LEDGER_PUSH_MS,
      () =>
        void wallet.view().then(
          (view) => listens && emit(view),
          () => undefined,
        ),
    );
    const end = both(wallet.on('changed', gate.changed), gate.end);
    return () => {
      listens = false;
      end();
    };
  },
  rewards: (emit) =>
    caesar.on('rewardsChanged', ({ earnedTodayMicro, comingMicro }) =>
      emit({ earnedTodayMicro: String(earnedTodayMicro), comingMicro: String(comingMicro) }),
    ),
});
