import { createSecretKey, type KeyObject } from 'node:crypto';
import type { Outside, Settings } from '../../../base/index.ts';
import { hkdfSha512, kemEncapsulate } from '../../../base/crypto/index.ts';
import type { LeaseId } from '../../leases/index.ts';
import type { KeyHolder } from '../../prover/index.ts';
import { PAGE_BYTES, PAGE_BYTES_MAX, PAGE_BYTES_MIN, SEAL_BYTES, STAMPS_PER_ROW, STAMPS_PER_RUN } from './constants.ts';
import { MemoryError } from './errors.ts';
import { createPageTable, type PageTable } from './page-table.ts';

/** What a borrower keeps of one lease, so that it can go on after it was started again; docs/formats/far-memory.md. */
interface Kept {
  v: 1;
  /** What ML-KEM made for our own key: nothing but the node's secret opens it, and nothing of it is secret. */
  wrapped: Uint8Array;
  pageBytes: number;
  /** All stamps that were ever given are at most this. */
  stampsTo: number;
  /** Whether all stamps were written down when it was closed. */
  clean: boolean;
  sealed: boolean;
  mirror: LeaseId | null;
}
/** The state of one lease, while it is open. */
export interface Keeper {
  readonly key: KeyObject;
  readonly pageBytes: number;
  readonly pages: number;
  readonly table: PageTable;
  readonly sealed: boolean;
  readonly mirror: LeaseId | null;
  setMirror(lease: LeaseId | null): Promise<void>;
  /** Writes down stamps that changed. */
  save(): Promise<void>;
  /** Writes everything down, as at the end of a run. */
  close(): Promise<void>;
}

export interface KeeperComponents {
  outside: Outside;
  settings: Settings;
  keys: Pick<KeyHolder, 'node'>;
}

const nameOf = (lease: LeaseId): string => `memory/${lease}`;
const rowName = (lease: LeaseId, row: number): string => `memory/${lease}/${row}`;

const isKept = (value: unknown): value is Kept => {
  if (typeof value !== 'object' || value === null) return false;
  const { v, wrapped, pageBytes, stampsTo, clean, sealed, mirror } = value as Record<keyof Kept, unknown>;
  return (
    v === 1 &&
    wrapped instanceof Uint8Array &&
    typeof pageBytes === 'number' &&
    Number.isInteger(pageBytes) &&
    pageBytes >= PAGE_BYTES_MIN &&
    pageBytes <= PAGE_BYTES_MAX &&
    Number.isSafeInteger(stampsTo) &&
    typeof clean === 'boolean' &&
    typeof sealed === 'boolean' &&
    (mirror === null || typeof mirror === 'string')
  );
};

/**
 * Opens what is kept of a lease, or begins it. Before it resolves, a run of stamps that nobody has used is taken on disk.
 *
 * @param init.bytes - of the lease
 * @throws {MemoryError} `KEYS_LOCKED` | `TOO_SMALL` {StoreError}
 */
export const openKeeper = async (
  components: KeeperComponents,
  init: { lease: LeaseId; bytes: number; pageBytes?: number; sealed?: boolean },
): Promise<Keeper> => {
  const { outside, settings, keys } = components;
  const { lease, bytes } = init;
  const node = keys.node();
  if (node === null)
    throw new MemoryError(
      { code: 'KEYS_LOCKED' },
      'Borrowed memory opens with the keys of this node, which are locked; unlock the identity and try again.',
    );
  const found = await settings.get(nameOf(lease));
  const known = isKept(found) ? found : null;
  let wrapped = known?.wrapped;
  if (wrapped === undefined) wrapped = kemEncapsulate(node.opener.publicKey, outside.random.bytes(32)).cipherText;
  const shared = await node.opener.decapsulate(wrapped);
  const key = createSecretKey(hkdfSha512(shared, new Uint8Array(0), `hypermesh far memory v1 ${lease}`, 32));
  const pageBytes = known?.pageBytes ?? init.pageBytes ?? PAGE_BYTES;
  const sealed = known?.sealed ?? init.sealed ?? true;
  const pages = Math.floor(bytes / (sealed ? pageBytes + SEAL_BYTES : pageBytes));
  if (pages === 0)
    throw new MemoryError(
      { code: 'TOO_SMALL', sizeBytes: bytes },
      `A lease of ${bytes} bytes has no room for one page of ${pageBytes}; borrow more.`,
    );
  const base = known?.stampsTo ?? 0;
  const kept: Kept = {
    v: 1,
    wrapped,
    pageBytes,
    stampsTo: base + STAMPS_PER_RUN,
    clean: false,
    sealed,
    mirror: known?.mirror ?? null,
  };
  const rows = new Map<number, Uint8Array>();
  if (known !== null && sealed)
    for (let row = 0; row * STAMPS_PER_ROW < pages; row++) {
      const value = await settings.get(rowName(lease, row));
      if (value instanceof Uint8Array && value.length === STAMPS_PER_ROW * 8) rows.set(row, value);
    }
  await settings.set(nameOf(lease), kept);
  const table = createPageTable({ pages, base, recovering: known !== null && !known.clean, rows });

  const save = async (): Promise<void> => {
    const changed = table.takeChanged();
    for (const [i, { row, bytes: row8 }] of changed.entries()) {
      try {
        await settings.set(rowName(lease, row), row8);
      } catch (error) {
        for (const rest of changed.slice(i)) table.putBack(rest.row);
        throw error;
      }
    }
  };
  return {
    key,
    pageBytes,
    pages,
    table,
    sealed,
    get mirror() {
      return kept.mirror;
    },
    setMirror: async (mirror) => {
      kept.mirror = mirror;
      await settings.set(nameOf(lease), kept);
    },
    save,
    close: async () => {
      await save();
      // Pages in doubt may have come further than the table says; a run that has some counts as one that broke off.
      kept.clean = !table.hasDoubts;
      await settings.set(nameOf(lease), kept);
    },
  };
};

/** Forgets a lease that is over: with it, nobody can read what its lender may still have. */
export const forgetKept = async (
  { settings }: Pick<KeeperComponents, 'settings'>,
  lease: LeaseId,
  bytes: number,
): Promise<void> => {
  const found = await settings.get(nameOf(lease));
  if (found === undefined) return;
  await settings.remove(nameOf(lease));
  for (let row = 0; row * STAMPS_PER_ROW * PAGE_BYTES_MIN < bytes; row++) await settings.remove(rowName(lease, row));
};
