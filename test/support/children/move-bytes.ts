// One node that sends and reads as fast as it may: `move-bytes.ts <number> <tier> <host> <rates as JSON> [<host and port of the other>]`.
// Says where it listens, then, once a second after `go`, what passed its gate.
import { createInterface } from 'node:readline';
import { ipAddress, partsOf } from '../../../main/transport/stoq/address.ts';
import type { Address, Connection, ProtocolSpec } from '../../../main/transport/stoq/interface.ts';
import { createHandshakeSide } from '../stoq/handshake-side.ts';
import { startTestNode } from '../stoq/test-node.ts';

const PROTOCOL = '/hypermesh/load/1';
/** Streams at once in each direction: more than one, so that flows take turns. */
const STREAMS = 4;
const CHUNK_BYTES = 256 * 1024;

interface Settings {
  sendBytesPerSecond: number | null;
  receiveBytesPerSecond: number | null;
  budgetBytes: number | null;
}
const [number = '1', tier = 'quic', host = '::1', settings = '{}', target] = process.argv.slice(2);
const {
  sendBytesPerSecond = null,
  receiveBytesPerSecond = null,
  budgetBytes = null,
} = JSON.parse(settings) as Partial<Settings>;

const side = createHandshakeSide(Number(number));
const node = await startTestNode(
  { outside: side.outside, workers: side.workers },
  { local: side.local, carriers: [tier === 'tls' ? side.carriers.tls : side.carriers.quic], idleMs: null },
);
node.gate.setRates({ sendBytesPerSecond, receiveBytesPerSecond });
node.gate.setBudget(budgetBytes);

const spec: ProtocolSpec = {
  name: PROTOCOL,
  streamsMax: 2 * STREAMS,
  opensPerTenSeconds: 100,
  bytesMax: null,
  deadlineMs: null,
};
const load = new Uint8Array(CHUNK_BYTES).fill(7);
const drain = async (stream: Awaited<ReturnType<Connection['openStream']>>): Promise<void> => {
  while ((await stream.read()) !== null);
};
const fill = async (connection: Connection): Promise<void> => {
  const stream = await connection.openStream(PROTOCOL);
  for (;;) await stream.write(load);
};
const ignore = (): void => undefined;
node.endpoint.handle(spec, (stream) => drain(stream).catch(ignore));
const loadOn = (connection: Connection): void => {
  for (let stream = 0; stream < STREAMS; stream++) void fill(connection).catch(ignore);
};

const listening = await node.endpoint.listen(ipAddress(host, 0, tier === 'tls' ? 'tls' : 'quic'));
process.stdout.write(`${listening}\n`);
createInterface({ input: process.stdin }).on('line', (line) => {
  if (line === 'go') for (const connection of node.endpoint.connections()) loadOn(connection);
  if (line === 'totals') process.stdout.write(`${JSON.stringify(node.gate.totals())}\n`);
  if (line === 'stop') void node.stop().then(() => process.exit(0));
});
if (target !== undefined) {
  const address = target as Address;
  // A machine with many other tests at work does not answer a handshake in time; caps are what is measured here.
  const connect = async (tries: number): Promise<Connection> => {
    try {
      return await node.endpoint.connect({ peer: null, addresses: [address] });
    } catch (error) {
      if (tries === 0) throw error;
      return connect(tries - 1);
    }
  };
  const connection = await connect(5);
  process.stdout.write(`connected ${partsOf(connection.path?.remoteAddress ?? address).transport}\n`);
}
