import { assert } from '../../../base/index.ts';
import type {
  Level,
  MachineRules,
  PauseState,
  Reading,
  ResourceShare,
  RuleName,
  RuleResult,
} from '../../../../preload/contract/index.ts';
import type { Conditions } from '../../monitor/index.ts';
import { nextGridChange, nextUtcMonth, sayTime, weekCellOf, type ZoneOffset } from './local-time.ts';

/** Whether a promise can be squeezed when the level falls (`share`) or only be kept or ended (`space`). */
export type Elasticity = 'share' | 'space';

/** All that the level of one resource depends on. Same situation, same level: nothing else is looked at. */
export interface Situation {
  share: ResourceShare;
  elasticity: Elasticity;
  rules: MachineRules;
  pause: PauseState;
  conditions: Conditions;
  /** What the temperature rule allows at the moment, 100 when it does not limit. */
  temperaturePercent: number;
  /** Bytes of the calendar month (UTC) of `nowMs`. Only the network looks at it. */
  monthBytes: number;
  /** Why the hardware cannot be lent at all; null when it is there. */
  absentReason: string | null;
  nowMs: number;
  zone: ZoneOffset;
}

export interface Evaluation {
  /** What may be promised, and why. */
  level: Level;
  /**
   * What existing allocations may hold on to. For `share` resources the level itself. For `space` resources only the
   * slider, the week grid, presence and absence count: what takes memory or disk cannot shrink, so a pause, a battery,
   * heat, a metered network, a program or a cap freezes work and admits nothing new, but ends nothing.
   */
  keepPercent: number;
}

/** Of rules with the same percent, the first here names the level: the most passing one, since it explains the most. */
export const RULE_ORDER: readonly RuleName[] = [
  'absent',
  'pause',
  'monthlyCap',
  'temperature',
  'battery',
  'metered',
  'program',
  'presence',
  'grid',
  'slider',
];
/** Rules that end allocations of `space` resources; see {@link Evaluation.keepPercent}. */
const KEEP_RULES: ReadonlySet<RuleName> = new Set(['absent', 'presence', 'grid', 'slider']);
/** A grid that may win does so within a week, or two where the clocks skip its cell; each step is at least one cell. */
const CHANGES_LOOKED_AT_MAX = 512;

interface Rated {
  rule: RuleName;
  percent: number;
  untilMs: number | null;
  reason: (nowMs: number) => string;
}

const isBefore = (a: Rated, b: Rated): boolean =>
  a.percent !== b.percent ? a.percent < b.percent : RULE_ORDER.indexOf(a.rule) < RULE_ORDER.indexOf(b.rule);
const lowestOf = (rated: readonly Rated[]): Rated =>
  rated.reduce((lowest, other) => (isBefore(other, lowest) ? other : lowest));

/** Name as lists show it on any system: without case, without `.exe`. */
const programKey = (name: string): string => name.toLowerCase().replace(/\.exe$/, '');

/** @returns the sensor that the temperature rule reads for a resource, or null for one that has none */
export const sensorOf = (resource: string): string | null => {
  if (resource.startsWith('gpu:')) return resource;
  return resource === 'cpu' || resource === 'container' ? 'cpu' : null;
};
/** @returns the reading of a sensor named by {@link sensorOf} */
export const readSensor = (sensor: string, conditions: Conditions): Reading<number> =>
  sensor === 'cpu'
    ? conditions.cpuTemperatureCelsius
    : (conditions.gpuTemperatureCelsius.get(sensor.slice('gpu:'.length)) ?? {
        known: false,
        reason: 'the card reports no temperature',
      });

/**
 * The level of one resource. Every rule gives a percentage, a reason and an end; the lowest wins. A rule whose input
 * could not be read is listed in `unread` and does not limit.
 *
 * `level.untilMs` is the first moment at which the percentage or the winning rule changes by itself, all conditions
 * staying as they are; null when only an event or the owner can change it. Pure.
 */
