import type {
  Call,
  CallError,
  NetworkState,
  PathView,
  PayloadOf,
  PeerDetail,
  PeerView,
  Push,
  Reply,
  RequestInputOf,
  ResponseOf,
} from '../../preload/contract/index.ts';

const MINUTE_MS = 60_000;
const DAY_MS = 86_400_000;

/** Ids of fixed seeds; nobody has their keys. */
export const FAKE_PEER_IDS = [
  '12D3KooWD3eckifWpRn9wQpMG9R9hX3sD158z7EqHWmweQAJU5SA',
  '12D3KooWJ4Cr6e8zFaHqvtxWP4VxKNGsULAY9h1YEBoTEEWeehpP',
  '12D3KooWQYhTNQdmr3ArTeUHRYzFg94BKyTkoWBDWez9kSCVe2Xo',
  '12D3KooWNvSZnPi3RrhrTwEY4LuuBeB6K6facKUCJcyWG1aoDd2p',
] as const;
const HOME_ID = 'ab2cd3ef4gh5ij6kl7mn2op3qr4st5uv6wx7yz2ab3cd4ef5gh6i';

export const samplePath = (change: Partial<PathView> = {}): PathView => ({
  tier: 'quic',
  direction: 'out',
  address: '/ip6/2001:db8::41/udp/41414/quic-v1',
  via: null,
  chosen: true,
  why: 'QUIC answered first and nothing was faster since.',
  openedAtMs: Date.now() - 42 * MINUTE_MS,
  rttMs: 11.4,
  lossRatio: 0.002,
  sentBytesPerSecond: 120_000,
  receivedBytesPerSecond: 48_000,
  ...change,
});

/** A peer as all its details show it. */
export const samplePeer = (index: number, change: Partial<PeerDetail> = {}): PeerDetail => {
  const path = change.path === undefined ? samplePath() : change.path;
  const connected = change.connected ?? path !== null;
  return {
    peerId: FAKE_PEER_IDS[index % FAKE_PEER_IDS.length] ?? FAKE_PEER_IDS[0],
    name: '',
    trusted: false,
    source: 'mdns',
    connected,
    connectedAtMs: connected ? Date.now() - 42 * MINUTE_MS : null,
    networks: connected ? ['public'] : [],
    agent: 'hypermesh/0.1.0',
    firstSeenAtMs: Date.now() - 3 * DAY_MS,
    lastSeenAtMs: Date.now() - 5_000,
    points: 0,
    ban: null,
    sentBytes: 48_211_004,
    receivedBytes: 9_120_556,
    addresses: [
      { address: '/ip6/2001:db8::41/udp/41414/quic-v1', source: 'mdns', confirmedAtMs: Date.now() - 42 * MINUTE_MS },
      { address: '/ip6/2001:db8::41/tcp/41414/tls', source: 'seed', confirmedAtMs: null },
    ],
    lastOffence: null,
    handshake: connected ? { resumed: false, tookMs: 38.2 } : null,
    streamsOpen: connected ? 2 : 0,
    paths: path === null ? [] : [path],
    ...change,
    path,
  };
};

const samplePeers = (): PeerDetail[] => {
  const relayed = samplePath({
    tier: 'relay',
    via: FAKE_PEER_IDS[0],
    address: `/ip6/2001:db8::41/udp/41414/quic-v1/p2p/${FAKE_PEER_IDS[0]}/p2p-circuit`,
    why: 'No direct way was found; a hole is tried again in 4 min.',
    rttMs: 64.8,
    lossRatio: null,
  });
  const spare = samplePath({
    tier: 'tls',
    address: '/ip6/2001:db8::41/tcp/41414/tls',
    chosen: false,
    why: 'Kept as a spare way.',
    rttMs: 12.9,
    lossRatio: null,
    sentBytesPerSecond: 0,
    receivedBytesPerSecond: 0,
  });
  return [
    samplePeer(0, {
      name: 'attic',
      trusted: true,
      source: 'owner',
      networks: ['public', HOME_ID],
      paths: [samplePath(), spare],
    }),
    samplePeer(1, { name: 'studio', source: 'invite', path: relayed }),
    samplePeer(2, {
      path: null,
      source: 'seed',
      points: 34,
      lastOffence: { offence: 'tooSlow', atMs: Date.now() - 20 * MINUTE_MS, detail: 'It sent 12 bytes in 10 s.' },
    }),
    samplePeer(3, {
      path: null,
      source: 'incoming',
      points: 100,
      ban: {
        untilMs: Date.now() + 55 * MINUTE_MS,
        reason: 'It showed a signature that does not hold.',
        byOwner: false,
      },
    }),
  ];
};

