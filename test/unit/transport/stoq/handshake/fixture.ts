import type { Clock, MetricsRegistry, WorkerPool } from '../../../../../main/base/index.ts';
import type { Channel } from '../../../../../main/transport/stoq/carriers/interface.ts';
import {
  createHandshaker,
  type HandshakerSettings,
} from '../../../../../main/transport/stoq/handshake/create-handshaker.ts';
import type {
  HandshakeOptions,
  Handshaker,
  NetworkMembership,
  Session,
} from '../../../../../main/transport/stoq/handshake/interface.ts';
import type { Address, LocalPeer, NetworkId, PeerId } from '../../../../../main/transport/stoq/interface.ts';
import { stoqTasks } from '../../../../../main/transport/stoq/tasks.ts';
import { createSelfMadeVerifier } from '../../../../../main/transport/stoq/verifier.ts';
import { createManualClock } from '../../../../support/manual-clock.ts';
import { createSeededRandom } from '../../../../support/seeded-random.ts';
import { createSilentLogger } from '../../../../support/silent-logger.ts';
import { createInlineWorkers } from '../../../../support/stoq/inline-workers.ts';
import { makeIdentity, type TestIdentity } from '../../../../support/stoq/identities.ts';
import { createFakeChannel, createPipe, type PipeEnd } from '../../../../support/stoq/pipe.ts';

const identities = new Map<number, TestIdentity>();
/** Made once per file: keys take most of a second. */
export const identity = (number: number): TestIdentity => {
  const known = identities.get(number);
  if (known !== undefined) return known;
  const made = makeIdentity(number);
  identities.set(number, made);
  return made;
};

export const workers = createInlineWorkers({ rooms: { stoq: () => Promise.resolve(stoqTasks) } });
export const verifier = createSelfMadeVerifier({ workers });
export const binding = (number: number): Uint8Array => new Uint8Array(32).fill(number);
export const network = (name: string): NetworkMembership => ({
  id: name.padEnd(52, 'a') as NetworkId,
  name,
  key: new Uint8Array(32).fill(name.charCodeAt(name.length - 1)),
});

export interface TestNode {
  handshaker: Handshaker;
  peerId: PeerId;
  state: { networks: NetworkMembership[]; open: boolean };
}
let seed = 1;
export const makeNode = (
  local: LocalPeer,
  options: Partial<HandshakerSettings> & {
    clock?: Clock;
    networks?: NetworkMembership[];
    isOpen?: boolean;
    seed?: number;
    workers?: WorkerPool;
    metrics?: MetricsRegistry;
  } = {},
): TestNode => {
  const state = { networks: options.networks ?? [], open: options.isOpen ?? true };
  const handshaker = createHandshaker(
    {
      outside: { clock: options.clock ?? createManualClock(), random: createSeededRandom(options.seed ?? seed++) },
      logger: createSilentLogger(),
      workers: options.workers ?? workers,
      metrics: options.metrics ?? null,
    },
    {
      local,
      verifier: options.verifier ?? verifier,
      memberships: () => state.networks,
      open: () => state.open,
      ...(options.versions === undefined ? {} : { versions: options.versions }),
    },
  );
  return { handshaker, peerId: local.peerId, state };
};

export const optionsOf = (change: Partial<HandshakeOptions> = {}): HandshakeOptions => ({
  signal: new AbortController().signal,
  expected: null,
  info: { agent: 'test/1', addresses: ['/ip6/::1/udp/4001/quic-v1' as Address], sidePort: 4002, relays: false },
  observed: '/ip6/::1/udp/5001/quic-v1' as Address,
  ...change,
});

export interface Meeting {
  initiator: PromiseSettledResult<Session>;
  responder: PromiseSettledResult<Session>;
  ends: [PipeEnd, PipeEnd];
}
/** Both ends of one handshake over one channel. @param expected - whom the first one means; the second one unless given */
export const meet = async (
  from: TestNode,
  to: TestNode,
  options: { expected?: PeerId | null; bindings?: [Uint8Array, Uint8Array]; from?: Partial<HandshakeOptions> } = {},
): Promise<Meeting> => {
  const ends = createPipe();
  const [a, b] = options.bindings ?? [binding(1), binding(1)];
  const expected = options.expected === undefined ? to.peerId : options.expected;
  const [initiator, responder] = await Promise.allSettled([
    from.handshaker.initiate(createFakeChannel('out', a), ends[0], optionsOf({ expected, ...options.from })),
    to.handshaker.respond(createFakeChannel('in', b), ends[1], optionsOf()),
  ]);
  return { initiator, responder, ends };
};

/** Both sessions of a meeting that must have succeeded. */
export const sessionsOf = ({ initiator, responder }: Meeting): [Session, Session] => {
  if (initiator.status === 'rejected') throw initiator.reason;
  if (responder.status === 'rejected') throw responder.reason;
  return [initiator.value, responder.value];
};
export const codeOf = (result: PromiseSettledResult<unknown>): string =>
  result.status === 'fulfilled' ? 'fulfilled' : String((result.reason as { code?: string }).code ?? result.reason);
export const channelOf = (direction: 'in' | 'out', bound = binding(1)): Channel & { end(): void } =>
  createFakeChannel(direction, bound);
