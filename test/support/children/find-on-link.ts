// Looks for nodes on the links of its network name space and prints each that it finds, as one line of JSON.
import { createMdns } from '../../../main/transport/stoq/discovery/mdns/create-mdns.ts';
import { createSystemOutside } from '../../../main/base/index.ts';
import { membershipOf } from '../../../main/transport/stoq/discovery/membership.ts';
import type { Address } from '../../../main/transport/stoq/interface.ts';
import { createSilentLogger } from '../silent-logger.ts';
import { fakeLocal } from '../stoq/fake-endpoints.ts';

const [seed = '', port = '', network = '', ...addresses] = process.argv.slice(2);
const memberships = network === '' ? [] : [membershipOf(network, new Uint8Array(32).fill(network.length))];
const mdns = createMdns(
  {
    outside: createSystemOutside(),
    logger: createSilentLogger(),
    metrics: null,
    peer: fakeLocal(seed).peerId,
    addresses: () => addresses as Address[],
    memberships: () => memberships,
    open: () => network === '',
  },
  { port: Number(port) },
);
const beganMs = performance.now();
mdns.on('found', (found) => console.log(JSON.stringify({ ...found, afterMs: performance.now() - beganMs })));
process.stdin.on('end', () => process.exit(0)).resume();
await mdns.start();
console.log(JSON.stringify({ links: mdns.links() }));
