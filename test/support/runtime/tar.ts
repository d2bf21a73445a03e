import { createHash } from 'node:crypto';

/** One entry of an archive as somebody may make it, honest or not. */
export interface MadeEntry {
  path: string;
  /** Flag of the kind, such as `0`, `2`, `5`. @default `0` */
  flag?: string;
  content?: string | Uint8Array;
  link?: string;
  /** In place of the length of its content. */
  bytes?: number;
  /** In place of `ustar\0` and `00`. */
  magic?: string;
  prefix?: string;
  breakChecksum?: boolean;
}
const field = (header: Buffer, text: string, at: number, length: number): void =>
  void header.write(text.slice(0, length), at, 'latin1');

export const entry = (made: MadeEntry): Buffer => {
  const { path, flag = '0', link = '', magic = 'ustar\x0000', prefix = '', breakChecksum = false } = made;
  const content = Buffer.from(made.content ?? '');
  const header = Buffer.alloc(512);
  field(header, path, 0, 100);
  field(header, '0000755\0', 100, 8);
  field(header, '0000000\0', 108, 8);
  field(header, '0000000\0', 116, 8);
  field(header, `${(made.bytes ?? content.length).toString(8).padStart(11, '0')}\0`, 124, 12);
  field(header, '00000000000\0', 136, 12);
  field(header, '        ', 148, 8);
  field(header, flag, 156, 1);
  field(header, link, 157, 100);
  field(header, magic, 257, 8);
  field(header, prefix, 345, 155);
  const sum = header.reduce((total, byte) => total + byte, 0) + (breakChecksum ? 1 : 0);
  field(header, `${sum.toString(8).padStart(6, '0')}\0 `, 148, 8);
  return Buffer.concat([header, content, Buffer.alloc(-content.length & 511)]);
};
/** A pax header for the entry behind it. */
export const pax = (records: Record<string, string>, flag = 'x'): Buffer => {
  const content = Object.entries(records)
    .map(([key, value]) => {
      const rest = Buffer.byteLength(` ${key}=${value}\n`);
      let length = rest + 1;
      while (`${length}`.length + rest !== length) length += 1;
      return `${length} ${key}=${value}\n`;
    })
    .join('');
  return entry({ path: 'PaxHeaders/0', flag, content });
};
export const END = Buffer.alloc(1024);
/** An archive of these, with its end. */
export const tarOf = (...entries: (Buffer | MadeEntry)[]): Buffer =>
  Buffer.concat([...entries.map((one) => (Buffer.isBuffer(one) ? one : entry(one))), END]);

export async function* inPieces(bytes: Uint8Array, size = 64 * 1024): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield await Promise.resolve(bytes.subarray(at, at + size));
}
export const hashOf = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');
