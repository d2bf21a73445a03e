import { cpuUsage } from 'node:process';
import { describe, expect, it } from 'vitest';
import { createSystemOutside } from '../../../../main/base/index.ts';
import { proveTime, type Challenge } from '../../../../main/kernel/proof/index.ts';
import { createPace } from '../../../../main/kernel/prover/index.ts';
import { bytes32, challengeFor, createProofWorkers } from '../../../support/proof.ts';

describe('a real proof at a real pace', () => {
  it('takes no more of a processor than its share, all threads of the process together', async () => {
    const { clock } = createSystemOutside();
    const workers = createProofWorkers(1);
    const abort = new AbortController();
    const pace = createPace({ clock }, { signal: abort.signal });
    const challenge: Challenge = challengeFor(clock, bytes32(7));
    const make = (steps: number): Promise<unknown> =>
      proveTime(
        { workers, clock, clockWatch: null },
        challenge,
        bytes32(9),
        { steps, checkpointSteps: 1024 },
        () => bytes32(3),
        pace,
        () => undefined,
        abort.signal,
      );
    try {
      // The thread's start and the compilation of its code are no part of any slice.
      pace.setMillicores(1000);
      await make(2 ** 18);
      pace.setMillicores(200);
      const before = cpuUsage();
      const startedMs = clock.monotonicMs();
      // Ended by the time and not by the steps: a loaded machine makes fewer of them.
      const made = make(2 ** 26).catch((error: unknown) => error);
      await clock.sleep(5_000);
      abort.abort(new Error('enough'));
      expect(await made).toEqual(new Error('enough'));
      const { user, system } = cpuUsage(before);
      const share = (user + system) / 1000 / (clock.monotonicMs() - startedMs);
      // 20 % of one thread, one slice that was under way at the end (2 %), and what the test itself takes.
      expect(share).toBeLessThan(0.26);
      expect(share).toBeGreaterThan(0.02);
    } finally {
      await workers.close();
    }
  });
});
