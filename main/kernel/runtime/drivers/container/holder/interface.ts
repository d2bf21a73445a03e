import type { EventSource, JobId } from '../../../../../base/index.ts';
import type { JobNetwork, JobPipe, WorkFolder } from '../../interface.ts';

/** What one job's holder is made from. */
export interface HolderRequest {
  /** Of the container, derived from the job's id, so that it is found again. */
  name: string;
  /** Of the volume that the job mounts at `/work`. */
  volume: string;
  job: JobId;
  /** Size of the work folder. Lies in memory, and is charged to whoever writes: job or holder. */
  workBytes: number;
  /** Account that job and holder run as. @default 65532 */
  workUid?: number;
  /** The job's way out; null: it has none. */
  network: JobNetwork | null;
}

/**
 * Keeps what a container job needs and must not have by itself: its work folder, a loopback interface that leads nowhere, and, where
 * the job has a way out, two doors on it. One container of our own per job; it says nothing but frames over its stdin and stdout
 * (docs/formats/holder-frames.md) and lives on when the node dies, until it is removed.
 */
export interface Holders {
  /**
   * Loads the holder's image into the engine where it is not there yet; removes older ones of ours that nothing uses. Done by `make`
   * as well. @returns the image's id
   * @throws {RuntimeError} `ENGINE_MISSING` | `HOLDER_LOST` when the helper was not built
   */
  ensureImage(): Promise<string>;
  /**
   * Makes volume and container and starts it. Resolves when it answers: the job's container can be started then with
   * `NetworkMode: container:<containerId>` and the volume at `/work`.
   * @throws {RuntimeError} `ENGINE_MISSING` | `HOLDER_LOST`
   */
  make(request: HolderRequest): Promise<Holder>;
  /**
   * Takes up the holder of that name that an earlier life of the node left running.
   * @returns null when there is none or it does not answer; what is left of it is removed then
   */
  adopt(request: Pick<HolderRequest, 'name' | 'volume' | 'job' | 'network'>): Promise<Holder | null>;
}

export interface HolderEvents {
  /** It ended by itself, or with the engine; nothing of it works any more. At most once, never after `close` or `remove`. */
  lost: { reason: string };
}

export interface Holder extends EventSource<HolderEvents> {
  readonly containerId: string;
  readonly volume: string;
  readonly work: WorkFolder;
  /** Opens a connection to 127.0.0.1:`port` inside. @throws {RuntimeError} `PORT_CLOSED` | `HOLDER_LOST` */
  connect(port: number): Promise<JobPipe>;
  /** Bytes of the job's connections in both directions, outgoing and incoming ones together, since `make` or `adopt`. */
  counters(): { sentBytes: number; receivedBytes: number };
  /** Lets it live and forgets it: for a node that ends and leaves its jobs. Its connections are reset. May be called twice. */
  close(): void;
  /** Removes container and volume; the job's container has to be gone. May be called twice, and after `close`. */
  remove(): Promise<void>;
}

/** Ports on the job's loopback interface that lead out, where it has a network. */
export const HOLDER_SOCKS_PORT = 1080;
export const HOLDER_HTTP_PORT = 3128;

/** Accounts, and what a job with a network is told of its way out: most programs and libraries read these. */
export const HOLDER_UID = 65_532;
export const networkEnvironment = (): Record<string, string> => {
  const http = `http://127.0.0.1:${HOLDER_HTTP_PORT}`;
  const socks = `socks5h://127.0.0.1:${HOLDER_SOCKS_PORT}`;
  const none = 'localhost,127.0.0.1,::1';
  return {
    HTTP_PROXY: http,
    HTTPS_PROXY: http,
    ALL_PROXY: socks,
    NO_PROXY: none,
    http_proxy: http,
    https_proxy: http,
    all_proxy: socks,
    no_proxy: none,
  };
};

export interface HoldersInit {
  /** The static program `hypermesh-holder`, built from native-helpers/holder/. */
  helperPath: string;
}
