import type { LedgerSummary, ValidatorView } from '../../../preload/contract/index.ts';
import { caesText } from '../../components/quantity.ts';
import { durationText } from '../../components/time-text.ts';

/** How far a ledger is, in a few words, and how far of the whole in percent where that is known. */
export const syncText = ({
  sync,
  height,
}: Pick<LedgerSummary, 'sync' | 'height'>): { text: string; percent: number | null } => {
  switch (sync.state) {
    case 'alone':
      return { text: 'Nobody else is on it now', percent: null };
    case 'current':
      return { text: 'Up to date', percent: null };
    case 'blocks':
      return {
        text: `Catching up: block ${sync.height.toLocaleString('en')} of ${sync.target.toLocaleString('en')}`,
        percent: sync.target === 0 ? 0 : (Math.max(sync.height, height) / sync.target) * 100,
      };
    case 'snapshot':
      return {
        text: `Reading a snapshot of block ${sync.target.toLocaleString('en')}: ${sync.receivedChunks} of ${sync.chunks} parts`,
        percent: sync.chunks === 0 ? 0 : (sync.receivedChunks / sync.chunks) * 100,
      };
  }
};

export const VALIDATOR_STATES: Record<
  ValidatorView['state'],
  { word: string; tone: 'accent' | 'warning' | 'problem' | 'neutral' }
> = {
  signing: { word: 'signing', tone: 'accent' },
  slow: { word: 'slow', tone: 'warning' },
  silent: { word: 'silent', tone: 'warning' },
  censoring: { word: 'censoring', tone: 'warning' },
  out: { word: 'out', tone: 'problem' },
};

/** Per mille as percent with one place: `333` is `33.3 %`. */
export const permilleText = (permille: number): string => `${Number((permille / 10).toFixed(1))} %`;

/** A parameter with its unit; times as a person reads them, with the number that is signed beside them. */
export const parameterText = (value: string, unit: string): string => {
  if (unit === 'ms' && /^\d{1,15}$/.test(value) && Number(value) >= 1000)
    return `${durationText(Number(value))} (${Number(value).toLocaleString('en')} ms)`;
  if (unit === 'micro-CAES' && /^\d{5,20}$/.test(value)) return caesText(BigInt(value));
  const grouped = /^\d{5,20}$/.test(value) ? BigInt(value).toLocaleString('en') : value;
  // Units of many things are told in the plural.
  const counted = value === '1' && /^(transaction|block|validator|epoch|byte)s$/.test(unit) ? unit.slice(0, -1) : unit;
  return unit === '' ? grouped : `${grouped} ${counted}`;
};

/** `12 blocks`, `1 block`. */
export const countText = (count: number, one: string, many = `${one}s`): string =>
  `${count.toLocaleString('en')} ${count === 1 ? one : many}`;

/** What stands after `#/ledger/`: a network, and a block of it where one is open. */
export const partOf = (part: string): { ledger: string; height: number | null } => {
  const [ledger = '', height = ''] = part.split(':');
  return { ledger, height: /^\d{1,15}$/.test(height) ? Number(height) : null };
};
