import { fileURLToPath } from 'node:url';
import { createSystemOutside, createWorkerPool, type Outside, type WorkerPool } from '../../../main/base/index.ts';
import {
  deriveKeys,
  type DerivedKeys,
  keyIdBytesOf,
  keyIdText,
  makeSelfMadeCertificate,
  type SignInput,
} from '../../../main/base/crypto/index.ts';
import type { Carrier } from '../../../main/transport/stoq/carriers/interface.ts';
import { createQuicCarrier } from '../../../main/transport/stoq/carriers/quic/create-quic-carrier.ts';
import { createTlsCarrier } from '../../../main/transport/stoq/carriers/tls/create-tls-carrier.ts';
import { createHandshaker } from '../../../main/transport/stoq/handshake/create-handshaker.ts';
import type { HandshakeOptions, Handshaker } from '../../../main/transport/stoq/handshake/interface.ts';
import type { LocalPeer } from '../../../main/transport/stoq/interface.ts';
import { createLocalPeer, createSelfMadeVerifier } from '../../../main/transport/stoq/verifier.ts';
import { createSilentLogger } from '../silent-logger.ts';

/** One end of measured handshakes: real threads, clock, keys and carriers, as in the program. */
export interface HandshakeSide {
  outside: Outside;
  workers: WorkerPool;
  local: LocalPeer;
  carriers: Record<'quic' | 'tls', Carrier>;
  /** With nothing remembered: neither certificates nor tickets. */
  freshHandshaker(): Handshaker;
  options(change?: Partial<HandshakeOptions>): HandshakeOptions;
  stop(): Promise<void>;
}

export const createHandshakeSide = (number: number): HandshakeSide => {
  const outside = createSystemOutside();
  const logger = createSilentLogger();
  const workers = createWorkerPool(
    { logger, metrics: null, clock: outside.clock },
    { workerPath: fileURLToPath(new URL('../../../main/worker.ts', import.meta.url)), size: 2 },
  );
  const keys: DerivedKeys = deriveKeys(new Uint8Array(32).fill(number));
  const keyIdBytes = keyIdBytesOf(keys.node.public);
  const local = createLocalPeer(
    {
      keyId: keyIdText(keyIdBytes),
      keyIdBytes,
      keys: keys.node.public,
      sign: (domain, payload) =>
        workers.run<SignInput, Uint8Array>('crypto.sign', {
          keys: keys.node.public,
          secrets: keys.node.secret,
          domain,
          payload,
        }),
    },
    makeSelfMadeCertificate(keys, outside.clock.nowMs()),
  );
  const carriers = {
    quic: createQuicCarrier({ outside, logger, metrics: null }),
    tls: createTlsCarrier({ outside, logger, metrics: null }),
  };
  return {
    outside,
    workers,
    local,
    carriers,
    freshHandshaker: () =>
      createHandshaker(
        { outside, logger, workers, metrics: null },
        { local, verifier: createSelfMadeVerifier({ workers }), memberships: () => [], open: () => true },
      ),
    options: (change = {}) => ({
      signal: new AbortController().signal,
      expected: null,
      info: { agent: 'bench/1', addresses: [], sidePort: null, relays: false },
      observed: null,
      ...change,
    }),
    stop: async () => {
      await Promise.all([carriers.quic.stop(), carriers.tls.stop()]);
      await workers.close();
    },
  };
};
