/** Files that a result names at most; more are put into an archive by the program. */
export const RESULT_FILES_MAX = 256;
/** Encoded payload, keys and signatures aside. 256 files with long names are less. */
export const RESULT_PAYLOAD_BYTES_MAX = 96 * 1024;
/** Encoded signed record; what a reader takes at most. */
export const RESULT_RECORD_BYTES_MAX = RESULT_PAYLOAD_BYTES_MAX + 8 * 1024;
/** UTF-16 units of the message of an end that a result keeps: what happened, not a whole stack. */
export const RESULT_MESSAGE_CHARS_MAX = 1024;
export const HASH_BYTES = 32;
/** Copies of one job, as the contract has it. */
export const COPIES_MAX = 9;
