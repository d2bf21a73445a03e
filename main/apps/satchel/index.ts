export { createIdentity } from './create-identity.ts';
export { IdentityError } from './errors.ts';
export type * from './interface.ts';
export type * from './wallet/interface.ts';
