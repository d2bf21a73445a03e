import type { Reading } from '../../../preload/contract/index.ts';

/** A value that was really read. */
export const known = <T>(value: T): Reading<T> => ({ known: true, value });

/** @param reason - why it could not be read; no full stop, fits behind "unknown: " */
export const unknown = (reason: string): { known: false; reason: string } => ({ known: false, reason });

/** Applies `change` to a known value and passes an unknown one through. */
export const mapReading = <T, U>(reading: Reading<T>, change: (value: T) => U): Reading<U> =>
  reading.known ? known(change(reading.value)) : reading;

/** The value when it is a finite number within the bounds, unknown otherwise: garbage never becomes a figure. */
export const knownNumber = (value: unknown, reason: string, lowest = -Infinity, highest = Infinity): Reading<number> =>
  typeof value === 'number' && Number.isFinite(value) && value >= lowest && value <= highest
    ? known(value)
    : unknown(reason);

/** The trimmed text unless it is empty or one of the words that firmware and tools write for "no idea". */
export const knownText = (value: unknown, reason: string): Reading<string> => {
  const text = typeof value === 'string' ? value.trim() : '';
  return text === '' ||
    /^(unknown|n\/?a|none|not specified|not available|to be filled by o\.?e\.?m\.?|default string|-)$/i.test(text) ||
    text.startsWith('[N/A')
    ? unknown(reason)
    : known(text);
};
