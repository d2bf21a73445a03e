import { CONTROL_BYTES_MAX, DATA_BYTES_MAX, HEADER_BYTES } from './constants.ts';

/** Numbers on the wire; never reused. docs/formats/stoq-mux.md */
export const FRAME = { data: 0, finish: 1, reset: 2, window: 3, ping: 4, pong: 5 } as const;
const NAMES: readonly (keyof typeof FRAME)[] = ['data', 'finish', 'reset', 'window', 'ping', 'pong'];

/** What a frame of the type may look like: bytes of payload, and whether it is about a stream, the channel or either. */
const SHAPES: readonly { min: number; max: number; about: 'stream' | 'channel' | 'either' }[] = [
  { min: 1, max: DATA_BYTES_MAX, about: 'stream' },
  { min: 0, max: 0, about: 'stream' },
  { min: 0, max: 0, about: 'stream' },
  { min: 4, max: 4, about: 'either' },
  { min: CONTROL_BYTES_MAX, max: CONTROL_BYTES_MAX, about: 'channel' },
  { min: CONTROL_BYTES_MAX, max: CONTROL_BYTES_MAX, about: 'channel' },
];

/** @returns where the header ends */
export const writeHeader = (into: Buffer, at: number, type: number, length: number, stream: number): number => {
  into.writeUInt32BE(type * 2 ** 24 + length, at);
  into.writeUInt32BE(stream, at + 4);
  return at + HEADER_BYTES;
};
export const writeFrame = (into: Buffer, at: number, type: number, stream: number, payload: Uint8Array): number => {
  const begin = writeHeader(into, at, type, payload.length, stream);
  into.set(payload, begin);
  return begin + payload.length;
};
export const writeWindow = (into: Buffer, at: number, stream: number, credit: number): number =>
  into.writeUInt32BE(credit, writeHeader(into, at, FRAME.window, 4, stream));

export interface FrameSink {
  /** A part of a data frame, in order; a view into what was pushed. */
  onData(stream: number, part: Uint8Array): void;
  onFinish(stream: number): void;
  onReset(stream: number): void;
  /** @param stream - 0: the channel @param credit - 1 or more */
  onWindow(stream: number, credit: number): void;
  /** @param token - 8 bytes, to be copied by whoever keeps it */
  onPing(token: Uint8Array): void;
  onPong(token: Uint8Array): void;
}
export interface FrameReader {
  /**
   * @param bytes - what came, cut anywhere
   * @returns null, or what is wrong with it; then nothing more may be pushed
   */
  push(bytes: Uint8Array): string | null;
}

/** Takes frames apart as their bytes come, holding at most one header and 8 bytes. */
export const createFrameReader = (sink: FrameSink): FrameReader => {
  /** Header, and payload of what is no data frame. */
  const head = Buffer.alloc(HEADER_BYTES + CONTROL_BYTES_MAX);
  let headBytes = 0;
  /** Bytes that `head` must hold before something can be done. */
  let wanted = HEADER_BYTES;
  /** Of the data frame under way. */
  let dataStream = 0;
  let dataLeft = 0;

  /** @returns a problem, or null */
  const takeHead = (): string | null => {
    const type = head[0] ?? 0;
    const length = head.readUIntBE(1, 3);
    const stream = head.readUInt32BE(4);
    if (headBytes === HEADER_BYTES) {
      const shape = SHAPES[type];
      if (shape === undefined) return `frame of the unknown type ${type}`;
      if (length < shape.min || length > shape.max) return `${NAMES[type]} frame of ${length} bytes`;
      if (shape.about === 'stream' && stream === 0) return `${NAMES[type]} frame without a stream`;
      if (shape.about === 'channel' && stream !== 0) return `${NAMES[type]} frame with a stream`;
      if (type === FRAME.data) {
        dataStream = stream;
        dataLeft = length;
        headBytes = 0;
        return null;
      }
      if (length > 0) {
        wanted = HEADER_BYTES + length;
        return null;
      }
    }
    headBytes = 0;
    wanted = HEADER_BYTES;
    const payload = head.subarray(HEADER_BYTES, HEADER_BYTES + length);
    if (type === FRAME.finish) sink.onFinish(stream);
    else if (type === FRAME.reset) sink.onReset(stream);
    else if (type === FRAME.ping) sink.onPing(payload);
    else if (type === FRAME.pong) sink.onPong(payload);
    else {
      const credit = payload.readUInt32BE(0);
      if (credit === 0) return 'window frame that gives nothing';
      sink.onWindow(stream, credit);
    }
    return null;
  };

  return {
    push: (bytes) => {
      let at = 0;
      while (at < bytes.length) {
        if (dataLeft > 0) {
          const end = Math.min(bytes.length, at + dataLeft);
          dataLeft -= end - at;
          sink.onData(dataStream, bytes.subarray(at, end));
          at = end;
          continue;
        }
        const end = Math.min(bytes.length, at + wanted - headBytes);
        head.set(bytes.subarray(at, end), headBytes);
        headBytes += end - at;
        at = end;
        if (headBytes === wanted) {
          const problem = takeHead();
          if (problem !== null) return problem;
        }
      }
      return null;
    },
  };
};
