/** Ms from the first byte to the last of a handshake, either side. Nothing in it takes a person; a far path has a round trip of 0.5 s. */
export const HANDSHAKE_MS_MAX = 10_000;

/** The hello always has this size, whatever is in it: a reader takes so many bytes before it looks at any, and its size tells nothing. */
export const HELLO_BYTES = 2560;
/** Certificate (16 KiB), signed record (3.5 KiB), 16 addresses (4 KiB), shares, and room. */
export const FRAME_BYTES_MAX = 32 * 1024;
/** What is sealed is filled up to a multiple of this, so that its size tells neither addresses nor program. */
export const PAD_STEP_BYTES = 1024;

export const NONCE_BYTES = 32;
export const BINDING_BYTES = 32;
export const X25519_BYTES = 32;
/** Versions that one hello may offer. */
export const VERSIONS_MAX = 8;

/** Private networks that one handshake can prove. Others of the node are left out. */
export const NETWORKS_MAX = 16;
/** HMAC-SHA-256, RFC 2104. */
export const MAC_BYTES = 32;

export const TICKET_ID_BYTES = 16;
export const TICKET_SECRET_BYTES = 32;
/** From the last handshake with signatures, however often it was resumed since. */
export const TICKET_LIFE_MS_MAX = 24 * 60 * 60 * 1000;
/** Tickets of each kind (those we may show, those we may be shown). A ticket holds its peer's certificate: some 14 KiB. */
export const TICKETS_MAX = 1024;
/** Several paths to one peer are opened at once; more than these are of no use. */
export const TICKETS_PER_PEER_MAX = 4;

export const AGENT_CHARS_MAX = 64;
export const ADDRESSES_MAX = 16;
/** The longest that we make, a circuit through a relay, has some 130. */
export const ADDRESS_CHARS_MAX = 256;
