import type { Settings } from '../../../base/index.ts';
import type { WalletView } from '../../../../preload/contract/index.ts';
import { LOCK_MINUTES_MAX, PRICES_MAX, SETTING_WALLET, WALLET_ROWS_VERSION } from './constants.ts';
import { walletNewer } from './facts.ts';

/** What the owner set. docs/formats/wallet-rows.md */
export interface WalletSettings {
  /** 0: never. */
  lockAfterMinutes: number;
  /** Newest first, one a day. */
  priceList: WalletView['priceList'];
}
const DEFAULTS: WalletSettings = { lockAfterMinutes: 0, priceList: [] };

const DAY = /^\d{4}-\d{2}-\d{2}$/;
const isPrice = (value: unknown): value is WalletSettings['priceList'][number] => {
  if (typeof value !== 'object' || value === null) return false;
  const { day, value: worth, currency } = value as Record<string, unknown>;
  return (
    typeof day === 'string' &&
    DAY.test(day) &&
    typeof worth === 'number' &&
    Number.isFinite(worth) &&
    worth >= 0 &&
    typeof currency === 'string'
  );
};

/** One price a day, the last one said, newest first. */
export const sortedPrices = (prices: WalletSettings['priceList']): WalletSettings['priceList'] =>
  [...new Map(prices.map((price) => [price.day, price])).values()]
    .sort((one, other) => (one.day < other.day ? 1 : -1))
    .slice(0, PRICES_MAX);

/**
 * Whatever was kept that is not as it should be counts as not set. Of what a newer version kept, what is understood holds: a wallet that
 * was to lock itself does.
 */
export const readWalletSettings = async (settings: Settings): Promise<WalletSettings> => {
  const kept = (await settings.get(SETTING_WALLET)) as Record<string, unknown> | undefined;
  if (kept === undefined || typeof kept['v'] !== 'number' || kept['v'] < WALLET_ROWS_VERSION) return DEFAULTS;
  const { lockAfterMinutes, priceList } = kept;
  return {
    lockAfterMinutes:
      typeof lockAfterMinutes === 'number' &&
      Number.isSafeInteger(lockAfterMinutes) &&
      lockAfterMinutes >= 0 &&
      lockAfterMinutes <= LOCK_MINUTES_MAX
        ? lockAfterMinutes
        : 0,
    priceList: Array.isArray(priceList) ? sortedPrices(priceList.filter(isPrice)) : [],
  };
};
/** @throws {WalletError} `WALLET_NEWER`: what a newer version kept is not written over */
export const writeWalletSettings = async (
  settings: Settings,
  { lockAfterMinutes, priceList }: WalletSettings,
): Promise<void> => {
  const kept = (await settings.get(SETTING_WALLET)) as { v?: unknown } | undefined;
  if (typeof kept?.v === 'number' && kept.v > WALLET_ROWS_VERSION) throw walletNewer(kept.v);
  await settings.set(SETTING_WALLET, { v: WALLET_ROWS_VERSION, lockAfterMinutes, priceList });
};
