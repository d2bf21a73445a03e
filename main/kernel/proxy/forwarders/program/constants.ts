/** Programs of this machine that may be connected to one proxy at once; each costs a few kilobytes and a file number. */
export const CONNECTIONS_MAX = 2_048;
/** Connections that have not said yet what they want. When there are more, the one that is silent longest goes. */
export const SILENT_MAX = 512;
/** Ms that a program has to say what it wants. */
export const OPENING_MS_MAX = 10_000;
/** Ms that a program has to read an answer that was the last word. */
export const LINGER_MS = 2_000;
