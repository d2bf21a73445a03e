import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { decodeCbor, encodeCbor } from '../../../../../main/base/index.ts';
import { formatIp, parseDestinationPattern } from '../../../../../main/kernel/proxy/destinations/index.ts';

const vectors = JSON.parse(
  readFileSync(join(import.meta.dirname, '../../../../vectors/exit-rules/lines.json'), 'utf8'),
) as {
  settings: { value: unknown; cbor: string };
  read: { line: string; target: string; from: number; to: number }[];
  refused: string[];
};

describe('docs/formats/exit-rules.md', () => {
  it('has examples at all', () => {
    expect([vectors.read.length, vectors.refused.length]).toEqual([8, 21]);
  });

  it('has its worked example', () => {
    expect(Buffer.from(encodeCbor(vectors.settings.value)).toString('hex')).toBe(vectors.settings.cbor);
    expect(decodeCbor(Buffer.from(vectors.settings.cbor, 'hex'))).toEqual(vectors.settings.value);
    const page = readFileSync(join(import.meta.dirname, '../../../../../docs/formats/exit-rules.md'), 'utf8');
    expect(page.replaceAll(' ', '')).toContain(vectors.settings.cbor);
  });

  it.each(vectors.read)('reads $line', ({ line, target, from, to }) => {
    const pattern = parseDestinationPattern(line);
    const found = pattern?.target;
    const text =
      found?.kind === 'range' ? `range ${formatIp(found.ip)}/${found.bits}` : `${found?.kind} ${found?.name}`;
    expect([text, pattern?.ports]).toEqual([target, { from, to }]);
  });

  it.each(vectors.refused)('refuses %j', (line) => {
    expect(parseDestinationPattern(line)).toBeNull();
  });
});
