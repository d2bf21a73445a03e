/** Bytes that one stream may have under way or unread at the other end: about what QUIC gives one stream by default. */
export const WINDOW_BYTES = 256 * 1024;
/** Bytes that travel as one event: few events for a large transfer, and small enough that streams share a slow link. */
export const SEGMENT_BYTES_MAX = 16 * 1024;
/** Payload of one packet: IPv6's least MTU (RFC 8200, section 5) less headers. Loss is drawn per packet. */
export const PACKET_PAYLOAD_BYTES = 1200;
/** IPv6 40, UDP 8, and some 20 of QUIC's header and tag. */
export const PACKET_OVERHEAD_BYTES = 68;
/** Streams that one end may have open, taken or not; QUIC gives as many. */
export const STREAMS_MAX = 256;
/** Ms without a way to the other end after which a channel is over, as QUIC's idle timeout. */
export const IDLE_MS = 10_000;
/** Ms that a dial waits for an answer. */
export const DIAL_MS = 10_000;
/** Ms that a packet may stand in the queue of a slow link; a datagram that would wait longer is dropped. */
export const QUEUE_MS_MAX = 200;
/** Least ms before a lost packet is sent again (QUIC's timer granularity and then some, RFC 9002, section 6.2). */
export const RETRANSMIT_MS_MIN = 5;
/** Times that one packet is lost in a row at most, so that a loss ratio of 1 still ends. */
export const RETRANSMITS_MAX = 30;
