import { createRequire } from 'node:module';
import { CarrierError } from '../../errors.ts';

/**
 * The native layer that ships with @chainsafe/libp2p-quic: quinn with libp2p's TLS. It has no types of its own; these are the
 * parts that we use, as found by trying. Errors are plain ones whose message alone tells them apart.
 *
 * It offers no datagrams and no close codes: an end is an end, and why is said on the control stream above.
 */
export interface NativeQuic {
  QuinnConfig: new (options: NativeOptions) => NativeConfig;
  /** @throws `Address already in use (os error 98)` and its like, synchronously */
  Server: new (
    config: NativeConfig,
    host: string,
    port: number,
  ) => NativeServer;
  /** @param family - 0: IPv4, 1: IPv6 */
  Client: new (
    config: NativeConfig,
    family: 0 | 1,
  ) => NativeClient;
}
export interface NativeOptions {
  handshakeTimeout: number;
  maxIdleTimeout: number;
  keepAliveInterval: number;
  maxConcurrentStreamLimit: number;
  maxStreamData: number;
  maxConnectionData: number;
  receiveBufferSize: number;
  sendBufferSize: number;
  /** libp2p's protobuf of an Ed25519 key: `08 01 12 40`, seed, public key. */
  privateKeyProto: Uint8Array;
}
export interface NativeConfig {
  readonly __brand: 'NativeConfig';
}
export interface NativeServer {
  port(): number;
  /** One whose handshake is done. @throws `server closed`; anything else is about one stranger */
  inboundConnection(): Promise<NativeConnection>;
  abort(): Promise<void>;
}
export interface NativeClient {
  /** @throws `timed out` | `endpoint stopping` and others */
  outboundConnection(host: string, port: number): Promise<NativeConnection>;
  abort(): void;
}
export interface NativeConnection {
  /** `/ip6/…/udp/…/quic-v1/p2p/<id of the key that the other end's TLS showed>`. */
  remoteMultiaddr(): string;
  /** Waits while the other end gives no credit. */
  outboundStream(): Promise<NativeStream>;
  inboundStream(): Promise<NativeStream>;
  /** Whole ms, so 0 within a data centre. */
  rtt(): number;
  stats(): NativeStats;
  abort(): void;
  closed(): Promise<void>;
}
export interface NativeStats {
  readonly udpTxBytes: number;
  readonly udpRxBytes: number;
  readonly udpTxDatagrams: number;
  readonly udpRxDatagrams: number;
  readonly pathLostPackets: number;
  readonly pathSentPackets: number;
}
export interface NativeStream {
  /** @returns null at the end of a finished stream, and after `stopRead`. @throws `stream reset by peer…` | `connection lost` */
  read(maxBytes: number): Promise<Uint8Array | null>;
  write(bytes: Uint8Array): Promise<void>;
  finishWrite(): Promise<void>;
  resetWrite(): Promise<void>;
  /** Waits for a `read` under way. */
  stopRead(): Promise<void>;
}

/** Names of the platform packages; on Linux the C library decides, and the wrong one does not load. */
const BUILDS: Readonly<Record<string, readonly string[]>> = {
  'linux-x64': ['linux-x64-gnu', 'linux-x64-musl'],
  'linux-arm64': ['linux-arm64-gnu', 'linux-arm64-musl'],
  'darwin-x64': ['darwin-x64'],
  'darwin-arm64': ['darwin-arm64'],
  'win32-x64': ['win32-x64-msvc'],
};

/** @throws {CarrierError} `NOT_SUPPORTED` where there is no build for this machine or it does not load */
export const loadNativeQuic = (): NativeQuic => {
  const platform = `${process.platform}-${process.arch}`;
  const require = createRequire(import.meta.url);
  let problem = 'there is no build of it';
  for (const build of BUILDS[platform] ?? []) {
    try {
      return require(`@chainsafe/libp2p-quic-${build}`) as NativeQuic;
    } catch (error) {
      problem = error instanceof Error ? (error.message.split('\n')[0] ?? '') : String(error);
    }
  }
  throw new CarrierError(
    { code: 'NOT_SUPPORTED', platform, detail: problem },
    `QUIC cannot be used on ${platform}: ${problem}. Other nodes are still reached over TCP; to get QUIC, install the app again for this kind of machine.`,
  );
};
