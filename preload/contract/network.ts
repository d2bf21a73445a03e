import { z } from 'zod';
import { bytes, flag, timestampMs } from './common.ts';
import { defineCalls, definePushes, nothing } from './define.ts';

/** libp2p peer id of an Ed25519 key. */
export const peerId = z
  .string()
  .regex(/^12D3KooW[1-9A-HJ-NP-Za-km-z]{44}$/, 'not a peer id; it begins with 12D3KooW and has 52 characters')
  .describe('a peer id, 12D3KooW…');
/** What a person types for a peer: its id, the beginning of it, or the name that the owner gave it. */
export const peerName = z.string().trim().min(1).max(128).describe('a peer id, the beginning of one, or a name');
/** Where a node can be dialled, docs/formats/stoq-address.md. */
export const peerAddress = z.string().min(1).max(512);
/** `public`, or 52 characters of base32 that stand for name and secret of a private network. */
export const networkId = z.string().regex(/^(public|[a-z2-7]{52})$/, 'not a network id');

export const tiers = ['quic', 'tls', 'punched', 'relay', 'memory'] as const;
export const tier = z.enum(tiers);
export type NetworkTier = z.infer<typeof tier>;

export const pathView = z.strictObject({
  tier,
  direction: z.enum(['in', 'out']),
  address: z.string(),
  /** The relay between us, null for a direct path. */
  via: peerId.nullable(),
  chosen: z.boolean(),
  /** Why it is or is not the one in use. */
  why: z.string(),
  openedAtMs: timestampMs,
  rttMs: z.number().nullable(),
  /** 0 to 1. */
  lossRatio: z.number().nullable(),
  sentBytesPerSecond: z.number(),
  receivedBytesPerSecond: z.number(),
});
export type PathView = z.infer<typeof pathView>;

export const peerSources = ['owner', 'invite', 'mdns', 'bootstrap', 'seed', 'dht', 'incoming', 'rendezvous'] as const;

export const peerView = z.strictObject({
  peerId,
  /** The owner's own word for it; empty without one. */
  name: z.string(),
  /** Trusted by name: kept connected, dialled first. */
  trusted: z.boolean(),
  source: z.enum(peerSources),
  connected: z.boolean(),
  connectedAtMs: timestampMs.nullable(),
  /** The path in use; null when not connected. */
  path: pathView.nullable(),
  /** Networks that both are in; empty when not connected. */
  networks: z.array(networkId),
  agent: z.string().nullable(),
  firstSeenAtMs: timestampMs,
  lastSeenAtMs: timestampMs.nullable(),
  /** 0 is spotless, 100 is a ban; falls by half every hour. */
  points: z.number(),
  ban: z.strictObject({ untilMs: timestampMs.nullable(), reason: z.string(), byOwner: z.boolean() }).nullable(),
  sentBytes: bytes,
  receivedBytes: bytes,
});
export type PeerView = z.infer<typeof peerView>;

export const peerDetail = peerView.extend({
  paths: z.array(pathView),
  addresses: z.array(
    z.strictObject({ address: z.string(), source: z.enum(peerSources), confirmedAtMs: timestampMs.nullable() }),
  ),
  lastOffence: z.strictObject({ offence: z.string(), atMs: timestampMs, detail: z.string() }).nullable(),
  /** Whether the session was resumed from an earlier one, and how long the handshake took. */
  handshake: z.strictObject({ resumed: z.boolean(), tookMs: z.number() }).nullable(),
  streamsOpen: z.int(),
});
export type PeerDetail = z.infer<typeof peerDetail>;

export const reachView = z.strictObject({
  reachable: z.enum(['yes', 'relay', 'no', 'unknown']),
  nat: z.enum(['none', 'cone', 'symmetric', 'firewall', 'blocked', 'unknown']),
  /** What stands between this node and others. */
  sentence: z.string(),
  /** What would make it better; empty when nothing would. */
  advice: z.array(z.string()),
  confirmed: z.array(z.strictObject({ address: z.string(), by: peerId, atMs: timestampMs })),
  mapped: z.array(
    z.strictObject({
      protocol: z.enum(['udp', 'tcp']),
      address: z.string(),
      by: z.enum(['upnp', 'nat-pmp', 'pcp']),
      untilMs: timestampMs,
    }),
  ),
  relays: z.array(peerId),
});
export type ReachView = z.infer<typeof reachView>;

