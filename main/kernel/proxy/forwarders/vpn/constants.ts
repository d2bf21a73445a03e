/** RFC 8200, section 5: every link carries packets of so many bytes. */
export const MTU_BYTES_MIN = 1280;
/**
 * The device is a pipe within this machine, so that large packets cost nothing and save work for each: the largest that two bytes of
 * length can say, as the loopback device has.
 */
export const MTU_BYTES = 65_535;
/** Devices that are tried, hm0 first. */
export const DEVICES_MAX = 10;
/** The helper says that the device is there within some 10 ms. */
export const HELPER_READY_MS_MAX = 5000;
/** After its input has ended the helper has so long to go by itself. */
export const HELPER_END_MS_MAX = 2000;
/** What the helper may say on its stderr before nobody reads on: a few lines are all it ever says. */
export const HELPER_SAID_CHARS_MAX = 4096;

/** TCP connections and UDP exchanges at once. A browser has some hundred. */
export const TCP_CONNECTIONS_MAX = 1024;
export const UDP_EXCHANGES_MAX = 1024;
/** Connections that wait for the far side; a SYN beyond is dropped and comes again after a second. */
export const TCP_DIALS_MAX = 128;
/** Echo requests that wait for the far side. */
export const ECHOES_MAX = 64;
/** Linux gives up on a SYN after 127 s and people after less; an echo is worth nothing by then. */
export const DIAL_MS_MAX = 60_000;
export const ECHO_MS_MAX = 10_000;

/** Bytes that wait in one TCP connection for the far side, and as many for the program here. */
export const TCP_BUFFER_BYTES_MAX = 2 * 1024 * 1024;
/** Under this no connection's buffer goes, however many there are: one packet of the largest kind. */
export const TCP_BUFFER_BYTES_MIN = 64 * 1024;
/** Of all connections together, each way. */
export const TCP_BUFFERS_BYTES_MAX = 96 * 1024 * 1024;
/** Scale of our window, RFC 7323, section 2.3: 2^7 times 65 535 covers the buffer four times. */
export const TCP_WINDOW_SHIFT = 7;
/** RFC 7323, section 2.3. */
export const TCP_WINDOW_SHIFT_MAX = 14;
/** RFC 9293, section 3.7.1: without the option, IPv6 has so much. */
export const TCP_MSS_DEFAULT = 1220;
/** A program that asks for less costs a packet for each few bytes. */
export const TCP_MSS_MIN = 536;
/** RFC 6928. */
export const TCP_INITIAL_SEGMENTS = 10;
/** Segments ahead of a gap that are kept in one connection. */
export const TCP_AHEAD_MAX = 64;
/** Timers of all connections are looked at so often. */
export const TICK_MS = 50;
/** RFC 6298 has 1 s; the other end is a kernel on this machine that answers within a millisecond, and Linux itself has 200 ms. */
export const TCP_RTO_MS_MIN = 200;
export const TCP_RTO_MS_FIRST = 1000;
export const TCP_RTO_MS_MAX = 10_000;
/** Unanswered tries, of data or of a probe, after which the other end is taken for gone: some 40 s. */
export const TCP_TRIES_MAX = 8;
/** The kernel says when a program ends; a probe after this long is for the case that its word was lost. */
export const TCP_KEEPALIVE_MS = 600_000;
/** RFC 9293 has 4 min for packets that wander about; on a device within the machine none does. */
export const TCP_TIME_WAIT_MS = 2000;
/** RFC 5961, section 7: answers to what may be forged, all connections together. */
export const CHALLENGES_PER_SECOND = 100;
/** RFC 4443, section 2.4 (f). */
export const ICMP_ERRORS_PER_SECOND = 100;

/** RFC 4787, REQ-5. */
export const UDP_IDLE_MS = 120_000;
/** When the table is full, one that has been idle for so long gives way. */
export const UDP_IDLE_MS_MIN = 5000;
/** Datagrams that wait while the far side is being found. */
export const UDP_WAITING_MAX = 8;

/** Bytes on their way to the helper: beyond it TCP waits and everything else is dropped. */
export const OUTPUT_BYTES_MAX = 4 * 1024 * 1024;
/** Packets are gathered in buffers of this size, one write each. */
export const OUTPUT_BUFFER_BYTES = 256 * 1024;
/** `changed` fires at most so often for counters alone. */
export const CHANGED_MS = 1000;
