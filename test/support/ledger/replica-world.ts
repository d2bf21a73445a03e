import { Emitter, type Logger, sha256 } from '../../../main/base/index.ts';
import type { SignedTransaction } from '../../../main/kernel/blocks/index.ts';
import {
  type Application,
  createTurns,
  type ConsensusParams,
  type Genesis,
  networkOf,
  type Replica,
  type ReplicaStore,
  type SignatureCheck,
  type Turns,
  type VoteSigner,
} from '../../../main/kernel/consensus/index.ts';
import { createReplica, type ReplicaInit } from '../../../main/kernel/consensus/replica/index.ts';
import { loadLedgerTree } from '../../../main/kernel/consensus/state/index.ts';
import { type AccountsGenesis, accountOf, createAccountsApp } from '../../sim/accounts-app.ts';
import { createSignatureCheck, createVoteSigner, keysOf, signTransaction, type SimKeys } from '../../sim/keys.ts';
import { createSeededRandom } from '../seeded-random.ts';
import { createSilentLogger } from '../silent-logger.ts';
import { createSimulationClock, type SimulationClock } from '../stoq/simulation-clock.ts';
import { createLedgerNetwork, type LedgerNetwork } from './ledger-network.ts';
import { createMemoryReplicaStore, type MemoryReplicaStore } from './memory-replica-store.ts';

export const QUICK_PARAMS: ConsensusParams = {
  blockBytesMax: 1024 * 1024,
  transactionsMax: 1_000,
  heartbeatMs: 60_000,
  proposeMs: 500,
  voteMs: 200,
  growMs: 100,
  commitMs: 10,
  clockAheadMs: 5_000,
  evidenceBlocksMax: 1_000,
};
export interface WorldNode {
  readonly name: string;
  readonly keys: SimKeys;
  /** The one that runs now. */
  replica: Replica;
  readonly store: ReplicaStore;
  /** Locks and unlocks its keys. */
  setLocked(locked: boolean): void;
  /** As a crash does: nothing is said or written from then on. */
  stop(): Promise<void>;
  start(): Promise<void>;
}
export interface ReplicaWorld {
  readonly clock: SimulationClock;
  readonly network: LedgerNetwork;
  readonly genesis: Genesis;
  readonly nodes: readonly WorldNode[];
  node(name: string): WorldNode;
  /** One more, which validates nothing unless the genesis has it. */
  add(name: string, options?: AddOptions): Promise<WorldNode>;
  /** A transfer of an account, signed. @param nonce - @default the account's next */
  transfer(from: string, to: string, amount: number, options?: { nonce?: number; fee?: number }): Uint8Array;
  balance(node: WorldNode, account: string): number;
  /** Lets time pass until all of them are at a height, and agree on it. */
  reach(height: number, nodes?: readonly WorldNode[]): Promise<void>;
  stop(): Promise<void>;
}
export interface AddOptions extends Partial<Omit<ReplicaInit, 'genesis'>> {
  store?: ReplicaStore;
  /** Signs otherwise than an honest one would. */
  signer?: (honest: VoteSigner) => VoteSigner;
}
export interface WorldInit {
  validators: number;
  params?: Partial<ConsensusParams>;
  /** Accounts with 1 000 000 000 each. */
  accounts?: readonly string[];
  /** So many more, of nobody, so that the state is not small. */
  strangers?: number;
  app?: Application;
  turns?: Turns;
  check?: SignatureCheck;
  logger?: Logger;
  /** Of validators, by name. */
  options?: Readonly<Record<string, AddOptions>>;
  /** Makes the disks. @default in memory */
  createStore?: (genesis: Genesis) => ReplicaStore | Promise<ReplicaStore>;
}
export const RICH = 1_000_000_000;

/** Several replicas of one process, on one clock that the test moves. Validators are `v0`, `v1` … */
export const createReplicaWorld = async (init: WorldInit): Promise<ReplicaWorld> => {
  const { accounts = ['alice', 'bob'], app = createAccountsApp(), check = createSignatureCheck() } = init;
  const clock = createSimulationClock();
  // No time passes in a turn on this clock, so that none is ever over.
  const { turns = createTurns({ clock, pause: () => Promise.resolve() }) } = init;
  const { createStore = createMemoryReplicaStore, logger = createSilentLogger(), options: optionsOf = {} } = init;
  const network = createLedgerNetwork(clock);
  const validators = Array.from({ length: init.validators }, (_, i) => keysOf(`v${i}`));
  const genesis: Genesis = {
    version: 1,
    name: 'world',
    nonce: new Uint8Array(32).fill(7),
    createdAtMs: clock.nowMs() - 1_000,
    validators: validators.map(({ id, keys }) => ({ id, keys, power: 10 })),
    params: { ...QUICK_PARAMS, ...init.params },
    app: {
      accounts: [
        ...accounts.map((name) => ({ id: keysOf(name).id, balance: RICH })),
        ...Array.from({ length: init.strangers ?? 0 }, (_, i) => ({ id: sha256(Buffer.from(`${i}`)), balance: RICH })),
      ],
      candidates: [],
    } satisfies AccountsGenesis,
  };
  const networkHash = networkOf(genesis);
  const nodes: WorldNode[] = [];
  let stamp = 0;

  const add = async (name: string, options: AddOptions = {}): Promise<WorldNode> => {
    const keys = keysOf(name);
    const changes = new Emitter<{ changed: null }>();
    const honest = createVoteSigner(keys, () => undefined);
    const signer = options.signer?.(honest) ?? honest;
    const { store = await createStore(genesis), signer: _, ...replicaInit } = options;
    let isLocked = false;
    let seed = nodes.length + 1;
    const make = (): Replica =>
      createReplica(
        {
          outside: { clock, random: createSeededRandom(seed++ * 1_000) },
          logger,
          metrics: null,
          store,
          network: network.join(name),
          check,
          app,
          keys: { on: (event, listener) => changes.on(event, listener), voter: () => (isLocked ? null : signer) },
          createTree: loadLedgerTree,
          turns,
        },
        { genesis, ...replicaInit },
      );
    const node: WorldNode = {
      name,
      keys,
      replica: make(),
      store,
      setLocked: (locked) => {
        isLocked = locked;
        changes.emit('changed', null);
      },
      stop: async () => {
        network.leave(name);
        await node.replica.stop();
      },
      start: async () => {
        node.replica = make();
        await node.replica.start();
      },
    };
    nodes.push(node);
    await node.replica.start();
    return node;
  };
  for (const { name } of validators) await add(name, optionsOf[name]);

  return {
    clock,
    network,
    genesis,
    nodes,
    node: (name) => nodes.find((one) => one.name === name)!,
    add,
    transfer: (from, to, amount, { nonce, fee = 1_000 } = {}) => {
      const signer = keysOf(from);
      return signTransaction(signer, {
        network: networkHash,
        kind: 'account.transfer',
        asset: null,
        previous: null,
        atMs: clock.nowMs() + stamp++,
        data: {
          nonce: nonce ?? accountOf(nodes[0]!.replica.state(), signer.id).nonce,
          fee,
          to: keysOf(to).id,
          amount,
        },
      });
    },
    balance: (node, account) => accountOf(node.replica.state(), keysOf(account).id).balance,
    reach: async (height, among = nodes) => {
      await clock.until(
        () => among.every(({ replica }) => replica.status().height >= height),
        `height ${height} everywhere (${among.map(({ replica }) => replica.status().height).join(', ')})`,
        120_000,
      );
    },
    stop: async () => {
      for (const node of nodes) await node.stop();
    },
  };
};
export type { MemoryReplicaStore, SignedTransaction };
