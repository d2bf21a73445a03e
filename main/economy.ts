import type { Logger, MetricsRegistry, Outside, Settings, Startable, Store, WorkerPool } from './base/index.ts';
import { type Signer, verifySelfMadeCertificate } from './base/crypto/index.ts';
import { createCaesarApp, homeEconomy } from './apps/caesar/index.ts';
import type { Identity } from './apps/satchel/index.ts';
import {
  type Application,
  createConsensusMetrics,
  createLedgers,
  createSignatureCheck,
  createTurns,
  createVoteSigner,
  type Doubt,
  type Genesis,
  GENESIS_NONCE_BYTES,
  type Ledgers,
  networkOf,
  type Replica,
  type VoteSigner,
  watchValidators,
} from './kernel/consensus/index.ts';
import { createMeshNetwork } from './kernel/consensus/mesh/index.ts';
import { createReplica, type VoteKeys } from './kernel/consensus/replica/index.ts';
import { loadLedgerTree } from './kernel/consensus/state/index.ts';
import { createReplicaStore, listNetworks, removeNetwork } from './kernel/consensus/store/index.ts';
import { HOME_CONSENSUS } from './api/ledgers/index.ts';
import type { Mesh, NetworkId, Offence, PeerId } from './transport/stoq/index.ts';

export interface LedgerComponents {
  outside: Outside;
  logger: Logger;
  metrics: MetricsRegistry | null;
  store: Store;
  settings: Settings;
  workers: WorkerPool;
  /** Threads of the network: votes wait for no proof there. */
  netWorkers: WorkerPool;
  identity: Identity;
  mesh: Mesh;
  /** Networks in whose directories members of a ledger look for each other. */
  directories: () => readonly NetworkId[];
}

const HOME_NAME = 'home';
/** Of the only one there is. */
const HOME_POWER = 1;

const DOUBTS: Readonly<Record<Doubt, Offence>> = { silent: 'timedOut', slow: 'tooSlow', censoring: 'leftOut' };

/** Who votes for this node, while its keys are unlocked. */
const voteKeysOf = (identity: Identity): VoteKeys => {
  let known: { signer: Signer; voter: VoteSigner } | null = null;
  return {
    on: (name, listener) => identity.on(name, listener),
    voter: () => {
      const signer = identity.node()?.signer ?? null;
      if (signer === null) return null;
      if (known?.signer !== signer) known = { signer, voter: createVoteSigner(signer) };
      return known.voter;
    },
  };
};

/** How the home network of an identity begins: one owner, one validator. */
const homeGenesisOf = ({ clock, random }: Outside, identity: Identity): Genesis | null => {
  const own = identity.node();
  if (own === null) return null;
  const { node, account } = verifySelfMadeCertificate(own.certificate);
  return {
    version: 1,
    name: HOME_NAME,
    nonce: random.bytes(GENESIS_NONCE_BYTES),
    createdAtMs: clock.nowMs(),
    validators: [{ id: node.keyIdBytes, keys: node.keys, power: HOME_POWER }],
    params: HOME_CONSENSUS,
    app: homeEconomy({ account: account.keyIdBytes, node: node.keyIdBytes }),
  };
};

/** The rooms of `kernel/consensus` put together, with Caesar’s rules as what they agree on. */
export const createNodeLedgers = (components: LedgerComponents): { ledgers: Ledgers; app: Application } & Startable => {
  const { outside, logger, store, settings, workers, netWorkers, identity, mesh } = components;
  const app = createCaesarApp({ workers });
  const check = createSignatureCheck(netWorkers);
  const metrics = createConsensusMetrics(components.metrics);
  const turns = createTurns(outside);
  const keys = voteKeysOf(identity);

  const openReplica = async (genesis: Genesis): Promise<Replica> => {
    const name = networkOf(genesis);
    const network = createMeshNetwork({ mesh, outside, logger }, { network: name, rendezvous: components.directories });
    const replica = createReplica(
      {
        outside,
        logger,
        metrics,
        store: createReplicaStore({ store, clock: outside.clock }, { network: name }),
        network,
        check,
        app,
        keys,
        createTree: loadLedgerTree,
        turns,
      },
      { genesis },
    );
    const { start, stop } = replica;
    return {
      ...replica,
      // The replica says first what it does with what comes in.
      start: async () => {
        await start();
        await network.start();
      },
      stop: async () => {
        await network.stop();
        await stop();
      },
    };
  };
  const ledgers = createLedgers({
    logger,
    settings,
    kept: { list: () => listNetworks(store), remove: (name) => removeNetwork(store, name) },
    openReplica,
    homeGenesis: () => homeGenesisOf(outside, identity),
    identity,
  });
  let endWatch = (): void => undefined;
  return {
    ledgers,
    app,
    start: async () => {
      await ledgers.start();
      endWatch = watchValidators(ledgers, {
        // The book takes nothing of this node against itself.
        doubt: (peerId, what, sentence) => mesh.book.offend(peerId as PeerId, DOUBTS[what], sentence),
      });
    },
    stop: async () => {
      endWatch();
      await ledgers.stop();
    },
  };
};
