/** What a command ends with; docs/cli.md lists them. `run` ends with what its job ended with. */
export const EXIT = {
  ok: 0,
  /** The node refused, or something failed. */
  failed: 1,
  /** Unknown command, flag or value. */
  usage: 2,
  /** No node runs, and the command needs one. */
  noNode: 3,
  /** The data folder is in use by another node, belongs to somebody else, or is of a newer version. */
  folder: 4,
  /** Ctrl-C. */
  interrupted: 130,
} as const;

/** What `run` ends with when its job did not end by itself. As `timeout(1)`, `sysexits.h` and shells have them. */
export const RUN_EXIT = {
  time: 124,
  output: 125,
  scratch: 125,
  memory: 137,
  processes: 125,
  crashed: 70,
  owner: 75,
  lost: 69,
  unhealthy: 70,
  moved: 75,
  cancelled: 130,
} as const;

/** Codes that mean the folder, wherever they were noticed. */
const FOLDER_CODES: ReadonlySet<string> = new Set([
  'NODE_RUNNING',
  'DATA_FOLDER_IN_USE',
  'DATA_FOLDER_FOREIGN',
  'DATA_FOLDER_NOT_OURS',
  'DATA_FOLDER_NEWER',
  'DATA_FOLDER_READ_ONLY',
  'DATABASE_NEWER',
  'DATABASE_FOREIGN',
  'DATABASE_LOCKED',
  'DATABASE_READ_ONLY',
]);

/** @param code - of an error that reached the top of a command */
export const exitCodeOf = (code: string): number => {
  if (code === 'USAGE' || code === 'BAD_REQUEST') return EXIT.usage;
  if (code === 'NO_NODE' || code === 'NODE_GONE') return EXIT.noNode;
  if (code === 'INTERRUPTED') return EXIT.interrupted;
  return FOLDER_CODES.has(code) ? EXIT.folder : EXIT.failed;
};
