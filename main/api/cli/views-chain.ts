import type { Call, ChainVerification, ResponseOf } from '../../../preload/contract/index.ts';
import { type Style, formatFields, formatTable, printable, wrap } from './table.ts';
import { formatBytes, formatCount, formatDuration, formatTime, withLocalTimes } from './units.ts';

type ChainCall = Extract<Call, `chain:${string}`>;
const text = (value: string): string => withLocalTimes(printable(value));
const short = (hash: string): string => hash.slice(0, 16);

type Head = ResponseOf<'chain:head'>;
const viewHead = (head: Head, style: Style): string => {
  const blocked = head.blocked === null ? [] : ([['Attention', style.careful(text(head.blocked))]] as const);
  if (head.height === null)
    return formatFields(
      [
        [
          'Blocks',
          head.awaitsImport
            ? 'none yet; one that this identity has made elsewhere can be imported'
            : 'none yet; the chain begins with the first asset that is registered',
        ],
        ...blocked,
      ],
      style,
    );
  return formatFields(
    [
      ['Network', head.network ?? ''],
      ['Height', String(head.height)],
      ['Newest block', head.hash ?? ''],
      ['Made', head.timeMs === null ? '' : formatTime(head.timeMs)],
      ['Blocks', `${head.blocks}${head.pruned === 0 ? '' : `, of which the oldest ${head.pruned} have headers only`}`],
      ['On disk', formatBytes(head.storedBytes)],
      ['Assets', String(head.assets)],
      ...blocked,
    ],
    style,
  );
};

const viewList = (blocks: ResponseOf<'chain:list'>, style: Style): string =>
  blocks.length === 0
    ? 'No blocks yet.\n'
    : formatTable(
        [
          { title: 'HEIGHT', right: true },
          { title: 'MADE' },
          { title: 'BLOCK' },
          { title: 'SIZE', right: true },
          { title: 'BODY' },
          { title: 'WHAT', shrinksTo: 16 },
        ],
        blocks.map((block) => [
          String(block.height),
          formatTime(block.timeMs),
          short(block.hash),
          formatBytes(block.sealedBytes),
          block.body,
          block.kinds.map(text).join(', '),
        ]),
        style,
      );

const viewBlock = (block: ResponseOf<'chain:block'>, style: Style): string => {
  const { header, sealed } = block;
  const fields = formatFields(
    [
      ['Height', style.bold(String(block.height))],
      ['Hash', block.hash],
      ['Follows', block.previous ?? 'nothing: the first block'],
      ['Network', header.network],
      ['Made', formatTime(block.timeMs)],
      ['By', text(block.proposer)],
      ['Merkle root', header.merkleRoot],
      ['State root', header.stateRoot],
      ['Difficulty', `${header.difficulty} multiplications and hashes`],
      [
        'Size',
        `header ${formatBytes(block.headerBytes)}, sealed body ${formatBytes(block.sealedBytes)}${
          block.canonicalBytes === null || block.compressedBytes === null
            ? ''
            : ` (canonical ${formatBytes(block.canonicalBytes)}, compressed ${formatBytes(block.compressedBytes)}, padding ${formatBytes(sealed?.paddingBytes ?? 0)})`
        }`,
      ],
      ['Body', sealed === null ? 'pruned' : `${block.body}, sealed for ${formatCount(sealed.readers, 'reader')}`],
      ...(block.proof === null
        ? []
        : ([
            [
              'Proof',
              `${block.proof.passed ? style.good('holds') : style.bad('does not hold')}: ${block.proof.checks
                .map(({ kind, passed }) => `${kind} ${passed ? 'passed' : 'failed'}`)
                .join(', ')}`,
            ],
          ] as const)),
    ],
    style,
  );
  if (block.transactionsList === null) return fields;
  const transactions = formatTable(
    [{ title: 'TRANSACTION' }, { title: 'KIND' }, { title: 'SIZE', right: true }, { title: 'ASSET', shrinksTo: 20 }],
    block.transactionsList.map((one) => [
      short(one.hash),
      text(one.kind),
      formatBytes(one.sizeBytes),
      text(one.asset ?? ''),
    ]),
    style,
  );
  const updates = (block.stateUpdates ?? [])
    .map(({ key, removed, sizeBytes }) => `  ${text(key)}  ${removed ? 'removed' : formatBytes(sizeBytes)}\n`)
    .join('');
  return `${fields}\n${transactions}\n${style.bold('State updates')}\n${updates}`;
};

/** How a verification stands or ended; also of a file. */
export const viewVerification = (verification: ChainVerification, style: Style): string => {
  switch (verification.status) {
    case 'never':
      return 'Never verified; try: hypermesh chain verify\n';
    case 'running':
      return `Running: ${verification.checked} of ${formatCount(verification.total, 'block')}\n`;
    case 'cancelled':
      return `Cancelled after ${verification.checked} of ${formatCount(verification.total, 'block')}\n`;
    default: {
      const { holds, blocks, headersOnly, transactions, proofs, tookMs, problems, notes } = verification;
      const lines = [
        `${holds ? style.good('The chain holds') : style.bad('The chain does not hold')}: ${formatCount(blocks, 'block')}${
          headersOnly === 0 ? '' : ` (${headersOnly} by header only)`
        }, ${formatCount(transactions, 'transaction')}, ${formatCount(proofs, 'combined proof')}, in ${formatDuration(tookMs)}`,
        ...problems.map(
          ({ height, code, reason }) =>
            `${style.bad(height === null ? 'Chain' : `Height ${height}`)}: ${text(reason)} (${code})`,
        ),
        ...notes.map((note) => style.faint(text(note))),
      ];
      return lines.map((line) => `${wrap(line, style.columns, 2)}\n`).join('');
    }
  }
};

export const chainViews: { readonly [C in ChainCall]: (value: ResponseOf<C>, style: Style) => string } = {
  'chain:head': viewHead,
  'chain:begin': viewHead,
  'chain:list': viewList,
  'chain:block': viewBlock,
  'chain:asset': (events, style) =>
    formatTable(
      [
        { title: 'EVENT', right: true },
        { title: 'HEIGHT', right: true },
        { title: 'MADE' },
        { title: 'KIND' },
        { title: 'TRANSACTION' },
        { title: 'FOLLOWS' },
      ],
      events.map((event) => [
        String(event.sequence),
        String(event.height),
        formatTime(event.atMs),
        text(event.kind),
        short(event.hash),
        event.previous === null ? '' : short(event.previous),
      ]),
      style,
    ),
  'chain:verification': viewVerification,
  'chain:verify': viewVerification,
  'chain:cancelVerify': viewVerification,
  'chain:prune': viewHead,
  'chain:export': ({ path, sizeBytes, blocks }) =>
    `Written: ${text(path)} (${formatCount(blocks, 'block')}, ${formatBytes(sizeBytes)})\n`,
  'chain:transfers': ({ folder, files }, style) =>
    files.length === 0
      ? `No files in ${text(folder)}\n`
      : formatTable(
          [{ title: 'FILE', shrinksTo: 20 }, { title: 'SIZE', right: true }, { title: 'CHANGED' }],
          files.map(({ name, sizeBytes, modifiedAtMs }) => [
            text(name),
            formatBytes(sizeBytes),
            formatTime(modifiedAtMs),
          ]),
          style,
        ),
  'chain:import': viewHead,
};
