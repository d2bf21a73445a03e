import { useEffect, useState } from 'react';
import type { Call, CallError, RequestInputOf, ResponseOf } from '../../../preload/contract/index.ts';
import { useNode, useNodeAccess } from '../../state/node-context.tsx';

export interface Asked<T> {
  value: T | null;
  error: CallError | null;
  set(value: T): void;
}

/**
 * What the node answers to a call, asked anew when the question changes, after a reconnect, and when something was earned.
 * The answer before stays until the next one is there, so that a page does not jump.
 */
export const useAsked = <C extends Call>(call: C, request: RequestInputOf<C>): Asked<ResponseOf<C>> => {
  const node = useNodeAccess();
  const connected = useNode((state) => state.connection.status === 'connected');
  const key = JSON.stringify(request);
  const [value, setValue] = useState<ResponseOf<C> | null>(null);
  const [error, setError] = useState<CallError | null>(null);
  useEffect(() => {
    if (!connected) return;
    let ended = false;
    const ask = async (): Promise<void> => {
      const reply = await node.ask(call, JSON.parse(key) as RequestInputOf<C>);
      if (ended) return;
      setError(reply.ok ? null : reply.error);
      if (reply.ok) setValue(reply.value);
    };
    void ask();
    const end = node.watch('rewards', () => void ask());
    return () => {
      ended = true;
      end();
    };
  }, [node, connected, call, key]);
  return { value, error, set: setValue };
};
