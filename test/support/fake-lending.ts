import type {
  Call,
  CallError,
  ExitSettingsView,
  ExposureView,
  GuardState,
  LeaseView,
  OfferView,
  OwnOfferView,
  PayloadOf,
  PrivacyPreview,
  Push,
  Reply,
  RequestInputOf,
  ResponseOf,
  TunnelsState,
} from '../../preload/contract/index.ts';
import { FAKE_PEER_IDS } from './fake-network.ts';

const MINUTE_MS = 60_000;
const MIB = 1024 ** 2;

export const FAKE_ADDRESS = 'fd5e:91c0:33aa:18b2:704c:d5e1:20f9:6b37';

export const sampleLease = (change: Partial<LeaseView> = {}): LeaseView => ({
  id: 'lease-3f2a9b10c45d6e7f8091a2b3c4d5e6f7',
  side: 'lent',
  resource: 'memory',
  unit: 'bytes',
  amount: 64 * MIB,
  state: 'running',
  reason: '',
  code: null,
  peerId: FAKE_PEER_IDS[0],
  peerName: 'attic',
  allocationType: 'Public',
  route: 'direct',
  address: FAKE_ADDRESS,
  purpose: 'cache of the photo server',
  requestedAtMs: Date.now() - 12 * MINUTE_MS,
  startedAtMs: Date.now() - 12 * MINUTE_MS,
  endsAtMs: Date.now() + 48 * MINUTE_MS,
  endedAtMs: null,
  tickMs: MINUTE_MS,
  effective: 64 * MIB,
  measured: 12 * MIB,
  unitSeconds: 64 * MIB * 720,
  sentBytes: 18_400_000,
  receivedBytes: 52_100_000,
  receiptsSigned: 12,
  owedMicro: '0',
  priceMicro: '0',
  ...change,
});
export const sampleOffer = (change: Partial<OfferView> = {}): OfferView => ({
  id: '3f2a9b10c45d6e7f8091a2b3c4d5e6f73f2a9b10c45d6e7f8091a2b3c4d5e6f7',
  peerId: FAKE_PEER_IDS[0],
  peerName: 'attic',
  trusted: true,
  resource: 'memory',
  kind: 'memory',
  unit: 'bytes',
  amountMax: 4096 * MIB,
  proven: null,
  percentNow: 50,
  grid: Array.from({ length: 168 }, () => 50),
  allocationType: 'Public',
  minutesMax: 1440,
  requiredProofs: [],
  relaysAllowed: true,
  priceMicro: '0',
  address: FAKE_ADDRESS,
  rttMs: 11.4,
  expiresAtMs: Date.now() + 30 * MINUTE_MS,
  score: 92,
  why: 'You trust it, it is 11 ms away, it lends for nothing, and half of it is free.',
  ...change,
});
const sampleOwnOffers = (): OwnOfferView[] => [
  {
    resource: 'memory',
    unit: 'bytes',
    amountMax: 8192 * MIB,
    percentNow: 50,
    privacyLevel: 'P2P',
    privacyNames: [],
    allocationType: 'Public',
    address: FAKE_ADDRESS,
    offered: true,
    sentence: 'Your own nodes and everybody whom you trust by name can find and borrow it.',
    leasesLive: 1,
    lendable: true,
  },
  {
    resource: 'network',
    unit: 'bytesPerSecond',
    amountMax: 1_000_000,
    percentNow: 50,
    privacyLevel: 'Private',
    privacyNames: [],
    allocationType: 'Private',
    address: null,
    offered: false,
    sentence: 'Only your own nodes may have it, and there is none in the group own yet.',
    leasesLive: 0,
    lendable: true,
  },
  {
    resource: 'cpu',
    unit: 'millicores',
    amountMax: 0,
    percentNow: 50,
    privacyLevel: 'Private',
    privacyNames: [],
    allocationType: 'Public',
    address: null,
    offered: false,
    sentence: 'This program cannot lend it to others yet.',
    leasesLive: 0,
    lendable: false,
  },
];
export const sampleGuard = (change: Partial<GuardState> = {}): GuardState => ({
  running: false,
  done: 3,
  total: 3,
  ranAtMs: Date.now() - 5 * MINUTE_MS,
  verdict: 'green',
  cause: 'asked',
  probes: [
    {
      from: 'SOCKS5 exit',
      target: 'the router (192.168.1.1, TCP 80)',
      result: 'refused',
      sentence: 'Private ranges are never reached through this node.',
      tookMs: 0.4,
    },
    {
      from: 'HTTP exit',
      target: 'this node’s API ([::1], TCP 9470)',
      result: 'refused',
      sentence: 'This machine itself is never reached through this node.',
      tookMs: 0.3,
    },
    {
      from: 'JavaScript job',
      target: 'the key file of this node',
      result: 'unreachable',
      sentence: 'A job has no files but its scratch folder.',
      tookMs: 62,
    },
  ],
  ...change,
});
const privacySide = (borrows: boolean): PrivacyPreview['before'] => ({
  rows: [
    { who: 'own', label: 'Your own nodes', discover: true, connect: true, allocate: true, peersNow: 0 },
    {
      who: 'trusted',
      label: 'Peers you trust by name',
      discover: borrows,
      connect: borrows,
      allocate: borrows,
      peersNow: 1,
    },
    { who: 'identified', label: 'Everybody else', discover: false, connect: false, allocate: false, peersNow: 1 },
    { who: 'anonymous', label: 'People without a name', discover: false, connect: false, allocate: false, peersNow: 0 },
  ],
  routes: borrows ? ['direct', 'relay'] : ['direct'],
  seen: borrows ? ['Kind and free amount of this resource, and the address of this node'] : [],
  ports: [],
  destinations: [],
});
export const sampleExposure = (change: Partial<ExposureView> = {}): ExposureView => ({
  id: '3f2a9b10',
  name: 'photos',
  address: FAKE_ADDRESS,
  protocol: 'http',
  port: 8080,
  target: 'localhost:8080',
  privacyLevel: 'P2P',
  privacyNames: ['attic'],
  relaysAllowed: true,
  createdAtMs: Date.now() - 60 * MINUTE_MS,
  connectionsNow: 1,
  connectionsTotal: 14,
  sentBytes: 82_000_000,
  receivedBytes: 410_000,
  refused: 2,
  lastRefusal: { atMs: Date.now() - 8 * MINUTE_MS, sentence: 'a peer that is not among those it is for' },
  sentence: 'Your own nodes and attic can find and open it.',
  problem: '',
  ...change,
});
const sampleTunnels = (): TunnelsState => ({
  exposures: [sampleExposure()],
  reached: [
    {
      id: '77aa01c2',
      address: 'fd09:1c7e:5520:8ab1:c3d4:9e01:77aa:01c2',
      protocol: 'tcp',
      port: 22,
      listen: '[::1]:2222',
      route: 'relay',
      peerId: FAKE_PEER_IDS[1],
      peerName: 'studio',
      createdAtMs: Date.now() - 30 * MINUTE_MS,
      connectionsNow: 0,
      connectionsTotal: 3,
      sentBytes: 12_000,
      receivedBytes: 84_000,
      problem: '',
    },
  ],
  proxies: [
    {
      id: '10fe33ab',
      kind: 'socks',
      listen: '[::1]:1080',
      lease: null,
      password: false,
      connectionsNow: 0,
      connectionsTotal: 0,
      sentBytes: 0,
      receivedBytes: 0,
      refused: 0,
      problem: '',
    },
  ],
  vpn: {
    state: 'down',
    reason: '',
    device: null,
    address: null,
    connectionsNow: 0,
    sentPackets: 0,
    receivedPackets: 0,
    droppedPackets: 0,
    sentBytes: 0,
    receivedBytes: 0,
  },
  table: { entries: 2, max: 16_384 },
});

