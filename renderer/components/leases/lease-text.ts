import {
  type LeaseView,
  type OfferView,
  pricedAmountOf,
  type ResourceKey,
  type RouteKindView,
} from '../../../preload/contract/index.ts';
import { amountText, caesText } from '../quantity.ts';

type Tone = 'neutral' | 'accent' | 'warning' | 'problem';
const STATES: Record<LeaseView['state'], { word: string; tone: Tone }> = {
  requested: { word: 'asked', tone: 'warning' },
  proving: { word: 'proving', tone: 'warning' },
  granted: { word: 'granted', tone: 'warning' },
  running: { word: 'running', tone: 'accent' },
  ending: { word: 'ending', tone: 'warning' },
  ended: { word: 'ended', tone: 'neutral' },
  refused: { word: 'refused', tone: 'problem' },
};
export const leaseStateOf = (lease: LeaseView): { word: string; tone: Tone } => STATES[lease.state];
export const isLive = ({ state }: LeaseView): boolean => state !== 'ended' && state !== 'refused';

const ROUTES: Record<RouteKindView, string> = {
  direct: 'direct',
  relay: 'through a relay',
  anonymous: 'through two relays, unnamed',
};
export const routeText = (route: RouteKindView): string => ROUTES[route];

/** The other side of a lease: what the owner calls it, the end of its id, or that nothing of it is kept. */
export const otherSideOf = (lease: LeaseView): string =>
  lease.peerId === null
    ? 'nobody known'
    : lease.peerName === ''
      ? `${lease.peerId.slice(0, 4)}…${lease.peerId.slice(-8)}`
      : lease.peerName;

/** Ids of leases begin alike in every list; eight digits tell them apart. */
export const shortLease = (id: string): string => id.slice('lease-'.length, 'lease-'.length + 8);

/** What prices of a resource are for: `per GiB and hour`. */
export const perText = (resource: ResourceKey): string => `per ${pricedAmountOf(resource)} and hour`;
/** `for nothing`, or `0.0025 CAES per GiB and hour`. */
export const priceText = (micro: string, resource: ResourceKey): string =>
  BigInt(micro) === 0n ? 'for nothing' : `${caesText(BigInt(micro))} ${perText(resource)}`;

/** `12 of 64 MiB`: what is taken beside what was promised. */
export const useText = (lease: LeaseView): string =>
  lease.measured === null
    ? amountText(lease.amount, lease.unit)
    : `${amountText(lease.measured, lease.unit)} of ${amountText(lease.amount, lease.unit)}`;

/** Units in which a person asks for an amount of this. */
export const amountUnits = (unit: OfferView['unit']): { label: string; factor: number }[] => {
  if (unit === 'bytes')
    return [
      { label: 'MiB', factor: 1024 ** 2 },
      { label: 'GiB', factor: 1024 ** 3 },
    ];
  if (unit === 'bytesPerSecond')
    return [
      { label: 'kB/s', factor: 1_000 },
      { label: 'MB/s', factor: 1_000_000 },
    ];
  return [
    {
      label: unit === 'millicores' ? 'cores' : unit === 'containers' ? 'containers' : 'units',
      factor: unit === 'millicores' ? 1_000 : 1,
    },
  ];
};
