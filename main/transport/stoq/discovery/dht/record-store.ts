import type { PeerId } from '../../interface.ts';
import { CLOCK_TOLERANCE_MS } from '../constants.ts';
import { compareDistance, type DhtKey } from './key.ts';

/** What a store must know of a record; DHT records and peer records alike. */
export interface Storable {
  key: DhtKey;
  signer: PeerId;
  sequence: number;
  issuedAtMs: number;
  lifeMs: number;
  encoded: Uint8Array;
}
export type Stored<T> =
  | { outcome: 'stored' }
  | { outcome: 'same' }
  | { outcome: 'older'; newer: T }
  /** Its signer or sender has as many here as one may have, or all others are closer to us. */
  | { outcome: 'full' };

export interface RecordStoreLimits {
  recordsMax: number;
  bytesMax: number;
  perSignerMax: number;
  perSenderMax: number;
}
export interface RecordStore<T extends Storable> {
  /** @param sender - who brought it */
  add(record: T, sender: PeerId): Stored<T>;
  get(key: DhtKey): T | null;
  /** Takes out what has run out. */
  age(): void;
  stats(): { records: number; bytes: number };
}

const nameOf = (key: DhtKey): string => Buffer.from(key.buffer, key.byteOffset, key.length).toString('base64');

/** Records kept for others: bounded in number and bytes, in all and for each signer and sender; what is farthest from us goes first. */
export const createRecordStore = <T extends Storable>(
  { nowMs }: { nowMs: () => number },
  { own, limits }: { own: DhtKey; limits: RecordStoreLimits },
): RecordStore<T> => {
  const records = new Map<string, { record: T; sender: PeerId; untilMs: number }>();
  const signers = new Map<PeerId, number>();
  const senders = new Map<PeerId, number>();
  let bytes = 0;
  const count = (counts: Map<PeerId, number>, peer: PeerId, by: 1 | -1): void => {
    const now = (counts.get(peer) ?? 0) + by;
    if (now === 0) counts.delete(peer);
    else counts.set(peer, now);
  };
  const remove = (name: string): void => {
    const entry = records.get(name);
    if (entry === undefined) return;
    records.delete(name);
    count(signers, entry.record.signer, -1);
    count(senders, entry.sender, -1);
    bytes -= entry.record.encoded.length;
  };
  const put = (name: string, entry: { record: T; sender: PeerId; untilMs: number }): void => {
    records.set(name, entry);
    count(signers, entry.record.signer, 1);
    count(senders, entry.sender, 1);
    bytes += entry.record.encoded.length;
  };
  const farthest = (): { name: string; key: DhtKey } | null => {
    let found: { name: string; key: DhtKey } | null = null;
    for (const [name, { record }] of records)
      if (found === null || compareDistance(own, record.key, found.key) > 0) found = { name, key: record.key };
    return found;
  };
  const age = (): void => {
    for (const [name, { untilMs }] of records) if (untilMs < nowMs()) remove(name);
  };
  /** Makes room for `record`. @returns false where all that is here lies closer to us */
  const makeRoom = (record: T): boolean => {
    const isFull = (): boolean =>
      records.size + 1 > limits.recordsMax || bytes + record.encoded.length > limits.bytesMax;
    if (isFull()) age();
    while (isFull()) {
      const last = farthest();
      if (last === null || compareDistance(own, record.key, last.key) >= 0) return false;
      remove(last.name);
    }
    return true;
  };
  return {
    add: (record, sender) => {
      const name = nameOf(record.key);
      const known = records.get(name);
      if (known !== undefined && known.untilMs >= nowMs()) {
        if (record.sequence < known.record.sequence) return { outcome: 'older', newer: known.record };
        if (record.sequence === known.record.sequence) return { outcome: 'same' };
      }
      if (known !== undefined) remove(name);
      // Who brought a record first counts for it: nobody uses up another's room by bringing newer ones.
      const by = known?.sender ?? sender;
      const isTooMany =
        (signers.get(record.signer) ?? 0) >= limits.perSignerMax || (senders.get(by) ?? 0) >= limits.perSenderMax;
      if (isTooMany || !makeRoom(record)) {
        if (known !== undefined && known.untilMs >= nowMs()) put(name, known);
        return { outcome: 'full' };
      }
      put(name, { record, sender: by, untilMs: record.issuedAtMs + record.lifeMs + CLOCK_TOLERANCE_MS });
      return { outcome: 'stored' };
    },
    get: (key) => {
      const entry = records.get(nameOf(key));
      return entry === undefined || entry.untilMs < nowMs() ? null : entry.record;
    },
    age,
    stats: () => ({ records: records.size, bytes }),
  };
};