export interface FakeNetwork {
  state: NetworkState;
  peers: PeerDetail[];
}
export const sampleNetwork = (): FakeNetwork => ({
  peers: samplePeers(),
  state: {
    status: 'running',
    reason: '',
    peerId: '12D3KooWSahP5pFRCEfaziPEba7urXGeif6T1y8jmodzdFUvzBHj',
    addresses: ['/ip6/2001:db8::40/udp/41414/quic-v1', '/ip6/2001:db8::40/tcp/41414/tls'],
    connections: 2,
    knownPeers: 4,
    reach: {
      reachable: 'yes',
      nat: 'cone',
      sentence: 'Your router opened a port, and a peer reached this node through it.',
      advice: [],
      confirmed: [
        { address: '/ip6/2001:db8::40/udp/41414/quic-v1', by: FAKE_PEER_IDS[0], atMs: Date.now() - 12 * MINUTE_MS },
      ],
      mapped: [
        {
          protocol: 'udp',
          address: '/ip4/198.51.100.7/udp/41414/quic-v1',
          by: 'upnp',
          untilMs: Date.now() + 50 * MINUTE_MS,
        },
      ],
      relays: [],
    },
    traffic: {
      sentBytesPerSecond: 120_000,
      receivedBytesPerSecond: 48_000,
      sendLimitBytesPerSecond: 1_000_000,
      receiveLimitBytesPerSecond: null,
      limitReason: 'Network at 50 %, your limit.',
      monthBytes: 3_200_000_000,
      monthLimitBytes: 50_000_000_000,
      sentBytes: 96_422_008,
      receivedBytes: 18_241_112,
    },
    networks: [{ id: HOME_ID, name: 'home', joinedAtMs: Date.now() - 3 * DAY_MS, peers: 1 }],
    settings: {
      enabled: true,
      port: 41414,
      ipv4: true,
      loopbackOnly: false,
      localDiscovery: true,
      portMapping: true,
      relay: true,
      open: true,
      bootstrap: [],
      connectionsMax: 256,
    },
  },
});

/** A QR code of nothing: the shape is what a page draws. */
const FAKE_QR = Array.from({ length: 25 }, (_row, row) =>
  Array.from({ length: 25 }, (_column, column) => ((row * column + row + column) % 3 === 0 ? '1' : '0')).join(''),
);

type NetworkCall = Extract<Call, `network:${string}`>;
type NetworkHandlers = { [C in NetworkCall]: (request: RequestInputOf<C>) => Reply<ResponseOf<C>> };

