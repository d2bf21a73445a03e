// Words that every room of STOQ uses; a file of their own, since carriers know these and nothing above them.

/** libp2p peer id of a node's Ed25519 key, `12D3KooW…`; https://github.com/libp2p/specs/blob/master/peer-ids/peer-ids.md. */
export type PeerId = string & { readonly __brand: 'PeerId' };
/**
 * Where a node can be dialled, as a multiaddr without `/p2p/…`: `/ip6/…/udp/4001/quic-v1`, `/ip6/…/tcp/4001/tls`, the same
 * with `/ip4/`, `<address of a relay>/p2p/<relay>/p2p-circuit`, and `/memory/<name>` in tests. See docs/formats/stoq-address.md.
 */
export type Address = string & { readonly __brand: 'Address' };
/** What both ends of a private network prove to hold; 52 characters of base32. The public network is `public`. */
export type NetworkId = string & { readonly __brand: 'NetworkId' };

/** How the bytes of one path travel. `punched` is QUIC through two NATs; `relay` goes through a third node that sees only ciphertext. */
export const TIERS = ['quic', 'tls', 'punched', 'relay', 'memory'] as const;
export type Tier = (typeof TIERS)[number];
