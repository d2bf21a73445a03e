import type { ReactNode } from 'react';
import { shortHash } from '../../components/short-hash.tsx';
import { pathSteps } from './block-text.ts';

const ROW_PX = 44;
const WIDTH_PX = 320;
const CENTRE_PX = WIDTH_PX / 2;
const SIBLING_PX = 76;
const NODE_R_PX = 5;
const TOP_PX = 24;

const Label = ({ x, y, anchor, children }: { x: number; y: number; anchor: 'start' | 'end'; children: ReactNode }) => (
  <text x={x} y={y + 4} textAnchor={anchor}>
    {children}
  </text>
);

/**
 * How a transaction is reached from the block's Merkle root: the leaf at the bottom, at each level the sibling that it
 * is hashed with on its side, the root at the top.
 */
export const InclusionPath = ({
  index,
  size,
  siblings,
  root,
}: {
  index: number;
  /** Leaves of the tree. */
  size: number;
  siblings: readonly string[];
  root: string;
}) => {
  const steps = pathSteps(index, size, siblings);
  if (steps === null)
    return (
      <p className="hm-dim">
        The path that the node told does not fit a tree of {size} leaves; verify the chain to find out more.
      </p>
    );
  const height = TOP_PX * 2 + steps.length * ROW_PX;
  const bottom = height - TOP_PX;
  return (
    <figure className="hm-path">
      <div className="hm-scroll-x">
        <svg
          width={WIDTH_PX}
          height={height}
          viewBox={`0 0 ${WIDTH_PX} ${height}`}
          aria-hidden="true"
          focusable="false"
        >
          {steps.map(({ sibling, side }, level) => {
            const y = bottom - level * ROW_PX;
            const x = side === 'left' ? CENTRE_PX - SIBLING_PX : CENTRE_PX + SIBLING_PX;
            return (
              <g key={`${level} ${sibling}`}>
                <path className="hm-path-own" d={`M ${CENTRE_PX} ${y} V ${y - ROW_PX}`} />
                <path
                  className="hm-path-other"
                  d={`M ${x} ${y} C ${x} ${y - ROW_PX * 0.6}, ${(x + CENTRE_PX) / 2} ${y - ROW_PX}, ${CENTRE_PX} ${y - ROW_PX}`}
                />
                <circle className="hm-path-sibling" cx={x} cy={y} r={NODE_R_PX} />
                <Label x={side === 'left' ? x - 12 : x + 12} y={y} anchor={side === 'left' ? 'end' : 'start'}>
                  {shortHash(sibling).slice(0, 9)}
                </Label>
                <circle className="hm-path-node" cx={CENTRE_PX} cy={y} r={NODE_R_PX} />
              </g>
            );
          })}
          <circle className="hm-path-root" cx={CENTRE_PX} cy={TOP_PX} r={NODE_R_PX + 1.5} />
          {/* On the side that no sibling comes from. */}
          <Label
            x={steps.at(-1)?.side === 'right' ? CENTRE_PX - 14 : CENTRE_PX + 14}
            y={TOP_PX}
            anchor={steps.at(-1)?.side === 'right' ? 'end' : 'start'}
          >
            root {shortHash(root).slice(0, 9)}
          </Label>
          <Label
            x={steps[0]?.side === 'right' ? CENTRE_PX - 14 : CENTRE_PX + 14}
            y={bottom}
            anchor={steps[0]?.side === 'right' ? 'end' : 'start'}
          >
            {steps.length === 0 ? '' : 'this one'}
          </Label>
        </svg>
      </div>
      <figcaption className="hm-small hm-dim">
        {steps.length === 0
          ? 'It is the only leaf, so the root is made of it alone.'
          : `Leaf ${index + 1} of ${size}: hashed with ${steps.length === 1 ? 'one sibling' : `${steps.length} siblings, one a level,`} it gives the Merkle root of the header.`}
        <span className="hm-sr">
          {steps.map(
            ({ sibling, side }, level) => ` Level ${level + 1}: sibling ${shortHash(sibling)} on the ${side}.`,
          )}
        </span>
      </figcaption>
    </figure>
  );
};
