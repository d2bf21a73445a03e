import { MODULE_BYTES_MAX } from '../../../preload/contract/index.ts';

/** A job's module and 1 MiB of input in base64 (4/3), and room for its other fields: 46 MiB. */
export const MESSAGE_BYTES_MAX = Math.ceil(((MODULE_BYTES_MAX + 1024 * 1024) * 4) / 3) + 2 * 1024 * 1024;
/** Every other call's body: the largest, the machine's rules with 64 programs, has a few KiB. */
export const BODY_BYTES_MAX = 256 * 1024;
/** Above this, reading JSON takes the main thread more than a few milliseconds and goes to a worker. */
export const BODY_BYTES_INLINE_MAX = 1024 * 1024;
/** Faces of one owner: some browser tabs and terminals, at six connections a browser. */
export const CONNECTIONS_MAX = 128;
export const SOCKETS_MAX = 64;
/** Sending a 46 MiB body over loopback takes well under a second; a client that takes longer hangs. */
export const REQUEST_MS_MAX = 30_000;
/** Node's default of 5 s; idle connections cost memory only. */
export const KEEP_ALIVE_MS = 5_000;
/** Requests with a wrong token within one window, after which more of them are answered 429 without being looked at further. */
export const FAILED_TOKENS_MAX = 20;
export const FAILED_TOKENS_WINDOW_MS = 60_000;
/** 256 bits: guessing is hopeless at any rate. */
export const TOKEN_BYTES = 32;

/** Time for the first frame, as docs/formats/websocket.md has it. */
export const SOCKET_TOKEN_MS_MAX = 5_000;
/** Frame that carries the token. */
export const SOCKET_TOKEN_BYTES_MAX = 4 * 1024;
/** Raw bytes read before the token is known: one read of Node's (64 KiB) and some. */
export const SOCKET_UNKNOWN_BYTES_MAX = 128 * 1024;
export const SOCKET_CALLS_MAX = 64;
export const SOCKET_PING_MS = 30_000;
/** Waiting bytes from which on pushes are coalesced. */
export const SOCKET_WAITING_BYTES_SLOW = 1024 * 1024;
/** Waiting bytes at which the connection is given up. */
export const SOCKET_WAITING_BYTES_MAX = 16 * 1024 * 1024;
export const SOCKET_WAITING_PUSHES_MAX = 1_024;
