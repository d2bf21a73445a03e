const HEADER_BYTES = 8;
/** Largest frame that an engine could say; one that says more is not speaking this protocol. */
const FRAME_BYTES_MAX = 64 * 1024 * 1024;

/**
 * Takes the two streams of an attached container apart: frames of 8 bytes (stream, three zeros, length) and content. Content is
 * told as it comes, nothing is gathered.
 *
 * @see https://docs.docker.com/engine/api/v1.41/#operation/ContainerAttach
 */
export const createDemultiplexer = (
  output: (stream: 'stdout' | 'stderr', bytes: Uint8Array) => void,
): { /** @throws {Error} when it is no such stream */ push(piece: Buffer): void } => {
  const header = Buffer.alloc(HEADER_BYTES);
  let headerBytes = 0;
  let left = 0;
  let stream: 'stdout' | 'stderr' | null = null;
  return {
    push: (piece) => {
      let at = 0;
      while (at < piece.length) {
        if (left === 0) {
          const taken = piece.copy(header, headerBytes, at, at + HEADER_BYTES - headerBytes);
          headerBytes += taken;
          at += taken;
          if (headerBytes < HEADER_BYTES) return;
          headerBytes = 0;
          left = header.readUInt32BE(4);
          const number = header[0]!;
          if (number > 2 || header[1] !== 0 || header[2] !== 0 || header[3] !== 0 || left > FRAME_BYTES_MAX)
            throw new Error('the engine sent no frames');
          // 0 is what was put into standard input, where the engine says it back.
          stream = number === 1 ? 'stdout' : number === 2 ? 'stderr' : null;
          continue;
        }
        const bytes = piece.subarray(at, at + left);
        left -= bytes.length;
        at += bytes.length;
        if (stream !== null) output(stream, bytes);
      }
    },
  };
};

/** Leaves out what was told already, each stream by itself. */
export const skipTold = (
  told: { stdout: number; stderr: number },
  output: (stream: 'stdout' | 'stderr', bytes: Uint8Array) => void,
): ((stream: 'stdout' | 'stderr', bytes: Uint8Array) => void) => {
  const left = { ...told };
  return (stream, bytes) => {
    const skip = Math.min(left[stream], bytes.length);
    left[stream] -= skip;
    if (skip < bytes.length) output(stream, bytes.subarray(skip));
  };
};
