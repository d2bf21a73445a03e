export type * from './interface.ts';
export type * from './link.ts';
export { FREE_TERMS } from './interface.ts';
export { AddressBookError, LeaseError, LeaseFormatError } from './errors.ts';
export {
  decodeLeaseFile,
  type LeaseFile,
  type LeaseFileFinding,
  type LeaseFileVerdict,
  verifyLeaseFile,
} from './formats/index.ts';
export {
  formatGlobalAddress,
  GLOBAL_ADDRESS_BYTES,
  globalAddressBytes,
  globalAddressOf,
  parseGlobalAddress,
} from './global-address.ts';
export { createFieldReader, type FieldReader } from './fields.ts';
export { leaseIdBytes, leaseIdOf, parseLeaseId } from './names.ts';
export { namedNetworks } from './privacy.ts';
export { type Admission, type Admitted, createHomeAccess, LEASE_PROOF_PURPOSE } from './admission.ts';
export { createAddressBook, type AddressBookControl } from './address-book.ts';
export { createPrivacy, NOTHING_HERE, NOTHING_HERE_CODE, OWN_GROUP, type PrivacyComponents } from './privacy.ts';
export { networksOfTerms } from './directory.ts';
export { createLinks } from './create-links.ts';
export { LinkError } from './link-error.ts';
export { createLeaseMetrics, type LeaseMetrics } from './metrics.ts';
export { createLeases, type LeasesComponents, type LeasesInit } from './create-leases.ts';
export { LEASE_TIMES } from './engine/create-engine.ts';
export type { LeaseTimes } from './engine/ports.ts';
export { shortened } from './protocol.ts';
export { sayAmount } from './say-privacy.ts';
