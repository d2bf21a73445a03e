import { isNodeError, sha256, type WorkerPool } from '../../../base/index.ts';
import { type Domain, type VerifiedRecord, verifyRecord } from '../../../base/crypto/index.ts';
import { LEASE_RECORD_BYTES_MAX } from '../constants.ts';
import { LeaseFormatError } from '../errors.ts';

/** Domains of the records of leases. */
export type LeaseDomain = Extract<Domain, `lease-${string}`>;

/** What is told to a person who holds such a record. */
const WHAT: Readonly<Record<LeaseDomain, string>> = {
  'lease-offer': 'The offer',
  'lease-request': 'The request for a lease',
  'lease-grant': 'The grant of a lease',
  'lease-receipt': 'The receipt',
  'lease-countersign': 'The countersigned receipt',
  'lease-session': 'The session of a lease',
};

/** Sha-256 of an encoded record: what the next record of a lease names it by. */
export const hashOfRecord = (encoded: Uint8Array): Uint8Array => sha256(encoded);

/** What came from a peer and does not hold is an outcome, not a failure of the thread. */
export type RecordOutcome = { ok: true; value: VerifiedRecord } | { ok: false; problem: string };

/** Takes three milliseconds: in a worker only. */
export const verifyOutcome = (domain: LeaseDomain, encoded: Uint8Array): RecordOutcome => {
  try {
    return { ok: true, value: verifyRecord(encoded, { domain }) };
  } catch (error) {
    // Expected ones only: a bug must end as one.
    if (isNodeError(error)) return { ok: false, problem: error.message };
    throw error;
  }
};

/** Checks records that peers sent, each once: what held before is known by its hash. */
export interface RecordOpener {
  /** @throws {LeaseFormatError} `LEASE_RECORD_MALFORMED` | `LEASE_RECORD_FORGED` {WorkerError} this node is too busy */
  open(domain: LeaseDomain, encoded: Uint8Array): Promise<VerifiedRecord>;
}

/** @param init.remembered - records whose outcome is kept, some 5 KiB each. @default 512 */
export const createRecordOpener = (
  { workers }: { workers: WorkerPool },
  { remembered = 512 }: { remembered?: number } = {},
): RecordOpener => {
  /** By domain and hash, least recently used first. What is under way is in here too: two at once cost one check. */
  const known = new Map<string, Promise<VerifiedRecord>>();
  const check = async (domain: LeaseDomain, encoded: Uint8Array): Promise<VerifiedRecord> => {
    const outcome = await workers.run<unknown, RecordOutcome>('leases.verifyRecord', { domain, encoded });
    if (!outcome.ok)
      throw new LeaseFormatError(
        { code: 'LEASE_RECORD_FORGED', what: WHAT[domain], problem: outcome.problem, verdict: 'reject' },
        `${WHAT[domain]} does not hold: ${outcome.problem}`,
      );
    return outcome.value;
  };
  return {
    open: (domain, encoded) => {
      if (encoded.length > LEASE_RECORD_BYTES_MAX)
        return Promise.reject(
          new LeaseFormatError(
            {
              code: 'LEASE_RECORD_MALFORMED',
              what: WHAT[domain],
              problem: `it has more than ${LEASE_RECORD_BYTES_MAX} bytes`,
              verdict: 'reject',
            },
            `${WHAT[domain]} has ${encoded.length} bytes, and at most ${LEASE_RECORD_BYTES_MAX} are read.`,
          ),
        );
      const name = `${domain}:${Buffer.from(sha256(encoded)).toString('base64')}`;
      const found = known.get(name);
      if (found !== undefined) {
        known.delete(name);
        known.set(name, found);
        return found;
      }
      // A copy: the caller's bytes may be part of a larger buffer, which would be kept with them.
      const opened = check(domain, new Uint8Array(encoded));
      known.set(name, opened);
      // What fails is not remembered: rubbish would push out what is good.
      opened.catch(() => known.delete(name));
      const oldest = known.size > remembered ? known.keys().next().value : undefined;
      if (oldest !== undefined) known.delete(oldest);
      return opened;
    },
  };
};

/** Whether two byte strings are the same. Nothing here is secret. */
export const sameBytes = (a: Uint8Array, b: Uint8Array): boolean => Buffer.compare(a, b) === 0;
