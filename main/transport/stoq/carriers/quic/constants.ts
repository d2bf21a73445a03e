/** Ms that a handshake may take, ours or a stranger's. Three round trips of the slowest satellite link fit in. */
export const HANDSHAKE_MS = 5_000;
/** Ms without a packet after which a channel is gone. */
export const IDLE_MS = 20_000;
/** Ms between signs of life: three may be lost before the channel is, and NATs keep a UDP mapping for 30 s at the least (RFC 4787). */
export const KEEP_ALIVE_MS = 5_000;
/**
 * Ms beyond {@link KEEP_ALIVE_MS} for which the socket of a dial outlives its channel. quinn holds the close of a connection back
 * while its congestion window is full, and then nothing empties it: whoever aborts in the middle of a transfer often says nothing.
 * The other end learns of it by its next packet, which a socket that is still there answers with a stateless reset (RFC 9000,
 * section 10.3).
 */
export const LINGER_MS = 2_000;
/** Streams that either end of a channel may have open towards the other. */
export const STREAMS_MAX = 256;
/** Ms that the opening of a stream waits for credit of the other end. Credit comes a round trip after a stream has ended. */
export const OPEN_WAIT_MS = 2_000;
/** Bytes of one stream that may be under way or unread: 4 MiB in 40 ms is 840 Mbit/s. */
export const STREAM_WINDOW_BYTES = 4 * 2 ** 20;
/** The same for all streams of a channel. It bounds what a peer whose streams nobody reads costs us. */
export const CHANNEL_WINDOW_BYTES = 8 * 2 ** 20;
/** What the socket is asked for, bytes; the kernel gives what `net.core.rmem_max` allows. */
export const SOCKET_BUFFER_BYTES = 4 * 2 ** 20;
/**
 * Handshakes of strangers that are waited for at once. The native layer finishes one per call and gives up on a silent one only
 * after {@link IDLE_MS}; with 64 calls, as many packets with forged senders kept all others out for 20 s. A waiting call costs
 * nothing that can be measured, a silent stranger some 60 KB. Whoever sends 26 a second still closes QUIC, as the native layer
 * makes nobody prove its address first; TCP is the way in then.
 */
export const ACCEPTS_AT_ONCE = 512;
/** Headers of IP and UDP per packet, bytes. */
export const IP6_UDP_BYTES = 48;
export const IP4_UDP_BYTES = 28;
