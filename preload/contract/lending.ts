import { z } from 'zod';
import { bytes, flag, percent, proofKind, resourceKey, resourceKind, timestampMs } from './common.ts';
import { defineCalls, definePushes, nothing } from './define.ts';
import { capacityUnit } from './hardware.ts';
import { peerId, peerName } from './network.ts';
import { provenCapacity } from './proof.ts';
import { allocationType, lendingTerms, privacyLevel, weekGrid } from './share.ts';

export const leaseId = z
  .string()
  .regex(/^lease-[0-9a-f]{32}$/, 'not a lease id; it is lease- and 32 digits')
  .describe('a lease id, lease-…');
/** 128 bits that prove themselves, docs/formats/global-address.md. */
export const globalAddress = z
  .string()
  .regex(/^fd[0-9a-f]{2}(:|::)[0-9a-f:]{1,36}$/, 'not a global address; it is an IPv6 address that begins with fd')
  .describe('a global address, fd…');
/** Micro-CAES as decimal text: exact. */
const micro = z.string().regex(/^\d{1,30}$/, 'not a whole number of micro-CAES');
/** What a person types for a lease: its id or the beginning of one. */
const leaseName = z.string().trim().min(1).max(64).describe('a lease id, or the beginning of one');
export const routeKind = z.enum(['direct', 'relay', 'anonymous']);
export type RouteKindView = z.infer<typeof routeKind>;

/** What others lend, as this node sees it. */
export const offerView = z.strictObject({
  /** Sha-256 of the signed offer, hex; names it. */
  id: z.string().regex(/^[0-9a-f]{64}$/),
  peerId,
  peerName: z.string(),
  trusted: z.boolean(),
  resource: resourceKey,
  kind: resourceKind,
  unit: capacityUnit,
  /** Most that one lease may have, in the unit. */
  amountMax: z.int(),
  proven: provenCapacity.nullable(),
  /** What it lends at this hour by its week grid. */
  percentNow: percent,
  grid: weekGrid,
  allocationType,
  minutesMax: z.int(),
  requiredProofs: z.array(proofKind),
  relaysAllowed: z.boolean(),
  /** For an hour of what `pricedAmountOf` names; 0 lends for nothing. */
  priceMicro: micro,
  address: globalAddress,
  rttMs: z.number().nullable(),
  expiresAtMs: timestampMs,
  /** 0 to 100: trust, distance, price and free capacity together; best first. */
  score: z.number(),
  /** What the score is made of, one sentence. */
  why: z.string(),
});
export type OfferView = z.infer<typeof offerView>;

/** What this node offers, and how far that is told. */
export const ownOfferView = z.strictObject({
  resource: resourceKey,
  unit: capacityUnit,
  amountMax: z.int(),
  percentNow: percent,
  privacyLevel,
  privacyNames: z.array(z.string()),
  allocationType,
  address: globalAddress.nullable(),
  /** Whether anybody can get it now. */
  offered: z.boolean(),
  /** Who can see it, or why nobody can and what to do. */
  sentence: z.string(),
  leasesLive: z.int(),
  /** Whether this version lends such a thing to others at all. */
  lendable: z.boolean(),
});
export type OwnOfferView = z.infer<typeof ownOfferView>;

export const leaseState = z.enum(['requested', 'proving', 'granted', 'running', 'ending', 'ended', 'refused']);
export const leaseView = z.strictObject({
  id: leaseId,
  side: z.enum(['lent', 'borrowed']),
  resource: resourceKey,
  unit: capacityUnit,
  amount: z.int(),
  state: leaseState,
  /** Why it is in this state, one sentence; empty while it runs as it should. */
  reason: z.string(),
  /** Code of a refusal, such as `PRICE_TOO_LOW`; null without one. */
  code: z.string().nullable(),
  /** Null: a borrower of whom nothing is kept. */
  peerId: peerId.nullable(),
  peerName: z.string(),
  allocationType,
  route: routeKind,
  /** Where it is reached; null before it is granted. */
  address: globalAddress.nullable(),
  purpose: z.string(),
  requestedAtMs: timestampMs,
  startedAtMs: timestampMs.nullable(),
  endsAtMs: timestampMs,
  endedAtMs: timestampMs.nullable(),
  tickMs: z.int(),
  /** What it may take at the present level. */
  effective: z.int(),
  /** What it takes now; null where only the other side knows. */
  measured: z.number().nullable(),
  /** Cumulative, by the last receipt that both signed. */
  unitSeconds: z.number(),
  sentBytes: bytes,
  receivedBytes: bytes,
  receiptsSigned: z.int(),
  owedMicro: micro,
  priceMicro: micro,
});
export type LeaseView = z.infer<typeof leaseView>;

