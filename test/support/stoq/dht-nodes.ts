import { fileURLToPath } from 'node:url';
import { createSystemOutside, createWorkerPool } from '../../../main/base/index.ts';
import type { SignInput } from '../../../main/base/crypto/index.ts';
import { createMemoryNetwork } from '../../../main/transport/stoq/carriers/memory/create-memory-network.ts';
import { createQuicCarrier } from '../../../main/transport/stoq/carriers/quic/create-quic-carrier.ts';
import { createDht, type DhtNode } from '../../../main/transport/stoq/discovery/dht/create-dht.ts';
import { PUBLIC_NETWORK } from '../../../main/transport/stoq/discovery/membership.ts';
import { createPeerRecords } from '../../../main/transport/stoq/discovery/peer-record.ts';
import type { Address, EndpointControl, PeerId } from '../../../main/transport/stoq/interface.ts';
import { createSelfMadeVerifier } from '../../../main/transport/stoq/verifier.ts';
import { createSilentLogger } from '../silent-logger.ts';
import { makePeer } from './make-peer.ts';
import { quickPeer, quickVerifier } from './quick-proofs.ts';
import { startTestNode } from './test-node.ts';

/** A node with a DHT that listens on loopback by QUIC. */
export interface DhtTestNode {
  readonly peerId: PeerId;
  readonly endpoint: EndpointControl;
  readonly dht: DhtNode;
  /** Goes to one of these and makes itself known, as a node does that starts. */
  join(addresses: readonly Address[]): Promise<void>;
}
export interface DhtTestNodes {
  readonly nodes: readonly DhtTestNode[];
  stop(): Promise<void>;
}

/** Asked again after so long, ms: whether the first peer has answered. */
const GREETING_POLL_MS = 5;
const DIALS_MAX = 5;

/**
 * Nodes on real sockets with real threads, clocks and signatures, but for those of handshakes: each of fifty nodes meets all, which is a
 * minute of FALCON.
 *
 * @param seeds - one node for each; nodes of other processes need others
 * @param options.answersOnly - they meet each other through memory and dial nobody else; whoever dials them does so by QUIC
 */
export const startDhtNodes = async (
  seeds: readonly number[],
  { answersOnly = false }: { answersOnly?: boolean } = {},
): Promise<DhtTestNodes> => {
  const outside = createSystemOutside();
  const { clock } = outside;
  const logger = createSilentLogger();
  const workers = createWorkerPool(
    { logger, metrics: null, clock },
    { workerPath: fileURLToPath(new URL('../../../main/worker.ts', import.meta.url)), size: 2 },
  );
  const memory = createMemoryNetwork({ outside });
  // One for all, so that a certificate is checked once in this process.
  const verifier = quickVerifier(createSelfMadeVerifier({ workers }));

  const start = async (seed: number) => {
    const peer = makePeer(seed);
    const { public: keys, secret: secrets } = peer.keys.node;
    const local = quickPeer(peer, (domain, payload) =>
      workers.run<SignInput, Uint8Array>('crypto.sign', { keys, secrets, domain, payload }),
    );
    const carrier = createQuicCarrier({ outside, logger, metrics: null });
    // An address of this machine like that of QUIC, or none who is met there would be told of the other one.
    const address = `/ip6/::1/tcp/${seed + 1}/tls` as Address;
    const near = memory.carrier(`${seed}`, { address, tier: 'tls', canDial: (one) => one.endsWith('/tls') });
    const carriers = answersOnly ? [{ ...carrier, canDial: () => false }, near] : [carrier];
    const { endpoint, stop } = await startTestNode({ outside, workers }, { local, carriers, verifier });
    await endpoint.listen('/ip6/::1/udp/0/quic-v1' as Address);
    if (answersOnly) await endpoint.listen(address);
    const records = createPeerRecords({ outside, local, verifier, addresses: endpoint.addresses });
    const dht = createDht(
      { outside, logger, metrics: null, endpoint, records, book: null },
      { network: PUBLIC_NETWORK, key: null, automatic: false },
    );
    await dht.start();
    const join = async (addresses: readonly Address[]): Promise<void> => {
      for (let tries = 1; endpoint.connections().length === 0; tries++)
        try {
          await endpoint.connect({ peer: null, addresses });
        } catch (error) {
          // A machine that does much else may take longer than a handshake may.
          if (tries === DIALS_MAX) throw error;
        }
      while (dht.size() === 0) await clock.sleep(GREETING_POLL_MS);
      // Dials and asks those next to it, which is what it does by itself, too; here somebody waits for it.
      await dht.findPeer(local.peerId);
    };
    return {
      peerId: local.peerId,
      endpoint,
      dht,
      join,
      stop: async () => {
        await dht.stop();
        await stop();
        await carrier.stop();
      },
    };
  };
  const nodes: Awaited<ReturnType<typeof start>>[] = [];
  for (const seed of seeds) nodes.push(await start(seed));
  return {
    nodes,
    stop: async () => {
      await Promise.allSettled(nodes.map((node) => node.stop()));
      await workers.close();
    },
  };
};
