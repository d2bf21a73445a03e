import type { Call, ResponseOf } from '../../../preload/contract/index.ts';
import { type Style, formatFields, formatTable, printable, wrap } from './table.ts';
import { formatDuration, formatTime } from './units.ts';

type IdentityCall = Extract<Call, `identity:${string}`>;
type View = ResponseOf<'identity:get'>;
type Drill = ResponseOf<'identity:drill'>;

const drillText = (last: Drill | null, style: Style): string => {
  if (last === null) return 'never';
  const result = last.passed ? style.good('passed') : style.bad('failed');
  return `${result}, from ${last.from === 'phrase' ? 'the phrase' : 'a backup'}, ${formatTime(last.atMs)}`;
};
const dueText = ({ drillDueAtMs, drillDue }: View, style: Style): string => {
  if (drillDueAtMs === null) return '';
  return drillDue
    ? style.careful('now: hypermesh identity drill')
    : `${formatTime(drillDueAtMs)} (in ${formatDuration(Math.max(0, drillDueAtMs - style.nowMs))})`;
};
const keyStoreText = ({ keyStore }: View): string =>
  keyStore.available ? `${printable(keyStore.name)}, can be used` : `cannot be used: ${printable(keyStore.reason)}`;

/** Who the node is. Nothing of it is secret. */
export const viewIdentity = (view: View, style: Style): string => {
  const status = { none: 'no identity yet', locked: style.careful('locked'), unlocked: style.good('unlocked') };
  const { identity } = view;
  const fields: [string, string][] = [['Identity', status[view.status]]];
  if (view.status === 'none') fields.push(['Next', 'hypermesh identity create, or hypermesh identity restore']);
  if (view.lockedReason !== null) fields.push(['Why', printable(view.lockedReason)]);
  if (identity !== null)
    fields.push(
      ['Node', identity.keyId],
      ['Peer id', identity.peerId],
      ['Account', identity.accountKeyId],
      ['Since', formatTime(identity.createdAtMs)],
    );
  if (view.sealedBy !== null)
    fields.push(['Sealed under', view.sealedBy === 'passphrase' ? 'a passphrase' : 'the key store']);
  fields.push(['Key store', keyStoreText(view)]);
  if (identity !== null)
    fields.push(
      ['Last drill', drillText(view.lastDrill, style)],
      ['Next drill', dueText(view, style)],
      ['Last backup', view.lastBackupAtMs === null ? 'never' : formatTime(view.lastBackupAtMs)],
    );
  const keys =
    identity === null
      ? ''
      : `\n${formatTable(
          [{ title: 'KEY' }, { title: 'ALGORITHM' }, { title: 'BYTES', right: true }, { title: 'FINGERPRINT' }],
          identity.keys.map((key) => [
            printable(key.name),
            printable(key.algorithm),
            String(key.publicBytes),
            key.fingerprint,
          ]),
          style,
        )}`;
  return formatFields(fields, style) + keys;
};

/** 24 words in four columns, read downwards, with their numbers. */
export const viewWords = (words: readonly string[]): string => {
  const rows = Math.ceil(words.length / WORD_COLUMNS);
  const width = Math.max(...words.map((word) => word.length)) + 3;
  return Array.from({ length: rows }, (_row, row) =>
    Array.from({ length: WORD_COLUMNS }, (_column, column) => {
      const place = column * rows + row;
      return `${String(place + 1).padStart(4)}. ${(words[place] ?? '').padEnd(width)}`;
    })
      .join('')
      .trimEnd(),
  )
    .map((line) => `${line}\n`)
    .join('');
};
const WORD_COLUMNS = 4;

const viewDrill = (result: Drill, style: Style): string => {
  const table = formatTable(
    [{ title: 'KEY' }, { title: 'DERIVED AGAIN' }],
    result.keys.map(({ name, same }) => [printable(name), same ? style.good('the same') : style.bad('another')]),
    style,
  );
  const sentence = result.passed
    ? `The drill passed: ${result.from === 'phrase' ? 'the phrase' : 'the backup'} brings back every key of this node.`
    : `The drill failed: this is ${result.from === 'phrase' ? 'the phrase' : 'a backup'} of another identity. Look for the right one, or make a backup while the keys are unlocked.`;
  return `${table}${wrap(sentence, style.columns, 0)}\n`;
};

export const identityViews: { readonly [C in IdentityCall]: (value: ResponseOf<C>, style: Style) => string } = {
  'identity:get': viewIdentity,
  'identity:begin': ({ words }) => viewWords(words),
  'identity:confirm': viewIdentity,
  'identity:restore': viewIdentity,
  'identity:unlock': viewIdentity,
  'identity:lock': viewIdentity,
  'identity:seal': viewIdentity,
  'identity:backup': ({ fileName }) => `${printable(fileName)}\n`,
  'identity:drill': viewDrill,
};
