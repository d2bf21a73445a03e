import type { JobId } from '../../../base/index.ts';
import type { JobView } from '../../../../preload/contract/index.ts';
import { compareCopies } from '../results/index.ts';
import type { OrderFacts } from './order-facts.ts';

/** What is found when the copies of a job are compared. */
export const copiesOf = (
  group: OrderFacts['group'],
  orders: ReadonlyMap<JobId, { readonly facts: OrderFacts }>,
): JobView['copies'] => {
  if (group === null) return null;
  const { verdict, result, wrong, sentence } = compareCopies(
    group.jobs.map((job) => {
      const facts = orders.get(job)?.facts;
      if (facts === undefined) return { job, signer: job, state: 'gone', outcome: null };
      const { seat, end, endedAtMs, result: hash } = facts;
      return {
        job,
        // Who has no place yet counts as somebody of its own.
        signer: seat?.signer || job,
        state: endedAtMs === null ? 'running' : hash === null ? 'gone' : 'ended',
        outcome:
          endedAtMs === null || hash === null || end === null
            ? null
            : { end, result: new Uint8Array(Buffer.from(hash, 'hex')) },
      };
    }),
    group.quorum,
  );
  return { group: group.id, jobs: [...group.jobs], quorum: group.quorum, verdict, result, wrong, sentence };
};
