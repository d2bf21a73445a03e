import { Tooltip } from '@mantine/core';
import type { ReactNode } from 'react';
import type { Reading } from '../../preload/contract/index.ts';

/**
 * A reason as a sentence, wherever it came from: with a capital at its start, unless it starts with a name such as
 * `eth0`, and a full stop at its end.
 */
export const sentence = (reason: string): string =>
  `${/^[a-z]+\b/.test(reason) ? reason.charAt(0).toUpperCase() : reason.charAt(0)}${reason.slice(1)}${/[.!?…]$/.test(reason) ? '' : '.'}`;

/**
 * The word "unknown", with its reason on hover, on focus and for screen readers.
 * @param props.word - instead of "unknown", where the reader learns more from it, such as "not measured"
 */
export const Unknown = ({ reason, word = 'unknown' }: { reason: string; word?: string }) => (
  <Tooltip label={sentence(reason)}>
    {/* oxlint-disable-next-line jsx-a11y/no-noninteractive-tabindex -- focusable, so that the reason can be read without a mouse */}
    <span className="hm-unknown" tabIndex={0}>
      {word}
      <span className="hm-sr">: {sentence(reason)}</span>
    </span>
  </Tooltip>
);

/** A reading as text, or {@link Unknown} with the reason that came with it. */
export const ReadingValue = <T,>({ reading, children }: { reading: Reading<T>; children: (value: T) => ReactNode }) =>
  reading.known ? children(reading.value) : <Unknown reason={reading.reason} />;
