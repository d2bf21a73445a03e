import type { NodeClient } from '../../../preload/contract/index.ts';

/** A {@link NodeClient} over HTTP, with a WebSocket once something is subscribed. */
export interface HttpClient extends NodeClient {
  /**
   * Resolves when every subscription made so far is in force: what happens from then on is pushed.
   * @throws {ClientError} `NODE_GONE`
   */
  subscribed(): Promise<void>;
  /** Resolves when the socket closes, whoever closed it; never if nothing was subscribed. */
  readonly closed: Promise<void>;
  /** Ends the socket and its subscriptions. May be called twice. */
  close(): void;
}

/** Where a node listens and what it wants to hear, as `node.json` has them. */
export interface NodeAddress {
  /** `http://[::1]:9470/` */
  url: string;
  token: string;
}
