import { brotliCompressSync, brotliDecompressSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { fromHex, readVectors } from '../../../../support/vectors.ts';

// What blocks are packed with is the platform's own Brotli; these show that it reads RFC 7932, wherever we run.
const streams = readVectors<{ name: string; stream: string; text: string | null }[]>('brotli', 'streams.json');

describe('Brotli of the platform', () => {
  it.each(streams.filter(({ text }) => text !== null))('reads $name', ({ stream, text }) => {
    expect(brotliDecompressSync(fromHex(stream)).toString('utf8')).toBe(text);
  });
  it.each(streams.filter(({ text }) => text === null))('refuses $name', ({ stream }) => {
    expect(() => brotliDecompressSync(fromHex(stream))).toThrow(/^Decompression failed$/);
  });
  it.each(streams.filter(({ text }) => text !== null && text !== ''))('refuses $name when cut short', ({ stream }) => {
    expect(() => brotliDecompressSync(fromHex(stream.slice(0, -2)))).toThrow(/^unexpected end of file$/);
  });
  it('reads what it wrote', () => {
    const bytes = Buffer.from(streams.map(({ text }) => text).join(' '));
    expect(brotliDecompressSync(brotliCompressSync(bytes)).equals(bytes)).toBe(true);
  });
});
