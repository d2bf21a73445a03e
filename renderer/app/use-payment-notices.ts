import { useEffect } from 'react';
import type { WalletEntry, WalletView } from '../../preload/contract/index.ts';
import { nameOrAddress } from '../components/address.tsx';
import { showDone } from '../components/error-note.tsx';
import { caesText } from '../components/quantity.ts';
import { useNode, useNodeAccess } from '../state/node-context.tsx';

/** Newest entries that are looked at when something came in; what is more than these came at once, and is told as one. */
const LOOKED_AT = 20;
/** Notices at once; a full pile helps nobody. */
const SHOWN_MAX = 3;

/** Whether an entry is money of somebody else that is final. */
const isPayment = (entry: WalletEntry, own: ReadonlySet<string>): boolean =>
  (entry.kind === 'received' || entry.kind === 'lent') &&
  entry.state === 'final' &&
  !entry.deltaMicro.startsWith('-') &&
  own.has(entry.account) &&
  (entry.other === null || !own.has(entry.other));

const noticeOf = (entry: WalletEntry): string => {
  const amount = caesText(BigInt(entry.deltaMicro));
  const other = nameOrAddress(entry.otherName, entry.other);
  if (entry.kind === 'lent') return `${amount} came in from ${other}, for what was lent.`;
  return `${amount} came in from ${other}${entry.memo === '' ? '' : `: ${entry.memo}`}.`;
};

/** Tells once of each payment that came in while the app is open. Nothing is told of what came before. */
export const usePaymentNotices = (): void => {
  const node = useNodeAccess();
  const connected = useNode((state) => state.connection.status === 'connected');
  useEffect(() => {
    if (!connected) return;
    const seen = new Set<string>();
    let ledger: string | null = null;
    let sinceMs = 0;
    let busy = false;
    let ended = false;
    // A balance is known before its history is written, so each news is looked at, not only one that says more.
    const payments = async (view: WalletView): Promise<WalletEntry[]> => {
      const own = new Set(view.accounts.filter(({ kind }) => kind === 'own').map(({ address }) => address));
      const reply = await node.ask('wallet:history', { limit: LOOKED_AT });
      return reply.ok ? reply.value.entries.filter((entry) => isPayment(entry, own)) : [];
    };
    const look = async (view: WalletView): Promise<void> => {
      if (busy || view.ledger === null) return;
      // Another network has another history: what stands there already is no news.
      const isFirst = ledger !== view.ledger.id;
      ledger = view.ledger.id;
      busy = true;
      const found = await payments(view);
      busy = false;
      if (ended) return;
      if (isFirst) sinceMs = Math.max(0, ...found.map(({ atMs }) => atMs));
      const news = found.filter(({ id, atMs }) => !seen.has(id) && atMs >= sinceMs);
      for (const { id } of found) seen.add(id);
      if (isFirst) return;
      for (const entry of news.slice(0, SHOWN_MAX)) showDone(noticeOf(entry));
      if (news.length > SHOWN_MAX)
        showDone(`${news.length - SHOWN_MAX} more payments came in; the history of the wallet has them all.`);
    };
    const end = node.watch('wallet', (view) => void look(view));
    void node.ask('wallet:get', {}).then((reply) => {
      if (!ended && reply.ok) void look(reply.value);
    });
    return () => {
      ended = true;
      end();
    };
  }, [node, connected]);
};
