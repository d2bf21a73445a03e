import type { Random } from '../../../main/base/index.ts';
import { type DerivedKeys, deriveKeys, peerIdOf } from '../../../main/base/crypto/index.ts';
import { createHandshaker } from '../../../main/transport/stoq/handshake/create-handshaker.ts';
import type { Handshaker, HandshakeOptions, Session } from '../../../main/transport/stoq/handshake/interface.ts';
import { sealStream } from '../../../main/transport/stoq/handshake/sealed-stream.ts';
import type { Address, NetworkId } from '../../../main/transport/stoq/interface.ts';
import { stoqTasks } from '../../../main/transport/stoq/tasks.ts';
import { createSelfMadeVerifier } from '../../../main/transport/stoq/verifier.ts';
import { createManualClock } from '../manual-clock.ts';
import { createSeededRandom } from '../seeded-random.ts';
import { createSilentLogger } from '../silent-logger.ts';
import { fromHex, toHex } from '../vectors.ts';
import { localPeerOf } from './identities.ts';
import { createInlineWorkers } from './inline-workers.ts';
import { createFakeChannel, createPipe } from './pipe.ts';

/** One handshake: what crossed the wire, and what each side drew at random, in the order of drawing. All bytes in hexadecimal. */
export interface HandshakeRun {
  binding: string;
  /** X25519 secret, seed of the ML-KEM key pair, nonce; further draws are seen in the hello. */
  initiatorDraws: string[];
  /** X25519 secret, nonce, random bytes of the encapsulation. */
  responderDraws: string[];
  hello: string;
  /** With its length in front, as the finish. */
  answer: string;
  finish: string;
  sessionId: string;
  /** Of the label `example`. */
  exampleKey: string;
}
export interface HandshakeVector {
  /** Entropy of docs/formats/keys.md, from which peer id and keys follow, and a certificate of them. */
  initiator: { entropy: string; peerId: string; certificate: string };
  responder: { entropy: string; peerId: string; certificate: string };
  /** That both are in. */
  network: { id: string; key: string };
  full: HandshakeRun;
  /** With the ticket that the first one left behind. */
  resumed: HandshakeRun;
  /** In the session of `resumed`, number 1, by the initiator: two writes and the end. */
  sealedStream: { writes: string[]; records: string[] };
}

const derived = new Map<string, DerivedKeys>();
/** Derived once: it takes a second or more. @param entropy - in hexadecimal */
export const keysOf = (entropy: string): DerivedKeys => {
  const keys = derived.get(entropy) ?? deriveKeys(fromHex(entropy));
  derived.set(entropy, keys);
  return keys;
};

const NETWORK = { id: 'a'.repeat(52) as NetworkId, name: 'example', key: new Uint8Array(32).fill(0x4e) };
const optionsOf = (name: string): HandshakeOptions => ({
  signal: new AbortController().signal,
  expected: null,
  info: {
    agent: `${name}/1`,
    addresses: ['/ip6/2001:db8::1/udp/4001/quic-v1' as Address],
    sidePort: 4002,
    relays: false,
  },
  observed: '/ip6/2001:db8::2/udp/4001/quic-v1' as Address,
});

/** Writes down what is drawn. */
const recording = (random: Random): { random: Random; draws: string[] } => {
  const draws: string[] = [];
  return {
    draws,
    random: {
      bytes: (length) => {
        const bytes = random.bytes(length);
        draws.push(toHex(bytes));
        return bytes;
      },
      below: (limit) => random.below(limit),
    },
  };
};

/** Runs both ends with seeded random numbers: the same bytes every time. @param certificates - of the entropies, in hexadecimal */
export const runHandshakeVector = async (
  initiator: { entropy: string; certificate: string },
  responder: { entropy: string; certificate: string },
): Promise<HandshakeVector> => {
  const workers = createInlineWorkers({ rooms: { stoq: () => Promise.resolve(stoqTasks) } });
  const clock = createManualClock();
  const side = (
    { entropy, certificate }: { entropy: string; certificate: string },
    seed: number,
  ): { handshaker: Handshaker; draws: string[]; peerId: string; entropy: string; certificate: string } => {
    const keys = keysOf(entropy);
    const { random, draws } = recording(createSeededRandom(seed));
    const handshaker = createHandshaker(
      { outside: { clock, random }, logger: createSilentLogger(), workers, metrics: null },
      {
        local: localPeerOf(keys, fromHex(certificate), createSeededRandom(seed + 100)),
        verifier: createSelfMadeVerifier({ workers }),
        memberships: () => [NETWORK],
        open: () => true,
        pairAhead: false,
      },
    );
    return { handshaker, draws, peerId: peerIdOf(keys.node.public.ed25519), entropy, certificate };
  };
  const one = side(initiator, 1);
  const two = side(responder, 2);
  const run = async (bound: number): Promise<{ run: HandshakeRun; sessions: [Session, Session] }> => {
    one.draws.length = 0;
    two.draws.length = 0;
    const binding = new Uint8Array(32).fill(bound);
    const ends = createPipe();
    const sessions = await Promise.all([
      one.handshaker.initiate(createFakeChannel('out', binding), ends[0], {
        ...optionsOf('one'),
        expected: two.peerId as HandshakeOptions['expected'],
      }),
      two.handshaker.respond(createFakeChannel('in', binding), ends[1], optionsOf('two')),
    ]);
    return {
      sessions,
      run: {
        binding: toHex(binding),
        initiatorDraws: one.draws.slice(0, 3),
        responderDraws: two.draws.slice(0, 3),
        hello: toHex(ends[0].written[0] as Uint8Array),
        answer: toHex(ends[1].written[0] as Uint8Array),
        finish: toHex(ends[0].written[1] as Uint8Array),
        sessionId: toHex(sessions[0].id),
        exampleKey: toHex(sessions[0].deriveKey('example')),
      },
    };
  };
  const full = await run(0xb1);
  const resumed = await run(0xb2);
  const [end] = createPipe();
  const sealed = sealStream(end, resumed.sessions[0], 'out', 1);
  const writes = ['00', '48797065724d657368'];
  for (const bytes of writes) await sealed.write(fromHex(bytes));
  await sealed.finish();
  const who = ({ entropy, peerId, certificate }: typeof one): HandshakeVector['initiator'] => ({
    entropy,
    peerId,
    certificate,
  });
  return {
    initiator: who(one),
    responder: who(two),
    network: { id: NETWORK.id, key: toHex(NETWORK.key) },
    full: full.run,
    resumed: resumed.run,
    sealedStream: { writes, records: end.written.map(toHex) },
  };
};
