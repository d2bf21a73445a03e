export { createIdentity } from './create-identity.ts';
export { IdentityError } from './errors.ts';
export type * from './interface.ts';
export type * from './wallet/interface.ts';
export { caesText } from './wallet/amount.ts';
export { WalletError } from './wallet/errors.ts';
export { createWallet, type WalletComponents } from './wallet/create-wallet.ts';
