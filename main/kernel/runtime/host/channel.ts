import { readSync, writeSync } from 'node:fs';
import type { EndReport, FrameType, StartHeader } from '../protocol.ts';
import {
  FRAME,
  FRAME_HEAD_BYTES,
  FRAME_PAYLOAD_BYTES_MAX,
  OUTPUT_FILES_MAX,
  PROTOCOL_VERSION,
  START_HEADER_BYTES_MAX,
} from '../protocol.ts';

/** Longest message that is sent; the node cuts shorter. */
const MESSAGE_CHARS_MAX = 8192;

/** Everything that a program is given at its start. */
export interface Start {
  header: StartHeader;
  module: Uint8Array<ArrayBuffer>;
  stdin: Uint8Array<ArrayBuffer>;
  engine: Uint8Array<ArrayBuffer>;
  files: LeftFile[];
}
/** A file of the scratch folder, on its way in or out. */
export interface LeftFile {
  path: string;
  data: Uint8Array<ArrayBuffer>;
}

const waitCell = new Int32Array(new SharedArrayBuffer(4));

/** Sleeps without using the processor. The program runs on this thread and has nothing else to do meanwhile. */
export const sleepMs = (ms: number): void => {
  Atomics.wait(waitCell, 0, 0, ms);
};

/** Ends this process at once. A program can neither catch nor delay it, and no thread has to be waited for. */
export const endProcess = (): never => {
  process.kill(process.pid, 'SIGKILL');
  for (;;) sleepMs(1000);
};

/** Pipes are blocking, so a full one holds the program back until the node has read. */
const writeAll = (bytes: Uint8Array, length: number): void => {
  for (let at = 0; at < length; ) {
    try {
      at += writeSync(1, bytes, at, length - at);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') endProcess(); // the node is gone
      sleepMs(1);
    }
  }
};

/**
 * The frame that is being sent. One for all, since memory outside of V8's heap that each would leave behind stays until
 * V8 next collects, which a program that only writes gives it no reason for.
 */
const frame = Buffer.alloc(FRAME_HEAD_BYTES + FRAME_PAYLOAD_BYTES_MAX);
const framePayload = frame.subarray(FRAME_HEAD_BYTES);

/** Sends so much of the frame's payload, which was filled before. */
const sendFrame = (type: FrameType, length: number): void => {
  frame.writeUInt32LE(length, 0);
  frame[4] = type;
  writeAll(frame, FRAME_HEAD_BYTES + length);
};
const send = (type: FrameType, payload: Uint8Array): void => {
  framePayload.set(payload);
  sendFrame(type, payload.length);
};
const sendJson = (type: FrameType, value: unknown): void => send(type, Buffer.from(JSON.stringify(value)));

/** Sends what the program wrote. Returns when the system has taken it. */
export const sendOutput = (stream: 'stdout' | 'stderr', bytes: Uint8Array): void => {
  for (let at = 0; at < bytes.length; at += FRAME_PAYLOAD_BYTES_MAX)
    send(
      FRAME[stream],
      bytes.length <= FRAME_PAYLOAD_BYTES_MAX ? bytes : bytes.subarray(at, at + FRAME_PAYLOAD_BYTES_MAX),
    );
};

const encoder = new TextEncoder();
/** As `sendOutput`, with text as UTF-8. */
export const sendText = (stream: 'stdout' | 'stderr', text: string): void => {
  for (let at = 0; at < text.length; ) {
    const { read, written } = encoder.encodeInto(at === 0 ? text : text.slice(at), framePayload);
    sendFrame(FRAME[stream], written);
    at += read;
  }
};

/** The program's first instruction is next. */
export const sendRunning = (): void => sendJson(FRAME.running, { residentBytes: process.memoryUsage.rss() });

/** Says that the module cannot be run, and ends. */
export const refuse = (reason: string): never => {
  sendJson(FRAME.refused, { reason: reason.slice(0, MESSAGE_CHARS_MAX) });
  return endProcess();
};

let leftFiles: () => Iterable<LeftFile> = () => [];
/** Says where the files are that the program leaves, however it ends. */
export const leaveFiles = (files: () => Iterable<LeftFile>): void => {
  leftFiles = files;
};
const sendFiles = (): void => {
  let count = 0;
  for (const { path, data } of leftFiles()) {
    if (++count > OUTPUT_FILES_MAX) return;
    sendJson(FRAME.file, { path, bytes: data.length });
    for (let at = 0; at < data.length; at += FRAME_PAYLOAD_BYTES_MAX)
      send(FRAME.fileData, data.subarray(at, at + FRAME_PAYLOAD_BYTES_MAX));
  }
};

/** Says how the program ended, with what it used and left, and ends. */
export const finish = (end: EndReport['end']): never => {
  sendFiles();
  const used = process.resourceUsage();
  const report: EndReport = {
    end: 'message' in end ? { ...end, message: end.message.slice(0, MESSAGE_CHARS_MAX) } : end,
    cpuMs: (used.userCPUTime + used.systemCPUTime) / 1000,
    residentBytesPeak: used.maxRSS * 1024,
  };
  sendJson(FRAME.end, report);
  return endProcess();
};

/** Reads exactly `length` bytes from the node; ends the process when the node is gone. */
const readExactly = (length: number): Uint8Array<ArrayBuffer> => {
  const bytes = new Uint8Array(length);
  for (let at = 0; at < length; ) {
    let read = 0;
    try {
      read = readSync(0, bytes, at, length - at, null);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') endProcess();
      sleepMs(1);
      continue;
    }
    if (read === 0) endProcess();
    at += read;
  }
  return bytes;
};

/** The start message, or the second of a host that was started ahead of its job. Blocks until the node has sent all of it. */
export const readStart = (): Start => {
  const lengthBytes = readExactly(4);
  const headerBytes = new DataView(lengthBytes.buffer).getUint32(0, true);
  if (headerBytes > START_HEADER_BYTES_MAX) endProcess();
  const header = JSON.parse(Buffer.from(readExactly(headerBytes)).toString()) as StartHeader;
  if (header.version !== PROTOCOL_VERSION)
    refuse(
      `The job host speaks version ${PROTOCOL_VERSION} and the node version ${header.version}; install the app again.`,
    );
  // The node died before the system knew that this process is to die with it.
  if (process.ppid !== header.nodePid) endProcess();
  return {
    header,
    engine: readExactly(header.engineBytes),
    module: readExactly(header.moduleBytes),
    stdin: readExactly(header.stdinBytes),
    files: header.files.map(({ path, bytes }) => ({ path, data: readExactly(bytes) })),
  };
};
