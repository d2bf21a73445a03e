import type { Asset, LendingTerms, ResourceKey, RuleName } from '../../../preload/contract/index.ts';
import { amountText, kindOf, resourceName, shareOfText } from '../../components/quantity.ts';

type PrivacyLevel = LendingTerms['privacyLevel'];

/** What each privacy level opens, said before it is chosen. From the closest to the widest. */
export const PRIVACY: Record<
  PrivacyLevel,
  { label: string; who: string; seen: string; needsNames: string | null; noNames: string }
> = {
  Private: {
    label: 'Private',
    who: 'Only your own nodes.',
    seen: 'Nobody else learns that this resource exists. No port is opened for others.',
    needsNames: null,
    noNames: '',
  },
  PrivateNetwork: {
    label: 'Private network',
    who: 'Members of the private networks that you name.',
    seen: 'Members see the kind and the free amount of this resource, and the address of this node.',
    needsNames: 'Names of the private networks',
    noNames: 'all private networks of this node.',
  },
  P2P: {
    label: 'Trusted peers',
    who: 'Peers that you trust by name.',
    seen: 'Those peers see the kind and the free amount of this resource, and the address of this node.',
    needsNames: 'Names of the peers',
    noNames: 'everybody whom you trust by name.',
  },
  PublicNetwork: {
    label: 'Public network',
    who: 'Everyone in the public networks that you name.',
    seen: 'Anyone in those networks sees the kind, the free amount and the price of this resource, and the address of this node.',
    needsNames: 'Names of the networks',
    noNames: 'the public network.',
  },
  FullPublic: {
    label: 'Fully public',
    who: 'Anyone.',
    seen: 'Anyone sees the kind, the free amount and the price of this resource, and the address of this node. Rewards are the highest.',
    needsNames: null,
    noNames: '',
  },
};
export const PRIVACY_LEVELS: readonly PrivacyLevel[] = [
  'Private',
  'PrivateNetwork',
  'P2P',
  'PublicNetwork',
  'FullPublic',
];

export const ALLOCATION: Record<LendingTerms['allocationType'], { label: string; text: string }> = {
  Private: { label: 'Private', text: 'Your own nodes only, whatever the privacy level lets others see.' },
  Public: { label: 'Public', text: 'Whoever the privacy level lets in, by name.' },
  Anonymous: { label: 'Anonymous', text: 'No identity of the borrower is kept.' },
  Verified: { label: 'Verified', text: 'All four proofs are checked afresh before anything is lent.' },
};

export const PROOFS: readonly { id: LendingTerms['requiredProofs'][number]; label: string; text: string }[] = [
  { id: 'space', label: 'Space', text: 'where the borrower’s node is and what it stores' },
  { id: 'stake', label: 'Stake', text: 'who it is and what it has at stake' },
  { id: 'work', label: 'Work', text: 'what it can really do' },
  { id: 'time', label: 'Time', text: 'when it did it' },
];

export const RULES: Record<RuleName, string> = {
  slider: 'Slider',
  grid: 'Week grid',
  presence: 'Presence',
  battery: 'Battery',
  temperature: 'Temperature',
  metered: 'Metered network',
  program: 'Program running',
  monthlyCap: 'Monthly cap',
  pause: 'Pause',
  absent: 'Hardware missing',
};

/** What a percentage of an asset comes to, such as `1 of 2 cores`; empty while the capacity is unknown. */
export const meaningOf =
  (asset: Asset | undefined) =>
  (percent: number): string =>
    asset?.capacity.known === true
      ? shareOfText((asset.capacity.value * percent) / 100, asset.capacity.value, asset.unit)
      : '';

/** A resource's title: the card's own name for graphics cards, the kind for everything else. */
export const titleOf = (resource: ResourceKey, asset: Asset | undefined): string =>
  kindOf(resource) === 'gpu' && asset !== undefined ? asset.label : resourceName(resource);

/** What stands under the title: the hardware itself. */
export const subtitleOf = (resource: ResourceKey, asset: Asset | undefined): string | null => {
  if (asset === undefined) return null;
  const capacity = asset.capacity.known ? amountText(asset.capacity.value, asset.unit) : null;
  const label = kindOf(resource) === 'gpu' ? 'Graphics card' : asset.label;
  const parts = [label === titleOf(resource, asset) ? null : label, capacity].filter((part) => part !== null);
  return parts.length === 0 ? null : parts.join(' · ');
};

/** Micro-CAES from what was typed as CAES; null if it is no amount. At most six decimals. */
export const microFromText = (text: string): string | null => {
  const match = /^\s*(\d{1,24})(?:[.,](\d{1,6}))?\s*$/.exec(text);
  if (match === null) return null;
  const micro = BigInt(match[1] ?? '0') * 1_000_000n + BigInt((match[2] ?? '').padEnd(6, '0') || '0');
  return micro.toString();
};

/** The reverse: `1250000` is `1.25`. */
export const textFromMicro = (micro: string): string => {
  const value = BigInt(micro);
  const rest = (value % 1_000_000n).toString().padStart(6, '0').replace(/0+$/, '');
  return `${value / 1_000_000n}${rest === '' ? '' : `.${rest}`}`;
};
