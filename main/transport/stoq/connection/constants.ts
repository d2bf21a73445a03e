/** Largest piece that one read takes from a carrier and that the owner's limit is asked for at once, bytes. */
export const CHUNK_BYTES = 64 * 1024;
/** Largest piece that one write hands to a carrier: what the multiplexer sends in one batch. Each call costs a turn of the loop. */
export const WRITE_BYTES_MAX = 4 * CHUNK_BYTES;
/** Largest opening frame: 4 KiB of extensions (`StreamOptions`), a protocol's name and the frame itself. */
export const OPENING_BYTES_MAX = 4096 + 512;
/** All extensions of one stream together, values and names, bytes. */
export const EXTENSIONS_BYTES_MAX = 4096;
export const EXTENSIONS_MAX = 16;
/** Letters of a protocol's name. */
export const PROTOCOL_LENGTH_MAX = 64;
/** Largest message of a control stream, bytes: 64 addresses of 200 letters fit. */
export const CONTROL_BYTES_MAX = 16 * 1024;
/** Acknowledgements in one message; more wait for the next. */
export const ACKS_PER_MESSAGE_MAX = 512;
/** Addresses that a peer may say it has. */
export const ADDRESSES_MAX = 64;
/** Protocols for which one end takes datagrams. */
export const DATAGRAM_PROTOCOLS_MAX = 64;
/** Letters of the sentence that goes with the end of a connection. */
export const DETAIL_LENGTH_MAX = 200;
/** Control messages, acknowledgements of our own streams aside, that a peer may send in a burst, and per second thereafter. */
export const CONTROL_BURST_MAX = 200;
export const CONTROL_PER_SECOND_MAX = 20;
/** Streams whose opening frame is being read, per path. More stay with the peer. */
export const OPENINGS_MAX = 64;
/** Ms for an opening frame to arrive once its stream is there. */
export const OPENING_DEADLINE_MS = 10_000;
/** Ms for the peer's answer to our opening. It needs one round trip; the rest is for owners who allow a few KB/s. */
export const ANSWER_DEADLINE_MS = 30_000;
/** Refused streams whose refusal may still be under way, per path; beyond that they end without a word. */
export const REFUSALS_LINGERING_MAX = 32;
/** Ms that a refusal has to arrive before its stream is reset. */
export const REFUSAL_LINGER_MS = 2_000;
/** Own finished streams whose acknowledgement is remembered, per path. A peer that never acknowledges costs no more. */
export const UNACKNOWLEDGED_MAX = 4096;
/** Ms between looks at what every path has sent and received, at rates and at deadlines. */
export const TICK_MS = 250;
/** Ms of a rate's window: ten seconds, of `PathStats`. */
export const RATE_WINDOW_MS = 10_000;
/** Ms of silence after which the peer is asked whether it is there. NATs forget UDP mappings after 30 s at the earliest in practice (RFC 4787, REQ-5, asks for 2 min). */
export const KEEPALIVE_MS = 15_000;
/** Bounds of three round trips, ms: a lost packet of an idle QUIC connection is sent again after about a second, and a path that is gone must be known after three. */
export const SILENCE_MS_MIN = 1_500;
export const SILENCE_MS_MAX = 3_000;
/** Ms that a connection without any path waits for a new one. */
export const GRACE_MS = 10_000;
/** Ms that a closing end waits for acknowledgements of what it has sent, and for the other end's goodbye. */
export const CLOSE_ACKNOWLEDGE_MS = 2_000;
export const CLOSE_GOODBYE_MS = 500;
/** Ms for a channel; and for the handshake and both ends' first message. The handshaker itself gives up after ten seconds. */
export const DIAL_TIMEOUT_MS = 10_000;
/** Ms for a channel where a connection waits for its next path. Carriers ask ever more seldom: after a while a new dial is quicker. */
export const REPAIR_TIMEOUT_MS = 2_500;
export const HANDSHAKE_TIMEOUT_MS = 12_000;
/** Head start of QUIC over TLS, ms: the delay of RFC 8305 (Happy Eyeballs), section 5. */
export const TLS_DELAY_MS = 250;
/** Head start of direct addresses over circuits through relays, ms. */
export const RELAY_DELAY_MS = 500;
/** Ms between two addresses of one tier. */
export const STAGGER_MS = 100;
/** Addresses of one peer that one dial tries, and tries at once. */
export const DIAL_ADDRESSES_MAX = 24;
export const DIALS_AT_ONCE_MAX = 8;
/** Ms that a host is taken to let no UDP through after QUIC failed where TLS did not. */
export const UDP_BLOCKED_MS = 600_000;
export const UDP_BLOCKED_HOSTS_MAX = 1024;
/** Ms between measurements of the tiers of a connection in use. */
export const MEASURE_INTERVAL_MS = 300_000;
/** Bytes each way that one measurement may take of one path. */
export const MEASURE_BYTES = 1024 * 1024;
/** Ms that measuring one path may take. */
export const MEASURE_DEADLINE_MS = 10_000;
/** How many times as fast the other tier must be to be taken: measurements of one path differ by some 20 %. */
export const FASTER_FACTOR = 1.25;
/** A connection is in use when it has carried so many bytes since the last look. */
export const IN_USE_BYTES = 1024 * 1024;
/** First and longest wait between dials of a peer that is to be kept, ms. */
export const REDIAL_MS_MIN = 1_000;
export const REDIAL_MS_MAX = 300_000;
/** First and longest wait between tries of a connection through others to find a direct way, ms. */
export const IMPROVE_MS_MIN = 5_000;
export const IMPROVE_MS_MAX = 300_000;
/** Datagrams that wait for the lossy stream; further ones are dropped. */
export const DATAGRAMS_WAITING_MAX = 16;
/** Protocol of the stream that takes datagrams where they have no way of their own. */
export const DATAGRAM_PROTOCOL = '/hypermesh/datagrams/1';
/** Protocol that measures what a path can carry. */
export const MEASURE_PROTOCOL = '/hypermesh/measure/1';
