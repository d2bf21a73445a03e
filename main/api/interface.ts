import type { Call, PayloadOf, Push, Reply, ResponseOf } from '../../preload/contract/index.ts';

/** Who asks, for logs and for what only a window can do. */
export interface Caller {
  face: 'window' | 'http' | 'websocket';
}

/**
 * The one place where a call meets the node. Every face goes through it: it parses the request by the contract, runs
 * the handler, and turns errors into codes. Bugs become `INTERNAL` and are logged with what caused them.
 */
export interface Dispatcher {
  call<C extends Call>(name: C, request: unknown, caller: Caller): Promise<Reply<ResponseOf<C>>>;
  /** For names that come from outside and may not be calls at all. */
  callUnknown(name: unknown, request: unknown, caller: Caller): Promise<Reply<unknown>>;
  /** Work for a push (1 Hz sampling) is done only while somebody is subscribed. */
  subscribe<P extends Push>(name: P, listener: (payload: PayloadOf<P>) => void): () => void;
}

/** What a face with a window provides to the calls; absent without one. */
export interface WindowControl {
  show(): void;
}
