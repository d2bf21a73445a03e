import type { Task } from '../../base/index.ts';
import type { LeaseDomain } from './formats/record.ts';

/** FALCON takes two milliseconds to verify. Each task loads only what it needs. */
export const leaseTasks: Record<string, Task> = {
  /** Takes domain and encoded record, gives a `RecordOutcome`. */
  'leases.verifyRecord': async (input) => {
    const { domain, encoded } = input as { domain: LeaseDomain; encoded: Uint8Array };
    return (await import('./formats/record.ts')).verifyOutcome(domain, encoded);
  },
  /** Takes the bytes of a lease file, gives a `LeaseFileVerdict`; fails on what is no such file. */
  'leases.verifyFile': async (input) => (await import('./formats/lease-file.ts')).verifyLeaseFile(input as Uint8Array),
};
