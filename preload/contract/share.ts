import { z } from 'zod';
import { bytes, percent, proofKind, resourceKey, timestampMs } from './common.ts';
import { capacityUnit } from './hardware.ts';
import { defineCalls, definePushes, nothing } from './define.ts';

/** Cells of a week grid: 7 days of 24 hours, Monday 00:00 first, local time. */
export const GRID_CELLS = 168;
export const weekGrid = z.array(percent).length(GRID_CELLS, `a week grid has ${GRID_CELLS} cells, Monday 00:00 first`);

export const privacyLevel = z.enum(['Private', 'PrivateNetwork', 'P2P', 'PublicNetwork', 'FullPublic']);
export const allocationType = z.enum(['Private', 'Public', 'Anonymous', 'Verified']);
export type AllocationType = z.infer<typeof allocationType>;

/** Preferences that other parts enforce once they are there; kept here so that an owner has one place for them. */
export const lendingTerms = z.strictObject({
  privacyLevel,
  /** Networks or peers that the level names; empty for levels that name none. */
  privacyNames: z.array(z.string().min(1).max(128)).max(64),
  allocationType,
  /** Leases at once. */
  leasesMax: z.int().min(0).max(10_000),
  /** Longest lease, in minutes. */
  leaseMinutesMax: z.int().min(1).max(525_600),
  requiredProofs: z.array(proofKind).max(4),
  proxy: z.strictObject({ relaysAllowed: z.boolean(), exitAllowed: z.boolean() }),
  price: z.discriminatedUnion('mode', [
    z.strictObject({ mode: z.literal('market') }),
    /** Micro-CAES for an hour of what `pricedAmountOf` names. */
    z.strictObject({ mode: z.literal('fixed'), microPerHour: z.string().regex(/^\d{1,30}$/) }),
  ]),
});
export type LendingTerms = z.infer<typeof lendingTerms>;

export const resourceShare = z.strictObject({
  resource: resourceKey,
  /** The slider: never more than this. */
  percentMax: percent,
  grid: weekGrid,
  /** While the owner uses the machine. */
  usingPercent: percent,
  /** While the owner is away. */
  awayPercent: percent,
  batteryPercent: percent,
  meteredPercent: percent,
  terms: lendingTerms,
});
export type ResourceShare = z.infer<typeof resourceShare>;

/** Rules that hold for the whole machine. */
export const machineRules = z.strictObject({
  /** Minutes without input after which the owner counts as away. */
  awayAfterMinutes: z.int().min(1).max(1440),
  /** Null: no ceiling. */
  temperature: z
    .strictObject({
      ceilingCelsius: z.int().min(30).max(110),
      /** Degrees below the ceiling at which the level may rise again. */
      hysteresisCelsius: z.int().min(1).max(30),
      /** How far the level falls or rises per step. */
      stepPercent: z.int().min(1).max(100),
    })
    .nullable(),
  /** Program names, as the process list shows them, with the level while one of them runs. */
  programs: z.array(z.strictObject({ name: z.string().min(1).max(128), percent })).max(64),
  network: z.strictObject({
    /** Null: no limit but the level. */
    sendBytesPerSecondMax: bytes.nullable(),
    receiveBytesPerSecondMax: bytes.nullable(),
    /** Bytes per calendar month, both ways together, whole app. */
    monthlyBytesMax: bytes.nullable(),
  }),
});
export type MachineRules = z.infer<typeof machineRules>;

export const ruleName = z.enum([
  'slider',
  'grid',
  'presence',
  'battery',
  'temperature',
  'metered',
  'program',
  'monthlyCap',
  'pause',
  'absent',
]);
export type RuleName = z.infer<typeof ruleName>;
const ruleResult = z.strictObject({
  rule: ruleName,
  percent,
  /** One sentence for the owner, such as `Week grid: 40 % until 18:00`. */
  reason: z.string(),
  /** When this result will change by itself; null when only an event or the owner changes it. */
  untilMs: timestampMs.nullable(),
});
export type RuleResult = z.infer<typeof ruleResult>;
/** What a resource lends now, and which rule says so. */
export const level = z.strictObject({
  resource: resourceKey,
  percent,
  rule: ruleName,
  reason: z.string(),
  untilMs: timestampMs.nullable(),
  /** Every rule that had a say, lowest first. */
  all: z.array(ruleResult),
  /** Rules that are set but whose input could not be read, with the reason. They do not limit. */
  unread: z.array(z.strictObject({ rule: ruleName, reason: z.string() })),
});
export type Level = z.infer<typeof level>;

export const pauseState = z.discriminatedUnion('paused', [
  z.strictObject({ paused: z.literal(false) }),
  /** `untilMs` null: until resumed. */
  z.strictObject({ paused: z.literal(true), sinceMs: timestampMs, untilMs: timestampMs.nullable() }),
]);
export type PauseState = z.infer<typeof pauseState>;

export const shareState = z.strictObject({
  /** Version of the rules' format. */
  version: z.int(),
  resources: z.array(resourceShare),
  rules: machineRules,
  pause: pauseState,
  /** Bytes sent and received this calendar month by the app. */
  monthlyBytesUsed: bytes,
});
export type ShareState = z.infer<typeof shareState>;