export interface FakeLending {
  leases: LeaseView[];
  offers: OfferView[];
  own: OwnOfferView[];
  groups: Map<string, string[]>;
  guard: GuardState;
  tunnels: TunnelsState;
  exit: ExitSettingsView;
  /** Values in far memory, by key. */
  memory: Map<string, string>;
}
export const sampleLending = (): FakeLending => ({
  leases: [
    sampleLease(),
    sampleLease({
      id: 'lease-77aa01c2d3e4f5061728394a5b6c7d8e',
      side: 'borrowed',
      peerId: FAKE_PEER_IDS[1],
      peerName: 'studio',
      purpose: '',
      measured: null,
    }),
  ],
  offers: [sampleOffer()],
  own: sampleOwnOffers(),
  groups: new Map([['own', [FAKE_PEER_IDS[1]]]]),
  guard: sampleGuard(),
  tunnels: sampleTunnels(),
  exit: { mode: 'all', allowed: [] },
  memory: new Map(),
});

type LendingCall = Extract<
  Call,
  `${'offers' | 'leases' | 'groups' | 'privacy' | 'guard' | 'tunnels' | 'memory' | 'exit'}:${string}`
>;
type LendingHandlers = { [C in LendingCall]?: (request: RequestInputOf<C>) => Reply<ResponseOf<C>> };

