import type { Logger, Outside, WorkerPool } from '../../../main/base/index.ts';
import type { Carrier } from '../../../main/transport/stoq/carriers/interface.ts';
import { createEndpoint, type EndpointInit } from '../../../main/transport/stoq/connection/create-endpoint.ts';
import { createHandshaker } from '../../../main/transport/stoq/handshake/create-handshaker.ts';
import type { NetworkMembership } from '../../../main/transport/stoq/handshake/interface.ts';
import type {
  DatagramLink,
  EndpointControl,
  LocalPeer,
  PeerId,
  PeerVerifier,
} from '../../../main/transport/stoq/interface.ts';
import { createPeerBook, type PeerBookControl } from '../../../main/transport/stoq/standing/peer-book.ts';
import { createRateGate, type RateGateControl } from '../../../main/transport/stoq/standing/rate-gate.ts';
import { stoqTasks } from '../../../main/transport/stoq/tasks.ts';
import { createSelfMadeVerifier } from '../../../main/transport/stoq/verifier.ts';
import { createSilentLogger } from '../silent-logger.ts';
import { createInlineWorkers, type InlineWorkers } from './inline-workers.ts';

/** Endpoint, handshake and standing of one node, over carriers that are handed in. */
export interface TestNode {
  readonly peerId: PeerId;
  readonly endpoint: EndpointControl;
  readonly book: PeerBookControl;
  readonly gate: RateGateControl;
  readonly verifier: PeerVerifier;
  stop(): Promise<void>;
}
export interface TestNodeInit extends Partial<EndpointInit> {
  local: LocalPeer;
  carriers: readonly Carrier[];
  datagrams?: DatagramLink | null;
  memberships?: readonly NetworkMembership[];
  /** Whether peers without a common private network are let in. @default true */
  open?: boolean;
  /** @default one of its own that believes self-made certificates */
  verifier?: PeerVerifier;
}
/** Limits that no test meets by accident. */
export const WIDE_LIMITS = { connectionsMax: 256, incomingMax: 256, perGroupMax: 256, handshakesMax: 64 };

/** Workers in this thread, which check a certificate once for all nodes. */
export const createStoqWorkers = (): InlineWorkers =>
  createInlineWorkers({ rooms: { stoq: async () => stoqTasks }, remembered: ['stoq.verifyCertificate'] });

/** Starts a node that listens nowhere yet. */
export const startTestNode = async (
  components: { outside: Outside; workers: WorkerPool; logger?: Logger },
  init: TestNodeInit,
): Promise<TestNode> => {
  const { outside, workers, logger = createSilentLogger() } = components;
  const { local, carriers, datagrams = null, memberships = [], open = true, ...rest } = init;
  const { verifier = createSelfMadeVerifier({ workers }), ...endpointInit } = rest;
  const book = createPeerBook({ outside, logger, store: null }, { self: local.peerId });
  const gate = createRateGate({ clock: outside.clock });
  const handshaker = createHandshaker(
    { outside, logger, workers, metrics: null },
    { local, verifier, memberships: () => memberships, open: () => open },
  );
  const endpoint = createEndpoint(
    { outside, logger, metrics: null, local, handshaker, carriers, book, gate, datagrams },
    { limits: WIDE_LIMITS, agent: 'test/1', ...endpointInit },
  );
  await endpoint.start();
  return {
    peerId: local.peerId,
    endpoint,
    book,
    gate,
    verifier,
    stop: async () => {
      await endpoint.stop();
      gate.stop();
      await book.stop();
    },
  };
};
