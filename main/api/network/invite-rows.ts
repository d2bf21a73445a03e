import { decodeCbor, encodeCbor, type Settings } from '../../base/index.ts';
import type { InviteStore } from '../../transport/stoq/index.ts';

const SETTING = 'network.invites';
/** Rows are bytes; their names and the map around them. STOQ bounds how many there are. */
const ITEMS_MAX = 2_048;

/** Invites that nobody has used yet, as one value of the database: they are few and small. @throws {StoreError} from both methods */
export const createInviteRows = (settings: Settings): InviteStore => {
  /** One write after another: each writes the whole. */
  let last: Promise<unknown> = Promise.resolve();
  const read = async (): Promise<Map<string, Uint8Array>> => {
    const kept = await settings.get(SETTING);
    if (!(kept instanceof Uint8Array)) return new Map();
    const rows = decodeCbor(kept, ITEMS_MAX) as Record<string, unknown>;
    return new Map(
      Object.entries(rows).filter((entry): entry is [string, Uint8Array] => entry[1] instanceof Uint8Array),
    );
  };
  return {
    readAll: async () => [...(await read()).values()],
    write: (id, row) => {
      const done = last.then(async () => {
        const rows = await read();
        if (row === null) rows.delete(id);
        else rows.set(id, row);
        await settings.set(SETTING, encodeCbor(Object.fromEntries(rows)));
      });
      last = done.catch(() => undefined);
      return done;
    },
  };
};
