import type { JobOutputChunk } from '../../preload/contract/index.ts';
import { bytesOfBase64 } from '../components/files.ts';

/**
 * Lines of output kept on the page, and characters in them: all that a job may write (16 MiB), unless its lines are very
 * short. The page draws only those that can be seen.
 */
export const OUTPUT_LINES_MAX = 100_000;
export const OUTPUT_CHARACTERS_MAX = 16 * 1024 * 1024;
/** A program may write for ever without a line's end; such a line is cut into pieces of this many characters. */
export const LINE_CHARACTERS_MAX = 4_000;
/** How far the bounds are passed before lines are dropped. */
const SURPLUS = 1.25;

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

export const createOutputBuffer = (): OutputBuffer => {
  const decoders = { stdout: new TextDecoder(), stderr: new TextDecoder() };
  /** The unfinished line of each stream. */
  const open: Record<'stdout' | 'stderr', OutputLine | null> = { stdout: null, stderr: null };
  let done: OutputLine[] = [];
  let characters = 0;
  let nextNumber = 1;
  let nextOffset = 0;
  let dropped = 0;

  const push = (line: OutputLine): void => {
    done.push(line);
    characters += line.text.length;
    // Trimmed in blocks, so that a long output is not copied for every line.
    if (done.length < OUTPUT_LINES_MAX * SURPLUS && characters < OUTPUT_CHARACTERS_MAX * SURPLUS) return;
    let surplus = 0;
    while (done.length - surplus > OUTPUT_LINES_MAX || characters > OUTPUT_CHARACTERS_MAX) {
      characters -= done[surplus]?.text.length ?? 0;
      surplus += 1;
    }
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
      const bytes = bytesOfBase64(chunk.data);
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
