/** Type (1), length of what follows (3), stream (4); docs/formats/stoq-mux.md. */
export const HEADER_BYTES = 8;
/** Largest payload of a data frame. Streams take turns frame by frame. */
export const DATA_BYTES_MAX = 64 * 1024;
/** Largest payload of any other frame. */
export const CONTROL_BYTES_MAX = 8;
/** Streams that either end may have open towards the other. */
export const STREAMS_MAX = 256;
/** Bytes of one stream that may be under way or unread, as for QUIC: 4 MiB in 40 ms is 840 Mbit/s. Part of the format. */
export const STREAM_WINDOW_BYTES = 4 * 2 ** 20;
/** The same for all streams of a channel: what a peer whose streams nobody reads can make us hold. Part of the format. */
export const CHANNEL_WINDOW_BYTES = 8 * 2 ** 20;
/** Credit that one end may hold at once. An end that gives more breaks the format; none of ours comes near it. */
export const CREDIT_MAX = 2 ** 31;
/** Credit is given back in parts of the window: seldom enough to cost nothing, soon enough that a writer need not stop. */
export const CREDIT_PARTS = 4;
/** Bytes handed to the pipe at once: a write of 256 KiB with its headers, which would else leave a crumb for the next. One such buffer is under way at a time: the kernel has its own to keep the wire busy. */
export const BATCH_BYTES = 257 * 1024;
/** Payload parts smaller than this are copied together, so that a peer that sends single bytes costs us no object for each. */
export const COPY_BYTES_MAX = 4 * 1024;
/** Block into which small parts are copied. */
export const BLOCK_BYTES = 16 * 1024;
/** Ms between pings, as for QUIC's keep-alive. */
export const KEEP_ALIVE_MS = 5_000;
/** Ms without a byte after which a channel is gone. */
export const IDLE_MS = 20_000;