/** What a fake node answers about leases and tunnels: rows that come and go, and no bytes. */
export const fakeLendingHandlers = (
  lending: FakeLending,
  push: <P extends Push>(name: P, payload: PayloadOf<P>) => void,
): LendingHandlers => {
  const ok = <T>(value: T): Reply<T> => ({ ok: true, value });
  const refused = (code: string, message: string): { ok: false; error: CallError } => ({
    ok: false,
    error: { name: 'LeaseError', code, message },
  });
  const change = (lease: LeaseView, next: Partial<LeaseView>): LeaseView => {
    Object.assign(lease, next);
    push('leases', { leases: [{ ...lease }] });
    return { ...lease };
  };
  const tunnelsChanged = (): void => push('tunnels', structuredClone(lending.tunnels));
  const groupView = (name: string): ResponseOf<'groups:add'> => ({
    name,
    peers: (lending.groups.get(name) ?? []).map((peerId) => ({ peerId, name: '' })),
  });
  const without = <K extends 'exposures' | 'reached' | 'proxies'>(
    part: K,
    id: string,
  ): Reply<Record<string, never>> => {
    const kept = (lending.tunnels[part] as { id: string }[]).filter((one) => one.id !== id);
    lending.tunnels = { ...lending.tunnels, [part]: kept };
    tunnelsChanged();
    return ok({});
  };
  const stats = (lease: string): ResponseOf<'memory:stats'> => ({
    lease,
    sizeBytes: 64 * MIB,
    keys: lending.memory.size,
    usedBytes: [...lending.memory.values()].reduce((sum, value) => sum + value.length, 0),
    mirrored: false,
    encrypted: true,
  });
  return {
    'offers:search': ({ kind, trustedOnly }) =>
      ok({
        offers: lending.offers.filter(
          (offer) => (kind === undefined || offer.kind === kind) && (trustedOnly !== true || offer.trusted),
        ),
        asked: 2,
        silent: 0,
      }),
    'offers:own': () => ok({ offers: lending.own }),
    'leases:list': ({ side = 'all' }) =>
      ok({ leases: lending.leases.filter((lease) => side === 'all' || lease.side === side) }),
    'leases:request': ({ offer, amount, purpose = '' }) => {
      const wanted = lending.offers.find(({ id }) => id === offer);
      if (wanted === undefined) return refused('OFFER_UNKNOWN', 'That offer is not known here; search again.');
      const lease = sampleLease({
        id: `lease-${String(lending.leases.length).padStart(32, '0')}`,
        side: 'borrowed',
        state: 'requested',
        amount: Number(amount),
        purpose,
        measured: null,
        requestedAtMs: Date.now(),
        startedAtMs: null,
      });
      lending.leases.push(lease);
      return ok(change(lease, {}));
    },
    'leases:end': ({ lease: id }) => {
      const lease = lending.leases.find((one) => one.id === id);
      if (lease === undefined) return refused('LEASE_UNKNOWN', 'There is no such lease.');
      return ok(change(lease, { state: 'ended', endedAtMs: Date.now(), measured: null, reason: 'its owner ended it' }));
    },
    'leases:file': ({ lease }) => ok({ fileName: `${lease}.hmlease`, bytes: 'AAAA' }),
    'leases:verify': ({ file }) =>
      file === 'AQID'
        ? ok({
            passed: false,
            findings: [
              { check: 'offer', passed: false, code: 'FORGED', sentence: 'A signature of the offer does not hold.' },
            ],
            lease: null,
          })
        : refused('LEASE_RECORD_MALFORMED', 'That is no file of a lease; ask for it again.'),
    'groups:list': () => ok({ groups: [...lending.groups.keys()].map(groupView) }),
    'groups:add': ({ group, peer }) => {
      lending.groups.set(group, [...(lending.groups.get(group) ?? []), peer]);
      return ok(groupView(group));
    },
    'groups:remove': ({ group, peer }) => {
      lending.groups.set(
        group,
        (lending.groups.get(group) ?? []).filter((one) => one !== peer),
      );
      return ok(groupView(group));
    },
    'privacy:preview': ({ resource, terms }) => {
      const wide = terms?.privacyLevel !== undefined && terms.privacyLevel !== 'Private';
      return ok({
        resource,
        before: privacySide(false),
        after: privacySide(wide),
        changes: wide ? ['Peers you trust by name can find and borrow it'] : [],
        warnings: terms?.privacyLevel === 'FullPublic' ? ['Anybody can find it, and people without a name, too'] : [],
      });
    },
    'privacy:log': () =>
      ok({
        entries: [
          {
            atMs: Date.now() - 40 * MINUTE_MS,
            resource: 'memory',
            before: 'Private',
            after: 'P2P',
            seen: ['1 peer can find it now: attic'],
          },
        ],
      }),
    'guard:state': () => ok(lending.guard),
    'guard:run': () => {
      lending.guard = { ...lending.guard, running: true, done: 0 };
      push('guard', lending.guard);
      return ok(lending.guard);
    },
    'guard:cancel': () => {
      lending.guard = { ...lending.guard, running: false };
      push('guard', lending.guard);
      return ok(lending.guard);
    },
    'tunnels:state': () => ok(lending.tunnels),
    'tunnels:expose': ({ target, name = '', protocol = 'tcp' }) => {
      const exposure = sampleExposure({
        id: '00000001',
        name,
        target,
        protocol,
        connectionsTotal: 0,
        lastRefusal: null,
      });
      lending.tunnels = { ...lending.tunnels, exposures: [...lending.tunnels.exposures, exposure] };
      tunnelsChanged();
      return ok(exposure);
    },
    'tunnels:unexpose': ({ id }) => without('exposures', id),
    'tunnels:unreach': ({ id }) => without('reached', id),
    'tunnels:unproxy': ({ id }) => without('proxies', id),
    'tunnels:test': ({ address }) =>
      ok({
        resolved: null,
        rttMs: null,
        route: null,
        allowed: false,
        steps: [
          { step: 'Address', ok: true, sentence: `${address} is a global address` },
          { step: 'Found', ok: false, sentence: 'Nobody that this node knows answers for it' },
        ],
      }),
    'tunnels:vpn': ({ up }) => {
      lending.tunnels = {
        ...lending.tunnels,
        vpn: {
          ...lending.tunnels.vpn,
          state: up ? 'refused' : 'down',
          reason: up ? 'The helper has no right to make a device; grant it with sudo setcap.' : '',
        },
      };
      tunnelsChanged();
      return ok(lending.tunnels.vpn);
    },
    'exit:get': () => ok(lending.exit),
    'exit:set': ({ mode, allowed }) => {
      lending.exit = { mode, allowed: [...allowed] };
      return ok(lending.exit);
    },
    'memory:stats': ({ lease }) => ok(stats(lease)),
    'memory:put': ({ lease, key, value }) => {
      lending.memory.set(key, value);
      return ok(stats(lease));
    },
    'memory:get': ({ key }) => ok({ value: lending.memory.get(key) ?? null }),
  };
};
