import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { falconKeys } from '../../../main/base/crypto/index.ts';

// Makes the FALCON-1024 keys of the vectors of consensus, each of 48 bytes of its number: seconds of work that no test repeats.
// Argument: the folder test/vectors.
const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
const keys = Object.fromEntries(
  [1, 2, 3, 4, 5, 6, 7].map((number) => {
    const made = falconKeys(Uint8Array.from({ length: 48 }, () => number));
    return [number, { public: hex(made.public), secret: hex(made.secret) }];
  }),
);
writeFileSync(join(process.argv[2]!, 'consensus', 'keys.json'), `${JSON.stringify(keys, null, 2)}\n`);
