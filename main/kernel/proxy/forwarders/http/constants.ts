/** Bytes that the head of a request or an answer may have; browsers send up to some 16 KiB of cookies. */
export const HEAD_BYTES_MAX = 32 * 1024;