/** What a lease file shows to whoever checks it, docs/formats/lease-file.md. */
export const leaseVerdict = z.strictObject({
  /** Every part that is there holds, and belongs to the others. */
  passed: z.boolean(),
  findings: z.array(
    z.strictObject({
      check: z.enum(['offer', 'request', 'grant', 'countersigned', 'latest']),
      passed: z.boolean(),
      code: z.enum(['FORGED', 'MALFORMED', 'MISMATCH', 'UNCHECKED']).nullable(),
      sentence: z.string(),
    }),
  ),
  /** What it says where it passed; null otherwise. */
  lease: z
    .strictObject({
      id: leaseId,
      lender: z.string(),
      borrower: z.string(),
      kind: resourceKind,
      unit: capacityUnit,
      amount: z.int(),
      startsAtMs: timestampMs,
      endsAtMs: timestampMs,
      priceMicro: micro,
      /** Of the last receipt that both signed; null where there is none. */
      used: z
        .strictObject({
          unitSeconds: z.number(),
          sentBytes: bytes,
          receivedBytes: bytes,
          owedMicro: micro,
          final: z.boolean(),
        })
        .nullable(),
    })
    .nullable(),
});
export type LeaseVerdict = z.infer<typeof leaseVerdict>;

/** What may be done by whom at a level, for people. */
const privacyRow = z.strictObject({
  who: z.enum(['own', 'trusted', 'member', 'publicMember', 'identified', 'anonymous']),
  /** Such as `Peers you trust by name`. */
  label: z.string(),
  discover: z.boolean(),
  connect: z.boolean(),
  allocate: z.boolean(),
  /** Peers connected now that this row means. */
  peersNow: z.int(),
});
const privacySide = z.strictObject({
  rows: z.array(privacyRow),
  routes: z.array(routeKind),
  /** What others can read about this machine, one sentence each. */
  seen: z.array(z.string()),
  /** Ports and protocols that open or are open. */
  ports: z.array(z.string()),
  /** Where traffic of borrowers may go. */
  destinations: z.array(z.string()),
});
/** What a change of terms would do, before it is made. */
export const privacyPreview = z.strictObject({
  resource: resourceKey,
  before: privacySide,
  after: privacySide,
  /** What is different, one sentence each; empty when nothing is. */
  changes: z.array(z.string()),
  /** What needs a second look, one sentence each. */
  warnings: z.array(z.string()),
});
export type PrivacyPreview = z.infer<typeof privacyPreview>;
export const privacyLogEntry = z.strictObject({
  atMs: timestampMs,
  resource: resourceKey,
  before: z.string(),
  after: z.string(),
  seen: z.array(z.string()),
});

export const groupView = z.strictObject({
  name: z.string(),
  peers: z.array(z.strictObject({ peerId, name: z.string() })),
});
export type GroupView = z.infer<typeof groupView>;
const groupName = z
  .string()
  .trim()
  .regex(/^[a-z0-9][a-z0-9-]{0,31}$/, 'not a name of a group; use small letters, digits and hyphens')
  .describe('a name of a group');

