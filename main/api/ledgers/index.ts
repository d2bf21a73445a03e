export { createLedgerDesk, type LedgerDesk, type LedgerDeskComponents } from './create-ledger-desk.ts';
export { LedgerDeskError } from './errors.ts';
export { HOME_CONSENSUS } from './new-network.ts';
