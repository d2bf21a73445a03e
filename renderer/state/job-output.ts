import type { JobOutputChunk } from '../../preload/contract/index.ts';

/** Lines of output kept on the page. The node keeps all of it; a page of a few thousand lines stays quick. */
export const OUTPUT_LINES_MAX = 3_000;
/** A program may write for ever without a line's end; such a line is cut into pieces of this many characters. */
export const LINE_CHARACTERS_MAX = 4_000;

export interface OutputLine {
  /** Counts from the first line of the job's output on and never repeats. */
  number: number;
  stream: 'stdout' | 'stderr';
  text: string;
}

/** Turns chunks of bytes, in whatever pieces they come, into whole lines of text. */
export interface OutputBuffer {
  /** Takes a chunk unless its bytes were taken before. @returns false if bytes before it are missing */
  add(chunk: JobOutputChunk): boolean;
  /** The last lines, oldest first, unfinished ones at their end. */
  lines(): readonly OutputLine[];
  /** How many lines were dropped from the front. */
  readonly dropped: number;
  /** Offset of the next byte that is wanted. */
  readonly nextOffset: number;
}

const bytesOf = (base64: string): Uint8Array => Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));

export const createOutputBuffer = (): OutputBuffer => {
  const decoders = { stdout: new TextDecoder(), stderr: new TextDecoder() };
  /** The unfinished line of each stream. */
  const open: Record<'stdout' | 'stderr', OutputLine | null> = { stdout: null, stderr: null };
  let done: OutputLine[] = [];
  let nextNumber = 1;
  let nextOffset = 0;
  let dropped = 0;

  const push = (line: OutputLine): void => {
    done.push(line);
    // Trimmed in blocks, so that a long output is not copied for every line.
    if (done.length < OUTPUT_LINES_MAX * 1.25) return;
    const surplus = done.length - OUTPUT_LINES_MAX;
    dropped += surplus;
    done = done.slice(surplus);
  };

  const write = (stream: 'stdout' | 'stderr', text: string): void => {
    for (const [index, piece] of text.split('\n').entries()) {
      if (index > 0) {
        push(open[stream] ?? { number: nextNumber++, stream, text: '' });
        open[stream] = null;
      }
      for (let at = 0; at < piece.length; at += LINE_CHARACTERS_MAX) {
        const part = piece.slice(at, at + LINE_CHARACTERS_MAX);
        const line = open[stream] ?? { number: nextNumber++, stream, text: '' };
        if (line.text.length + part.length > LINE_CHARACTERS_MAX) {
          push(line);
          open[stream] = { number: nextNumber++, stream, text: part };
        } else open[stream] = { ...line, text: line.text + part };
      }
    }
  };

  return {
    add: (chunk) => {
      const bytes = bytesOf(chunk.data);
      if (chunk.offset + bytes.length <= nextOffset) return true;
      if (chunk.offset > nextOffset) return false;
      const fresh = bytes.subarray(nextOffset - chunk.offset);
      nextOffset += fresh.length;
      write(chunk.stream, decoders[chunk.stream].decode(fresh, { stream: true }));
      return true;
    },
    lines: () => [...done, ...[open.stdout, open.stderr].filter((line) => line !== null)],
    get dropped() {
      return dropped;
    },
    get nextOffset() {
      return nextOffset;
    },
  };
};