export const guardProbe = z.strictObject({
  /** What was tried from, such as `SOCKS5 exit` or `JavaScript job`. */
  from: z.string(),
  /** What it tried to reach, such as `the router (192.168.1.1, TCP 80)`. */
  target: z.string(),
  /** `refused` and `unreachable` are good; `reached` is a hole. */
  result: z.enum(['refused', 'unreachable', 'reached', 'notTried']),
  /** What happened, one sentence. */
  sentence: z.string(),
  tookMs: z.number(),
});
export const guardState = z.strictObject({
  running: z.boolean(),
  /** Probes done of all, while it runs. */
  done: z.int(),
  total: z.int(),
  /** Of the last whole run; null before the first. */
  ranAtMs: timestampMs.nullable(),
  /** `green`: everything failed as it must. */
  verdict: z.enum(['none', 'green', 'red']),
  cause: z.enum(['none', 'asked', 'levelChanged', 'started']),
  probes: z.array(guardProbe),
});
export type GuardState = z.infer<typeof guardState>;
export type GuardProbe = z.infer<typeof guardProbe>;

const leaseErrors = ['LEASE_UNKNOWN', 'LEASE_AMBIGUOUS'] as const;

export const lendingCalls = defineCalls({
  'offers:search': {
    method: 'GET',
    path: '/v1/offers',
    summary: 'What others lend, best first: asks connected peers and the directory',
    request: z.strictObject({
      kind: resourceKind.optional(),
      /** In the unit of the kind: bytes, bytes a second. */
      amountMin: z.coerce.number().int().min(0).default(0),
      priceMicroMax: micro.optional(),
      trustedOnly: flag.default(false),
      fresh: flag.default(false),
    }),
    response: z.strictObject({ offers: z.array(offerView), asked: z.int(), silent: z.int() }),
    errors: ['NOT_RUNNING'],
    cli: { command: 'offers', examples: ['hypermesh offers', 'hypermesh offers --kind memory --trusted-only'] },
  },
  'offers:own': {
    method: 'GET',
    path: '/v1/offers/own',
    summary: 'What this node offers, and who can see it',
    request: nothing,
    response: z.strictObject({ offers: z.array(ownOfferView) }),
    cli: { command: 'offers own', examples: ['hypermesh offers own'] },
  },
  'leases:list': {
    method: 'GET',
    path: '/v1/leases',
    summary: 'Who borrows what from this node, and what it borrows: live ones first, newest first, 100 at a time',
    request: z.strictObject({
      side: z.enum(['lent', 'borrowed', 'all']).default('all'),
      state: z.enum(['live', 'over', 'all']).default('all'),
      after: leaseId.optional(),
    }),
    response: z.strictObject({ leases: z.array(leaseView) }),
    cli: { command: 'lease list', examples: ['hypermesh lease list', 'hypermesh lease list --side lent --state live'] },
  },
  'leases:get': {
    method: 'GET',
    path: '/v1/leases/{lease}',
    summary: 'One lease',
    request: z.strictObject({ lease: leaseName }),
    response: leaseView,
    errors: leaseErrors,
    cli: { command: 'lease show', positionals: ['lease'], examples: ['hypermesh lease show lease-3f2a'] },
  },
  'leases:request': {
    method: 'POST',
    path: '/v1/leases',
    summary: 'Asks for a lease; it goes on by itself, and its state tells what became of it',
    request: z.strictObject({
      /** Id of an offer, or the beginning of one. */
      offer: z.string().trim().min(4).max(64).describe('the id of an offer, or the beginning of one'),
      amount: z.coerce.number().int().min(1).max(Number.MAX_SAFE_INTEGER),
      minutes: z.coerce.number().int().min(1).max(525_600).default(60),
      priceMicroMax: micro.default('0'),
      route: z.enum(['direct', 'anonymous']).default('direct'),
      purpose: z.string().trim().max(64).default(''),
    }),
    response: leaseView,
    errors: ['OFFER_UNKNOWN', 'OFFER_AMBIGUOUS', 'TOO_MANY_LEASES', 'NOT_RUNNING', 'UNREACHABLE'],
  },
  'leases:end': {
    method: 'DELETE',
    path: '/v1/leases/{lease}',
    summary: 'Ends a lease, lent or borrowed; what was used so far is settled',
    request: z.strictObject({ lease: leaseName }),
    response: leaseView,
    errors: leaseErrors,
    cli: { command: 'lease end', positionals: ['lease'], examples: ['hypermesh lease end lease-3f2a'] },
  },
  'leases:file': {
    method: 'POST',
    path: '/v1/leases/{lease}/file',
    summary: 'Offer, request, grant and the last receipt of a lease, signed, to be checked by anybody',
    request: z.strictObject({ lease: leaseName }),
    /** Base64. */
    response: z.strictObject({ fileName: z.string(), bytes: z.string() }),
    errors: leaseErrors,
  },
  'leases:verify': {
    method: 'POST',
    path: '/v1/leases/verify',
    summary: 'Checks the file of a lease with what it holds and nothing else',
    request: z.strictObject({
      /** Base64. */
      file: z.string().min(1).max(200_000),
    }),
    response: leaseVerdict,
    errors: ['LEASE_RECORD_MALFORMED', 'LEASE_RECORD_VERSION'],
  },
  'groups:list': {
    method: 'GET',
    path: '/v1/groups',
    summary: 'The address book: groups of peers; own is the group of your other nodes',
    request: nothing,
    response: z.strictObject({ groups: z.array(groupView) }),
    cli: { command: 'group list', examples: ['hypermesh group list'] },
  },
  'groups:add': {
    method: 'POST',
    path: '/v1/groups/{group}/peers',
    summary: 'Puts a peer into a group, which is made when it is not there',
    request: z.strictObject({ group: groupName, peer: peerName }),
    response: groupView,
    errors: ['PEER_UNKNOWN', 'PEER_AMBIGUOUS', 'GROUPS_FULL'],
    cli: { command: 'group add', positionals: ['group', 'peer'], examples: ['hypermesh group add own attic'] },
  },
  'groups:remove': {
    method: 'DELETE',
    path: '/v1/groups/{group}/peers/{peer}',
    summary: 'Takes a peer out of a group; an empty one is gone',
    request: z.strictObject({ group: groupName, peer: peerName }),
    response: groupView,
    errors: ['PEER_UNKNOWN', 'PEER_AMBIGUOUS'],
    cli: { command: 'group remove', positionals: ['group', 'peer'], examples: ['hypermesh group remove own attic'] },
  },
  'privacy:preview': {
    method: 'POST',
    path: '/v1/privacy/preview',
    summary: 'What others would see, which ports open and who may connect, before terms are changed',
    request: z.strictObject({ resource: resourceKey, terms: lendingTerms.partial().default({}) }),
    response: privacyPreview,
    errors: ['RESOURCE_UNKNOWN'],
  },
  'privacy:log': {
    method: 'GET',
    path: '/v1/privacy/log',
    summary: 'Changes of who may see and use what, and what was seen once each was in force; newest first',
    request: nothing,
    response: z.strictObject({ entries: z.array(privacyLogEntry) }),
    cli: { command: 'privacy log', examples: ['hypermesh privacy log'] },
  },
  'guard:state': {
    method: 'GET',
    path: '/v1/guard',
    summary: 'What was tried from here to reach your home network and this node, and that it failed',
    request: nothing,
    response: guardState,
    cli: { command: 'guard show', examples: ['hypermesh guard show'] },
  },
  'guard:run': {
    method: 'POST',
    path: '/v1/guard/run',
    summary: 'Tries every way out of sandboxes and forwarders now',
    request: nothing,
    response: guardState,
    errors: ['GUARD_RUNNING'],
  },
  'guard:cancel': {
    method: 'POST',
    path: '/v1/guard/cancel',
    summary: 'Stops the run of the guard; the last whole one stays',
    request: nothing,
    response: guardState,
  },
});

export const lendingPushes = definePushes({
  leases: {
    summary: 'When leases change, those that did; at most once a second',
    payload: z.strictObject({ leases: z.array(leaseView) }),
  },
  ownOffers: {
    summary: 'When what this node offers changes; at most once a second',
    payload: z.strictObject({ offers: z.array(ownOfferView) }),
  },
  guard: { summary: 'When the guard goes on or is done; at most twice a second', payload: guardState },
});
