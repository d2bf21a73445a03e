import { describe, expect, it } from 'vitest';
import { defaultShare, evaluateLevel, RULE_ORDER } from '../../../../../main/kernel/assets/limits/index.ts';
import { conditionsOf, known, situationOf, zoneOf } from '../../../../support/situation.ts';

const HOUR_MS = 3_600_000;
const MONDAY_MS = Date.UTC(2026, 0, 5);
const gridWith = (base: number, cells: Record<number, number>): number[] =>
  Array.from({ length: 168 }, (_, index) => cells[index] ?? base);

describe('evaluateLevel', () => {
  it('lends a whole core of two by default while the owner is there, so that a first job starts', () => {
    const conditions = conditionsOf({ idleMs: known(0), onBattery: known(false), metered: known(false) });
    expect(evaluateLevel(situationOf({ share: defaultShare('cpu'), conditions })).level.percent).toBe(50);
  });

  it('lends all that the slider says when no other rule is set', () => {
    const { level, keepPercent } = evaluateLevel(situationOf({ share: { percentMax: 70 } }));
    expect(level).toEqual({
      resource: 'cpu',
      percent: 70,
      rule: 'slider',
      reason: 'Slider: at most 70 %',
      untilMs: null,
      all: [{ rule: 'slider', percent: 70, reason: 'Slider: at most 70 %', untilMs: null }],
      unread: [],
    });
    expect(keepPercent).toBe(70);
  });

  it('names the cell of the week grid and the moment at which it ends', () => {
    const grid = gridWith(100, Object.fromEntries(Array.from({ length: 18 }, (_, hour) => [96 + hour, 40])));
    const friday = MONDAY_MS + 4 * 24 * HOUR_MS;
    const { level } = evaluateLevel(situationOf({ share: { grid }, nowMs: friday + 9 * HOUR_MS }));
    expect(level).toMatchObject({ percent: 40, rule: 'grid', untilMs: friday + 18 * HOUR_MS });
    expect(level.reason).toBe('Week grid: 40 % until 18:00');
    const before = evaluateLevel(situationOf({ share: { grid }, nowMs: MONDAY_MS }));
    expect(before.level.all.find((rule) => rule.rule === 'grid')?.reason).toBe('Week grid: 100 % until Fri 00:00');
    // The slider and the grid are both at 100 now; the level changes when the grid does.
    expect(before.level.untilMs).toBe(friday);
  });

  it('says when a level that another rule sets will be overtaken by the grid', () => {
    const grid = gridWith(100, { 20: 10 });
    const { level } = evaluateLevel(situationOf({ share: { grid, percentMax: 50 } }));
    expect(level).toMatchObject({ percent: 50, rule: 'slider', untilMs: MONDAY_MS + 20 * HOUR_MS });
    const never = evaluateLevel(situationOf({ share: { grid: gridWith(100, { 20: 60 }), percentMax: 50 } }));
    expect(never.level.untilMs).toBeNull();
  });

  it('finds a cell that the clocks skip this week only in the next', () => {
    // Berlin leaves out 02:00 to 03:00 on Sunday 2026-03-29; cell 146 is Sunday 02:00.
    const grid = gridWith(100, { 146: 0 });
    const { level } = evaluateLevel(
      situationOf({ share: { grid }, zone: zoneOf('Europe/Berlin'), nowMs: Date.UTC(2026, 2, 26) }),
    );
    expect(level.untilMs).toBe(Date.UTC(2026, 3, 5, 0));
  });

  it('keeps to one cell while the clocks repeat an hour', () => {
    // Berlin has 02:00 to 03:00 twice on Sunday 2026-10-25.
    const grid = gridWith(100, { 146: 30 });
    const zone = zoneOf('Europe/Berlin');
    const first = evaluateLevel(situationOf({ share: { grid }, zone, nowMs: Date.UTC(2026, 9, 25, 0, 30) }));
    expect(first.level).toMatchObject({ percent: 30, untilMs: Date.UTC(2026, 9, 25, 2) });
    const second = evaluateLevel(situationOf({ share: { grid }, zone, nowMs: Date.UTC(2026, 9, 25, 1, 30) }));
    expect(second.level).toMatchObject({ percent: 30, untilMs: Date.UTC(2026, 9, 25, 2) });
  });

  it('tells using from away at exactly the minutes set', () => {
    const at = (idleMs: number) =>
      evaluateLevel(
        situationOf({
          share: { usingPercent: 20, awayPercent: 90 },
          rules: { awayAfterMinutes: 5 },
          conditions: conditionsOf({ idleMs: known(idleMs) }),
        }),
      ).level;
    expect(at(299_999)).toMatchObject({ percent: 20, rule: 'presence', reason: 'You are using this machine: 20 %' });
    expect(at(300_000)).toMatchObject({
      percent: 90,
      rule: 'presence',
      reason: 'You are away from this machine: 90 %',
    });
  });

  it.each([
    [
      'battery',
      { share: { batteryPercent: 10 }, conditions: conditionsOf({ onBattery: known(true) }) },
      'On battery: 10 %',
    ],
    [
      'metered',
      { share: { meteredPercent: 10 }, conditions: conditionsOf({ metered: known(true) }) },
      'Metered network: 10 %',
    ],
    [
      'temperature',
      {
        rules: { temperature: { ceilingCelsius: 80, hysteresisCelsius: 5, stepPercent: 10 } },
        temperaturePercent: 10,
        conditions: conditionsOf({ cpuTemperatureCelsius: known(90) }),
      },
      'Heat: 10 %, to stay below 80 °C',
    ],
    ['absent', { absentReason: 'no engine answers' }, 'Cannot be lent: no engine answers'],
    ['pause', { pause: { paused: true as const, sinceMs: 0, untilMs: null } }, 'Paused by you until you resume'],
    [
      'pause',
      { pause: { paused: true as const, sinceMs: 0, untilMs: MONDAY_MS + HOUR_MS } },
      'Paused by you until 01:00',
    ],
  ] as const)('lets %s lower the level', (rule, given, reason) => {
    const { level } = evaluateLevel(situationOf(given));
    expect(level).toMatchObject({ rule, reason, unread: [] });
    expect(level.percent).toBe(rule === 'absent' || rule === 'pause' ? 0 : 10);
  });

  it('does not limit by battery or meter while neither is so', () => {
    const conditions = conditionsOf({ onBattery: known(false), metered: known(false) });
    const { level } = evaluateLevel(situationOf({ share: { batteryPercent: 0, meteredPercent: 0 }, conditions }));
    expect(level).toMatchObject({ percent: 100, rule: 'slider', unread: [] });
  });

  it('takes the lowest of the programs that run, whatever case or ending the list shows', () => {
    const programs = [
      { name: 'blender', percent: 30 },
      { name: 'Game', percent: 5 },
      { name: 'steam', percent: 0 },
    ];
    const conditions = conditionsOf({ programs: known(new Set(['Blender', 'game.exe', 'sh'])) });
    const { level } = evaluateLevel(situationOf({ rules: { programs }, conditions }));
    expect(level).toMatchObject({ percent: 5, rule: 'program', reason: 'Game is running: 5 %' });
  });

  it('stops the network at the cap, until the month ends in UTC, and nothing else', () => {
    const network = { sendBytesPerSecondMax: null, receiveBytesPerSecondMax: null, monthlyBytesMax: 1000 };
    const at = (resource: 'network' | 'cpu', monthBytes: number) =>
      evaluateLevel(situationOf({ resource, rules: { network }, monthBytes })).level;
    expect(at('network', 999)).toMatchObject({ percent: 100, rule: 'slider' });
    expect(at('network', 1000)).toMatchObject({ percent: 0, rule: 'monthlyCap', untilMs: Date.UTC(2026, 1, 1) });
    expect(at('network', 1000).reason).toContain('1 Feb 2026 00:00');
    expect(at('cpu', 1000).percent).toBe(100);
  });

  it('lists what could not be read and does not limit by it', () => {
    const { level } = evaluateLevel(
      situationOf({
        share: { usingPercent: 0, batteryPercent: 0, meteredPercent: 0 },
        rules: {
          temperature: { ceilingCelsius: 80, hysteresisCelsius: 5, stepPercent: 10 },
          programs: [{ name: 'x', percent: 0 }],
        },
      }),
    );
    expect(level.percent).toBe(100);
    expect(level.unread.map((unread) => unread.rule)).toEqual([
      'presence',
      'battery',
      'metered',
      'temperature',
      'program',
    ]);
  });

  it('reads each card by its own sensor, and memory by none', () => {
    const temperature = { ceilingCelsius: 80, hysteresisCelsius: 5, stepPercent: 10 };
    const conditions = conditionsOf({ gpuTemperatureCelsius: new Map([['a', known(90)]]) });
    const of = (resource: 'gpu:a' | 'gpu:b' | 'memory') =>
      evaluateLevel(situationOf({ resource, rules: { temperature }, conditions })).level.unread;
    expect(of('gpu:a')).toEqual([]);
    expect(of('gpu:b')).toEqual([{ rule: 'temperature', reason: 'the card reports no temperature' }]);
    expect(of('memory')).toEqual([]);
  });

  it('breaks ties in a fixed order', () => {
    const grid = gridWith(0, { 3: 1 });
    const { level } = evaluateLevel(
      situationOf({
        share: { percentMax: 0, grid, usingPercent: 0, batteryPercent: 0 },
        pause: { paused: true, sinceMs: 0, untilMs: null },
        absentReason: 'gone',
        conditions: conditionsOf({ idleMs: known(0), onBattery: known(true) }),
      }),
    );
    expect(level.all.map((rule) => rule.rule)).toEqual(['absent', 'pause', 'battery', 'presence', 'grid', 'slider']);
    expect(RULE_ORDER).toHaveLength(10);
  });

  it('ends what takes memory only when slider, grid, presence or absence say so', () => {
    const passing = situationOf({
      resource: 'memory',
      share: { percentMax: 60, batteryPercent: 0 },
      pause: { paused: true, sinceMs: 0, untilMs: null },
      conditions: conditionsOf({ onBattery: known(true) }),
    });
    expect(evaluateLevel(passing)).toMatchObject({ level: { percent: 0, rule: 'pause' }, keepPercent: 60 });
    const using = situationOf({
      ...passing,
      resource: 'memory',
      share: { usingPercent: 15 },
      conditions: conditionsOf({ idleMs: known(0) }),
    });
    expect(evaluateLevel(using).keepPercent).toBe(15);
    expect(evaluateLevel(situationOf({ resource: 'memory', absentReason: 'gone' })).keepPercent).toBe(0);
    // A processor can be squeezed, so a pause squeezes it to nothing.
    expect(evaluateLevel({ ...passing, elasticity: 'share' }).keepPercent).toBe(0);
  });

  it('comes to what the worked example of docs/formats/share-rules.md says', () => {
    const situation = situationOf({
      share: { percentMax: 80, grid: gridWith(100, { 146: 30, 147: 60 }), usingPercent: 25, awayPercent: 100 },
      zone: zoneOf('Europe/Berlin'),
      nowMs: Date.UTC(2026, 2, 28, 22, 30),
      conditions: conditionsOf({ idleMs: known(HOUR_MS) }),
    });
    const { level } = evaluateLevel(situation);
    expect(level).toMatchObject({ percent: 80, rule: 'slider', untilMs: Date.UTC(2026, 2, 29, 1) });
    expect(level.all.at(-1)?.reason).toBe('Week grid: 100 % until Sun 03:00');
    expect(evaluateLevel({ ...situation, nowMs: Date.UTC(2026, 2, 29, 1) }).level).toMatchObject({
      percent: 60,
      rule: 'grid',
    });
  });
});
