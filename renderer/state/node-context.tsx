import { createContext, type ReactNode, useContext, useEffect } from 'react';
import { useStore } from 'zustand';
import type { LiveSample } from '../../preload/contract/index.ts';
import type { NodeAccess, NodeState } from './node-store.ts';

const NodeContext = createContext<NodeAccess | null>(null);

/** Hands the node to every component below. */
export const NodeProvider = ({ node, children }: { node: NodeAccess; children: ReactNode }) => (
  <NodeContext value={node}>{children}</NodeContext>
);

/** The node, to ask it for something. */
export const useNodeAccess = (): NodeAccess => {
  const node = useContext(NodeContext);
  if (node === null) throw new Error('useNodeAccess needs a NodeProvider above it');
  return node;
};

/** What the node last told; draws again when the selected part changes. */
export const useNode = <T,>(select: (state: NodeState) => T): T => useStore(useNodeAccess().store, select);

/** Live samples, oldest first; the node measures only while a component that uses this is shown. */
export const useLive = (): readonly LiveSample[] => {
  const node = useNodeAccess();
  useEffect(() => node.watchLive(), [node]);
  return useNode((state) => state.live);
};
