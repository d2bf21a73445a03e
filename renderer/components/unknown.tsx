import { Tooltip } from '@mantine/core';
import type { ReactNode } from 'react';
import type { Reading } from '../../preload/contract/index.ts';

/** The word "unknown", with its reason on hover, on focus and for screen readers. */
export const Unknown = ({ reason }: { reason: string }) => (
  <Tooltip label={reason}>
    {/* oxlint-disable-next-line jsx-a11y/no-noninteractive-tabindex -- focusable, so that the reason can be read without a mouse */}
    <span className="hm-unknown" tabIndex={0}>
      unknown<span className="hm-sr">: {reason}</span>
    </span>
  </Tooltip>
);

/** A reading as text, or {@link Unknown} with the reason that came with it. */
export const ReadingValue = <T,>({ reading, children }: { reading: Reading<T>; children: (value: T) => ReactNode }) =>
  reading.known ? children(reading.value) : <Unknown reason={reading.reason} />;
