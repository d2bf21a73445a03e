import type { Random } from '../../base/index.ts';
import type { LeaseId } from './interface.ts';

/** Bytes of a lease's id on the wire. */
export const LEASE_ID_BYTES = 16;
const LEASE_ID = /^lease-[0-9a-f]{32}$/;

/** Two leases of one borrower have nothing in common that a reader could see. */
export const newLeaseId = (random: Random): LeaseId => leaseIdOf(random.bytes(LEASE_ID_BYTES));
/** @param bytes - 16 of them */
export const leaseIdOf = (bytes: Uint8Array): LeaseId => `lease-${Buffer.from(bytes).toString('hex')}` as LeaseId;
export const leaseIdBytes = (id: LeaseId): Uint8Array => new Uint8Array(Buffer.from(id.slice('lease-'.length), 'hex'));
/** @returns the id, or null when the text is none */
export const parseLeaseId = (text: string): LeaseId | null => (LEASE_ID.test(text) ? (text as LeaseId) : null);
