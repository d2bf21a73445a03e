import { Button } from '@mantine/core';
import { IconEraser, IconLock } from '@tabler/icons-react';
import { useEffect, useLayoutEffect, useRef, useState } from 'react';
import type { BlockSummary, ChainHead } from '../../../preload/contract/index.ts';
import { Age } from '../../components/age.tsx';
import { ErrorNote } from '../../components/error-note.tsx';
import { ResourceIcon } from '../../components/resource-icon.tsx';
import { shortHash } from '../../components/short-hash.tsx';
import { type Roving, useRoving } from '../../components/use-roving.ts';
import { useNode } from '../../state/node-context.tsx';
import { hrefOf } from '../../state/route.ts';
import { aboutInFull, aboutText, assetName, iconKeyOf, transactionsText } from './block-text.ts';
import { useBlocks } from './use-blocks.ts';

/** Sizes of the drawing; equal to blocks.css. */
const BLOCK_PX = 196;
const GAP_PX = 44;
const STEP_PX = BLOCK_PX + GAP_PX;
/** Middle of the lines in a block that tell its own hash and the one before. */
const OWN_Y_PX = 114;
const PREVIOUS_Y_PX = 140;
/** Blocks drawn beyond both edges, so that scrolling shows no holes. */
const OVERSCAN = 3;
/** Browsers draw nothing wider than some 30 million pixels. */
const DRAWN_MAX = 100_000;
/** Where nothing has a width, as in a test. */
const WIDTH_PX_FALLBACK = 960;

/** From the line "previous" of a block to the line "hash" of the block before: the same value, so one line joins them. */
const Link = () => (
  <svg className="hm-chain-link" width={GAP_PX} height={PREVIOUS_Y_PX + 12} aria-hidden="true" focusable="false">
    <path
      d={`M 0 ${PREVIOUS_Y_PX} C ${GAP_PX * 0.7} ${PREVIOUS_Y_PX}, ${GAP_PX * 0.3} ${OWN_Y_PX}, ${GAP_PX - 7} ${OWN_Y_PX}`}
    />
    <circle cx={0} cy={PREVIOUS_Y_PX} r={3} />
    <path className="hm-chain-arrow" d={`M ${GAP_PX - 1} ${OWN_Y_PX} l -8 -4.5 v 9 z`} />
  </svg>
);

/** A pause between the parts of a block, for screen readers, which read it as one sentence. */
const Pause = () => <span className="hm-sr">, </span>;

/** What stands in a block once it was read. */
const BlockContent = ({ block, asset }: { block: BlockSummary; asset: string | null }) => {
  const icon = block.asset === null ? null : iconKeyOf(block.asset);
  return (
    <>
      <span className="hm-block-head">
        <strong>
          <span className="hm-sr">Block {block.height}</span>
          <span aria-hidden="true">{block.height}</span>
        </strong>
        <Pause />
        {block.body === 'sealed' && <IconLock size={16} aria-hidden />}
        {block.body === 'pruned' && <IconEraser size={16} aria-hidden />}
        <span className="hm-small hm-dim">
          <Age atMs={block.timeMs} />
        </span>
      </span>
      <Pause />
      <span className="hm-block-about" title={aboutInFull(block)}>
        {aboutText(block)}
      </span>
      <Pause />
      <span className="hm-block-asset hm-small hm-dim">
        {icon !== null && <ResourceIcon resource={icon} size={16} />}
        <span>
          {asset ??
            (block.transactions === null ? 'only the header can be read' : transactionsText(block.transactions))}
        </span>
      </span>
      <Pause />
      <span className="hm-block-hashes">
        <span>
          <span className="hm-dim">hash</span> <code>{shortHash(block.hash)}</code>
        </span>
        <Pause />
        <span>
          <span className="hm-dim">previous</span>{' '}
          {block.previous === null ? (
            <span className="hm-dim">none, the first</span>
          ) : (
            <code>{shortHash(block.previous)}</code>
          )}
        </span>
      </span>
    </>
  );
};

