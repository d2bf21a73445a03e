import { useComputedColorScheme } from '@mantine/core';
import { useEffect, useRef } from 'react';
import uPlot from 'uplot';

/** Points of one meter over time. `null` where nothing was read. */
export interface MeterSeries {
  /** Seconds since 1970. */
  atS: readonly number[];
  /** Use by everything on the machine. */
  whole: readonly (number | null)[];
  /** Second line: what was lent, or the other direction. */
  part: readonly (number | null)[];
}

export interface MeterChartProps {
  series: MeterSeries;
  /** What the chart shows, in words, for those who do not see it. */
  text: string;
  /** Upper end of the scale; null: as high as the highest point. */
  max: number | null;
  /** Level line, in the scale's unit. */
  limit?: number | null;
  /** Seconds shown; older points have left on the left. */
  windowS?: number;
}

const color = (element: Element, name: string): string => getComputedStyle(element).getPropertyValue(name).trim();
const HEIGHT_PX = 72;

/** Two areas over two minutes: everything in grey, the lent part in the accent. Draws only while it is on the page. */
export const MeterChart = ({ series, text, max, limit = null, windowS = 120 }: MeterChartProps) => {
  const holder = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | null>(null);
  const scale = useRef({ max, limit, windowS });
  scale.current = { max, limit, windowS };
  const latest = useRef(series);
  latest.current = series;
  const scheme = useComputedColorScheme('light');

  // The scheme is read from the page's variables, so a change of it draws the chart anew.
  useEffect(() => {
    const element = holder.current;
    // No canvas (jsdom, or graphics switched off): the text beside the chart says the same.
    if (element === null || typeof CanvasRenderingContext2D === 'undefined') return;
    const whole = color(element, '--hm-whole');
    const part = color(element, '--hm-accent');
    const line = color(element, '--hm-line');
    const limitColor = color(element, '--hm-text-3');
    const chart = new uPlot(
      {
        width: Math.max(1, element.clientWidth),
        height: HEIGHT_PX,
        padding: [4, 0, 0, 0],
        legend: { show: false },
        cursor: { show: false },
        select: { show: false, left: 0, top: 0, width: 0, height: 0 },
        axes: [{ show: false }, { show: false }],
        scales: {
          x: { time: false, range: (_, __, to) => [to - scale.current.windowS, to] },
          y: { range: (_, __, to) => [0, scale.current.max ?? Math.max(1, (to ?? 1) * 1.15)] },
        },
        series: [
          {},
          { stroke: whole, fill: `color-mix(in srgb, ${whole} 18%, transparent)`, width: 1.5, points: { show: false } },
          { stroke: part, fill: `color-mix(in srgb, ${part} 32%, transparent)`, width: 1.5, points: { show: false } },
        ],
        hooks: {
          drawClear: [
            (self) => {
              const { ctx, bbox } = self;
              ctx.save();
              ctx.strokeStyle = line;
              ctx.lineWidth = 1;
              for (const at of [0, 0.5]) {
                const y = Math.round(bbox.top + bbox.height * at) + 0.5;
                ctx.beginPath();
                ctx.moveTo(bbox.left, y);
                ctx.lineTo(bbox.left + bbox.width, y);
                ctx.stroke();
              }
              ctx.restore();
            },
          ],
          draw: [
            (self) => {
              const at = scale.current.limit;
              if (at === null) return;
              const { ctx, bbox } = self;
              const y = Math.round(self.valToPos(at, 'y', true)) + 0.5;
              ctx.save();
              ctx.strokeStyle = limitColor;
              ctx.setLineDash([4 * devicePixelRatio, 4 * devicePixelRatio]);
              ctx.lineWidth = devicePixelRatio;
              ctx.beginPath();
              ctx.moveTo(bbox.left, y);
              ctx.lineTo(bbox.left + bbox.width, y);
              ctx.stroke();
              ctx.restore();
            },
          ],
        },
      },
      [[], [], []],
      element,
    );
    plot.current = chart;
    const draw = ({ atS, whole: all, part: some }: MeterSeries): void => chart.setData([[...atS], [...all], [...some]]);
    draw(latest.current);
    const observer = new ResizeObserver(() =>
      chart.setSize({ width: Math.max(1, element.clientWidth), height: HEIGHT_PX }),
    );
    observer.observe(element);
    return () => {
      observer.disconnect();
      chart.destroy();
      plot.current = null;
    };
  }, [scheme]);

  useEffect(() => {
    plot.current?.setData([[...series.atS], [...series.whole], [...series.part]]);
  }, [series]);

  return <div ref={holder} className="hm-chart" role="img" aria-label={text} style={{ height: HEIGHT_PX }} />;
};
