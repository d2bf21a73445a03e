import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { makeSelfMadeCertificate } from '../../../main/base/crypto/index.ts';
import { keysOf, runHandshakeVector } from '../stoq/handshake-vector.ts';
import { toHex } from '../vectors.ts';

// Makes the vectors of the handshake anew. Run by hand when the format gets a new version; certificates are salted, so the bytes
// differ each time. Argument: the folder test/vectors.
const vectors = process.argv[2]!;
const made = [0x11, 0x22].map((byte) => {
  const entropy = toHex(new Uint8Array(32).fill(byte));
  return { entropy, certificate: toHex(makeSelfMadeCertificate(keysOf(entropy), Date.UTC(2026, 0, 1))) };
});
const vector = await runHandshakeVector(made[0]!, made[1]!);
writeFileSync(join(vectors, 'stoq-handshake/handshake.json'), `${JSON.stringify(vector, null, 2)}\n`);
