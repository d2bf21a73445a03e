import type { Address, Connection } from '../../interface.ts';
import { plausible } from '../plausible.ts';
import type { PeerIds } from './key.ts';
import type { Contact } from './routing-table.ts';

/** Where the peer at the other end is seen to be. */
export const addressOf = (connection: Connection): Address | null => connection.path?.remoteAddress ?? null;

/** A connected peer as a contact for others; null where nobody could dial it. */
export const contactOf = (connection: Connection, ids: PeerIds): Contact | null => {
  const peer = connection.peer.peerId;
  const from = addressOf(connection);
  const said = plausible(connection.remote.addresses, from);
  // Where we reached it is better than what it says.
  const addresses =
    connection.direction === 'out' && from !== null ? [from, ...said.filter((one) => one !== from)] : said;
  return addresses.length === 0 ? null : { peer, id: ids.idOf(peer), addresses };
};
