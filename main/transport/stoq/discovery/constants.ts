const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;

/**
 * How far two clocks may lie apart. Owners set clocks by hand, and one hour comes from a missed change to summer time, two from a
 * zone taken for another; beyond three, a stamp says nothing.
 */
export const CLOCK_TOLERANCE_MS = 3 * HOUR_MS;
/** A peer record is believed for a day at most: addresses of homes change daily. */
export const PEER_RECORD_LIFE_MS_MAX = 24 * HOUR_MS;
export const PEER_RECORD_ADDRESSES_MAX = 16;
/** Bytes of a peer record: 16 addresses of 256 characters, and 3.4 KiB of keys and signatures. */
export const PEER_RECORD_BYTES_MAX = 8 * 1024;
/** Addresses of a contact in an answer: those that are dialled first are enough to reach it and ask it for the others. */
export const CONTACT_ADDRESSES_MAX = 8;

/** Bucket size and answers of a lookup, `k` of Maymounkov and Mazières, "Kademlia", 2002: 20 nodes hardly vanish within an hour. */
export const DHT_K = 20;
/** Requests under way at once, `alpha` of the same paper; here also the number of disjoint paths of a lookup. */
export const DHT_ALPHA = 3;
/** Copies that must agree before a read ends early. One liar can hold back a newer record, three along disjoint paths hardly. */
export const DHT_QUORUM = 3;
/** A node that lets another wait this long is passed over for the moment; it is still listened to until the request ends. */
export const DHT_SLOW_MS = 500;
export const DHT_REQUEST_MS = 5_000;
/** A lookup that found no end asked too many already: 50 nodes hold any answer in a network of millions. */
export const DHT_ASKED_MAX = 64;
export const DHT_LOOKUP_MS = 30_000;
export const DHT_VALUE_BYTES_MAX = 16 * 1024;
export const DHT_TOPIC_BYTES_MAX = 64;
export const DHT_NAMESPACE_CHARACTERS_MAX = 32;
/** Record with its value, keys and both signatures. */
export const DHT_RECORD_BYTES_MAX = DHT_VALUE_BYTES_MAX + 4 * 1024;
/** Requests: the largest carries a record. */
export const DHT_REQUEST_BYTES_MAX = DHT_RECORD_BYTES_MAX + 512;
/** Answers: a record, 20 contacts and 20 providers of eight long addresses each, 20 sealed hints. */
export const DHT_ANSWER_BYTES_MAX = 160 * 1024;
/** Requests of one peer in ten seconds, beyond which it breaks a limit; nobody asks faster by itself. */
export const DHT_OPENS_PER_TEN_SECONDS = 2_000;
/** Records live a day, so that an owner who is away over night is not forgotten. */
export const DHT_RECORD_LIFE_MS = 24 * HOUR_MS;
export const DHT_RECORD_LIFE_MS_MAX = 48 * HOUR_MS;
/** Owners put their records again this often: nodes that came meanwhile may be closer to the key. */
export const DHT_REPUBLISH_MS = HOUR_MS;
/** Records of our own that are put again and again. */
export const DHT_OWN_RECORDS_MAX = 256;
/** Bounds of what is kept for others. Beyond them goes what lies farthest from our own id, which others are nearer to. */
export const DHT_STORED_RECORDS_MAX = 4096;
export const DHT_STORED_BYTES_MAX = 32 * 1024 * 1024;
export const DHT_STORED_PER_SIGNER_MAX = 64;
/** Records that came from one peer, whoever signed them: a copy is passed on by others after a read. */
export const DHT_STORED_PER_SENDER_MAX = 512;
export const DHT_PROVIDER_LIFE_MS = 2 * HOUR_MS;
export const DHT_PROVIDERS_PER_TOPIC_MAX = 32;
export const DHT_PROVIDER_TOPICS_MAX = 4096;
/** Topics that one peer may announce itself for. */
export const DHT_TOPICS_PER_PEER_MAX = 128;
/** Bytes that a provider hides in its announcement, docs/formats/stoq-dht.md: all alike, so that their length says nothing. */
export const SEALED_HINT_BYTES = 1024;
/** Writes that a peer may have done at once, and how fast it may do more. An hour's republishing of 256 records fits. */
export const DHT_WRITES_BURST = 64;
export const DHT_WRITES_PER_SECOND = 2;
/** Refused writes, in one minute, from which on it is a flood and costs standing. */
export const DHT_FLOOD_REFUSALS = 64;
/** Records whose signatures are being checked, of all peers; each takes three milliseconds of a thread. */
export const DHT_CHECKS_MAX = 64;
/** Nodes this far down in the order of those closest to a key refuse it: honest ones, who know others, never ask them. */
export const DHT_FAR = 2 * DHT_K;
/** Nodes without a record, or with an older one, that a reader gives it to. */
export const DHT_REPAIRS_MAX = 3;
/** Entries of one bucket, and of all, whose addresses share a group: /48 of IPv6, /16 of IPv4. */
export const DHT_PER_GROUP_IN_BUCKET_MAX = 2;
export const DHT_PER_GROUP_MAX = 10;
/** Requests in a row that an entry may leave without an answer. */
export const DHT_FAILURES_MAX = 2;
/** Own surroundings are looked at again this often, and more often after a start. */
export const DHT_REFRESH_MS = 10 * MINUTE_MS;
export const DHT_REFRESH_MS_MIN = 4_000;
/** A bucket in which nothing was looked up for so long is looked through (Kademlia, section 2.3). */
export const DHT_BUCKET_STALE_MS = HOUR_MS;

