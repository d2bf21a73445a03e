import type { Stream } from '../interface.ts';

/** Bytes of a length in front of a frame, most significant first. */
const LENGTH_BYTES = 4;

/** Reads pieces of known length from a stream, whatever pieces it comes in. */
export interface PieceReader {
  /** @returns null at the end of the stream, if it comes where a piece begins */
  exactly(length: number): Promise<Uint8Array | null>;
  /** A length of four bytes and so many bytes. */
  frame(maxBytes: number): Promise<Uint8Array | null>;
}

/** @param fail - makes the error of a stream that ends within a piece, or of a frame that is too long */
export const createPieceReader = (stream: Stream, fail: (problem: string) => Error): PieceReader => {
  let rest: Uint8Array = new Uint8Array(0);
  const exactly = async (length: number): Promise<Uint8Array | null> => {
    const chunks: Uint8Array[] = [];
    let missing = length;
    while (missing > 0) {
      if (rest.length === 0) {
        const chunk = await stream.read(Math.max(missing, 64 * 1024));
        if (chunk === null) {
          if (missing === length) return null;
          throw fail('it ends in the middle');
        }
        rest = chunk;
      }
      const taken = rest.subarray(0, missing);
      rest = rest.subarray(taken.length);
      missing -= taken.length;
      chunks.push(taken);
    }
    return chunks.length === 1 ? (chunks[0] as Uint8Array) : new Uint8Array(Buffer.concat(chunks));
  };
  return {
    exactly,
    frame: async (maxBytes) => {
      const head = await exactly(LENGTH_BYTES);
      if (head === null) return null;
      const length = Buffer.from(head).readUInt32BE();
      if (length === 0 || length > maxBytes) throw fail(`a frame of ${length} bytes where at most ${maxBytes} may be`);
      const body = await exactly(length);
      if (body === null) throw fail('it ends in the middle');
      return body;
    },
  };
};

/** @returns the frame that {@link PieceReader.frame} reads */
export const frameOf = (body: Uint8Array): Uint8Array => {
  const frame = Buffer.alloc(LENGTH_BYTES + body.length);
  frame.writeUInt32BE(body.length);
  frame.set(body, LENGTH_BYTES);
  return new Uint8Array(frame.buffer, frame.byteOffset, frame.length);
};
