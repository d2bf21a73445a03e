import { useComputedColorScheme } from '@mantine/core';
import { useEffect, useRef } from 'react';
import uPlot from 'uplot';
import type { RewardsView } from '../../../preload/contract/index.ts';
import { caesText } from '../../components/quantity.ts';
import { forScale, type Period, stepText } from './rewards-text.ts';

type Series = RewardsView['series'];

const HEIGHT_PX = 160;
const AXIS_WIDTH_PX = 56;
/** Room for `Mon 12 Jan` beside the next one. */
const X_SPACE_PX = 96;
/** Part of a step that its bar fills, and its greatest width, px. */
const BAR_SHARE = 0.7;
const BAR_PX_MAX = 44;

const color = (element: Element, name: string): string => getComputedStyle(element).getPropertyValue(name).trim();

/** Sum, best step and number of steps in words, for those who do not see the chart. */
export const seriesText = (series: Series, period: Period): string => {
  const best = series.reduce<Series[number] | null>(
    (high, step) => (high === null || BigInt(step.earnedMicro) > BigInt(high.earnedMicro) ? step : high),
    null,
  );
  if (best === null || BigInt(best.earnedMicro) === 0n) return 'Nothing was earned in this time.';
  const sum = series.reduce((total, step) => total + BigInt(step.earnedMicro), 0n);
  return `${caesText(sum)} earned in ${series.length} ${series.length === 1 ? 'step' : 'steps'}; most, ${caesText(BigInt(best.earnedMicro))}, at ${stepText(best.atMs, period)}.`;
};

/** What was earned, a bar for each hour, day or month. */
export const RewardChart = ({ series, period }: { series: Series; period: Period }) => {
  const holder = useRef<HTMLDivElement>(null);
  const scheme = useComputedColorScheme('light');
  // oxlint-disable-next-line react-hooks/exhaustive-deps -- the scheme is read from the page's variables, so a change of it draws anew
  useEffect(() => {
    const element = holder.current;
    // No canvas (jsdom, or graphics switched off): the table beside the chart says the same.
    if (element === null || typeof CanvasRenderingContext2D === 'undefined') return;
    const accent = color(element, '--hm-accent');
    const grid = color(element, '--hm-line');
    const text = color(element, '--hm-text-2');
    const font = `11px ${getComputedStyle(element).fontFamily}`;
    const places = series.map((_, index) => index);
    const bars = uPlot.paths.bars?.({ size: [BAR_SHARE, BAR_PX_MAX], radius: 0.15 });
    const chart = new uPlot(
      {
        width: Math.max(1, element.clientWidth),
        height: HEIGHT_PX,
        padding: [12, 12, 0, 0],
        legend: { show: false },
        cursor: { show: false },
        select: { show: false, left: 0, top: 0, width: 0, height: 0 },
        scales: {
          x: { time: false, range: () => [-0.6, Math.max(0, series.length - 1) + 0.6] },
          // All of nothing still needs a scale.
          y: { range: (_, __, to) => [0, to > 0 ? to * 1.12 : 1] },
        },
        axes: [
          {
            stroke: text,
            font,
            size: 24,
            gap: 6,
            space: X_SPACE_PX,
            incrs: [1, 2, 3, 4, 6, 7, 12, 14, 24, 30, 60],
            grid: { show: false },
            ticks: { show: false },
            values: (_, splits) =>
              splits.map((place) => {
                const step = Number.isInteger(place) ? series[place] : undefined;
                return step === undefined ? '' : stepText(step.atMs, period);
              }),
          },
          {
            stroke: text,
            font,
            size: AXIS_WIDTH_PX,
            gap: 8,
            space: 36,
            grid: { stroke: grid, width: 1 },
            ticks: { show: false },
            values: (_, splits) => splits.map((value) => value.toLocaleString('en', { maximumSignificantDigits: 3 })),
          },
        ],
        series: [
          {},
          {
            stroke: accent,
            fill: `color-mix(in srgb, ${accent} 72%, transparent)`,
            width: 0,
            points: { show: false },
            ...(bars === undefined ? {} : { paths: bars }),
          },
        ],
      },
      [places, series.map(({ earnedMicro }) => forScale(earnedMicro))],
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
  }, [series, period, scheme]);
  return (
    <figure>
      <figcaption className="hm-small hm-dim">CAES earned</figcaption>
      <div
        ref={holder}
        className="hm-chart"
        role="img"
        aria-label={seriesText(series, period)}
        style={{ height: HEIGHT_PX }}
      />
    </figure>
  );
};