/** What a fake node answers on its network: names, trust and bans as the real one has them, and no packets. */
export const fakeNetworkHandlers = (
  network: FakeNetwork,
  push: <P extends Push>(name: P, payload: PayloadOf<P>) => void,
): NetworkHandlers => {
  const ok = <T>(value: T): Reply<T> => ({ ok: true, value });
  const refused = (code: string, message: string): { ok: false; error: CallError } => ({
    ok: false,
    error: { name: 'NetworkError', code, message },
  });
  const viewOf = (detail: PeerDetail): PeerView => {
    const {
      paths: _paths,
      addresses: _addresses,
      lastOffence: _offence,
      handshake: _shake,
      streamsOpen: _open,
      ...view
    } = detail;
    return view;
  };
  const peers = (): PeerView[] =>
    network.peers.toSorted((one, other) => Number(other.connected) - Number(one.connected)).map(viewOf);
  const told = (): void => {
    network.state = {
      ...network.state,
      connections: network.peers.filter(({ connected }) => connected).length,
      knownPeers: network.peers.length,
    };
    push('peers', { peers: peers() });
    push('network', structuredClone(network.state));
  };
  /** Finds as the real one does: by name, by id, by the beginning of one. */
  const withPeer = <T>(asked: string, work: (peer: PeerDetail) => Reply<T>): Reply<T> => {
    const found = network.peers.filter(({ name, peerId }) => name === asked || peerId.startsWith(asked));
    const [only] = found;
    if (only === undefined)
      return refused('PEER_UNKNOWN', `No peer is known by "${asked}"; the list shows those there are.`);
    if (found.length > 1)
      return refused(
        'PEER_AMBIGUOUS',
        `"${asked}" could be any of ${found.map(({ peerId }) => peerId).join(', ')}; write more of it.`,
      );
    return work(only);
  };
  const change = (peer: PeerDetail, now: Partial<PeerDetail>): Reply<PeerDetail> => {
    Object.assign(peer, now);
    told();
    return ok({ ...peer });
  };
  const away = {
    connected: false,
    connectedAtMs: null,
    path: null,
    paths: [],
    networks: [],
    handshake: null,
    streamsOpen: 0,
  };
  const back = (): Partial<PeerDetail> => {
    const { connected, connectedAtMs, path, paths, networks, handshake } = samplePeer(0);
    return { connected, connectedAtMs, path, paths, networks, handshake };
  };

  return {
    'network:state': () => ok(network.state),
    'network:configure': (settings) => {
      Object.assign(network.state.settings, settings);
      if (settings.enabled === false)
        network.state = { ...network.state, status: 'off', reason: 'You switched the network off.', addresses: [] };
      if (settings.enabled === true) network.state = { ...network.state, status: 'running', reason: '' };
      told();
      return ok(network.state);
    },
    'network:doctor': () =>
      ok({
        findings: [
          { check: 'IPv6', state: 'ok', sentence: 'This machine has a global IPv6 address.', advice: null },
          {
            check: 'Port mapping',
            state: 'warning',
            sentence: 'The router does not answer to UPnP, NAT-PMP or PCP.',
            advice: 'Switch one of them on in the router, or forward UDP and TCP port 41414 to this machine.',
          },
        ],
      }),
    'network:peers': ({ connected }) =>
      ok({ peers: peers().filter((peer) => peer.connected || (connected !== true && connected !== 'true')) }),
    'network:peer': ({ peer }) => withPeer(peer, (found) => ok({ ...found })),
    'network:add': ({ address, name = '' }) => {
      const peerId = /\/p2p\/(12D3KooW\w{44})$/.exec(address)?.[1];
      if (peerId === undefined)
        return refused('ADDRESS_INVALID', 'That is no address of a peer; it ends in /p2p/ and a peer id.');
      const known = network.peers.find((peer) => peer.peerId === peerId);
      if (known !== undefined) return change(known, { ...back(), ...(name !== '' && { name }) });
      network.peers = [...network.peers, samplePeer(0, { peerId, name, source: 'owner' })];
      told();
      return withPeer(peerId, (peer) => ok({ ...peer }));
    },
    'network:trust': ({ peer, name, trusted = true }) =>
      withPeer(peer, (found) => {
        if (name !== undefined && name !== '' && network.peers.some((other) => other !== found && other.name === name))
          return refused('NAME_TAKEN', `Another peer is called "${name}"; choose another name.`);
        return change(found, { trusted, ...(name !== undefined && { name }) });
      }),
    'network:ban': ({ peer, minutes = null, reason = 'banned by the owner' }) =>
      withPeer(peer, (found) =>
        change(found, {
          ...away,
          ban: { untilMs: minutes === null ? null : Date.now() + minutes * MINUTE_MS, reason, byOwner: true },
        }),
      ),
    'network:unban': ({ peer }) => withPeer(peer, (found) => change(found, { ban: null, points: 0 })),
    'network:connect': ({ peer }) =>
      withPeer(peer, (found) =>
        found.ban === null
          ? change(found, back())
          : refused('BANNED', `${found.peerId} is banned (${found.ban.reason}); lift the ban first.`),
      ),
    'network:disconnect': ({ peer }) => withPeer(peer, (found) => change(found, away)),
    'network:forget': ({ peer }) =>
      withPeer(peer, (found) => {
        network.peers = network.peers.filter((other) => other !== found);
        told();
        return ok({ peerId: found.peerId });
      }),
    'network:ping': ({ peer, count = 4 }) =>
      withPeer(peer, ({ peerId, path }) =>
        ok({
          peerId,
          path,
          roundTripsMs: Array.from({ length: Number(count) }, (_ping, index) =>
            path === null ? null : 11 + index / 10,
          ),
        }),
      ),
    'network:trace': ({ peer }) =>
      withPeer(peer, ({ peerId, path }) =>
        ok({
          peerId,
          hops: [
            ...(path?.via == null ? [] : [{ peerId: path.via, tier: 'quic' as const, rttMs: null, signed: true }]),
            { peerId, tier: path?.tier ?? 'quic', rttMs: path?.rttMs ?? 12, signed: true },
          ],
        }),
      ),
    'network:invite': ({ network: name = '', hours = 24 }) => {
      const found = network.state.networks.find((one) => one.name === name);
      if (name !== '' && found === undefined)
        return refused('NETWORK_UNKNOWN', `This node is in no private network "${name}".`);
      return ok({
        link: `hypermesh:join/${'mfzwizltoqxxmzlsmvwgy2lomu'.repeat(6)}`,
        expiresAtMs: Date.now() + Number(hours) * 60 * MINUTE_MS,
        network: found?.id ?? 'public',
        networkName: found?.name ?? '',
        qr: FAKE_QR,
      });
    },
    'network:join': ({ link }) => {
      if (!link.startsWith('hypermesh:join/'))
        return refused('INVITE_INVALID', 'That is no invite; it begins with hypermesh:join/.');
      const [first] = network.peers;
      return ok({
        peer: first === undefined ? null : { ...first },
        network: network.state.networks[0] ?? null,
        problem: null,
      });
    },
    'network:create': ({ name }) => {
      if (network.state.networks.some((one) => one.name === name))
        return refused('NAME_TAKEN', `This node is in a private network "${name}" already; choose another name.`);
      const made = { id: [...HOME_ID].toReversed().join(''), name, joinedAtMs: Date.now(), peers: 0 };
      network.state = { ...network.state, networks: [...network.state.networks, made] };
      told();
      return ok(made);
    },
    'network:leave': ({ network: name }) => {
      const found = network.state.networks.find((one) => one.name === name || one.id === name);
      if (found === undefined) return refused('NETWORK_UNKNOWN', `This node is in no private network "${name}".`);
      network.state = { ...network.state, networks: network.state.networks.filter((one) => one !== found) };
      told();
      return ok({ id: found.id });
    },
  };
};