/** Promised beside measured, per resource. */
export const promise = z.strictObject({
  resource: resourceKey,
  unit: capacityUnit,
  /** Capacity times level. Null while the capacity is unknown. */
  lendable: z.int().nullable(),
  /** Sum of what live allocations were promised. */
  promised: z.int(),
  /** Sum of what they may take at the present level; never above `lendable`. */
  effective: z.int(),
  /** What they really took over the last seconds; null where nothing can be measured yet. */
  measured: z.number().nullable(),
  allocations: z.int(),
});
export type ResourcePromise = z.infer<typeof promise>;

export const allocation = z.strictObject({
  id: z.string(),
  assetId: z.string(),
  resource: resourceKey,
  unit: capacityUnit,
  promised: z.int(),
  effective: z.int(),
  purpose: z.string(),
  createdAtMs: timestampMs,
});
export type AllocationView = z.infer<typeof allocation>;

/** Conditions to preview with; what is absent is taken as it is now. */
const previewConditions = z.strictObject({
  atMs: timestampMs.optional(),
  present: z.boolean().optional(),
  onBattery: z.boolean().optional(),
  metered: z.boolean().optional(),
  temperatureCelsius: z.number().min(-50).max(150).optional(),
  programs: z.array(z.string().max(128)).max(256).optional(),
});
export type PreviewConditions = z.infer<typeof previewConditions>;

const settable = resourceShare
  .omit({ resource: true, grid: true, terms: true })
  .partial()
  .extend({ terms: lendingTerms.partial().optional() });

export const shareCalls = defineCalls({
  'share:get': {
    method: 'GET',
    path: '/v1/share',
    summary: 'What is lent, by which rules',
    request: nothing,
    response: shareState,
    cli: { command: 'share get', examples: ['hypermesh share get', 'hypermesh share get --json'] },
  },
  'share:levels': {
    method: 'GET',
    path: '/v1/share/levels',
    summary: 'The level of each resource now, and the rule that set it',
    request: nothing,
    response: z.array(level),
    cli: { command: 'share levels', examples: ['hypermesh share levels'] },
  },
  'share:promises': {
    method: 'GET',
    path: '/v1/share/promises',
    summary: 'Promised beside measured, per resource',
    request: nothing,
    response: z.array(promise),
    cli: { command: 'share promises', examples: ['hypermesh share promises'] },
  },
  'share:allocations': {
    method: 'GET',
    path: '/v1/share/allocations',
    summary: 'Live allocations, newest first, 100 at a time',
    request: z.strictObject({ after: z.string().max(64).optional() }),
    response: z.array(allocation),
    cli: { command: 'share allocations', examples: ['hypermesh share allocations'] },
  },
  'share:set': {
    method: 'PATCH',
    path: '/v1/share/resources/{resource}',
    summary: 'Change the limits of one resource',
    request: settable.extend({ resource: resourceKey }),
    response: resourceShare,
    errors: ['RESOURCE_UNKNOWN'],
  },
  'share:setGrid': {
    method: 'PUT',
    path: '/v1/share/resources/{resource}/grid',
    summary: 'Replace the week grid of one resource',
    request: z.strictObject({ resource: resourceKey, cells: weekGrid }),
    response: resourceShare,
    errors: ['RESOURCE_UNKNOWN'],
  },
  'share:setRules': {
    method: 'PATCH',
    path: '/v1/share/rules',
    summary: 'Change the rules of the whole machine',
    request: machineRules.partial(),
    response: machineRules,
  },
  'share:preview': {
    method: 'POST',
    path: '/v1/share/preview',
    summary: 'What the levels would be at another time or in another situation',
    request: previewConditions,
    response: z.array(level),
  },
  'share:pause': {
    method: 'POST',
    path: '/v1/share/pause',
    summary: 'Lend nothing until a time, or until resumed',
    request: z.strictObject({ untilMs: timestampMs.nullable() }),
    response: pauseState,
    errors: ['PAUSE_IN_THE_PAST'],
  },
  'share:resume': {
    method: 'POST',
    path: '/v1/share/resume',
    summary: 'End a pause',
    request: nothing,
    response: pauseState,
    cli: { command: 'resume', examples: ['hypermesh resume'] },
  },
  'share:stopEverything': {
    method: 'POST',
    path: '/v1/share/stop-everything',
    summary: 'Pause, and end every job and allocation at once',
    request: nothing,
    response: z.strictObject({ jobsEnded: z.int(), allocationsEnded: z.int() }),
    cli: { command: 'pause --stop-jobs', examples: ['hypermesh pause --stop-jobs'] },
  },
});
export const sharePushes = definePushes({
  share: { summary: 'When limits, rules or the pause changed', payload: shareState },
  levels: { summary: 'When a level, its rule or its end changed', payload: z.array(level) },
  promises: {
    summary: 'Once a second while anyone listens and something is lent, and when promises change',
    payload: z.array(promise),
  },
});
