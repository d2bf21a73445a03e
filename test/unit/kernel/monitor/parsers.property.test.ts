import fc from 'fast-check';
import { expect, it } from 'vitest';
import { normalizePciAddress, gpuSlug, parseNvidiaCards } from '../../../../main/kernel/monitor/gpu-cards.ts';
import {
  parseCpuTicks,
  parseDiskstats,
  parseMeminfo,
  parseNetDev,
  parseProcessStat,
} from '../../../../main/kernel/monitor/linux/proc.ts';
import { parseDefaultRoutesV4, parseDefaultRoutesV6 } from '../../../../main/kernel/monitor/linux/routes.ts';
import { parseBusctlMetered, parseMeteredWord, parseNmcliDevices } from '../../../../main/kernel/monitor/metered.ts';
import { resourceKey } from '../../../../preload/contract/index.ts';

/** Lines that look nearly right: words and separators of the real files in a random order. */
const nearly = fc
  .array(
    fc.constantFrom(
      'cpu',
      'cpu0',
      'MemTotal:',
      'kB',
      'eth0:',
      'vda',
      '0',
      '12',
      '-1',
      '99999999999999999999',
      'NaN',
      '1e9',
      '00:01.0',
      'N/A',
      '[Not Supported]',
      ',',
      '(',
      ')',
      '\n',
      '\0',
      'GENERAL.DEVICE:',
      'GENERAL.METERED:',
      'yes',
      'u 1',
      ' ',
      '\t',
    ),
    { maxLength: 60 },
  )
  .map((words) => words.join(' '));
const garbage = fc.oneof(fc.string(), nearly, fc.string({ unit: 'binary' }));

/** No number anywhere in the value is NaN or infinite. */
const hasOnlyFinite = (value: unknown): boolean => {
  if (typeof value === 'number') return Number.isFinite(value);
  if (value instanceof Map) return [...value].every(hasOnlyFinite);
  if (typeof value === 'object' && value !== null) return Object.values(value).every(hasOnlyFinite);
  return true;
};

it('never throws and never gives NaN, whatever a file or tool says', () => {
  const parsers = [
    parseCpuTicks,
    parseMeminfo,
    parseNetDev,
    parseDiskstats,
    parseProcessStat,
    parseDefaultRoutesV4,
    parseDefaultRoutesV6,
    parseNvidiaCards,
    parseNmcliDevices,
    parseMeteredWord,
    parseBusctlMetered,
  ];
  fc.assert(
    fc.property(garbage, (text) => {
      for (const parse of parsers) expect(hasOnlyFinite(parse(text))).toBe(true);
    }),
    { numRuns: 500 },
  );
});

it('gives back the counters of any network file', () => {
  const counter = fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER });
  fc.assert(
    fc.property(
      fc.dictionary(fc.stringMatching(/^[a-z][a-z0-9@._-]{0,14}$/), fc.tuple(counter, counter), { maxKeys: 8 }),
      (devices) => {
        const lines = Object.entries(devices).map(
          ([name, [received, sent]]) => `${name}: ${received} 0 0 0 0 0 0 0 ${sent} 0 0 0 0 0 0 0`,
        );
        expect(Object.fromEntries(parseNetDev(lines.join('\n')))).toEqual(
          Object.fromEntries(
            Object.entries(devices).map(([name, [inBytes, outBytes]]) => [name, { inBytes, outBytes }]),
          ),
        );
      },
    ),
  );
});

it('makes a valid resource key of any card', () => {
  fc.assert(
    fc.property(fc.oneof(fc.string(), fc.string({ unit: 'grapheme', minLength: 50, maxLength: 200 })), (model) => {
      expect(resourceKey.safeParse(`gpu:${gpuSlug(null, model)}`).success).toBe(true);
    }),
  );
});

it('writes one address in one way', () => {
  const hex = (digits: number): fc.Arbitrary<string> =>
    fc.integer({ min: 0, max: 16 ** digits - 1 }).map((value) => value.toString(16).padStart(digits, '0'));
  fc.assert(
    fc.property(
      hex(4),
      hex(2),
      hex(2),
      fc.integer({ min: 0, max: 7 }),
      fc.boolean(),
      (domain, bus, device, part, long) => {
        const address = `${domain}:${bus}:${device}.${part}`;
        expect(normalizePciAddress((long ? `0000${address}` : address).toUpperCase())).toBe(address);
        expect(resourceKey.safeParse(`gpu:${gpuSlug(address, 'x')}`).success).toBe(true);
      },
    ),
  );
});
