import type {
  LendingTerms,
  MachineRules,
  ResourceKey,
  ResourceKind,
  ResourceShare,
} from '../../../../preload/contract/index.ts';

/** Cells of a week grid. The contract's GRID_CELLS; main imports only types from there. */
export const GRID_CELLS = 168;

type Percents = Pick<
  ResourceShare,
  'percentMax' | 'usingPercent' | 'awayPercent' | 'batteryPercent' | 'meteredPercent'
>;

/**
 * What is lent before the owner has said anything. Half of what works in bursts, a quarter of memory, a tenth of the
 * disk: enough to be of use, little enough not to be noticed. Half of the processor also while somebody uses it, as a
 * first job wants a whole core and many machines have two. Nothing of value is lent unasked, nothing that drains a
 * battery, costs money per byte, or (a graphics card) makes the screen stutter while somebody sits at it.
 */
const PERCENTS: Readonly<Record<ResourceKind, Percents>> = {
  cpu: { percentMax: 50, usingPercent: 50, awayPercent: 100, batteryPercent: 0, meteredPercent: 100 },
  gpu: { percentMax: 50, usingPercent: 0, awayPercent: 100, batteryPercent: 0, meteredPercent: 100 },
  memory: { percentMax: 25, usingPercent: 100, awayPercent: 100, batteryPercent: 100, meteredPercent: 100 },
  storage: { percentMax: 10, usingPercent: 100, awayPercent: 100, batteryPercent: 100, meteredPercent: 100 },
  network: { percentMax: 50, usingPercent: 50, awayPercent: 100, batteryPercent: 100, meteredPercent: 0 },
  container: { percentMax: 50, usingPercent: 25, awayPercent: 100, batteryPercent: 0, meteredPercent: 100 },
  economic: { percentMax: 0, usingPercent: 100, awayPercent: 100, batteryPercent: 100, meteredPercent: 100 },
};

/** Nobody but the owner's own nodes, for a day at a time, at the market's price once there is one. */
const TERMS: LendingTerms = {
  privacyLevel: 'Private',
  privacyNames: [],
  // The level alone keeps others out; it would mean nothing beside a type that lets nobody in whatever the level.
  allocationType: 'Public',
  leasesMax: 16,
  leaseMinutesMax: 1440,
  requiredProofs: [],
  proxy: { relaysAllowed: false, exitAllowed: false },
  price: { mode: 'market' },
};

/** @returns the kind of a resource key: `gpu` for `gpu:card0` */
export const kindOf = (resource: ResourceKey): ResourceKind =>
  resource.startsWith('gpu:') ? 'gpu' : (resource as ResourceKind);

/** @returns limits of a resource that the owner has not touched, a fresh object at each call */
export const defaultShare = (resource: ResourceKey): ResourceShare => ({
  resource,
  ...PERCENTS[kindOf(resource)],
  grid: Array.from({ length: GRID_CELLS }, () => 100),
  terms: structuredClone(TERMS),
});

/** @returns rules of the whole machine that the owner has not touched, a fresh object at each call */
export const defaultRules = (): MachineRules => ({
  // What screen savers wait for by default.
  awayAfterMinutes: 5,
  // Processors throttle themselves at 95 to 105 °C; 85 keeps fans from howling for somebody else's work.
  temperature: { ceilingCelsius: 85, hysteresisCelsius: 5, stepPercent: 10 },
  programs: [],
  network: { sendBytesPerSecondMax: null, receiveBytesPerSecondMax: null, monthlyBytesMax: null },
});
