import type { WalletView } from '../../../preload/contract/index.ts';
import { useTold } from '../../components/use-told.ts';

/** The wallet as far as it signs for a network: only the current one, and only while it is unlocked. */
export const useWalletFor = (ledger: string): { wallet: WalletView | null; refused: string | null } => {
  const { value, error } = useTold('wallet:get', {}, 'wallet', (_, news) => news);
  if (value === null) return { wallet: null, refused: error === null ? 'The wallet is being read.' : error.message };
  if (value.status !== 'unlocked')
    return { wallet: value, refused: value.reason ?? 'The wallet is locked; unlock it first.' };
  if (value.ledger?.id !== ledger)
    return { wallet: value, refused: 'The wallet signs for the current network only; use this network first.' };
  return { wallet: value, refused: null };
};
