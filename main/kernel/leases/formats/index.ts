export * from './grant.ts';
export * from './lease-file.ts';
export * from './offer.ts';
export * from './price.ts';
export * from './receipt.ts';
export * from './record.ts';
export * from './request.ts';
export * from './session.ts';
// For whoever settles by these records without the rest of the room: a ledger's threads.
export { globalAddressOf } from '../global-address.ts';
export { leaseIdBytes, leaseIdOf, LEASE_ID_BYTES } from '../names.ts';
export { REFERENCE_AMOUNTS } from '../../assets/limits/index.ts';
export { LEASE_RECORD_BYTES_MAX, LEASE_MS_MAX, PROOF_KINDS, RESOURCE_KINDS, UNIT_OF } from '../constants.ts';
