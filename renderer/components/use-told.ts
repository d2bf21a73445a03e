import { useEffect, useRef, useState } from 'react';
import type { Call, CallError, PayloadOf, Push, RequestInputOf, ResponseOf } from '../../preload/contract/index.ts';
import { useNode, useNodeAccess } from '../state/node-context.tsx';

/** What the node answered, or why it did not; both null until it has. */
export interface Told<T> {
  value: T | null;
  error: CallError | null;
  /** Takes an answer of another call that tells the same. */
  set(value: T): void;
}

/**
 * What one page shows of the node: read once and after each reconnect, then kept current by a push while the page can be seen.
 *
 * @param merge - what a push makes of what was there
 */
export const useTold = <C extends Call, P extends Push>(
  call: C,
  request: RequestInputOf<C>,
  push: P,
  merge: (before: ResponseOf<C> | null, news: PayloadOf<P>) => ResponseOf<C>,
): Told<ResponseOf<C>> => {
  const node = useNodeAccess();
  const connected = useNode((state) => state.connection.status === 'connected');
  const [value, setValue] = useState<ResponseOf<C> | null>(null);
  const [error, setError] = useState<CallError | null>(null);
  const latest = useRef({ request, merge });
  latest.current = { request, merge };
  useEffect(() => {
    if (!connected) return;
    let ended = false;
    // Before the reading, so that nothing falls between the two.
    const end = node.watch(push, (news) => setValue((before) => latest.current.merge(before, news)));
    void node.ask(call, latest.current.request).then((reply) => {
      if (ended) return;
      if (reply.ok) setValue(reply.value);
      setError(reply.ok ? null : reply.error);
    });
    return () => {
      ended = true;
      end();
    };
  }, [node, connected, call, push]);
  return { value, error, set: setValue };
};
