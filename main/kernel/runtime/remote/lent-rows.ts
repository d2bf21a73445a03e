import type { JobId, Store } from '../../../base/index.ts';
import type { LeaseId } from '../../leases/index.ts';

/** A job of somebody else here. `handedOver`: it goes on elsewhere, and its files are kept until that is sure. */
export type LentRow = {
  lease: LeaseId;
  /** As its borrower calls it. */
  job: JobId;
  /** As the runtime does; null until it has taken it. */
  local: JobId | null;
  prepared: Uint8Array;
  state: 'prepared' | 'begun' | 'handedOver';
};
/** Every call is one transaction, durable when it resolves. */
export interface LentRows {
  leases(): Promise<LeaseId[]>;
  of(lease: LeaseId): Promise<LentRow[]>;
  insert(row: LentRow): Promise<void>;
  update(row: Pick<LentRow, 'lease' | 'job' | 'local' | 'state'>): Promise<void>;
  remove(lease: LeaseId, job: JobId): Promise<void>;
}

export const createLentRows = (store: Store): LentRows => ({
  leases: async () =>
    (await store.all<{ lease: LeaseId }>('lentJobs.leases', 'SELECT DISTINCT lease FROM lent_jobs')).map(
      ({ lease }) => lease,
    ),
  of: (lease) =>
    store.all<LentRow>(
      'lentJobs.of',
      'SELECT lease, job, local_job AS local, prepared, state FROM lent_jobs WHERE lease = ?',
      [lease],
    ),
  insert: async ({ lease, job, local, prepared, state }) => {
    await store.run(
      'lentJobs.insert',
      'INSERT INTO lent_jobs (lease, job, local_job, prepared, state) VALUES (?, ?, ?, ?, ?)',
      [lease, job, local, prepared, state],
    );
  },
  update: async ({ lease, job, local, state }) => {
    await store.run('lentJobs.update', 'UPDATE lent_jobs SET local_job = ?, state = ? WHERE lease = ? AND job = ?', [
      local,
      state,
      lease,
      job,
    ]);
  },
  remove: async (lease, job) => {
    await store.run('lentJobs.remove', 'DELETE FROM lent_jobs WHERE lease = ? AND job = ?', [lease, job]);
  },
});