export const evaluateLevel = (situation: Situation): Evaluation => {
  const { share, rules, pause, conditions, nowMs, zone } = situation;
  const unread: Level['unread'] = [];
  const fixed: Rated[] = [];
  const rate = (rule: RuleName, percent: number, reason: string): void => {
    fixed.push({ rule, percent, untilMs: null, reason: () => reason });
  };

  if (situation.absentReason !== null) rate('absent', 0, `Cannot be lent: ${situation.absentReason}`);
  rate('slider', share.percentMax, `Slider: at most ${share.percentMax} %`);
  if (share.usingPercent < 100 || share.awayPercent < 100) {
    const idle = conditions.idleMs;
    if (!idle.known) unread.push({ rule: 'presence', reason: idle.reason });
    else if (idle.value < rules.awayAfterMinutes * 60_000)
      rate('presence', share.usingPercent, `You are using this machine: ${share.usingPercent} %`);
    else rate('presence', share.awayPercent, `You are away from this machine: ${share.awayPercent} %`);
  }
  if (share.batteryPercent < 100) {
    if (!conditions.onBattery.known) unread.push({ rule: 'battery', reason: conditions.onBattery.reason });
    else if (conditions.onBattery.value) rate('battery', share.batteryPercent, `On battery: ${share.batteryPercent} %`);
  }
  if (share.meteredPercent < 100) {
    if (!conditions.metered.known) unread.push({ rule: 'metered', reason: conditions.metered.reason });
    else if (conditions.metered.value)
      rate('metered', share.meteredPercent, `Metered network: ${share.meteredPercent} %`);
  }
  const sensor = sensorOf(share.resource);
  if (rules.temperature !== null && sensor !== null) {
    const reading = readSensor(sensor, conditions);
    if (!reading.known) unread.push({ rule: 'temperature', reason: reading.reason });
    const percent = situation.temperaturePercent;
    if (percent < 100)
      rate('temperature', percent, `Heat: ${percent} %, to stay below ${rules.temperature.ceilingCelsius} °C`);
  }
  if (rules.programs.length > 0) {
    if (!conditions.programs.known) unread.push({ rule: 'program', reason: conditions.programs.reason });
    else {
      const running = new Set(Array.from(conditions.programs.value, programKey));
      let lowest: MachineRules['programs'][number] | null = null;
      for (const program of rules.programs)
        if (running.has(programKey(program.name)) && (lowest === null || program.percent < lowest.percent))
          lowest = program;
      if (lowest !== null) rate('program', lowest.percent, `${lowest.name} is running: ${lowest.percent} %`);
    }
  }

  const capBytes = share.resource === 'network' ? rules.network.monthlyBytesMax : null;
  const capReached = capBytes !== null && situation.monthBytes >= capBytes;
  // A cap of no bytes is reached before any month begins.
  const capUntilMs = capBytes === 0 ? null : nextUtcMonth(nowMs);
  const gridAlike = share.grid.every((cell) => cell === share.grid[0]);
  /** The rules that time alone changes, at a moment from now on. */
  const timedAt = (atMs: number): Rated[] => {
    const rated: Rated[] = [];
    const percent = share.grid[weekCellOf(atMs, zone)];
    assert(percent !== undefined, 'A week grid has 168 cells.');
    if (!gridAlike || percent < 100) {
      const untilMs = nextGridChange(share.grid, atMs, zone);
      const end = (from: number): string =>
        untilMs === null ? 'at all times' : `until ${sayTime(untilMs, from, zone)}`;
      rated.push({ rule: 'grid', percent, untilMs, reason: (from) => `Week grid: ${percent} % ${end(from)}` });
    }
    if (pause.paused && (pause.untilMs === null || atMs < pause.untilMs)) {
      const { untilMs } = pause;
      const end = (from: number): string => (untilMs === null ? 'you resume' : sayTime(untilMs, from, zone));
      rated.push({ rule: 'pause', percent: 0, untilMs, reason: (from) => `Paused by you until ${end(from)}` });
    }
    if (capReached && (capUntilMs === null || atMs < capUntilMs)) {
      const reason = (from: number): string =>
        capUntilMs === null
          ? 'The monthly cap is 0 bytes: 0 % until you raise it'
          : `This month's network bytes are used up: 0 % until ${sayTime(capUntilMs, from, zone)}`;
      rated.push({ rule: 'monthlyCap', percent: 0, untilMs: capUntilMs, reason });
    }
    return rated;
  };

  const now = [...fixed, ...timedAt(nowMs)].sort((a, b) => (isBefore(a, b) ? -1 : 1));
  const winner = now[0];
  assert(winner !== undefined, 'The slider always has a say.');

  const keep = situation.elasticity === 'share' ? now : now.filter((rated) => KEEP_RULES.has(rated.rule));
  const toResult = (rated: Rated): RuleResult => ({
    rule: rated.rule,
    percent: rated.percent,
    reason: rated.reason(nowMs),
    untilMs: rated.untilMs,
  });
  return {
    level: {
      resource: share.resource,
      percent: winner.percent,
      rule: winner.rule,
      reason: winner.reason(nowMs),
      untilMs: changeAfter(winner, lowestOf(fixed), now, timedAt, share.grid),
      all: now.map(toResult),
      unread,
    },
    keepPercent: Math.min(...keep.map((rated) => rated.percent)),
  };
};

/** First moment after now at which another rule or percentage wins, as time alone changes things. */
const changeAfter = (
  winner: Rated,
  fixed: Rated,
  now: readonly Rated[],
  timedAt: (atMs: number) => Rated[],
  grid: readonly number[],
): number | null => {
  const gridLowest: Rated = { ...winner, rule: 'grid', percent: Math.min(...grid) };
  let timed: readonly Rated[] = now;
  for (let looked = 0; looked < CHANGES_LOOKED_AT_MAX; looked++) {
    // A grid whose lowest cell cannot win against the present winner need not be walked through cell by cell.
    const gridMatters = winner.rule === 'grid' || isBefore(gridLowest, winner);
    const ends = timed.filter((rated) => rated.untilMs !== null && (rated.rule !== 'grid' || gridMatters));
    const nextMs = ends.reduce((min, rated) => Math.min(min, rated.untilMs ?? Infinity), Infinity);
    if (nextMs === Infinity) return null;
    timed = timedAt(nextMs);
    const then = lowestOf([fixed, ...timed]);
    if (then.percent !== winner.percent || then.rule !== winner.rule) return nextMs;
  }
  return null;
};
