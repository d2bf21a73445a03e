import type { Clock, Store } from '../../base/index.ts';
import type { PeerBookStore } from '../../transport/stoq/index.ts';

/** The peer book's rows in the node's database. @throws {StoreError} from both methods */
export const createPeerRows = ({ store, clock }: { store: Store; clock: Clock }): PeerBookStore => ({
  readAll: async () =>
    (await store.all<{ row: Uint8Array }>('peers.all', 'SELECT row FROM peers ORDER BY written_at_ms DESC')).map(
      ({ row }) => row,
    ),
  write: async (peer, row) => {
    if (row === null) await store.run('peers.delete', 'DELETE FROM peers WHERE peer = ?', [peer]);
    else
      await store.run(
        'peers.put',
        'INSERT INTO peers (peer, row, written_at_ms) VALUES (?, ?, ?) ON CONFLICT (peer) DO UPDATE SET row = excluded.row, written_at_ms = excluded.written_at_ms',
        [peer, row, clock.nowMs()],
      );
  },
});
