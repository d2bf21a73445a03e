import { useEffect, useState } from 'react';
import type { CallError, LedgerBlockSummary, LedgerView } from '../../../preload/contract/index.ts';
import { useNode, useNodeAccess } from '../../state/node-context.tsx';

/** The newest blocks that are read at once, and on each wish for older ones. */
const BLOCKS_AT_ONCE = 20;

export interface Ledger {
  view: LedgerView | null;
  blocks: readonly LedgerBlockSummary[];
  /** Whether there may be older ones than those in {@link blocks}. */
  hasOlder: boolean;
  error: CallError | null;
  older(): Promise<void>;
}

/** One network, read when its page is opened and whenever its ledger grows, is joined, left or halts. */
export const useLedger = (ledger: string): Ledger => {
  const node = useNodeAccess();
  const connected = useNode((state) => state.connection.status === 'connected');
  const [view, setView] = useState<LedgerView | null>(null);
  const [blocks, setBlocks] = useState<readonly LedgerBlockSummary[]>([]);
  const [error, setError] = useState<CallError | null>(null);
  useEffect(() => {
    if (!connected) return;
    let ended = false;
    let busy = false;
    let again = false;
    // Ledgers grow several times a second while they catch up; one reading at a time is often enough.
    const read = async (): Promise<void> => {
      if (busy) {
        again = true;
        return;
      }
      busy = true;
      const [told, newest] = await Promise.all([
        node.ask('ledgers:get', { ledger }),
        node.ask('ledgers:blocks', { ledger, limit: BLOCKS_AT_ONCE }),
      ]);
      busy = false;
      if (ended) return;
      setError(told.ok ? (newest.ok ? null : newest.error) : told.error);
      if (told.ok) setView(told.value);
      if (newest.ok)
        setBlocks((before) => {
          const lowest = newest.value.blocks.at(-1)?.height ?? 0;
          const rest = before.filter(({ height }) => height < lowest);
          // Blocks that were older than those read before leave a hole; then only the newest are shown.
          return rest.length === 0 || rest[0]?.height === lowest - 1
            ? [...newest.value.blocks, ...rest]
            : newest.value.blocks;
        });
      if (again) {
        again = false;
        void read();
      }
    };
    void read();
    const end = node.watch('ledgers', () => void read());
    return () => {
      ended = true;
      end();
    };
  }, [node, connected, ledger]);
  return {
    view,
    blocks,
    hasOlder: (blocks.at(-1)?.height ?? 1) > 1,
    error,
    older: async () => {
      const lowest = blocks.at(-1)?.height;
      if (lowest === undefined || lowest <= 1) return;
      const reply = await node.ask('ledgers:blocks', { ledger, before: lowest, limit: BLOCKS_AT_ONCE });
      if (reply.ok) setBlocks((before) => [...before, ...reply.value.blocks.filter(({ height }) => height < lowest)]);
      else setError(reply.error);
    },
  };
};
