/** Colours by meaning; without colour each returns its text as it is. */
export interface Style {
  readonly columns: number;
  /** For "how long ago" and "in how long". */
  readonly nowMs: number;
  bold(text: string): string;
  faint(text: string): string;
  good(text: string): string;
  careful(text: string): string;
  bad(text: string): string;
  /** White on black, whatever the terminal's colours are: for codes that cameras read. */
  paper(text: string): string;
}

export const createStyle = ({ colour, columns, nowMs }: { colour: boolean; columns: number; nowMs: number }): Style => {
  // ECMA-48, select graphic rendition.
  const paint = (on: number, off: number) => (text: string) =>
    colour && text !== '' ? `\x1b[${on}m${text}\x1b[${off}m` : text;
  return {
    columns,
    nowMs,
    bold: paint(1, 22),
    faint: paint(2, 22),
    good: paint(32, 39),
    careful: paint(33, 39),
    bad: paint(31, 39),
    paper: (text) => (colour ? `\x1b[97;40m${text}\x1b[0m` : text),
  };
};

/** Text from a job or from hardware, with nothing that moves the cursor or rings a bell. Our own colours are put on later. */
export const printable = (text: string): string =>
  text.replaceAll(/[\p{Cc}\p{Cf}]/gu, (char) => (char === '\n' || char === '\t' ? ' ' : '?'));

const widthOf = (text: string): number => [...text.replaceAll(/\x1b\[\d+m/g, '')].length;
const pad = (text: string, width: number, right: boolean): string => {
  const space = ' '.repeat(Math.max(0, width - widthOf(text)));
  return right ? space + text : text + space;
};
const shorten = (text: string, width: number): string =>
  widthOf(text) <= width ? text : `${[...text].slice(0, Math.max(1, width - 1)).join('')}…`;

export interface Column {
  readonly title: string;
  /** Numbers stand to the right. */
  readonly right?: boolean;
  /** Gives way, to this many characters, when the table is wider than the terminal. */
  readonly shrinksTo?: number;
}

/** Aligned columns, two blanks apart, no wider than the terminal as far as columns may shrink. */
export const formatTable = (columns: readonly Column[], rows: readonly (readonly string[])[], style: Style): string => {
  const widths = columns.map(({ title }, index) =>
    Math.max(widthOf(title), ...rows.map((row) => widthOf(row[index] ?? ''))),
  );
  let excess = widths.reduce((sum, width) => sum + width + 2, -2) - style.columns;
  for (const [index, { shrinksTo }] of columns.entries()) {
    if (shrinksTo === undefined || excess <= 0) continue;
    const now = widths[index] ?? 0;
    const then = Math.max(Math.min(shrinksTo, now), now - excess);
    excess -= now - then;
    widths[index] = then;
  }
  const line = (cells: readonly string[]): string =>
    columns
      .map(({ right = false, shrinksTo }, index) => {
        const width = widths[index] ?? 0;
        const cell = cells[index] ?? '';
        return pad(shrinksTo === undefined ? cell : shorten(cell, width), width, right);
      })
      .join('  ')
      .trimEnd();
  return [style.bold(line(columns.map(({ title }) => title))), ...rows.map(line)].map((text) => `${text}\n`).join('');
};

/** Words in lines no longer than the terminal, later lines set in. */
export const wrap = (text: string, columns: number, indent: number): string => {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(' ')) {
    if (line !== '' && widthOf(line) + 1 + widthOf(word) > columns - indent) {
      lines.push(line);
      line = word;
    } else line = line === '' ? word : `${line} ${word}`;
  }
  lines.push(line);
  return lines.join(`\n${' '.repeat(indent)}`);
};

/** `Name   value` lines with the values below each other, wrapped. */
export const formatFields = (fields: readonly (readonly [string, string])[], style: Style, indent = 0): string => {
  const width = Math.max(...fields.map(([name]) => widthOf(name))) + 2;
  return fields
    .map(
      ([name, value]) =>
        `${' '.repeat(indent)}${style.faint(pad(name, width, false))}${wrap(value, style.columns, width + indent)}\n`,
    )
    .join('');
};
