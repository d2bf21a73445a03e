import type { OutputLine } from './job-output.ts';

/** The unfinished lines at the end of the list, one of each stream. */
const UNFINISHED_MAX = 2;

const escape = (text: string): string => text.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&');

/**
 * Looks for a text in all lines; capitals count as small letters. What was found before is kept where the list only grew
 * at its end, so that following an output of 16 MiB does not search it anew five times a second.
 *
 * @param list - name of the list, such as its stream; another list is searched from its beginning
 * @param lines - oldest first
 * @returns indices in `lines`, rising; none for an empty query
 */
export type OutputSearch = (list: string, lines: readonly OutputLine[], query: string) => readonly number[];

export const createOutputSearch = (): OutputSearch => {
  /** What was searched last: under which name, from which line on, and how many lines that will not change any more. */
  let before = { key: '', settled: 0, at: [] as readonly number[] };
  return (list, lines, query) => {
    if (query === '') return [];
    // The number of the first line is another one once lines were dropped.
    const key = JSON.stringify([list, query, lines[0]?.number ?? 0]);
    const from = before.key === key && before.settled <= lines.length ? before.settled : 0;
    const at = from === 0 ? [] : before.at.filter((index) => index < from);
    const pattern = new RegExp(escape(query), 'i');
    for (let index = from; index < lines.length; index += 1) if (pattern.test(lines[index]?.text ?? '')) at.push(index);
    before = { key, settled: Math.max(0, lines.length - UNFINISHED_MAX), at };
    return at;
  };
};

/** A line cut at what was found in it, for drawing: every second piece is a hit. */
export const piecesOf = (text: string, query: string): string[] =>
  query === '' ? [text] : text.split(new RegExp(`(${escape(query)})`, 'gi'));
