import { Option } from 'commander';
import { parseNumber } from './derive.ts';
import { CliError } from './errors.ts';
import { parseBytes } from './units.ts';

// What several commands take, read once.

export type OnOff = 'on' | 'off';
/** A flag that takes `on` or `off`. */
export const onOff = (flag: string, description: string): Option =>
  new Option(`${flag} <onOff>`, description).choices(['on', 'off']);

/** @throws {CliError} `USAGE` */
export const parseWhole = (text: string, min: number, max: number, what: string): number => {
  const value = parseNumber(text);
  if (!Number.isInteger(value) || value < min || value > max)
    throw new CliError({ code: 'USAGE' }, `${what} is a whole number from ${min} to ${max}.`);
  return value;
};
/** `4096`, `64MiB`, `10MB/s`. @throws {CliError} `USAGE` */
export const parseAmount = (text: string): number => {
  const bytes = parseBytes(text.replace(/\/s$/, ''));
  if (bytes === null || bytes < 1)
    throw new CliError({ code: 'USAGE' }, `"${text.slice(0, 20)}" is no amount; write 64MiB, 1GiB or 10MB/s.`);
  return bytes;
};
/** For options that may be given again. */
export const collect = (text: string, before: string[] | undefined): string[] => [...(before ?? []), text];
