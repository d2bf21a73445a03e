/** Version of tokens, split messages, hop records and traces alike, docs/formats/stoq-extensions.md. */
export const EXTENSIONS_VERSION = 1;

/** A token's life at most: what has not been used by then was not meant to be. */
export const TOKEN_LIFE_MS_MAX = 10 * 60_000;
/** Ms that two clocks may differ: what NTP keeps by far, and what a person sets by hand mostly does not. */
export const TOKEN_SKEW_MS = 60_000;
/** Used tokens that are remembered: all that can be checked in the longest life at one a 100 ms, in some 1 MiB. */
export const TOKENS_USED_MAX = 8192;
/** Encoded: a signed record of 3280 bytes with a payload of 17, plus the payload; within the 4 KiB that travel with an opening. */
export const TOKEN_BYTES_MAX = 3900;

/** Parts of one message; with 256 KiB each they make 256 MiB. */
export const PARTS_MAX = 1024;
export const PART_BYTES = 256 * 1024;
export const PART_BYTES_MAX = 4 * 1024 * 1024;
/** Bytes of one message: 1024 parts of the largest size. */
export const SPLIT_BYTES_MAX = PARTS_MAX * PART_BYTES_MAX;
/** Encoded manifest of {@link PARTS_MAX} parts: 34 bytes for each hash, and the rest. */
export const MANIFEST_BYTES_MAX = 36 * 1024;
/** Streams that one message travels over. */
export const LANES_MAX = 16;
/** Memory of one message at its receiver, by default; a part under way on each stream comes on top. */
export const SPLIT_MEMORY_BYTES = 8 * 1024 * 1024;
/** Messages that come in at once. */
export const TRANSFERS_MAX = 16;
/** Ms that a receiver without streams waits for another one: some round trips of any path that is fit to use. */
export const LOST_GRACE_MS = 3000;
/** Ids of messages that are over, so that a late stream of one does not begin it anew. */
export const TRANSFERS_ENDED_MAX = 256;
/** Parts that one stream has under way: one that travels while the receipt of the other does. */
export const PARTS_PER_LANE = 2;

/** Hops of one way: a dialler, two relays and a peer are three; more are a loop or a lie. */
export const HOPS_MAX = 8;
/** A signed record with a payload of some 250 bytes. */
export const HOP_BYTES_MAX = 4096;
export const TRACE_PROTOCOL = '/hypermesh/trace/1';
/** Ms for a whole trace; the relay on the way has less by a second for each hop, so that its refusal still arrives. */
export const TRACE_MS = 10_000;
/** Encoded answer: all hops and little more. */
export const TRACE_BYTES_MAX = HOPS_MAX * (HOP_BYTES_MAX + 8) + 256;
