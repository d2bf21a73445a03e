import type {
  Call,
  Config,
  NetworkFinding,
  NetworkState,
  NodeStatus,
  PayloadOf,
  PeerDetail,
  PeerView,
  PingView,
  PrivateNetworkView,
  Push,
  Reply,
  RequestOf,
  ResponseOf,
  TraceView,
  InviteView,
  TrafficView,
} from '../../preload/contract/index.ts';
import type { EventSource } from '../base/index.ts';
import type { NetworkId, RelayLimits } from '../transport/stoq/index.ts';

/** Who asks, for logs and for what only a window can do. */
export interface Caller {
  face: 'window' | 'http' | 'websocket';
}

/**
 * The one place where a call meets the node. Every face goes through it: it parses the request by the contract, runs
 * the handler, and turns errors into codes. Bugs become `INTERNAL` and are logged with what caused them.
 */
export interface Dispatcher {
  call<C extends Call>(name: C, request: unknown, caller: Caller): Promise<Reply<ResponseOf<C>>>;
  /** For names that come from outside and may not be calls at all. */
  callUnknown(name: unknown, request: unknown, caller: Caller): Promise<Reply<unknown>>;
  /** Work for a push (1 Hz sampling) is done only while somebody is subscribed. */
  subscribe<P extends Push>(name: P, listener: (payload: PayloadOf<P>) => void): () => void;
}

/** What a face with a window provides to the calls; absent without one. */
export interface WindowControl {
  show(): void;
}

export interface NodeControlEvents {
  /** Something in the status is different from what it was when this fired last. */
  statusChanged: NodeStatus;
}

/** The node as a whole, as the calls see it. */
export interface NodeControl extends EventSource<NodeControlEvents> {
  status(): NodeStatus;
  /** Sets the stop in motion and returns, so that the call that asked is still answered. May be called twice. */
  requestStop(afterJobs: boolean): void;
}

export interface ConfigSourceEvents {
  /** The file holds these settings now. */
  changed: Config;
}

/** The owner's settings, kept in a file. */
export interface ConfigSource extends EventSource<ConfigSourceEvents> {
  get(): Config;
  /**
   * Writes the file, then takes effect.
   * @throws {ConfigError} `CONFIG_NOT_WRITTEN`
   */
  set(change: { readonly [K in keyof Omit<Config, 'version'>]?: Config[K] | undefined }): Promise<Config>;
}

export interface NetworkControlEvents {
  /** Reachability, addresses, networks or settings are others; at most once a second. */
  stateChanged: NetworkState;
  /** Somebody came, went or changed; at most once a second, everybody. */
  peersChanged: { peers: PeerView[] };
  /** Each second while somebody listens. */
  trafficSampled: TrafficView;
  /** What the node's status says of it is different; told at once. */
  statusChanged: null;
}

/**
 * The network as its owner sees and steers it. Peers are named by id, by the beginning of one, or by the name that the
 * owner gave them. Every method that names one may refuse with `PEER_UNKNOWN` or `PEER_AMBIGUOUS`, which names the candidates.
 */
export interface NetworkControl extends EventSource<NetworkControlEvents> {
  state(): NetworkState;
  /** @throws {NetworkError} `ADDRESS_INVALID` @throws {ConfigError} `CONFIG_NOT_WRITTEN` */
  configure(change: RequestOf<'network:configure'>): Promise<NetworkState>;
  /** Never rejects for something that is wrong: that is a finding. */
  doctor(): Promise<NetworkFinding[]>;
  /** Connected ones first. */
  peers(connectedOnly: boolean): PeerView[];
  peer(peer: string): PeerDetail;
  /** @throws {NetworkError} `ADDRESS_INVALID` | `NAME_TAKEN` | `NOT_RUNNING` @throws {PeerError} why there is no connection */
  add(request: RequestOf<'network:add'>): Promise<PeerDetail>;
  /** @throws {NetworkError} `NAME_TAKEN` */
  trust(request: RequestOf<'network:trust'>): Promise<PeerDetail>;
  ban(request: RequestOf<'network:ban'>): Promise<PeerDetail>;
  unban(peer: string): Promise<PeerDetail>;
  /** @throws {PeerError} why there is no connection */
  connect(peer: string): Promise<PeerDetail>;
  disconnect(peer: string): Promise<PeerDetail>;
  forget(peer: string): Promise<{ peerId: string }>;
  /** @throws {PeerError} why there is no connection */
  ping(request: RequestOf<'network:ping'>): Promise<PingView>;
  /** @throws {PeerError} why there is no connection */
  trace(peer: string): Promise<TraceView>;
  /** @throws {NetworkError} `NETWORK_UNKNOWN` | `NOT_RUNNING` | `NO_ADDRESS` */
  invite(request: RequestOf<'network:invite'>): Promise<InviteView>;
  /** @throws {NetworkError} `NOT_RUNNING` @throws {InviteError} `INVITE_INVALID` | `INVITE_EXPIRED` | `SELF` */
  join(link: string): Promise<ResponseOf<'network:join'>>;
  /** @throws {NetworkError} `NAME_TAKEN` | `NETWORKS_FULL` */
  create(request: RequestOf<'network:create'>): Promise<PrivateNetworkView>;
  /** @throws {NetworkError} `NETWORK_UNKNOWN` */
  leave(network: string): Promise<{ id: string }>;
  /** What the owner lends to others' circuits now; null for nothing. */
  relayLimits(): RelayLimits | null;
  /** Private networks that this node is in now, whether it runs or not. */
  memberships(): readonly { id: NetworkId; name: string }[];
  /** Peers that are connected now; null while the node talks to nobody. */
  connections(): number | null;
  /** What needs the owner; for the node's status. */
  warnings(): NodeStatus['warnings'];
}
