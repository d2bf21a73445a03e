import { type Socket as UdpSocket, createSocket } from 'node:dgram';
import { type Socket, connect } from 'node:net';

/** A program's end of a SOCKS connection, written for tests by RFC 1928 alone: nothing of the server's is used. */
export interface SocksClient {
  readonly socket: Socket;
  write(bytes: Uint8Array | readonly number[]): void;
  /** @returns exactly so many bytes, or what came before the end */
  read(length: number): Promise<Buffer>;
  /** Everything up to the end. */
  rest(): Promise<Buffer>;
  close(): void;
}
export const openSocksClient = async (port: number): Promise<SocksClient> => {
  const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
  let bytes = Buffer.alloc(0);
  let ended = false;
  let wake = (): void => undefined;
  socket.on('data', (chunk: Buffer) => {
    bytes = Buffer.concat([bytes, chunk]);
    wake();
  });
  const onEnd = (): void => {
    ended = true;
    wake();
  };
  socket.on('end', onEnd).on('close', onEnd);
  socket.on('error', () => undefined);
  await new Promise<void>((resolve, reject) => {
    socket.once('connect', resolve).once('error', reject);
  });
  const until = async (length: number): Promise<Buffer> => {
    while (bytes.length < length && !ended)
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    const taken = bytes.subarray(0, length);
    bytes = bytes.subarray(length);
    return taken;
  };
  return {
    socket,
    write: (data) => {
      socket.write(Uint8Array.from(data));
    },
    read: until,
    rest: () => until(Infinity),
    close: () => {
      socket.destroy();
    },
  };
};

export const ip4 = (text: string): number[] => [1, ...text.split('.').map(Number)];
export const ip6 = (...groups: number[]): number[] => [4, ...groups.flatMap((group) => [group >> 8, group & 255])];
export const domain = (name: string): number[] => [3, Buffer.byteLength(name), ...Buffer.from(name)];
export const portBytes = (port: number): number[] => [port >> 8, port & 255];
export const CONNECT = 1;
export const ASSOCIATE = 3;

/** Greets without a password and asks. @returns the code of the answer, and where the server says it is bound */
export const ask = async (
  client: SocksClient,
  command: number,
  address: readonly number[],
  port: number,
): Promise<{ code: number; port: number }> => {
  client.write([5, 1, 0]);
  await client.read(2);
  client.write([5, command, 0, ...address, ...portBytes(port)]);
  const head = await client.read(4);
  const rest = await client.read((head[3] === 4 ? 16 : 4) + 2);
  return { code: head[1] ?? -1, port: rest.length >= 2 ? rest.readUInt16BE(rest.length - 2) : 0 };
};

/**
 * What a program does that knows nothing of SOCKS: it sends to a port of this machine, where this client wraps its datagrams.
 *
 * @returns the port to send to
 */
export const bridgeUdp = async (
  proxyPort: number,
  address: readonly number[],
  port: number,
): Promise<{ port: number; close(): void }> => {
  const control = await openSocksClient(proxyPort);
  const { code, port: relayPort } = await ask(control, ASSOCIATE, ip4('0.0.0.0'), 0);
  if (code !== 0) throw new Error(`refused with ${code}`);
  const bind = (socket: UdpSocket): Promise<void> =>
    new Promise((resolve) => {
      socket.bind(0, '127.0.0.1', resolve);
    });
  const near = createSocket('udp4');
  const far = createSocket('udp4');
  await Promise.all([bind(near), bind(far)]);
  let program = 0;
  near.on('message', (bytes, from) => {
    program = from.port;
    far.send(Buffer.concat([Buffer.from([0, 0, 0, ...address, ...portBytes(port)]), bytes]), relayPort, '127.0.0.1');
  });
  far.on('message', (bytes) => {
    const type = bytes[3];
    const length = type === 3 ? 1 + (bytes[4] ?? 0) : type === 4 ? 16 : 4;
    near.send(bytes.subarray(4 + length + 2), program, '127.0.0.1');
  });
  return {
    port: near.address().port,
    close: () => {
      control.close();
      near.close();
      far.close();
    },
  };
};
