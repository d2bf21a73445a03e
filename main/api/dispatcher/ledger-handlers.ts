import { type Caesar, verifyReceiptInWorkers } from '../../apps/caesar/index.ts';
import type { Call } from '../../../preload/contract/index.ts';
import type { WorkerPool } from '../../base/index.ts';
import type { LedgerDesk } from '../ledgers/index.ts';
import type { Handlers } from './handler-map.ts';

export interface LedgerHandlerComponents {
  ledgerDesk: LedgerDesk;
  caesar: Caesar;
  workers: WorkerPool;
}
type LedgerCall = Extract<Call, `${'ledgers' | 'receipts'}:${string}`>;

const base64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64');
const bytesOf = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, 'base64'));

export const createLedgerHandlers = ({
  ledgerDesk,
  caesar,
  workers,
}: LedgerHandlerComponents): Pick<Handlers, LedgerCall> => ({
  'ledgers:list': () => ({ ledgers: ledgerDesk.list() }),
  'ledgers:get': ({ ledger }) => ledgerDesk.view(ledger),
  'ledgers:create': async (wanted) => {
    const { ledger, fileName, genesis } = await ledgerDesk.create(wanted);
    return { ledger, fileName, genesis: base64(genesis) };
  },
  'ledgers:genesis': ({ ledger }) => {
    const { fileName, genesis } = ledgerDesk.genesis(ledger);
    return { fileName, genesis: base64(genesis) };
  },
  'ledgers:join': ({ genesis, use }) => ledgerDesk.join(bytesOf(genesis), use),
  'ledgers:use': ({ ledger }) => ledgerDesk.use(ledger),
  'ledgers:vouch': ({ ledger }) => ledgerDesk.vouch(ledger),
  'ledgers:leave': async ({ ledger }) => ({ ledgers: await ledgerDesk.leave(ledger) }),
  'ledgers:blocks': async ({ ledger, before, limit }) => ({ blocks: await ledgerDesk.blocks(ledger, before, limit) }),
  'ledgers:block': ({ ledger, height }) => ledgerDesk.block(ledger, height),
  'receipts:file': async ({ lease }) => {
    const { fileName, bytes } = await caesar.receipt(lease);
    return { fileName, bytes: base64(bytes) };
  },
  'receipts:verify': ({ file }) => verifyReceiptInWorkers({ workers }, bytesOf(file)),
});
