const SECOND_MS = 1_000;
const MINUTE_MS = 60 * SECOND_MS;

export const CIRCUIT_PROTOCOL = '/hypermesh/circuit/1';
export const CIRCUIT_VERSION = 1;

// Cells

/**
 * Every cell has this size, whatever it carries: between what a small message costs and what bulk costs. A handshake (1.6 KiB) fits in
 * one, and a request of a few bytes costs 4 KiB and no more. Setting up AES-GCM takes as long as 7 KiB of its work: a layer runs at 450
 * MB/s, where 16 KiB would run at 870 and Tor's 514 bytes at 90.
 */
export const CELL_BYTES = 4096;
/** Places in a circuit. Circuits begin at a random one, so that the first relay cannot tell that it is the first. */
export const DEPTHS = 8;
export const TAG_BYTES = 16;
/** Type and length. */
export const CELL_HEADER_BYTES = 3;
/** What the innermost layer of the deepest place holds; the same at every place, so that sizes say nothing. */
export const CELL_BODY_MAX = CELL_BYTES - DEPTHS * TAG_BYTES - CELL_HEADER_BYTES;
/** Cells handed on at once: 64 KiB, as much as a stream gives in one read. */
export const CELLS_AT_ONCE = 16;
/** Cells under one key; NIST SP 800-38D, section 8.3, allows 2^32 messages. */
export const CELLS_MAX = 2 ** 32;

// Building

/** Relays of a circuit. */
export const RELAYS_MIN = 2;
/** Ms that the first cell of a stream, and the next step of a circuit that is being built, may take. */
export const STEP_MS = 10 * SECOND_MS;
/** Ms that a relay takes at most to reach the next one. */
export const EXTEND_MS = 6 * SECOND_MS;
/** Ms for a whole circuit. */
export const BUILD_MS = 12 * SECOND_MS;
/** Ms after which another circuit is begun beside one that is not done: whichever is there first is taken. */
export const HEDGE_MS = 600;
/** Circuits that one link builds at once, and all that it tries in a row for one opening. */
export const BUILDS_AT_ONCE = 3;
export const BUILDS_MAX = 6;
/** A certificate, docs/formats/certificate.md. */
export const CERTIFICATE_BYTES_MAX = 16 * 1024;
/** Peers whose keys are known, so that a circuit to them needs one round trip less. */
export const KNOWN_KEYS_MAX = 128;
/** Values in a message. */
export const MESSAGE_ITEMS_MAX = 16;

// Sessions

/** Bytes that may be on their way unacknowledged: 40 MB/s at 100 ms. */
export const SESSION_WINDOW_BYTES = 4 * 2 ** 20;
/** What was received is acknowledged after so many bytes or so many ms. */
export const ACK_BYTES = 256 * 1024;
export const ACK_MS = 40;
/** How often silence is looked at, ms. */
export const WATCH_MS = 100;
/** Ms of silence after which the far end is asked whether it is there: while bytes move, and at rest. */
export const PROBE_MS = 300;
export const PROBE_AT_REST_MS = 5 * SECOND_MS;
/** A session counts as at rest when no stream's byte moved for so long, ms. */
export const REST_MS = 5 * SECOND_MS;
/** Ms without an answer after which a circuit is given up; more where its round trip is long. */
export const SILENCE_MS = 700;
/** Ms that a session waits for another circuit. */
export const DETACHED_MS = 20 * SECOND_MS;
/** Ms that both ends have for their first stream. */
export const CONTROL_MS = 10 * SECOND_MS;
/** Ms between looks at rates and deadlines of streams, as STOQ has it. */
export const TICK_MS = 250;
/** Links that this node opens, and sessions of others that end here. */
export const LINKS_OUT_MAX = 64;
export const SESSIONS_IN_MAX = 64;

// Relaying

/** A circuit in which nothing moves for so long ends, ms: ends that live say so every 5 s. */
export const IDLE_MS = MINUTE_MS;
/** What was said last has so long to arrive, ms. */
export const LAST_WORD_MS = 2 * SECOND_MS;
/** Circuits that are being made, of all peers together: each is a stranger's until its first cell holds. */
export const HALF_OPEN_MAX = 64;
/** The same of one peer. */
export const HALF_OPEN_PER_PEER_MAX = 16;
