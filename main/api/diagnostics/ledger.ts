import { lstat, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { LEDGER_FILES_MAX } from './constants.ts';
import type { LedgerEntry } from './interface.ts';

/** What lies in the data folder, by name of its first part. */
const KNOWN: readonly { readonly match: RegExp; readonly what: string; readonly removable: boolean }[] = [
  { match: /^format$/, what: 'Version of the folder', removable: false },
  { match: /^lock\.db/, what: 'Lock that lets one node in at a time', removable: false },
  { match: /^node\.json$/, what: 'Address of the running node for your other programs', removable: false },
  { match: /^config\.json/, what: 'Settings', removable: false },
  {
    match: /^hypermesh\.db/,
    what: 'Limits, jobs with their output, assets, benchmark, proofs, blocks',
    removable: false,
  },
  // Removing it loses the identity for whoever has no recovery phrase and no backup.
  { match: /^identity$/, what: 'Sealed keys of this identity', removable: false },
  {
    match: /^plots$/,
    what: 'Space plotted for proofs; its size is set on Proofs',
    removable: false,
  },
  { match: /^transfer$/, what: 'Chains that you exported, and files to import', removable: true },
  { match: /^logs$/, what: 'Logs; old ones go by themselves', removable: true },
  { match: /^tmp$/, what: 'Scratch space, emptied at every start', removable: true },
  { match: /^bundles$/, what: 'Support bundles that you made', removable: true },
  { match: /^electron$/, what: "The window's own cache and settings", removable: true },
];

/** Bytes of all files below; links are counted as links, never followed. */
const sizeOf = async (path: string, budget: { files: number }): Promise<number> => {
  const found = await lstat(path).catch(() => null);
  if (found === null) return 0;
  if (!found.isDirectory()) return found.size;
  let total = 0;
  for (const name of await readdir(path).catch(() => [])) {
    budget.files -= 1;
    if (budget.files < 0) break;
    total += await sizeOf(join(path, name), budget);
  }
  return total;
};

/** Everything that lies in the data folder, known or not, largest first. */
export const readLedger = async (dataFolder: string): Promise<LedgerEntry[]> => {
  const budget = { files: LEDGER_FILES_MAX };
  const entries: LedgerEntry[] = [];
  for (const name of await readdir(dataFolder)) {
    const known = KNOWN.find(({ match }) => match.test(name));
    const path = join(dataFolder, name);
    const sizeBytes = await sizeOf(path, budget);
    const what = known?.what ?? 'Not made by HyperMesh';
    entries.push({
      path,
      sizeBytes,
      what: budget.files < 0 ? `${what} (at least; too many files to count)` : what,
      removable: known?.removable ?? false,
    });
  }
  return entries.sort((one, other) => other.sizeBytes - one.sizeBytes);
};