/** One block. The link is the same element before and after its content was read, so it keeps the focus. */
const BlockShape = ({
  height,
  block,
  entry,
  marked,
}: {
  height: number;
  block: BlockSummary | undefined;
  entry: ReturnType<Roving['entry']>;
  marked: boolean;
}) => {
  const assets = useNode((state) => state.assets);
  const asset = block === undefined || block.asset === null ? null : assetName(block.asset, assets);
  return (
    <a
      {...entry}
      href={hrefOf('blocks', String(height))}
      className="hm-block"
      data-body={block?.body ?? 'unread'}
      data-marked={marked || undefined}
    >
      {block === undefined ? (
        <>
          <span className="hm-block-head">
            <strong>
              <span className="hm-sr">Block {height}</span>
              <span aria-hidden="true">{height}</span>
            </strong>
          </span>
          <Pause />
          <span className="hm-dim">Reading …</span>
        </>
      ) : (
        <BlockContent block={block} asset={asset} />
      )}
    </a>
  );
};

/**
 * The chain as a row of blocks, newest on the left, each joined to the one before. It is a list for screen readers, with
 * one Tab stop and arrow keys; only what is in view is drawn and read.
 */
export const ChainDrawing = ({
  head,
  marked,
}: {
  head: ChainHead & { height: number };
  /** Heights that stand out: those of one asset's chain. */
  marked: ReadonlySet<number>;
}) => {
  const blocks = useBlocks();
  const box = useRef<HTMLDivElement>(null);
  const [view, setView] = useState({ left: 0, width: WIDTH_PX_FALLBACK });
  const newest = head.height;
  const oldest = Math.max(0, newest - DRAWN_MAX + 1);
  const look = (): void => {
    const element = box.current;
    if (element !== null) setView({ left: element.scrollLeft, width: element.clientWidth || WIDTH_PX_FALLBACK });
  };
  const show = (height: number): void => {
    const element = box.current;
    if (element === null) return;
    const left = (newest - height) * STEP_PX;
    if (left < element.scrollLeft) element.scrollLeft = Math.max(0, left - GAP_PX);
    else if (left + BLOCK_PX > element.scrollLeft + element.clientWidth)
      element.scrollLeft = left + BLOCK_PX + GAP_PX - element.clientWidth;
    look();
  };
  const roving = useRoving(oldest, newest, show);
  useEffect(() => {
    const element = box.current;
    if (element === null) return;
    const observer = new ResizeObserver(look);
    observer.observe(element);
    return () => observer.disconnect();
  }, []);
  // A new block comes in on the left; whoever looks at older ones keeps them where they are.
  const before = useRef(newest);
  useLayoutEffect(() => {
    const element = box.current;
    const moved = newest - before.current;
    before.current = newest;
    if (element === null || moved <= 0 || element.scrollLeft === 0) return;
    element.scrollLeft += moved * STEP_PX;
    look();
  }, [newest]);

  const first = Math.max(0, Math.floor(view.left / STEP_PX) - OVERSCAN);
  const last = Math.min(newest - oldest, Math.ceil((view.left + view.width) / STEP_PX) + OVERSCAN);
  const { want } = blocks;
  useEffect(() => want(newest - last, newest - first), [want, newest, first, last]);

  const heights = Array.from({ length: Math.max(0, last - first + 1) }, (_, index) => newest - first - index);
  // What has the focus stays drawn, wherever one scrolls.
  if (!heights.includes(roving.active)) heights.push(roving.active);
  const total = newest - oldest + 1;
  return (
    <>
      {blocks.error !== null && (
        <ErrorNote title="Some blocks could not be read" error={blocks.error}>
          <Button size="compact-sm" variant="default" onClick={blocks.retry}>
            Try again
          </Button>
        </ErrorNote>
      )}
      <div className="hm-chain" ref={box} onScroll={look}>
        {/* oxlint-disable-next-line jsx-a11y/no-noninteractive-element-interactions -- the keys move between the links inside */}
        <ol
          className="hm-chain-row"
          aria-label="Blocks, newest first"
          style={{ width: total * STEP_PX - GAP_PX }}
          onKeyDown={roving.onKeyDown}
        >
          {heights.map((height) => (
            <li
              key={height}
              style={{ left: (newest - height) * STEP_PX }}
              aria-setsize={total}
              aria-posinset={newest - height + 1}
            >
              <BlockShape
                height={height}
                block={blocks.at(height)}
                entry={roving.entry(height)}
                marked={marked.has(height)}
              />
              {height > oldest && <Link />}
            </li>
          ))}
        </ol>
      </div>
    </>
  );
};
