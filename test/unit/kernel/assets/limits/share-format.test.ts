import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeCbor, encodeCbor } from '../../../../../main/base/index.ts';
import { LimitsError } from '../../../../../main/kernel/assets/index.ts';
import {
  defaultRules,
  defaultShare,
  GRID_CELLS,
  parseMachineRules,
  parseResourceShare,
  parseStoredPause,
  parseStoredShare,
} from '../../../../../main/kernel/assets/limits/index.ts';
import * as contract from '../../../../../preload/contract/index.ts';

const stored = (): { version: number; resources: unknown[]; rules: unknown } => ({
  version: 1,
  resources: contract.resourceKinds.map((kind) => defaultShare(kind === 'gpu' ? 'gpu:card0' : kind)),
  rules: defaultRules(),
});
const refusal = (action: () => unknown): { code: string; data: unknown } => {
  try {
    action();
  } catch (error) {
    expect(error).toBeInstanceOf(LimitsError);
    const { code, data, message } = error as LimitsError;
    expect(message).toMatch(/\.$/);
    return { code, data };
  }
  throw new Error('It was not refused.');
};

/** What a parser makes of a value: the value, or the code of its refusal. */
const outcome = (parse: () => unknown): unknown => {
  try {
    return parse();
  } catch (error) {
    return (error as LimitsError).code;
  }
};

describe('the stored limits', () => {
  it('come back from disk as they were written', () => {
    expect(parseStoredShare(decodeCbor(encodeCbor(stored())))).toEqual(stored());
  });

  it('have the bytes of docs/formats/share-rules.md', () => {
    const page = readFileSync(new URL('../../../../../docs/formats/share-rules.md', import.meta.url), 'utf8');
    const bytes = Buffer.from(encodeCbor({ version: 1, resources: [], rules: defaultRules() })).toString('hex');
    expect(page.replaceAll('\n', '')).toContain(bytes);
  });

  it.each([
    ['cpu', '25', '25000'],
    ['gpu:card0', '7', '7000'],
    ['memory', '1', '1073741824'],
    ['network', '3', '3145728'],
    ['container', '5', '5'],
    ['storage', '9'.repeat(30), '9'.repeat(30)],
  ] as const)('have old prices per unit of %s as prices per reference amount', (resource, microPerUnitHour, now) => {
    const share = defaultShare(resource);
    const old = {
      ...stored(),
      resources: [{ ...share, terms: { ...share.terms, price: { mode: 'fixed', microPerUnitHour } } }],
    };
    const read = parseStoredShare(decodeCbor(encodeCbor(old)));
    expect(read.resources).toEqual([
      { ...share, terms: { ...share.terms, price: { mode: 'fixed', microPerHour: now } } },
    ]);
    expect(parseStoredShare(read)).toEqual(read);
    // The owner's own changes never had it, and both at once are none.
    expect(refusal(() => parseResourceShare(old.resources[0])).code).toBe('SHARE_INVALID');
    const both = { mode: 'fixed', microPerUnitHour, microPerHour: '1' };
    const doubled = { ...old, resources: [{ ...share, terms: { ...share.terms, price: both } }] };
    expect(refusal(() => parseStoredShare(doubled)).code).toBe('SHARE_RULES_CORRUPT');
  });

  it('of a newer version are refused as newer, whatever else is in them', () => {
    expect(refusal(() => parseStoredShare({ version: 2, shape: 'unheard of' }))).toEqual({
      code: 'SHARE_RULES_NEWER',
      data: { version: 2, versionMax: 1 },
    });
    expect(refusal(() => parseStoredPause({ version: 7 })).code).toBe('SHARE_RULES_NEWER');
  });

  it.each([
    ['nothing', undefined, 'share'],
    ['a text', 'x', 'share'],
    ['bytes', new Uint8Array(3), 'share'],
    ['a list', [], 'share'],
    ['no version', { resources: [], rules: defaultRules() }, 'share.version'],
    ['version 0', { ...stored(), version: 0 }, 'share.version'],
    ['version 1.5', { ...stored(), version: 1.5 }, 'share.version'],
    ['an unknown field', { ...stored(), colour: 'red' }, 'share.colour'],
    ['an inherited field in place of an own one', Object.create(stored()) as object, 'share.version'],
    ['no rules', { version: 1, resources: [] }, 'share.rules'],
    [
      '167 cells',
      { ...stored(), resources: [{ ...defaultShare('cpu'), grid: Array(167).fill(1) }] },
      'share.resources[0].grid',
    ],
    [
      '169 cells',
      { ...stored(), resources: [{ ...defaultShare('cpu'), grid: Array(169).fill(1) }] },
      'share.resources[0].grid',
    ],
    [
      '101 %',
      { ...stored(), resources: [{ ...defaultShare('cpu'), percentMax: 101 }] },
      'share.resources[0].percentMax',
    ],
    [
      '-1 %',
      { ...stored(), resources: [{ ...defaultShare('cpu'), usingPercent: -1 }] },
      'share.resources[0].usingPercent',
    ],
    [
      '49.5 %',
      { ...stored(), resources: [{ ...defaultShare('cpu'), percentMax: 49.5 }] },
      'share.resources[0].percentMax',
    ],
    [
      '"50" %',
      { ...stored(), resources: [{ ...defaultShare('cpu'), percentMax: '50' }] },
      'share.resources[0].percentMax',
    ],
    [
      'an unknown resource',
      { ...stored(), resources: [{ ...defaultShare('cpu'), resource: 'gpu' }] },
      'share.resources[0].resource',
    ],
    ['a resource twice', { ...stored(), resources: [defaultShare('cpu'), defaultShare('cpu')] }, 'share.resources'],
    [
      'an unknown price',
      {
        ...stored(),
        resources: [{ ...defaultShare('cpu'), terms: { ...defaultShare('cpu').terms, price: { mode: 'gift' } } }],
      },
      'share.resources[0].terms.price.mode',
    ],
    [
      'a market price with an amount',
      {
        ...stored(),
        resources: [
          {
            ...defaultShare('cpu'),
            terms: { ...defaultShare('cpu').terms, price: { mode: 'market', microPerHour: '1' } },
          },
        ],
      },
      'share.resources[0].terms.price.microPerHour',
    ],
    [
      'a ceiling of 20 °C',
      {
        ...stored(),
        rules: { ...defaultRules(), temperature: { ceilingCelsius: 20, hysteresisCelsius: 5, stepPercent: 5 } },
      },
      'share.rules.temperature.ceilingCelsius',
    ],
  ])('with %s are refused as damaged, with the place', (_what, value, path) => {
    const { code, data } = refusal(() => parseStoredShare(value));
    expect(code).toBe('SHARE_RULES_CORRUPT');
    expect(data).toMatchObject({ path });
  });

  it('never crash the parser', () => {
    fc.assert(
      fc.property(fc.anything(), (value) => {
        expect(['SHARE_RULES_CORRUPT', 'SHARE_RULES_NEWER']).toContain(refusal(() => parseStoredShare(value)).code);
        expect(['SHARE_RULES_CORRUPT', 'SHARE_RULES_NEWER']).toContain(refusal(() => parseStoredPause(value)).code);
      }),
    );
  });

  it('hold a pause', () => {
    expect(parseStoredPause({ version: 1, paused: false })).toEqual({ paused: false });
    const pause = { paused: true, sinceMs: 1, untilMs: null };
    expect(parseStoredPause({ version: 1, ...pause })).toEqual(pause);
    expect(refusal(() => parseStoredPause({ version: 1, paused: false, untilMs: 3 })).code).toBe('SHARE_RULES_CORRUPT');
    expect(refusal(() => parseStoredPause({ version: 1, paused: true })).code).toBe('SHARE_RULES_CORRUPT');
  });
});

