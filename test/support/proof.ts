import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
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
import {
  type Challenge,
  DEFAULT_REQUIREMENTS,
  type Pace,
  type Plots,
  type ProofRequirements,
  createPlots,
  makeCombinedProof,
} from '../../main/kernel/proof/index.ts';
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
  const keyId = new Uint8Array(keyIdBytesOf(keys.node.public));
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

/** Plots of one small window in a folder of their own. Gone with `close`. */
export const createSmallPlots = async (
  workers: WorkerPool,
  owner: KeyIdBytes,
): Promise<{ plots: Plots; close: () => Promise<void> }> => {
  const folder = await mkdtemp(join(tmpdir(), 'hypermesh-plots-'));
  const plots = createPlots(
    { outside: createSystemOutside(), logger: createSilentLogger(), workers, metrics: null },
    { folder, windowLabels: 256, layers: 8, openings: 8, answers: 8, reserveBytes: 0 },
  );
  await plots.open();
  await plots.setSize(256 * 32 * 2, owner, freePace, () => undefined, AbortSignal.timeout(60_000));
  return {
    plots,
    close: async () => {
      await plots.close();
      await rm(folder, { recursive: true, force: true });
    },
  };
};

/** All four real proofs of one challenge, at small parameters. */
export const makeSmallProof = (
  workers: WorkerPool,
  plots: Plots,
  node: ProofNode,
  challenge: Challenge,
): ReturnType<typeof makeCombinedProof> =>
  makeCombinedProof(
    {
      workers,
      clock: createSystemOutside().clock,
      clockWatch: null,
      plots,
      signer: node.signer,
      certificate: node.certificate,
      metrics: null,
    },
    { challenge, work: { rows: 64, openings: 8 }, time: { steps: 4096, checkpointSteps: 256 } },
    freePace,
    () => undefined,
    AbortSignal.timeout(60_000),
  );
