const SECOND_MS = 1_000;
const MINUTE_MS = 60 * SECOND_MS;
const HOUR_MS = 60 * MINUTE_MS;

// Translation table

/** Rows of one node: leases, services and whatever they need. A row takes some 600 bytes. */
export const TABLE_MAX = 16_384;
/** How often rows that are over are looked for, ms. */
export const TABLE_SWEEP_MS = 5 * SECOND_MS;

// Routes

export const ROUTE_PROTOCOL = '/hypermesh/route/1';
/** Namespace of route records in a DHT; the topic is the address, 16 bytes. */
export const ROUTE_NAMESPACE = 'route';
/** Keys and signatures take 3.4 KiB, services 12 bytes each. */
export const ROUTE_RECORD_BYTES_MAX = 8 * 1024;
export const ROUTE_SERVICES_MAX = 16;
/** Values in the payload of a record. */
export const ROUTE_ITEMS_MAX = 96;
export const ROUTE_LIFE_MS = 12 * HOUR_MS;
export const ROUTE_LIFE_MS_MAX = 24 * HOUR_MS;
/** Made anew when so much of its life is left. */
export const ROUTE_RENEW_MS = 6 * HOUR_MS;
/** Clocks of homes are wrong by this much and more; as STOQ has it for its records. */
export const CLOCK_TOLERANCE_MS = 3 * HOUR_MS;
/** A DHT keeps 64 records of one signer and 128 topics of one node; addresses beyond are asked of this node itself. */
export const ROUTES_PUBLISHED_MAX = 64;
export const ROUTES_OWN_MAX = 1_024;
/** How often it is seen to that records are where they belong, ms; and how soon again where nobody took one. */
export const ROUTE_CARE_MS = 5 * MINUTE_MS;
export const ROUTE_RETRY_MS = 20 * SECOND_MS;
export const ROUTE_CACHE_MAX = 4_096;
/** A record is taken from the cache for so long, so that a revocation counts within it. */
export const ROUTE_CACHE_MS = 10 * MINUTE_MS;
/** Nobody is asked again for so long after nobody knew. */
export const ROUTE_MISS_MS = 5 * SECOND_MS;
export const ROUTE_MISSES_MAX = 1_024;
/** Whole search for an address, ms. */
export const ROUTE_SEARCH_MS = 8 * SECOND_MS;
/** One peer's answer, ms. */
export const ROUTE_ASK_MS = 4 * SECOND_MS;
/** Peers that are asked for one address, and those that a DHT names for it of whom the record is fetched. */
export const ROUTE_PEERS_MAX = 32;
export const ROUTE_PROVIDERS_MAX = 8;
/** Addresses that are looked for at once; more wait. */
export const ROUTE_SEARCHES_MAX = 64;

// Forwarding

export const FORWARD_PROTOCOL = '/hypermesh/forward/1';
/** Connections that one link may have open at once, seen from whoever answers and from whoever asks, who stays below. */
export const FORWARD_STREAMS_MAX = 1_024;
export const FORWARD_STREAMS_OWN_MAX = 960;
export const FORWARD_OPENS_PER_TEN_SECONDS = 6_000;
/** Connections of all together. */
export const FORWARD_CONNECTIONS_MAX = 4_096;
/** Those of one row of the table: what everybody may open leaves room for what few may. */
export const FORWARD_CONNECTIONS_PER_ROW_MAX = 1_024;
/**
 * Destinations of one lease that are looked at at once. All names together are asked for at 64, and whoever runs a name server can make
 * each of its own wait for seconds.
 */
export const FORWARD_CHECKS_PER_LEASE_MAX = 16;
/** Dials of one local service that may wait for it at once: one that is silent does not use up the places of others. */
export const FORWARD_DIALS_MAX = 128;
/** Openings whose message has not come: of all together, and of one link, so that who says nothing takes its own places only. */
export const FORWARD_UNOPENED_MAX = 4_096;
export const FORWARD_UNOPENED_PER_LINK_MAX = 128;
export const FORWARD_MESSAGE_BYTES_MAX = 1_024;
export const FORWARD_ITEMS_MAX = 32;
/** Characters of the sentence that says why. */
export const FORWARD_SENTENCE_MAX = 400;
/** Ms that the opening message may take, that a local service may take to answer, and that the whole opening may take. */
export const FORWARD_OPENING_MS = 10 * SECOND_MS;
export const FORWARD_DIAL_MS = 10 * SECOND_MS;
export const FORWARD_ANSWER_MS = 30 * SECOND_MS;
/** RFC 5382 (REQ-5): an established connection is kept at least 2 h 4 min. */
export const TCP_IDLE_MS = 2 * HOUR_MS + 5 * MINUTE_MS;
/** The same once one side has finished. */
export const TCP_HALF_CLOSED_IDLE_MS = 10 * MINUTE_MS;
/** RFC 4787 (REQ-5): at least 2 min, 5 advised. */
export const UDP_IDLE_MS = 5 * MINUTE_MS;
/** Bytes read from a local socket that may wait for the way to the peer, and how few let reading go on. */
export const SPLICE_HIGH_BYTES = 512 * 1024;
export const SPLICE_LOW_BYTES = 256 * 1024;
/** What a local socket may hold before it is waited for. */
export const SOCKET_BUFFER_BYTES = 256 * 1024;
/** A datagram of IPv6 without extensions. */
export const DATAGRAM_PAYLOAD_MAX = 65_535;
/** Bytes of datagrams that may wait for the way to the peer; further ones are dropped. */
export const DATAGRAMS_WAITING_BYTES_MAX = 256 * 1024;

// Forwarders of this machine

/** Programs that may be connected to one forwarder at once. */
export const LISTENER_CONNECTIONS_MAX = 1_024;
/** Programs that may send datagrams to one forwarder; the one that was silent longest makes room. */
export const UDP_CLIENTS_MAX = 256;
/** Datagrams of one program that wait for its way to the far service. */
export const UDP_WAITING_MAX = 32;
/** A circuit that nothing uses is kept so long, ms. */
export const LINK_IDLE_MS = 60 * SECOND_MS;
export const LINKS_MAX = 256;

// Tunnels

export const EXPOSURES_MAX = 256;
export const REACHED_MAX = 256;
export const PROXIES_MAX = 32;
