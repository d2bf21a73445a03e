import { useCallback, useEffect, useRef, useState } from 'react';
import type { BlockSummary, CallError } from '../../../preload/contract/index.ts';
import { useNode, useNodeAccess } from '../../state/node-context.tsx';

/** Blocks that are asked for at once. */
const PAGE_BLOCKS = 50;
/** Summaries kept; a reader who scrolls through more reads the first ones again. */
const KEPT_MAX = 5_000;

export interface Blocks {
  at(height: number): BlockSummary | undefined;
  error: CallError | null;
  /** Reads what of these heights is not here yet. */
  want(from: number, to: number): void;
  retry(): void;
}

/** Summaries of blocks by height, read in pages as they come into view; those that are stored now come by themselves. */
export const useBlocks = (): Blocks => {
  const node = useNodeAccess();
  const network = useNode((state) => state.chain?.network ?? null);
  const pruned = useNode((state) => state.chain?.pruned ?? 0);
  const [blocks, setBlocks] = useState<ReadonlyMap<number, BlockSummary>>(new Map());
  const [error, setError] = useState<CallError | null>(null);
  const [edition, setEdition] = useState(0);
  const asked = useRef(new Set<number>());

  // Another chain, or contents that were dropped: what was read is no longer so.
  useEffect(() => {
    asked.current = new Set();
    setBlocks(new Map());
    setError(null);
    setEdition((count) => count + 1);
  }, [network, pruned]);
  useEffect(
    () => node.watch('block', (block) => setBlocks((before) => new Map(before).set(block.height, block))),
    [node],
  );

  const want = useCallback(
    (from: number, to: number): void => {
      const pages = asked.current;
      for (let page = Math.floor(Math.max(0, from) / PAGE_BLOCKS); page * PAGE_BLOCKS <= to; page += 1) {
        if (pages.has(page)) continue;
        pages.add(page);
        void node.ask('chain:list', { before: (page + 1) * PAGE_BLOCKS, limit: PAGE_BLOCKS }).then((reply) => {
          if (asked.current !== pages) return;
          if (!reply.ok) {
            pages.delete(page);
            setError(reply.error);
            return;
          }
          setBlocks((before) => {
            const next = before.size > KEPT_MAX ? new Map<number, BlockSummary>() : new Map(before);
            if (before.size > KEPT_MAX) {
              pages.clear();
              pages.add(page);
            }
            for (const block of reply.value) next.set(block.height, block);
            return next;
          });
        });
      }
    },
    // oxlint-disable-next-line react-hooks/exhaustive-deps -- a new edition asks again for what is in view
    [node, edition],
  );
  return {
    at: (height) => blocks.get(height),
    error,
    want,
    retry: () => {
      setError(null);
      setEdition((count) => count + 1);
    },
  };
};