describe('the parser of changes', () => {
  it('allows just what the contract allows', () => {
    // Kernel code may not run the contract's schemas; this test holds the two parsers together.
    const odd = fc.oneof(fc.integer({ min: -2, max: 103 }), fc.constantFrom(null, 1.5, 'x', true, [], {}, undefined));
    const share = fc.record({
      resource: fc.constantFrom(
        'cpu',
        'gpu:0000-01.0',
        'gpu:',
        'GPU:a',
        'economic',
        'disk',
        `gpu:${'a'.repeat(64)}`,
        `gpu:${'a'.repeat(65)}`,
      ),
      percentMax: odd,
      grid: fc.constantFrom(Array(GRID_CELLS).fill(7), Array(GRID_CELLS - 1).fill(7), Array(GRID_CELLS).fill(101)),
    });
    fc.assert(
      fc.property(share, (change) => {
        const value = { ...defaultShare('cpu'), ...change };
        const allowed = contract.resourceShare.safeParse(value).success;
        expect(outcome(() => parseResourceShare(value))).toEqual(allowed ? value : 'SHARE_INVALID');
      }),
    );
    const rules = fc.record({
      awayAfterMinutes: fc.oneof(odd, fc.constantFrom(1440, 1441)),
      temperature: fc.oneof(
        fc.constant(null),
        fc.record({ ceilingCelsius: odd, hysteresisCelsius: odd, stepPercent: odd }),
      ),
      programs: fc.oneof(
        odd,
        fc.array(fc.record({ name: fc.string({ maxLength: 130 }), percent: odd }), { maxLength: 2 }),
      ),
      network: fc.record({ sendBytesPerSecondMax: odd, receiveBytesPerSecondMax: odd, monthlyBytesMax: odd }),
    });
    fc.assert(
      fc.property(rules, (value) => {
        const allowed = contract.machineRules.safeParse(value).success;
        expect(outcome(() => parseMachineRules(value))).toEqual(allowed ? value : 'SHARE_INVALID');
      }),
    );
  });

  it('agrees with the contract about the defaults', () => {
    for (const kind of contract.resourceKinds) {
      const share = defaultShare(kind === 'gpu' ? 'gpu:card0' : kind);
      expect(contract.resourceShare.parse(share)).toEqual(share);
    }
    expect(contract.machineRules.parse(defaultRules())).toEqual(defaultRules());
    expect(GRID_CELLS).toBe(contract.GRID_CELLS);
  });
});
