import { fileURLToPath } from 'node:url';
import { type WorkerPool, createSystemOutside, createWorkerPool } from '../../main/base/index.ts';
import { type Challenge, type Pace, type VerifyContext, challengeHashOf } from '../../main/kernel/proof/index.ts';
import { createSilentLogger } from './silent-logger.ts';

/** Threads with the tasks of the proof of work. */
export const createWorkPool = (size = 1): WorkerPool =>
  createWorkerPool(
    { logger: createSilentLogger(), metrics: null, clock: createSystemOutside().clock },
    { workerPath: fileURLToPath(new URL('proof-work-worker.ts', import.meta.url)), size },
  );

/** Never rests. */
export const fullPace: Pace = { slice: (work) => work() };

/** @param nonce - tells one challenge from another */
export const workChallenge = (nonce: number, issuedAtMs = 1_790_000_000_000): Challenge => ({
  version: 1,
  network: new Uint8Array(32).fill(1),
  node: new Uint8Array(32).fill(2),
  asset: 'asset:cpu:bafyreievcpmaufnmrerasm7zocwhdihv6qq77evtjkzbes2y7q7yuuqsci' as Challenge['asset'],
  purpose: 'audit',
  nonce: new Uint8Array(32).fill(nonce),
  issuer: new Uint8Array(32).fill(2),
  issuedAtMs,
  expiresAtMs: issuedAtMs + 86_400_000,
  anchor: null,
});

/** A verifier that demands little and did not ask itself. */
export const workContext = (challenge: Challenge, change: Partial<VerifyContext> = {}): VerifyContext => ({
  challenge,
  challengeHash: challengeHashOf(challenge),
  attachments: new Map(),
  requirements: {
    kinds: ['work'],
    maxAgeMs: null,
    space: { bytesMin: 0, windowLabelsMin: 0, answersMin: 0, openingsMin: 0, answerMsMax: 0 },
    stake: { certificate: 'any', stakeMicroMin: 0n },
    work: { multiplicationsMin: 0, rowsMin: 0, multiplicationsPerSecondMin: 0 },
    time: { stepsMin: 0, segments: 1, skewMsMax: 60_000 },
  },
  nowMs: challenge.expiresAtMs,
  checkSeed: new Uint8Array(32).fill(3),
  answeredAfterMs: null,
  anchorTimeMs: null,
  ...change,
});
