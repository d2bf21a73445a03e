import { CAES } from './constants.ts';

/** The owner's own value of one CAES from a day on. */
export interface DayPrice {
  /** `YYYY-MM-DD` */
  day: string;
  value: number;
  currency: string;
}

/** What a spreadsheet takes for a formula, also behind blanks. */
const FORMULA = /^[\s]*[=+\-@\t\r|%]/;
const NUMBER = /^-?\d+(\.\d+)?$/;
const NEEDS_QUOTES = /[",\r\n]/;

/** One field of RFC 4180. Text that a spreadsheet would run as a formula begins with an apostrophe, numbers stay numbers. */
export const csvField = (text: string): string => {
  const safe = FORMULA.test(text) && !NUMBER.test(text) ? `'${text}` : text;
  return NEEDS_QUOTES.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
};
/** With the end of the line. */
export const csvRow = (fields: readonly string[]): string => `${fields.map(csvField).join(',')}\r\n`;

/** Micro-parts of a value: prices are numbers of a person, with six places at most. */
const microOf = (value: number): bigint => BigInt(Math.round(value * 1e6));

/** Newest price that was in force on a day. @param prices - newest first */
export const priceOn = (prices: readonly DayPrice[], day: string): DayPrice | null =>
  prices.find((price) => price.day <= day) ?? null;

/** What an amount was worth, with two places, halves away from zero. */
export const valueText = (micro: bigint, { value }: DayPrice): string => {
  const product = micro * microOf(value);
  // Micro-CAES by micro-parts, in hundredths.
  const unit = (CAES * CAES) / 100n;
  const amount = product < 0n ? -product : product;
  const hundredths = (amount + unit / 2n) / unit;
  const text = `${hundredths / 100n}.${(hundredths % 100n).toString().padStart(2, '0')}`;
  return product < 0n && hundredths > 0n ? `-${text}` : text;
};
