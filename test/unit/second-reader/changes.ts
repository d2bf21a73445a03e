/** Changed bytes, and what the second reader says of them. */
import { readFileSync } from 'node:fs';
import { Refusal } from '../../second-reader/refusal.ts';

/** A vector file. */
export function vectorFile(path: string): Buffer {
  return readFileSync(new URL(`../../vectors/${path}`, import.meta.url));
}

/** A vector file of JSON. */
export function vectors<Shape>(path: string): Shape {
  return JSON.parse(vectorFile(path).toString('utf8')) as Shape;
}

/** Bytes of hexadecimal. */
export function bytesOf(hexadecimal: string): Buffer {
  return Buffer.from(hexadecimal, 'hex');
}

/** The same bytes with one bit changed. */
export function flip(bytes: Uint8Array, at: number): Buffer {
  const changed = Buffer.from(bytes);
  changed[at]! ^= 1;
  return changed;
}

/** So many places, evenly over a length, its first and last among them. */
export function placesOver(length: number, count: number): number[] {
  return Array.from({ length: count }, (_, index) => Math.round((index * (length - 1)) / (count - 1)));
}

/** The code with which something is refused; null where it is taken. */
export function codeOf(read: () => unknown): string | null {
  try {
    read();
    return null;
  } catch (error) {
    if (error instanceof Refusal) return error.code;
    throw error;
  }
}
