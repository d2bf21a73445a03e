import type { Clock } from '../../../base/index.ts';
import type { LendingTerms } from '../../../../preload/contract/index.ts';
import type { JobNetwork, JobPipe } from '../../runtime/index.ts';
import { ProxyError } from '../errors.ts';
import type { DestinationCheck } from '../interface.ts';
import { createLimit } from '../limit.ts';
import { dialLocal } from '../local-target.ts';
import { createSocketPipe } from '../socket-pipe.ts';
import { newCounters } from '../translation-table.ts';
import type { ExitRules } from './exit-rules.ts';

/** Connections that jobs under the same terms may have open: each is a file number and a port of the router. */
const JOB_CONNECTIONS_MAX = 256;

export interface JobExitComponents {
  clock: Clock;
  destinations: DestinationCheck;
  rules: Pick<ExitRules, 'policy'>;
  /** Terms that say whether anything may leave at all. */
  terms: () => Pick<LendingTerms, 'proxy'>;
  /** Bytes a second in each direction as the owner caps them now; null: no cap. */
  bytesPerSecond: () => number | null;
  /** Counts against the owner's monthly cap. */
  countBytes: (bytes: number) => void;
}

/**
 * The way out of jobs in containers: the same rules as for borrowers of the network. A name is resolved here, once, and what was
 * checked is what is dialled: the job has no resolver and no address of its own.
 */
export const createJobExit = ({
  clock,
  destinations,
  rules,
  terms,
  bytesPerSecond,
  countBytes,
}: JobExitComponents): JobNetwork => {
  const counters = newCounters(clock.nowMs());
  const limit = createLimit({ clock }, { bytesPerSecond: null });
  let dialling = 0;

  const limited = (pipe: JobPipe): JobPipe => ({
    read: async (bytesMax) => {
      const bytes = await pipe.read(bytesMax);
      if (bytes !== null) {
        await limit.receive(bytes.length);
        countBytes(bytes.length);
      }
      return bytes;
    },
    write: async (bytes) => {
      await limit.send(bytes.length);
      countBytes(bytes.length);
      await pipe.write(bytes);
    },
    finish: () => pipe.finish(),
    reset: () => pipe.reset(),
  });
  return {
    connect: async (host, port, { signal }) => {
      if (counters.connectionsNow + dialling >= JOB_CONNECTIONS_MAX)
        throw new ProxyError(
          { code: 'DESTINATION_REFUSED', rule: 'busy' },
          `Jobs have ${JOB_CONNECTIONS_MAX} connections open through this node, the most at once; close some first.`,
        );
      const rate = bytesPerSecond();
      if (rate !== limit.bytesPerSecond) limit.setRate(rate);
      dialling += 1;
      try {
        const { address, port: checked } = await destinations.check(host, port, rules.policy(terms()), { signal });
        const socket = await dialLocal({ host: address, port: checked }, { clock, signal });
        return limited(createSocketPipe(socket, counters, clock));
      } catch (error) {
        counters.refused += 1;
        throw error;
      } finally {
        dialling -= 1;
      }
    },
  };
};
