/** Scheme and host that the window's page is served from. A scheme of our own is a secure context and nobody else's origin. */
export const PAGE_SCHEME = 'app';
export const PAGE_HOST = 'hypermesh';
export const PAGE_URL = `${PAGE_SCHEME}://${PAGE_HOST}/index.html`;
export const GPU_PAGE_URL = `${PAGE_SCHEME}://${PAGE_HOST}/gpu.html`;

/** Smallest window in which every page can be used; the page's layout is checked at this size. */
export const WINDOW_WIDTH_MIN = 900;
export const WINDOW_HEIGHT_MIN = 600;
export const WINDOW_WIDTH_DEFAULT = 1180;
export const WINDOW_HEIGHT_DEFAULT = 800;

/** A page that has not painted by then is shown as it is, so that a fault in it can be seen. */
export const WINDOW_SHOW_DEADLINE_MS = 5_000;

/** Moves and sizes are written once the owner has let go of the window for this long. */
export const WINDOW_STATE_DELAY_MS = 500;

/** Longest wait for the node to stop. All data is in finished transactions by then, so what is left is only politeness. */
export const STOP_DEADLINE_MS = 10_000;

/**
 * Pushes that may be on their way to one page. A page acknowledges every {@link PUSH_ACKNOWLEDGE_EVERY}; one that
 * stopped reading loses pushes instead of filling our memory, and is loaded again once it reads.
 */
export const PUSHES_IN_FLIGHT_MAX = 1_024;
/** Small against {@link PUSHES_IN_FLIGHT_MAX}, so that a page that reads is never near the bound. */
export const PUSH_ACKNOWLEDGE_EVERY = 64;

/** The page makes at most a few at once; more means that it runs away. */
export const CALLS_IN_FLIGHT_MAX = 256;

/** The tray's menu is made anew at most this often: some desktops flicker on each change. */
export const TRAY_REFRESH_MS = 1_000;

/** Asking for the adapters takes milliseconds, starting the graphics process up to a few seconds. */
export const GPU_PROBE_DEADLINE_MS = 15_000;
/** The page computes for about three seconds; a card whose driver hangs is given up on. */
export const GPU_BENCHMARK_DEADLINE_MS = 30_000;
/** A product of 16 384 rows takes a card well below a second, and Chromium's software card, which tests use, some 20. */
export const GPU_MULTIPLY_DEADLINE_MS = 120_000;
/** How often a product is asked after: a card is done in a fraction of a second. */
export const GPU_MULTIPLY_POLL_MS = 50;
/** Part of a product that crosses from the page in one turn of the main thread: a copy of well below a millisecond. */
export const GPU_PRODUCT_PART_BYTES = 1024 * 1024;
/** How often the progress of the computation is asked for. */
export const GPU_POLL_MS = 200;

/** For so long what the page copied and wants forgotten stays in the clipboard. */
export const COPIED_TEXT_MS = 60_000;
/** Longest text that is kept to be compared, UTF-16 units: more than any payment link. */
export const COPIED_TEXT_LENGTH_MAX = 4_096;
/** As long as systems wait at most for programs before they sleep, in seconds. */
export const SLEEP_NOTICE_S = 5;