export const trafficView = z.strictObject({
  sentBytesPerSecond: z.number(),
  receivedBytesPerSecond: z.number(),
  /** What the owner lets through at this moment; null for no limit. */
  sendLimitBytesPerSecond: z.number().nullable(),
  receiveLimitBytesPerSecond: z.number().nullable(),
  /** Why it is what it is, such as the level of the network and the rule behind it. */
  limitReason: z.string(),
  monthBytes: bytes,
  monthLimitBytes: bytes.nullable(),
  sentBytes: bytes,
  receivedBytes: bytes,
});
export type TrafficView = z.infer<typeof trafficView>;

export const privateNetworkView = z.strictObject({
  id: networkId,
  name: z.string(),
  joinedAtMs: timestampMs,
  /** Peers connected now that proved to be in it. */
  peers: z.int(),
});
export type PrivateNetworkView = z.infer<typeof privateNetworkView>;

export const networkSettings = z.strictObject({
  /** Whether this node talks to others at all. */
  enabled: z.boolean(),
  /** UDP and TCP port; 0 lets the node take a free one, which it keeps while it can. */
  port: z.int().min(0).max(65_535),
  /** IPv4 as well, where a network has nothing else. */
  ipv4: z.boolean(),
  /** Talks to nodes on this machine only: for trying things out, and for tests. */
  loopbackOnly: z.boolean(),
  /** Finds nodes on the local network by multicast DNS. */
  localDiscovery: z.boolean(),
  /** Asks the router to open ports. */
  portMapping: z.boolean(),
  /** Carries other nodes' connections, within the level of the network. */
  relay: z.boolean(),
  /** Lets in peers without a common private network. */
  open: z.boolean(),
  /** First peers: addresses that end in /p2p/<peer id>. */
  bootstrap: z.array(peerAddress).max(32),
  connectionsMax: z.int().min(4).max(10_000),
});
export type NetworkSettings = z.infer<typeof networkSettings>;

export const networkState = z.strictObject({
  /** `off` by the owner, `waiting` for an unlocked identity, `running`, or `failed` with the reason. */
  status: z.enum(['off', 'waiting', 'starting', 'running', 'failed']),
  /** Why it is not running and what to do; empty when it is. */
  reason: z.string(),
  peerId: peerId.nullable(),
  addresses: z.array(z.string()),
  connections: z.int(),
  knownPeers: z.int(),
  reach: reachView,
  traffic: trafficView,
  networks: z.array(privateNetworkView),
  settings: networkSettings,
});
export type NetworkState = z.infer<typeof networkState>;

export const inviteView = z.strictObject({
  /** `hypermesh:join/…`; whoever has it can join and reach this node, once. */
  link: z.string(),
  expiresAtMs: timestampMs,
  network: networkId,
  networkName: z.string(),
  /** Rows of dark (1) and light (0) modules of the QR code of `link`. */
  qr: z.array(z.string().regex(/^[01]+$/)),
});
export type InviteView = z.infer<typeof inviteView>;

export const pingView = z.strictObject({
  peerId,
  /** Round trips, ms, in order; null where no answer came. */
  roundTripsMs: z.array(z.number().nullable()),
  path: pathView.nullable(),
});
export type PingView = z.infer<typeof pingView>;

/** The way of one message, each hop signed by whoever passed it on. */
export const traceView = z.strictObject({
  peerId,
  hops: z.array(
    z.strictObject({
      peerId,
      tier,
      /** Ms from our sending to the answer, of the last hop; null for those between, which answer nobody. */
      rttMs: z.number().nullable(),
      signed: z.boolean(),
    }),
  ),
});
export type TraceView = z.infer<typeof traceView>;

export const networkFinding = z.strictObject({
  check: z.string(),
  state: z.enum(['ok', 'warning', 'problem']),
  sentence: z.string(),
  /** What to do; null when nothing is to be done. */
  advice: z.string().nullable(),
});
export type NetworkFinding = z.infer<typeof networkFinding>;

const peerErrors = ['PEER_UNKNOWN', 'PEER_AMBIGUOUS', 'NOT_RUNNING'] as const;

