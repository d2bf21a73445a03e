const SECOND_MS = 1_000;
const MINUTE_MS = 60 * SECOND_MS;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;

/** Whom the owner knows: trusted, named, added or invited, or banned by the owner. Never pushed out for others. */
export const KEPT_MAX = 1024;
/** Peers with a ban that ends. The one that ends first makes room. */
export const BANNED_MAX = 512;
/** Peers that proved themselves at an address that we dialled. */
export const TRIED_MAX = 1536;
/** Peers that we only heard of, or that dialled us. */
export const HEARD_MAX = 1024;
/** All of them: some 4 MB of memory and of disk at worst. */
export const PEERS_MAX = KEPT_MAX + BANNED_MAX + TRIED_MAX + HEARD_MAX;

/**
 * Places of a table that one address group (/48 of IPv6, /16 of IPv4) and one provider (/32 of IPv6) may hold. With these, whoever
 * wants half of the tried peers needs addresses of 16 providers that all answer; Heilman et al., "Eclipse Attacks on Bitcoin's
 * Peer-to-Peer Network", 2015, filled that network's tables from few.
 */
export const PER_GROUP_MAX = 16;
export const PER_PROVIDER_MAX = 48;
/** What is near (private, link-local and loopback addresses) is one group by its nature: a home, an office, a machine. */
export const NEAR_MAX = 256;
/** Peers heard of from one provider, or of one kind of source where nobody in particular said it. */
export const PER_TELLER_MAX = 48;
export const PER_SOURCE_MAX = 256;
/** Of those asked for, as many candidates may be of one provider: a quarter, and two at least. */
export const CANDIDATES_PER_PROVIDER_RATIO = 0.25;
export const CANDIDATES_PER_PROVIDER_MIN = 2;

/** Addresses of one peer: both families and both transports on two interfaces, and as many again of before. */
export const ADDRESSES_MAX = 16;
/** Of these, what others said of it. */
export const HEARSAY_MAX = 4;
/** Addresses of one call that are looked at. */
export const ADDRESSES_READ_MAX = 32;
export const NAME_LENGTH_MAX = 64;
export const AGENT_LENGTH_MAX = 64;
export const REASON_LENGTH_MAX = 200;

/** What an offence costs falls by half in this time. */
export const POINTS_HALF_LIFE_MS = HOUR_MS;
export const POINTS_MAX = 100;
/** First ban; each further one is twice as long. */
export const BAN_MS_MIN = HOUR_MS;
export const BAN_MS_MAX = 7 * DAY_MS;
/** What a peer starts with after a ban: half, as if an hour had passed without offence. */
export const POINTS_AFTER_BAN = POINTS_MAX / 2;
/** After so long without a ban, the next one is a first one. */
export const BANS_FORGOTTEN_MS = 30 * DAY_MS;

/** Address groups that misbehaved. Of the oldest, the one with the fewest points makes room. */
export const GROUPS_MAX = 4096;
/** First block of a group; each further one is twice as long. Short, as thousands of customers may share a /16. */
export const BLOCK_MS_MIN = 10 * MINUTE_MS;
export const BLOCK_MS_MAX = 6 * HOUR_MS;

/** Addresses that nobody confirmed are forgotten after so long, confirmed ones after so long without another success. */
export const UNCONFIRMED_LIFE_MS = 7 * DAY_MS;
export const CONFIRMED_LIFE_MS = 30 * DAY_MS;
/** Failures in a row after which an address is forgotten. */
export const UNCONFIRMED_FAILURES_MAX = 3;
export const CONFIRMED_FAILURES_MAX = 20;
/** A candidate whose dial failed is left alone for this time, doubled with each failure, at most {@link RETRY_MS_MAX}. */
export const RETRY_MS_MIN = 30 * SECOND_MS;
export const RETRY_MS_MAX = 6 * HOUR_MS;
/** A tried peer may be pushed out once it was not seen for this time; before that, newcomers wait. */
export const TRIED_SAFE_MS = DAY_MS;

/** Peers seen within this time make room last: traffic is counted into the book about once a minute while they are connected. */
export const RECENT_MS = 10 * MINUTE_MS;

/** Bitcoin keeps two, Tor's guards are one to three; more cost nothing while they are of different providers. */
export const ANCHORS_MAX = 8;
/** An anchor was seen within this time. */
export const ANCHOR_SEEN_MS = 7 * DAY_MS;
/** And knows us for this long at least. */
export const ANCHOR_AGE_MS_MIN = HOUR_MS;

/** Changes are written together after this time. A crash forgets no more. */
export const WRITE_DELAY_MS = 2 * SECOND_MS;
/** Rows of one transaction. */
export const WRITE_ROWS_MAX = 512;
/** Between two looks at what is old. */
export const AGE_INTERVAL_MS = 10 * MINUTE_MS;
/** A wall clock that moved by more than this against the monotonic one was set: all stamps move with it. */
export const CLOCK_SET_MS = MINUTE_MS;
/** Version of a row, docs/formats/stoq-peer-book.md. */
export const ROW_VERSION = 1;
export const ROW_BYTES_MAX = 16_384;
/** Values of one row. */
export const ROW_ITEMS_MAX = 256;
/** The same for peers that the owner trusts: they are to come back soon. */
export const TRUSTED_RETRY_MS_MAX = MINUTE_MS;
