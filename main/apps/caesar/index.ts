export { accountText, parseAccount } from './address.ts';
export { AccountTextError, EconomyError } from './errors.ts';
export type * from './ledger/interface.ts';
export { CAES, GROUP_BALANCE, GROUP_STAKE, groupEconomy, HOME_BALANCE, homeEconomy } from './ledger/economies.ts';
export { type CaesarAppComponents, type CaesarAppInit, createCaesarApp } from './ledger/create-caesar-app.ts';
export * from './ledger/read-state.ts';
