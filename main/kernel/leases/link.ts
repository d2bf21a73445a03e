import type { KeyId } from '../../base/crypto/index.ts';
import type { NetworkId, PeerId, ProtocolSpec, Stream, StreamOptions } from '../../transport/stoq/index.ts';

/** How bytes come from one to the other. `relay`: one node in the middle that reads nothing. `anonymous`: at least two, who is who known to none. */
export type RouteKind = 'direct' | 'relay' | 'anonymous';

/** Who is at the other end of a link, as far as it has proved. */
export type Party =
  | { readonly kind: 'peer'; readonly peerId: PeerId; readonly keyId: KeyId; readonly networks: ReadonlySet<NetworkId> }
  /** Somebody behind a circuit. It may show a single-use key later; nothing links two of them. */
  | { readonly kind: 'anonymous' };

/** A verified peer, or nobody in particular behind a circuit, with streams to it. Every protocol of leases and forwarding runs on it. */
export interface Link {
  readonly party: Party;
  readonly route: RouteKind;
  /** As a connection's. @throws {StreamError} {PeerError} */
  openStream(protocol: string, options?: StreamOptions): Promise<Stream>;
  /** A secret of 32 bytes that only both ends have; what is signed over it counts on this link alone. */
  exportKey(label: string): Uint8Array;
  /** Measured over the link. @returns ms */
  ping(options?: { signal?: AbortSignal }): Promise<number>;
  /** Ends circuits; a direct link stays, as others use its connection. */
  close(): Promise<void>;
}
export type LinkHandler = (stream: Stream, link: Link) => Promise<void>;

export interface LinkTarget {
  peer: PeerId;
  /** `direct` takes what STOQ has, a STOQ relay included; the link then says `relay`. */
  route: 'direct' | 'anonymous';
}
/** Makes links of one kind, such as circuits. */
export interface LinkCarrier {
  open(peer: PeerId, options: { signal?: AbortSignal | undefined }): Promise<Link>;
  /** Told of every protocol that is offered, now and later. @returns what withdraws it */
  handle(spec: ProtocolSpec, handler: LinkHandler): () => void;
}
export interface Links {
  /** Offers a protocol to whoever comes over any kind of link. @returns what withdraws it */
  handle(spec: ProtocolSpec, handler: LinkHandler): () => void;
  /** @throws {PeerError} {LinkError} `ROUTE_UNKNOWN` where there is no carrier of that kind */
  open(target: LinkTarget, options?: { signal?: AbortSignal }): Promise<Link>;
  /** The kernel's proxy room adds circuits. @returns what takes it out */
  addCarrier(route: 'anonymous', carrier: LinkCarrier): () => void;
}
