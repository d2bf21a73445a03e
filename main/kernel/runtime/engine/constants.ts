/** How often an engine that answers is asked whether it still does: one that hangs closes no connection. */
export const ENGINE_PING_MS = 10_000;
/** How often one is looked for where there is none. Looking at the usual sockets is a few system calls. */
export const ENGINE_LOOK_MS = 2_000;
/** An engine that went down is looked for again at once, and then so often: a restart takes less than a second. */
export const ENGINE_RETURN_LOOK_MS = 250;
export const ENGINE_RETURN_LOOKS_MAX = 20;
/** Largest answer that is read of a version, a state or one event; real ones are a few kB. */
export const ENGINE_ANSWER_BYTES_MAX = 1024 * 1024;
export const ENGINE_EVENT_BYTES_MAX = 64 * 1024;
/** Key in the settings of the name by which this node knows its own things. */
export const ENGINE_MARK_SETTING = 'engine-mark';
export const ENGINE_MARK_BYTES = 16;
