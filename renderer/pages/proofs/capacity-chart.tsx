import { useComputedColorScheme } from '@mantine/core';
import { useEffect, useRef } from 'react';
import uPlot from 'uplot';
import type { AssetProofs, ProvenCapacity } from '../../../preload/contract/index.ts';
import { clockText, whenText } from '../../components/time-text.ts';
import { capacityShortText, capacityText, unitText } from './proof-text.ts';

type History = AssetProofs['history'];

const HEIGHT_PX = 116;
/** Room for `412 M/s` and `1023 MiB`. */
const AXIS_WIDTH_PX = 64;
const X_SPACE_PX = 84;
const CROSS_PX = 3.5;
/** Bytes are counted in powers of two, so their scale is, too. */
const BINARY_STEPS = Array.from({ length: 50 }, (_, power) => 2 ** power);
const DAY_S = 86_400;
const DAYS_FROM_S = 1.5 * DAY_S;
/** Steps of the scale: no two of its marks may read the same, so none is below what the words tell apart. */
const CLOCK_STEPS_S = [1, 2, 5, 10, 15, 30, 60, 120, 180, 360, 720].map((minutes) => minutes * 60);
const DAY_STEPS_S = [1, 2, 3, 7, 14, 30, 60, 120, 365].map((days) => days * DAY_S);

const color = (element: Element, name: string): string => getComputedStyle(element).getPropertyValue(name).trim();

/** Times within a day and a half as clock times, else as days: the scale never repeats a word. */
const momentText = (atS: number, spanS: number): string =>
  spanS < DAYS_FROM_S
    ? clockText(atS * 1000)
    : new Date(atS * 1000).toLocaleDateString([], { day: 'numeric', month: 'short' });

/** The unit that the line is drawn in: that of the newest proof which showed something. */
export const unitOf = (history: History): ProvenCapacity['unit'] | null =>
  history.findLast((entry) => entry.capacity !== null)?.capacity?.unit ?? null;

/** Lowest, highest and last value in words, for those who do not see the chart. */
export const chartText = (history: History, unit: ProvenCapacity['unit']): string => {
  const values = history.flatMap(({ capacity }) => (capacity?.unit === unit ? [capacity.value] : []));
  const failed = history.filter(({ passed }) => !passed).length;
  const last = values.at(-1);
  if (last === undefined) return 'No proof has shown a capacity yet.';
  const text = (value: number): string => capacityText({ value, unit });
  return `${history.length} proofs; from ${text(Math.min(...values))} to ${text(Math.max(...values))}, last ${text(last)}${failed === 0 ? '' : `; ${failed} failed`}.`;
};

/** Proven capacity over time: a point for each proof, a cross on the ground for each that failed. */
export const CapacityChart = ({ history, unit }: { history: History; unit: ProvenCapacity['unit'] }) => {
  const holder = useRef<HTMLDivElement>(null);
  const scheme = useComputedColorScheme('light');
  // oxlint-disable-next-line react-hooks/exhaustive-deps -- the scheme is read from the page's variables, so a change of it draws anew
  useEffect(() => {
    const element = holder.current;
    // No canvas (jsdom, or graphics switched off): the text of the chart says the same.
    if (element === null || typeof CanvasRenderingContext2D === 'undefined') return;
    const line = color(element, '--hm-accent');
    const grid = color(element, '--hm-line');
    const text = color(element, '--hm-text-2');
    const problem = color(element, '--hm-problem');
    const font = `11px ${getComputedStyle(element).fontFamily}`;
    const atS = history.map((entry) => entry.atMs / 1000);
    const values = history.map(({ capacity }) => (capacity?.unit === unit ? capacity.value : null));
    const spanS = (atS.at(-1) ?? 0) - (atS[0] ?? 0);
    const chart = new uPlot(
      {
        width: Math.max(1, element.clientWidth),
        height: HEIGHT_PX,
        padding: [8, 16, 0, 0],
        legend: { show: false },
        cursor: { show: false },
        select: { show: false, left: 0, top: 0, width: 0, height: 0 },
        scales: {
          x: { time: true, range: (_, from, to) => (from === to ? [from - 1800, to + 1800] : [from, to]) },
          y: { range: (_, __, to) => [0, Math.max(1, (to ?? 1) * 1.15)] },
        },
        axes: [
          {
            stroke: text,
            font,
            size: 24,
            gap: 6,
            space: X_SPACE_PX,
            incrs: spanS < DAYS_FROM_S ? CLOCK_STEPS_S : DAY_STEPS_S,
            grid: { show: false },
            ticks: { stroke: grid, width: 1, size: 4 },
            values: (_, splits) => splits.map((at) => momentText(at, spanS)),
          },
          {
            stroke: text,
            font,
            size: AXIS_WIDTH_PX,
            gap: 8,
            space: 32,
            ...(unit === 'bytes' ? { incrs: BINARY_STEPS } : {}),
            grid: { stroke: grid, width: 1 },
            ticks: { show: false },
            values: (_, splits) => splits.map((value) => (value === 0 ? '0' : capacityShortText({ value, unit }))),
          },
        ],
        series: [
          {},
          {
            stroke: line,
            fill: `color-mix(in srgb, ${line} 14%, transparent)`,
            width: 1.5,
            points: { show: true, size: 5, fill: line, stroke: line },
          },
        ],
        hooks: {
          draw: [
            (self) => {
              const { ctx, bbox } = self;
              const reach = CROSS_PX * devicePixelRatio;
              ctx.save();
              ctx.strokeStyle = problem;
              ctx.lineWidth = 1.75 * devicePixelRatio;
              for (const [index, entry] of history.entries()) {
                if (entry.passed) continue;
                const x = self.valToPos(atS[index] ?? 0, 'x', true);
                const y = bbox.top + bbox.height - reach * 1.6;
                ctx.beginPath();
                ctx.moveTo(x - reach, y - reach);
                ctx.lineTo(x + reach, y + reach);
                ctx.moveTo(x + reach, y - reach);
                ctx.lineTo(x - reach, y + reach);
                ctx.stroke();
              }
              ctx.restore();
            },
          ],
        },
      },
      [atS, values],
      element,
    );
    const observer = new ResizeObserver(() =>
      chart.setSize({ width: Math.max(1, element.clientWidth), height: HEIGHT_PX }),
    );
    observer.observe(element);
    return () => {
      observer.disconnect();
      chart.destroy();
    };
  }, [history, unit, scheme]);
  const first = history[0];
  return (
    <figure className="hm-capacity">
      <figcaption className="hm-small hm-dim">
        <span>
          {unitText(unit)}
          {first !== undefined && ` since ${whenText(first.atMs, Date.now())}`}
        </span>
        {history.some(({ passed }) => !passed) && (
          <span className="hm-capacity-failed">
            <span aria-hidden="true">×</span> failed proof
          </span>
        )}
      </figcaption>
      <div
        ref={holder}
        className="hm-chart"
        role="img"
        aria-label={chartText(history, unit)}
        style={{ height: HEIGHT_PX }}
      />
    </figure>
  );
};
