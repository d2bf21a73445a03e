/** Entries that one statement writes, and rows that one transaction writes or deletes, at most: some ms of the store's thread. */
export const ENTRIES_PER_STATEMENT = 32;
export const ROWS_PER_TRANSACTION = 1024;
/** Bytes of values that one transaction writes before it ends. */
export const BYTES_PER_TRANSACTION = 1024 * 1024;
/** Blocks, which have up to 4 MiB each, that one transaction deletes or cuts. */
export const BLOCKS_PER_TRANSACTION = 16;
/** Sets, which have up to 192 KiB each, that one transaction deletes. */
export const SETS_PER_TRANSACTION = 64;
/** Entries that are read at once: 64 KiB each at most, some hundred bytes in general. */
export const ENTRIES_PER_READ = 256;
/** Blocks that are given at once. */
export const BLOCKS_PER_READ = 1024;
/** What a validator remembers of one height: some votes for each round. */
export const REMEMBERED_MAX = 65_536;
/** Values in a block, lists and maps included: its transactions, its evidence and what is around them. */
export const BLOCK_ITEMS_MAX = 2 ** 18;
