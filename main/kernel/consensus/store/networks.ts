import type { Store } from '../../../base/index.ts';
import type { Hash } from '../../blocks/index.ts';
import { sweep } from './copies.ts';

/** A network whose ledger is kept in a database. */
export interface KeptNetwork {
  network: Hash;
  genesis: Uint8Array;
  height: number;
  begunAtMs: number;
}

/** In the order in which they were begun or last taken over. @throws {StoreError} */
export const listNetworks = async (store: Store): Promise<KeptNetwork[]> => {
  const rows = await store.all(
    'ledger.networks',
    'SELECT network, genesis, height, begun_at_ms FROM ledger_networks WHERE live = 1 ORDER BY copy',
  );
  return rows.map((row) => ({
    network: row['network'] as Uint8Array,
    genesis: row['genesis'] as Uint8Array,
    height: row['height'] as number,
    begunAtMs: row['begun_at_ms'] as number,
  }));
};

/** Its replica must have stopped. Gone at once; the rows follow, some at a time. Nothing happens when there is none. @throws {StoreError} */
export const removeNetwork = async (store: Store, network: Hash): Promise<void> => {
  await store.run('ledger.remove', 'UPDATE ledger_networks SET live = 0 WHERE network = ? AND live = 1', [network]);
  await sweep(store, network);
};
