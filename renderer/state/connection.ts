import type { NodeClient } from '../../preload/contract/index.ts';

/** How the way to the node is, as a person would ask. */
export type Connection =
  | { status: 'connecting' }
  | { status: 'connected' }
  /** Lost, or never there; tried again at `retryAtMs` (ms since 1970). */
  | { status: 'waiting'; retryAtMs: number; attempt: number }
  /** The node does not take our token: it was started again, or the address was copied wrongly. */
  | { status: 'refused' };

/** A {@link NodeClient} that also says whether it reaches the node at all. */
export interface ConnectedClient extends NodeClient {
  connection(): Connection;
  /** Calls `listener` on each change until the returned function is called. */
  onConnection(listener: (connection: Connection) => void): () => void;
  /** Tries at once instead of waiting for the next attempt. Does nothing while connected. */
  retryNow(): void;
  /** Ends the connection for good. */
  close(): void;
}

/** Wraps the bridge of the window: the node is the process that made the window, so it is always there. */
export const connectBridge = (bridge: NodeClient): ConnectedClient => ({
  call: (name, request) => bridge.call(name, request),
  subscribe: (name, listener) => bridge.subscribe(name, listener),
  connection: () => ({ status: 'connected' }),
  onConnection: () => () => {},
  retryNow: () => {},
  close: () => {},
});