/** Records in one answer of a seed exchange: 32 of 3.5 KiB each. */
export const SEEDS_PER_ANSWER_MAX = 32;
export const SEEDS_KEPT_MAX = 1024;
/** Records that one peer told us of and that nobody else confirmed. */
export const SEEDS_PER_SOURCE_MAX = 64;
/** Of one answer, records whose first addresses share a group. */
export const SEEDS_PER_GROUP_MAX = 4;
/** How often one peer may ask, and how often we ask one. */
export const SEEDS_ASK_MS = 10 * MINUTE_MS;
export const SEEDS_ANSWER_BYTES_MAX = SEEDS_PER_ANSWER_MAX * PEER_RECORD_BYTES_MAX + 4096;
/** Life of our own record in exchanges, and when it is made again: half of it, so that it never runs out under way. */
export const OWN_RECORD_LIFE_MS = 12 * HOUR_MS;
export const OWN_RECORD_RENEW_MS = 6 * HOUR_MS;

export const BOOTSTRAP_BACKOFF_MS_MIN = 1_000;
export const BOOTSTRAP_BACKOFF_MS_MAX = 5 * MINUTE_MS;
export const BOOTSTRAP_CHECK_MS = 15_000;
export const BOOTSTRAP_DIAL_MS = 20_000;
/** Dials under way at once. */
export const BOOTSTRAP_DIALS_MAX = 4;
/** Peers below which bootstrap addresses are dialled. */
export const BOOTSTRAP_PEERS_ENOUGH = 8;
export const BOOTSTRAP_ADDRESSES_MAX = 64;

/** Topics of a private network change this often, so that whoever finds one out does not follow the network for long. */
export const RENDEZVOUS_EPOCH_MS = 6 * HOUR_MS;
export const RENDEZVOUS_INTERVAL_MS = 5 * MINUTE_MS;
/** While no member is connected it is tried more often, at first. */
export const RENDEZVOUS_RETRY_MS_MIN = 5_000;
export const RENDEZVOUS_MEMBERS_ENOUGH = 8;
export const RENDEZVOUS_DIAL_MS = 20_000;
export const RENDEZVOUS_DIALS_MAX = 4;

/** Port and groups of RFC 6762. */
export const MDNS_PORT = 5353;
export const MDNS_GROUP_IP4 = '224.0.0.251';
export const MDNS_GROUP_IP6 = 'ff02::fb';
export const MDNS_SERVICE = '_hypermesh._udp.local';
/** Tags of private networks in announcements change this often. */
export const MDNS_EPOCH_MS = HOUR_MS;
export const MDNS_ADDRESSES_MAX = 8;
/** Packets beyond this are not looked at, RFC 6762, section 17. Ours are below 2500. */
export const MDNS_READ_BYTES_MAX = 9000;
/** Private networks that one node announces itself in on a link. */
export const MDNS_HIDDEN_MAX = 8;
/** Asked again after 1, 2, 4, … seconds up to this, RFC 6762, section 5.2. */
export const MDNS_ASK_MS_MAX = 60_000;
/** One answer a second to all, section 6 of the same. */
export const MDNS_ANSWER_MS_MIN = 1_000;
/** Packets a second that are looked at: a busy link has a tenth. */
export const MDNS_PACKETS_PER_SECOND = 200;
/** Peers of one link that are told on; more are a flood. */
export const MDNS_PEERS_MAX = 256;
/** What was heard is told on again after this. */
export const MDNS_TELL_AGAIN_MS = MINUTE_MS;
export const MDNS_INTERFACES_MS = 2_000;

export const INVITE_LIFE_MS_MAX = 30 * 24 * HOUR_MS;
export const INVITES_OPEN_MAX = 256;
/** Characters of a link: a QR code of version 20 with 15 % of repair holds 858 bytes. */
export const INVITE_CHARACTERS_MAX = 800;
export const INVITE_ADDRESSES_MAX = 8;
export const INVITE_NAME_CHARACTERS_MAX = 64;
