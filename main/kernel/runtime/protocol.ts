/**
 * What the node and a job's host process say to each other. Layout and limits: docs/formats/job-host-protocol.md.
 * Imports nothing, as the host loads it at every start.
 */

/** Version of the protocol. Node and host come from one build, so a mismatch is a broken installation. */
export const PROTOCOL_VERSION = 2;

/** Bytes before each payload: its length (unsigned, little-endian) and the frame's type. */
export const FRAME_HEAD_BYTES = 5;
/** Largest payload of a frame from the host: one write of output, one piece of a file. */
export const FRAME_PAYLOAD_BYTES_MAX = 64 * 1024;
/** Largest JSON header of a start message: 256 arguments of 4096 characters and 64 variables of 8192, escaped, and the names of files. */
export const START_HEADER_BYTES_MAX = 16 * 1024 * 1024;
/** Files that a job may leave: those beyond are not told. */
export const OUTPUT_FILES_MAX = 1000;

/** Kinds of jobs that a host runs. */
export type SandboxKind = 'wasm' | 'javascript' | 'python';

/** Types of frames from the host. Numbers are never used again. */
export const FRAME = { running: 1, stdout: 2, stderr: 3, end: 4, refused: 5, file: 6, fileData: 7 } as const;
export type FrameType = (typeof FRAME)[keyof typeof FRAME];

/**
 * Message from the node: this as JSON, then the engine, the module, stdin and the files, one after the other. The only one, but for a
 * host that was started ahead of its job (`warm`): that one gets a second, with the job.
 */
export interface StartHeader {
  version: number;
  /** The host ends itself if this is not its parent: the node died in between. */
  nodePid: number;
  /** Whether the host has to watch the pipe itself, as the system will not end it with the node. */
  watch: boolean;
  /** There is no job yet: the engine is made ready, and the job comes in another message. */
  warm: boolean;
  kind: SandboxKind;
  args: string[];
  env: Record<string, string>;
  memoryBytes: number;
  scratchBytesMax: number;
  moduleBytes: number;
  stdinBytes: number;
  /** QuickJS for JavaScript, CPython for Python; 0 otherwise, and for a host that has it already. */
  engineBytes: number;
  /** Put into the scratch folder before the program begins, in the order in which their bytes follow. */
  files: { path: string; bytes: number }[];
  /** Paths whose files, or folders with all in them, are sent back at the end. */
  outputs: string[];
}

/** Payload of `running`, as JSON. */
export interface RunningReport {
  /** Resident memory of the host before the program's first instruction. */
  residentBytes: number;
}

/** Payload of `end`, as JSON. What the program did, in the words of the contract, and what the system counted. */
export interface EndReport {
  end:
    | { why: 'exited'; exitCode: number }
    | { why: 'crashed'; message: string }
    | { why: 'limit'; limit: 'memory' | 'scratch'; message: string };
  cpuMs: number;
  residentBytesPeak: number;
}

/** Payload of `refused`, as JSON: the program was never started. */
export interface RefusedReport {
  reason: string;
}

/** Payload of `file`, as JSON: frames of `fileData` with so many bytes together follow. Only between the program's end and `end`. */
export interface FileReport {
  path: string;
  bytes: number;
}

/** One frame from the host. */
export interface Frame {
  type: FrameType;
  payload: Buffer;
}

/** Cuts a stream of bytes into frames. Holds at most one frame and the piece that came last. */
export class FrameReader {
  #pending: Buffer = Buffer.alloc(0);

  /**
   * @returns the frames that are complete now
   * @throws {Error} when the bytes are no frames: the host is not ours any more
   */
  push(piece: Buffer): Frame[] {
    let bytes = this.#pending.length === 0 ? piece : Buffer.concat([this.#pending, piece]);
    const frames: Frame[] = [];
    while (bytes.length >= FRAME_HEAD_BYTES) {
      const length = bytes.readUInt32LE(0);
      const type = bytes[4] as FrameType;
      if (length > FRAME_PAYLOAD_BYTES_MAX || type < FRAME.running || type > FRAME.fileData)
        throw new Error(`no frame: type ${type}, ${length} bytes`);
      if (bytes.length < FRAME_HEAD_BYTES + length) break;
      frames.push({ type, payload: bytes.subarray(FRAME_HEAD_BYTES, FRAME_HEAD_BYTES + length) });
      bytes = bytes.subarray(FRAME_HEAD_BYTES + length);
    }
    this.#pending = bytes;
    return frames;
  }
}

/** Head of a frame. */
export const frameHead = (type: FrameType, length: number): Buffer => {
  const head = Buffer.allocUnsafe(FRAME_HEAD_BYTES);
  head.writeUInt32LE(length, 0);
  head[4] = type;
  return head;
};

/** The start message: length of the header, header, and the parts that the header gives sizes of. */
export const startMessage = (header: StartHeader, parts: readonly Uint8Array[]): Buffer[] => {
  const json = Buffer.from(JSON.stringify(header));
  const length = Buffer.allocUnsafe(4);
  length.writeUInt32LE(json.length, 0);
  return [length, json, ...parts.map((part) => Buffer.from(part.buffer, part.byteOffset, part.byteLength))];
};
