/** Followed by the beginning of the network's name in hex: who does not follow a network does not know the protocol. */
export const TELL_PROTOCOL = '/hypermesh/ledger/1/';
export const ASK_PROTOCOL = '/hypermesh/ledger-ask/1/';
/** Bytes of the network's name in a protocol's; the hello has all of it. */
export const NAME_BYTES = 16;

/** Messages of one peer that wait to be sent, and their bytes: the largest, several times. What does not fit is dropped. */
export const QUEUE_COUNT_MAX = 4_096;
export const QUEUE_BYTES_MAX = 16 * 1024 * 1024;

/** Questions of one peer that are answered at once, and in ten seconds. */
export const QUESTIONS_AT_ONCE_MAX = 16;
export const QUESTIONS_PER_TEN_SECONDS = 1_000;
/** Bytes of one question or answer: the largest answer, and its frame. */
export const STREAM_BYTES_MAX = 16 * 1024 * 1024;
/** Ms for a question and its whole answer: 8 MiB at 2 Mbit/s take 34 s. */
export const ANSWER_DEADLINE_MS = 60_000;
/** Ms until a peer has to have said whether it follows the network. */
export const HELLO_DEADLINE_MS = 10_000;

/** Ms until a peer that was lost is tried again; twice as long each time. */
export const RETRY_MS_MIN = 500;
export const RETRY_MS_MAX = 60_000;
/** Ms until a peer that does not follow the network is asked again: it may have joined. */
export const UNKNOWN_RETRY_MS = 60_000;
/** Ms between looks for members, and below how many peers it is done. */
export const SEARCH_MS = 30_000;
export const PEERS_WANTED = 8;
/** Members that are looked for in one directory, dialled at once, and remembered. */
export const FOUND_MAX = 32;
export const DIALS_MAX = 4;
export const MEMBERS_MAX = 256;
/** Peers with whom a network's messages are exchanged. */
export const PEERS_MAX = 256;
