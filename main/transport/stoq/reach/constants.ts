/** First byte of our own packets, in the range that RFC 9443, section 2, leaves unused beside STUN (0–3), DTLS (20–63 there) and QUIC (64–255). We never speak DTLS. */
export const DATAGRAM_FIRST_BYTE = 0x20;
export const CHECK_FIRST_BYTE = 0x21;
/** Least first byte of a QUIC packet whose fixed bit is set (RFC 9000, section 17); one where it is not (RFC 9287) is known by its address. */
export const QUIC_FIRST_BYTE_MIN = 0x40;
/** Largest first byte of STUN, RFC 9443, section 2. */
export const STUN_FIRST_BYTE_MAX = 3;

/** First byte, tag of the session, counter. */
export const SEALED_HEADER_BYTES = 17;
/** Tag of AES-256-GCM. */
export const SEALED_TAG_BYTES = 16;
/** Counters that a replay window remembers. WireGuard keeps 8192 for whole links; single packets of ours come far apart. */
export const REPLAY_WINDOW = 1024;
/** A session ends before AES-GCM's bound on messages under one key (RFC 9001, section 6.6: 2^23 for its confidentiality limit) by asking for none so many: 2^40 of 1100 bytes are a petabyte. Counters stay exact numbers. */
export const COUNTER_MAX = 2 ** 40;

/** RFC 4787 (REQ-5) has NATs keep a UDP mapping for 2 min; many forget sooner. 25 s is what WireGuard's manual advises. */
export const KEEPALIVE_INTERVAL_MS = 25_000;
/** A hole carries QUIC, which does not know of our keep-alives: shorter, RFC 7675 (section 5.1) checks consent every 5 s. */
export const CONSENT_INTERVAL_MS = 10_000;
/** RFC 7675, section 5.1: without an answer for so long nothing more is sent there. */
export const CONSENT_TIMEOUT_MS = 30_000;

/** First wait of RFC 8489, section 6.2.1; doubled at each try. */
export const STUN_RTO_MS = 500;
/** Tries; RFC 8489 makes 7, which take 39 s: an observer that is silent for 3.5 s is asked again later or not at all. */
export const STUN_TRIES = 3;
/** Answers that one address may have: so many a second, after a burst of so many. */
export const STUN_ANSWERS_PER_SECOND = 5;
export const STUN_ANSWERS_BURST = 20;
/** Answers to all together in a second: a flood from forged addresses costs no more than this. */
export const STUN_ANSWERS_PER_SECOND_TOTAL = 500;
/** Addresses whose answers are counted apart; beyond them the oldest is forgotten. */
export const STUN_ADDRESSES_MAX = 4096;

/** Sessions of datagrams, one for each connection: more than any node has connections. */
export const SESSIONS_MAX = 4096;
/** Holes at once, in the making or made. */
export const HOLES_MAX = 256;
/** Addresses of the other end that are tried, told ones and those that checks came from. */
export const CANDIDATES_MAX = 16;
/** Checks of one hole go out so far apart, so that they do not arrive as a flood; RFC 8445, section 14.2, has 50 ms and at least 5 ms. */
export const CHECK_PACE_MS = 10;
/** Each candidate is checked again after so long, at first and later on. */
export const CHECK_AGAIN_MS = 100;
export const CHECK_AGAIN_LATER_MS = 400;
/** The quick checks end after so long: both ends have begun by then. */
export const CHECK_QUICK_MS = 2000;
/** A hole that is not there by then will not be: state of NATs for unanswered packets lasts 30 s at Linux. */
export const PUNCH_TIMEOUT_MS = 8000;
/** After the first way that works, better ones may still show for so long. */
export const NOMINATE_AFTER_MS = 150;

/** Bytes that wait on their way to the thread; beyond it datagrams are refused, which is what unreliable means. */
export const TO_SIDE_BYTES_MAX = 1024 * 1024;
/** Bytes that wait on their way from the thread; beyond it datagrams are dropped. */
export const FROM_SIDE_BYTES_MAX = 4 * 1024 * 1024;
/** The thread is started again after a crash, this much later, doubled each time up to the most. */
export const RESTART_MS = 250;
export const RESTART_MS_MAX = 60_000;
/** Buffers of the sockets: a burst of QUIC at 100 MB/s lasts 40 ms in it. The system may allow less. */
export const SOCKET_BUFFER_BYTES = 4 * 1024 * 1024;
