import { join } from 'node:path';
import { createStore, createSystemOutside, createWorkerPool } from '../../../main/base/index.ts';
import type { Domain } from '../../../main/base/crypto/index.ts';
import {
  createSignatureCheck,
  createTurns,
  createVoteSigner,
  decodeMessage,
  encodeMessage,
  type Genesis,
  type Replica,
  type ReplicaNetwork,
  networkOf,
} from '../../../main/kernel/consensus/index.ts';
import { createMeshNetwork } from '../../../main/kernel/consensus/mesh/index.ts';
import { createReplica } from '../../../main/kernel/consensus/replica/index.ts';
import { loadLedgerTree } from '../../../main/kernel/consensus/state/index.ts';
import { createReplicaStore } from '../../../main/kernel/consensus/store/index.ts';
import { createQuicCarrier } from '../../../main/transport/stoq/carriers/quic/create-quic-carrier.ts';
import type { Address, PeerId } from '../../../main/transport/stoq/interface.ts';
import { type AccountsGenesis, createAccountsApp } from '../../sim/accounts-app.ts';
import { createSilentLogger } from '../silent-logger.ts';
import { makePeer, type TestPeer } from '../stoq/make-peer.ts';
import { type MeshNode, startMeshNode } from './mesh-world.ts';

/** Keys of the nth node: the same in all processes. */
export const nodePeer = (number: number): TestPeer => makePeer(9_000 + number);
/** Keys of the nth account. */
export const accountPeer = (number: number): TestPeer => makePeer(9_500 + number);
export const RICH = 1_000_000_000;

export const realGenesis = ({
  validators,
  accounts,
  heartbeatMs,
  createdAtMs,
}: {
  validators: number;
  accounts: number;
  heartbeatMs: number;
  createdAtMs: number;
}): Genesis => ({
  version: 1,
  name: 'processes',
  nonce: new Uint8Array(32).fill(validators),
  createdAtMs,
  validators: Array.from({ length: validators }, (_, number) => {
    const { keyIdBytes, keys } = nodePeer(number).signer;
    return { id: keyIdBytes, keys, power: 10 };
  }),
  params: {
    blockBytesMax: 1024 * 1024,
    transactionsMax: 4_096,
    heartbeatMs,
    proposeMs: 2_000,
    voteMs: 1_000,
    growMs: 500,
    commitMs: 20,
    clockAheadMs: 10_000,
    evidenceBlocksMax: 10_000,
  },
  app: {
    accounts: Array.from({ length: accounts }, (_, number) => ({
      id: accountPeer(number).signer.keyIdBytes,
      balance: RICH,
    })),
    candidates: [],
  } satisfies AccountsGenesis,
});

export interface LedgerNodeInit {
  number: number;
  genesis: Genesis;
  /** For its database; null keeps it in memory. */
  folder: string | null;
  /** Tells one of the others that it voted for nothing. */
  lyingTo?: number | null;
  /** Threads for signatures. @default 1 */
  threads?: number;
  /** @default loopback */
  listen?: string;
}
export interface LedgerNode {
  readonly replica: Replica;
  readonly peerId: PeerId;
  readonly address: Address;
  readonly mesh: MeshNode;
  sign(account: TestPeer, payload: Uint8Array): Promise<Uint8Array>;
  stop(): Promise<void>;
}

/** A ledger's node as it is in the program, but for the application: real signatures in threads, SQLite, and QUIC on loopback or where it is told. */
export const startLedgerNode = async (init: LedgerNodeInit): Promise<LedgerNode> => {
  const { number, genesis, folder, lyingTo = null, threads = 1, listen = '/ip6/::1/udp/0/quic-v1' } = init;
  const outside = createSystemOutside();
  const logger = createSilentLogger();
  const { clock } = outside;
  const workers = createWorkerPool(
    { logger, metrics: null, clock },
    { workerPath: join(import.meta.dirname, '../../../main/worker.ts'), size: threads },
  );
  const store = await createStore(
    { logger, metrics: null, clock },
    folder === null
      ? { path: ':memory:' }
      : {
          path: join(folder, `${number}.db`),
          workerPath: join(import.meta.dirname, '../../../main/base/store/worker.ts'),
        },
  );
  const mesh = await startMeshNode(
    { outside, workers },
    {
      seed: 9_000 + number,
      carrier: createQuicCarrier({ outside, logger, metrics: null }),
      listen: listen as Address,
    },
  );
  const { peer } = mesh;
  const network = networkOf(genesis);
  const joined = createMeshNetwork({ mesh: mesh.mesh, outside, logger }, { network });
  const sign = (of: TestPeer, domain: Domain, payload: Uint8Array): Promise<Uint8Array> =>
    workers.run('crypto.sign', { keys: of.keys.node.public, secrets: of.keys.node.secret, domain, payload });
  const voter = createVoteSigner({ ...peer.signer, sign: (domain, payload) => sign(peer, domain, payload) });

  /** Its own votes for a block go to one of the others as votes for none. */
  const lie = async (to: PeerId, bytes: Uint8Array): Promise<void> => {
    const message = decodeMessage(bytes);
    if (message.type !== 'vote' || message.vote.block === null) return joined.send(to, bytes);
    if (Buffer.compare(message.vote.validator, voter.id) !== 0) return joined.send(to, bytes);
    const content = { ...message.vote, block: null };
    joined.send(to, encodeMessage({ type: 'vote', vote: { ...content, signature: await voter.vote(content) } }));
  };
  const victim = lyingTo === null ? null : nodePeer(lyingTo).local.peerId;
  const seen: ReplicaNetwork = {
    ...joined,
    send: (to, bytes) => {
      if (to === victim) void lie(victim, bytes);
      else joined.send(to, bytes);
    },
  };
  const replica = createReplica(
    {
      outside,
      logger,
      metrics: null,
      store: createReplicaStore({ store, clock }, { network }),
      network: seen,
      check: createSignatureCheck(workers),
      app: createAccountsApp(),
      keys: { on: () => () => undefined, voter: () => voter },
      createTree: loadLedgerTree,
      turns: createTurns({ clock }),
    },
    { genesis },
  );
  await replica.start();
  await joined.start();
  return {
    replica,
    peerId: peer.local.peerId,
    address: mesh.node.endpoint.addresses()[0]!,
    mesh,
    sign: (account, payload) => sign(account, 'transaction', payload),
    stop: async () => {
      await joined.stop();
      await replica.stop();
      await mesh.stop();
      await workers.close();
      await store.close();
    },
  };
};
