/** Which lines of a long list are drawn, so that a hundred thousand of them cost no more than a screenful. */
export interface LineWindow {
  /** Index of the first line drawn. */
  from: number;
  /** Index after the last line drawn. */
  to: number;
  /** Height of what is left out above, px. */
  abovePx: number;
  /** Height of what is left out below, px. */
  belowPx: number;
}

/** Lines drawn above and below those that can be seen, so that a quick scroll shows no hole. */
const SPARE = 20;

/**
 * @param count - lines in all, each `linePx` high
 * @param viewPx - height of the box; a box that is not laid out yet counts as a screenful
 */
export const windowOfLines = (count: number, linePx: number, scrollPx: number, viewPx: number): LineWindow => {
  const seen = Math.ceil((viewPx <= 0 ? 720 : viewPx) / linePx);
  // A box that was longer a moment ago is still scrolled further than there are lines now.
  const first = Math.min(Math.max(0, Math.floor(scrollPx / linePx)), Math.max(0, count - seen));
  const from = Math.max(0, first - SPARE);
  const to = Math.min(count, first + seen + SPARE);
  return { from, to, abovePx: from * linePx, belowPx: (count - to) * linePx };
};
