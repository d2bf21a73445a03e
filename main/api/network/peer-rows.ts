import type { Clock, Store } from '../../base/index.ts';
import type { PeerBookStore } from '../../transport/stoq/index.ts';

/** The peer book's rows in the node's database. @throws {StoreError} from both methods */
export const createPeerRows = ({ store, clock }: { store: Store; clock: Clock }): PeerBookStore => ({
  readAll: () => store.all<{ peer: string; row: Uint8Array }>('peers.all', 'SELECT peer, row FROM peers'),
  write: (rows) =>
    store.transaction(
      'peers.write',
      rows.map(({ peer, row }) =>
        row === null
          ? { sql: 'DELETE FROM peers WHERE peer = ?', params: [peer] }
          : {
              sql: 'INSERT INTO peers (peer, row, written_at_ms) VALUES (?, ?, ?) ON CONFLICT (peer) DO UPDATE SET row = excluded.row, written_at_ms = excluded.written_at_ms',
              params: [peer, row, clock.nowMs()],
            },
      ),
    ),
});
