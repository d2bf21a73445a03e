/** Check files of the program by hand, with spot checks of chains of time: `node test/second-reader/read.ts FILE…`. */
import { readFileSync } from 'node:fs';
import { checkChainFile } from './chain-file.ts';
import { hex } from './fields.ts';
import { checkProofFile } from './proof.ts';
import { checkRequirements, defaults } from './requirements.ts';
import { verifierAt } from './time.ts';

const verifier = verifierAt(Date.now(), 64);
for (const file of process.argv.slice(2)) {
  const bytes = readFileSync(file);
  let found: string;
  if (bytes.subarray(0, 16).toString('latin1') === 'hypermesh-chain\n') {
    const { network, headers, bodies, state } = checkChainFile(bytes, { verifier });
    found = `network ${hex(network)}, ${headers.length} headers, ${bodies.length} bodies, ${state.size} entries`;
  } else {
    const combined = checkProofFile(bytes, verifier);
    checkRequirements(combined, defaults, verifier.nowMs);
    const { id, space, work, time } = combined;
    const bytesOfSpace = space.reduce((sum, plot) => sum + plot.bytes, 0);
    found = `proof ${hex(id)}, ${bytesOfSpace} bytes, ${work.multiplications} multiplications, ${time.steps} steps`;
  }
  process.stdout.write(`${file}: ${found}\n`);
}
