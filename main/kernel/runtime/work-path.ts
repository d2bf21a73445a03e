const PATH_CHARS_MAX = 256;
const PART_CHARS_MAX = 128;

/** Whether a path lies beneath the work folder and may be named in the contract: its `workPath`, for what comes from a job. */
export const isWorkPath = (path: string): boolean =>
  path.length > 0 &&
  path.length <= PATH_CHARS_MAX &&
  !path.includes('\\') &&
  !path.includes('\0') &&
  path.isWellFormed() &&
  path.split('/').every((part) => part !== '' && part !== '.' && part !== '..' && part.length <= PART_CHARS_MAX);

/** Whether a path is one of these, or lies in a folder that is. */
export const isBeneathAny = (path: string, wanted: readonly string[]): boolean =>
  wanted.some((one) => path === one || path.startsWith(`${one}/`));
