import { startDhtNodes } from '../stoq/dht-nodes.ts';

// Nodes of a DHT that answer until they are killed: `seed count`. Prints the addresses of one of them, in a line, once they have met.
const [seed = 0, count = 0] = process.argv.slice(2).map(Number);
/** More at once would keep each other waiting for longer than a handshake may take. */
const JOINS_AT_ONCE = 4;

const { nodes } = await startDhtNodes(
  Array.from({ length: count }, (_, index) => seed + index),
  { answersOnly: true },
);
const [first, ...left] = nodes;
const addresses = first?.endpoint.addresses() ?? [];
await Promise.all(
  Array.from({ length: JOINS_AT_ONCE }, async () => {
    for (let next = left.shift(); next !== undefined; next = left.shift()) await next.join(addresses);
  }),
);
process.stdout.write(`${addresses.join(' ')}\n`);