export const networkCalls = defineCalls({
  'network:state': {
    method: 'GET',
    path: '/v1/network',
    summary: 'How this node stands in the network: addresses, reachability, traffic, private networks',
    request: nothing,
    response: networkState,
    cli: { command: 'net status', examples: ['hypermesh net status', 'hypermesh net status --json'] },
  },
  'network:configure': {
    method: 'PATCH',
    path: '/v1/network',
    summary: 'Changes network settings; those left out stay',
    request: networkSettings.partial(),
    response: networkState,
    errors: ['ADDRESS_INVALID', 'CONFIG_NOT_WRITTEN'],
  },
  'network:doctor': {
    method: 'POST',
    path: '/v1/network/doctor',
    summary: 'Tests the network now: interfaces, ports, address, NAT, relays, discovery; and says what to do',
    request: nothing,
    response: z.strictObject({ findings: z.array(networkFinding) }),
  },
  'network:peers': {
    method: 'GET',
    path: '/v1/network/peers',
    summary: 'Known peers, connected ones first',
    request: z.strictObject({
      /** Only those that are connected now. */
      connected: flag.default(false),
    }),
    response: z.strictObject({ peers: z.array(peerView) }),
    cli: { command: 'peers', examples: ['hypermesh peers', 'hypermesh peers --connected'] },
  },
  'network:peer': {
    method: 'GET',
    path: '/v1/network/peers/{peer}',
    summary: 'All that is known of one peer',
    request: z.strictObject({ peer: peerName }),
    response: peerDetail,
    errors: peerErrors,
    cli: { command: 'peer show', positionals: ['peer'], examples: ['hypermesh peer show attic'] },
  },
  'network:add': {
    method: 'POST',
    path: '/v1/network/peers',
    summary: 'Adds a peer by address, connects to it, and keeps it',
    request: z.strictObject({
      /** Ends in /p2p/<peer id>. */
      address: peerAddress,
      name: z.string().trim().max(64).default(''),
    }),
    response: peerDetail,
    errors: ['ADDRESS_INVALID', 'UNREACHABLE', 'WRONG_PEER', 'BANNED', 'SELF', 'FULL', 'NOT_RUNNING', 'NAME_TAKEN'],
    cli: {
      command: 'peer add',
      positionals: ['address'],
      examples: ['hypermesh peer add /ip6/fd00::2/udp/4001/quic-v1/p2p/12D3KooW… --name attic'],
    },
  },
  'network:trust': {
    method: 'PATCH',
    path: '/v1/network/peers/{peer}',
    summary: 'Trusts a peer by a name, or names it otherwise; trusted peers are kept connected',
    request: z.strictObject({
      peer: peerName,
      name: z.string().trim().max(64).optional(),
      trusted: z.boolean().default(true),
    }),
    response: peerDetail,
    errors: [...peerErrors, 'NAME_TAKEN'],
  },
  'network:ban': {
    method: 'POST',
    path: '/v1/network/peers/{peer}/ban',
    summary: 'Bans a peer for a time or for good, and closes its connection',
    request: z.strictObject({
      peer: peerName,
      /** Null: until it is lifted. */
      minutes: z.int().min(1).max(525_600).nullable().default(null),
      reason: z.string().trim().max(200).default('banned by the owner'),
    }),
    response: peerDetail,
    errors: peerErrors,
    cli: {
      command: 'peer ban',
      positionals: ['peer'],
      examples: ['hypermesh peer ban 12D3KooWAbc --minutes 60', 'hypermesh peer ban attic --reason "too slow"'],
    },
  },
  'network:unban': {
    method: 'DELETE',
    path: '/v1/network/peers/{peer}/ban',
    summary: 'Lifts a ban and clears the standing of a peer',
    request: z.strictObject({ peer: peerName }),
    response: peerDetail,
    errors: peerErrors,
    cli: { command: 'peer unban', positionals: ['peer'], examples: ['hypermesh peer unban attic'] },
  },
  'network:connect': {
    method: 'POST',
    path: '/v1/network/peers/{peer}/connect',
    summary: 'Connects to a known peer now',
    request: z.strictObject({ peer: peerName }),
    response: peerDetail,
    errors: [...peerErrors, 'UNREACHABLE', 'NO_ADDRESS', 'WRONG_PEER', 'BANNED', 'FULL'],
    cli: { command: 'peer connect', positionals: ['peer'], examples: ['hypermesh peer connect attic'] },
  },
  'network:disconnect': {
    method: 'POST',
    path: '/v1/network/peers/{peer}/disconnect',
    summary: 'Closes the connection to a peer; it may come back',
    request: z.strictObject({ peer: peerName }),
    response: peerDetail,
    errors: peerErrors,
    cli: { command: 'peer disconnect', positionals: ['peer'], examples: ['hypermesh peer disconnect attic'] },
  },
  'network:forget': {
    method: 'DELETE',
    path: '/v1/network/peers/{peer}',
    summary: 'Forgets a peer, its name and its addresses, and closes its connection',
    request: z.strictObject({ peer: peerName }),
    response: z.strictObject({ peerId }),
    errors: peerErrors,
    cli: { command: 'peer forget', positionals: ['peer'], examples: ['hypermesh peer forget attic'] },
  },
  'network:ping': {
    method: 'POST',
    path: '/v1/network/peers/{peer}/ping',
    summary: 'Measures round trips to a peer, connecting to it first if need be',
    request: z.strictObject({ peer: peerName, count: z.coerce.number().int().min(1).max(100).default(4) }),
    response: pingView,
    errors: [...peerErrors, 'UNREACHABLE', 'NO_ADDRESS', 'BANNED', 'FULL'],
  },
  'network:trace': {
    method: 'POST',
    path: '/v1/network/peers/{peer}/trace',
    summary: 'Sends one message to a peer and shows every hop that passed it on, each with its signature checked',
    request: z.strictObject({ peer: peerName }),
    response: traceView,
    errors: [...peerErrors, 'UNREACHABLE', 'NO_ADDRESS', 'BANNED', 'FULL'],
    cli: { command: 'peer trace', positionals: ['peer'], examples: ['hypermesh peer trace attic'] },
  },
  'network:invite': {
    method: 'POST',
    path: '/v1/network/invites',
    summary: 'Makes a link that lets another node find this one and join the same private network',
    request: z.strictObject({
      /** Name of a private network of this node; without one the link leads to this node only. */
      network: z.string().trim().max(64).default(''),
      hours: z.coerce.number().int().min(1).max(8760).default(24),
    }),
    response: inviteView,
    errors: ['NETWORK_UNKNOWN', 'NOT_RUNNING', 'NO_ADDRESS', 'TOO_MANY_INVITES'],
    cli: { command: 'invite', examples: ['hypermesh invite', 'hypermesh invite --network home --hours 2'] },
  },
  'network:join': {
    method: 'POST',
    path: '/v1/network/join',
    summary: 'Follows an invite: joins its private network and connects to whoever made it',
    request: z.strictObject({ link: z.string().trim().min(1).max(4096) }),
    response: z.strictObject({
      peer: peerDetail.nullable(),
      network: privateNetworkView.nullable(),
      problem: z.string().nullable(),
    }),
    errors: ['INVITE_INVALID', 'INVITE_EXPIRED', 'NOT_RUNNING', 'UNREACHABLE', 'NAME_TAKEN', 'NETWORKS_FULL'],
  },
  'network:create': {
    method: 'POST',
    path: '/v1/network/networks',
    summary: 'Makes or joins a private network by its name and secret; who has both is in',
    request: z.strictObject({
      name: z.string().trim().min(1).max(64),
      /** At least 12 characters; null makes one that only invites carry. */
      secret: z.string().min(12).max(256).nullable().default(null),
    }),
    response: privateNetworkView,
    errors: ['NAME_TAKEN', 'NETWORKS_FULL', 'NOT_RUNNING'],
  },
  'network:leave': {
    method: 'DELETE',
    path: '/v1/network/networks/{network}',
    summary: 'Leaves a private network and forgets its secret',
    request: z.strictObject({ network: z.string().trim().min(1).max(64) }),
    response: z.strictObject({ id: networkId }),
    errors: ['NETWORK_UNKNOWN', 'NOT_RUNNING'],
    cli: { command: 'net leave', positionals: ['network'], examples: ['hypermesh net leave home'] },
  },
});

export const networkPushes = definePushes({
  network: {
    summary: 'When reachability, addresses, networks or settings change; at most once a second',
    payload: networkState,
  },
  peers: {
    summary: 'When peers come, go or change; at most once a second, all of them',
    payload: z.strictObject({ peers: z.array(peerView) }),
  },
  networkTraffic: { summary: 'Every second while somebody looks: traffic of the last one', payload: trafficView },
});
