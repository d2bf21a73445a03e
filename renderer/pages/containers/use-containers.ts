import { useCallback, useEffect, useState } from 'react';
import type { CallError, ResponseOf } from '../../../preload/contract/index.ts';
import { useNode, useNodeAccess } from '../../state/node-context.tsx';

/** The engine's counters change all the time, and asking it is cheap; slower than this would look frozen. */
const READ_MS = 2_000;

type Containers = ResponseOf<'containers:list'>;

/** What this node has in the engine, read again and again while somebody can see it. */
export const useContainers = (): { value: Containers | null; error: CallError | null; read(): Promise<void> } => {
  const node = useNodeAccess();
  const connected = useNode((state) => state.connection.status === 'connected');
  const [value, setValue] = useState<Containers | null>(null);
  const [error, setError] = useState<CallError | null>(null);
  const read = useCallback(async (): Promise<void> => {
    const reply = await node.ask('containers:list', {});
    setError(reply.ok ? null : reply.error);
    if (reply.ok) setValue(reply.value);
  }, [node]);
  useEffect(() => {
    if (!connected) return;
    let ended = false;
    let timer: ReturnType<typeof setTimeout> | undefined;
    // One at a time: an engine that takes long is not asked again before it has answered.
    const turn = async (): Promise<void> => {
      if (!document.hidden) await read();
      if (!ended) timer = setTimeout(() => void turn(), READ_MS);
    };
    void turn();
    return () => {
      ended = true;
      clearTimeout(timer);
    };
  }, [connected, read]);
  return { value, error, read };
};
