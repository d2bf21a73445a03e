import { join } from 'node:path';
import {
  type Clock,
  type WorkerPool,
  assetIdOf,
  createSystemOutside,
  createWorkerPool,
} from '../../main/base/index.ts';
import {
  type DerivedKeys,
  type KeyIdBytes,
  type Signer,
  deriveKeys,
  keyIdBytesOf,
  keyIdText,
  makeSelfMadeCertificate,
  signRecord,
} from '../../main/base/crypto/index.ts';
import type { Challenge, Pace, ProofRequirements } from '../../main/kernel/proof/index.ts';
import { DEFAULT_REQUIREMENTS } from '../../main/kernel/proof/requirements/index.ts';
import { createSilentLogger } from './silent-logger.ts';

const root = join(import.meta.dirname, '../..');

/** A pool of the program's own threads. */
export const createProofWorkers = (size = 2): WorkerPool =>
  createWorkerPool(
    { logger: createSilentLogger(), metrics: null, clock: createSystemOutside().clock },
    { workerPath: join(root, 'main/worker.ts'), size },
  );

/** A level of 100 %. */
export const freePace: Pace = { slice: (work) => work() };

/** A node's keys, from entropy of one repeated byte. Takes a second: FALCON. */
export interface ProofNode {
  keys: DerivedKeys;
  keyId: KeyIdBytes;
  signer: Signer;
  certificate: Uint8Array;
}
export const createProofNode = (entropyByte: number, certifiedAtMs = Date.UTC(2026, 0, 1)): ProofNode => {
  const keys = deriveKeys(new Uint8Array(32).fill(entropyByte));
  const keyId = keyIdBytesOf(keys.node.public);
  return {
    keys,
    keyId,
    signer: {
      keyId: keyIdText(keyId),
      keyIdBytes: keyId,
      keys: keys.node.public,
      sign: (domain, payload) => Promise.resolve(signRecord(keys.node.public, keys.node.secret, domain, payload)),
    },
    certificate: makeSelfMadeCertificate(keys, certifiedAtMs),
  };
};

export const bytes32 = (byte: number): Uint8Array => new Uint8Array(32).fill(byte);

/** A challenge that a node asks itself. */
export const challengeFor = (clock: Clock, node: KeyIdBytes, changes: Partial<Challenge> = {}): Challenge => {
  const issuedAtMs = clock.nowMs();
  return {
    version: 1,
    network: bytes32(1),
    node,
    asset: assetIdOf('cpu', { of: 'a test' }),
    purpose: 'audit',
    nonce: bytes32(2),
    issuer: node,
    issuedAtMs,
    expiresAtMs: issuedAtMs + 3_600_000,
    anchor: null,
    ...changes,
  };
};

/** Requirements that proofs at the small parameters of tests can meet; the arguments of the formats do not hold for them. */
export const SMALL_REQUIREMENTS: ProofRequirements = {
  ...DEFAULT_REQUIREMENTS,
  space: { bytesMin: 1, windowLabelsMin: 1, answersMin: 1, openingsMin: 1, answerMsMax: 3_600_000 },
  work: { multiplicationsMin: 1, rowsMin: 1, multiplicationsPerSecondMin: 0 },
  time: { ...DEFAULT_REQUIREMENTS.time, stepsMin: 1 },
};
