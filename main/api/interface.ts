import type { Call, Config, NodeStatus, PayloadOf, Push, Reply, ResponseOf } from '../../preload/contract/index.ts';
import type { EventSource } from '../base/index.ts';

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

export interface NodeControlEvents {
  /** Something in the status is different from what it was when this fired last. */
  statusChanged: NodeStatus;
}

/** The node as a whole, as the calls see it. */
export interface NodeControl extends EventSource<NodeControlEvents> {
  status(): NodeStatus;
  /** Sets the stop in motion and returns, so that the call that asked is still answered. May be called twice. */
  requestStop(afterJobs: boolean): void;
}

export interface ConfigSourceEvents {
  /** The file holds these settings now. */
  changed: Config;
}

/** The owner's settings, kept in a file. */
export interface ConfigSource extends EventSource<ConfigSourceEvents> {
  get(): Config;
  /**
   * Writes the file, then takes effect.
   * @throws {ConfigError} `CONFIG_NOT_WRITTEN`
   */
  set(change: { readonly [K in keyof Omit<Config, 'version'>]?: Config[K] | undefined }): Promise<Config>;
}
