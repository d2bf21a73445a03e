import { readFile } from 'node:fs/promises';
import { type Command, Option } from 'commander';
import {
  GRID_CELLS,
  type MachineRules,
  type RequestInputOf,
  allocationType,
  privacyLevel,
  proofKind,
} from '../../../../preload/contract/index.ts';
import { messageOf } from '../../../base/errors.ts';
import { addDerivedCommand, parseNumber, withExamples } from '../derive.ts';
import { CliError } from '../errors.ts';
import type { Session } from '../session.ts';
import { parseBytes, parseDay, parseMoment } from '../units.ts';
import { viewGrid, viewRules } from '../views.ts';

/** A grid file has 168 numbers: some KiB, however it is laid out. */
const GRID_FILE_BYTES_MAX = 64 * 1024;
const HOURS = 24;

const usage = (message: string): CliError => new CliError({ code: 'USAGE' }, message);

const parsePercent = (text: string): number => {
  const value = parseNumber(text.replace(/\s*%$/, ''));
  if (!Number.isInteger(value) || value < 0 || value > 100)
    throw usage(`${text.slice(0, 20)} is not a whole percent from 0 to 100.`);
  return value;
};
const parseSwitch = (text: string): boolean => {
  if (text === 'on' || text === 'yes' || text === 'true') return true;
  if (text === 'off' || text === 'no' || text === 'false') return false;
  throw usage(`"${text.slice(0, 20)}" is neither on nor off.`);
};
const parseLimit = (text: string): number | null => {
  if (text === 'none') return null;
  const bytes = parseBytes(text.replace(/\/s$/, ''));
  if (bytes === null) throw usage(`"${text.slice(0, 20)}" is no amount; write 500kB, 10MB, 1.5GiB or none.`);
  return bytes;
};
const collect =
  <T>(parse: (text: string) => T) =>
  (text: string, before: T[] | undefined): T[] => [...(before ?? []), parse(text)];

/** Days of a grid, Monday = 0, of `mon`, `mon-fri`, `sat,sun`, `all`. */
const parseDays = (text: string): number[] => {
  if (text === 'all') return [0, 1, 2, 3, 4, 5, 6];
  const monday = (word: string): number => {
    const day = parseDay(word);
    if (day === null)
      throw usage(
        `"${word.slice(0, 20)}" is no day; write mon, tue, wed, thu, fri, sat, sun, a range such as mon-fri, or all.`,
      );
    return (day + 6) % 7;
  };
  return text.split(',').flatMap((part) => {
    const [from = '', to = from] = part.trim().split('-');
    const first = monday(from);
    // A range may run over the end of the week: fri-mon.
    const length = ((monday(to) - first + 7) % 7) + 1;
    return Array.from({ length }, (_, index) => (first + index) % 7);
  });
};
/** Hours of `9-17` (to 17:00, so without the hour that begins then), `22-6`, `8`, `all`. */
const parseHours = (text: string): number[] => {
  if (text === 'all') return Array.from({ length: HOURS }, (_, hour) => hour);
  return text.split(',').flatMap((part) => {
    const match = /^(\d{1,2})(?:-(\d{1,2}))?$/.exec(part.trim());
    const from = Number(match?.[1]);
    const to = match?.[2] === undefined ? from + 1 : Number(match[2]);
    if (match === null || from >= HOURS || to > HOURS)
      throw usage(`"${part.slice(0, 20)}" are no hours; write 9-17, 22-6, 8 or all.`);
    const length = (to - from + HOURS) % HOURS || HOURS;
    return Array.from({ length }, (_, index) => (from + index) % HOURS);
  });
};

const readGridFile = async (path: string): Promise<number[]> => {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    throw new CliError(
      { code: 'FILE_UNREADABLE', path },
      `${path} cannot be read (${messageOf(error)}); check the name.`,
    );
  }
  let value: unknown;
  try {
    value = text.length > GRID_FILE_BYTES_MAX ? null : JSON.parse(text);
  } catch {
    value = null;
  }
  if (typeof value === 'object' && value !== null && 'cells' in value) value = value.cells;
  if (!Array.isArray(value))
    throw usage(
      `${path} holds no week grid; it is a JSON list of ${GRID_CELLS} percents, Monday 00:00 first, or of 7 lists of 24.`,
    );
  // The node checks number and range of the cells, with the same words for every face.
  return value.flat() as number[];
};

interface SetFlags {
  max?: number;
  using?: number;
  away?: number;
  battery?: number;
  metered?: number;
  privacy?: string;
  privacyName?: string[];
  allocation?: string;
  leases?: number;
  leaseMinutes?: number;
  proofs?: string;
  relays?: boolean;
  exit?: boolean;
  price?: string;
}

const addSet = (share: Command, session: Session): void => {
  const set = share
    .command('set')
    .description('Change the limits of one resource')
    .argument('<resource>', 'cpu, memory, storage, network, container, economic or gpu:<card>')
    .argument('[percent]', 'never lend more than this', parsePercent)
    .option('--max <percent>', 'the same', parsePercent)
    .option('--using <percent>', 'while you use the machine', parsePercent)
    .option('--away <percent>', 'while you are away', parsePercent)
    .option('--battery <percent>', 'on battery', parsePercent)
    .option('--metered <percent>', 'on a metered network', parsePercent)
    .addOption(new Option('--privacy <level>', 'who may lease it').choices(privacyLevel.options))
    .option(
      '--privacy-name <name>',
      'a network or peer that the level names (again for more)',
      collect((text) => text),
    )
    .addOption(new Option('--allocation <type>', 'how it is allocated').choices(allocationType.options))
    .option('--leases <count>', 'leases at once', parseNumber)
    .option('--lease-minutes <minutes>', 'longest lease', parseNumber)
    .option('--proofs <list>', `proofs that a borrower needs: ${proofKind.options.join(',')} or none`)
    .option('--relays <on|off>', 'may be reached through relays', parseSwitch)
    .option('--exit <on|off>', 'may be used as a way out', parseSwitch)
    .option('--price <price>', 'market, or micro-CAES for an hour of a core, card, GiB, MiB/s or container')
    .action(async (resource: string, percent: number | undefined, flags: SetFlags) => {
      const { privacy, privacyName, allocation, leases, leaseMinutes, proofs, relays, exit, price } = flags;
      let proxy: { relaysAllowed: boolean; exitAllowed: boolean } | undefined;
      if (relays !== undefined || exit !== undefined) {
        // The two travel together, so what is not named stays as it is.
        const now = (await session.call('share:get', {})).resources.find((each) => each.resource === resource)?.terms
          .proxy;
        proxy = {
          relaysAllowed: relays ?? now?.relaysAllowed ?? false,
          exitAllowed: exit ?? now?.exitAllowed ?? false,
        };
      }
      const terms = {
        ...(privacy !== undefined && { privacyLevel: privacy }),
        ...(privacyName !== undefined && { privacyNames: privacyName }),
        ...(allocation !== undefined && { allocationType: allocation }),
        ...(leases !== undefined && { leasesMax: leases }),
        ...(leaseMinutes !== undefined && { leaseMinutesMax: leaseMinutes }),
        ...(proofs !== undefined && { requiredProofs: proofs === 'none' ? [] : proofs.split(',') }),
        ...(proxy !== undefined && { proxy }),
        ...(price !== undefined && {
          price: price === 'market' ? { mode: 'market' } : { mode: 'fixed', microPerHour: price },
        }),
      };
      const max = flags.max ?? percent;
      const change = {
        ...(max !== undefined && { percentMax: max }),
        ...(flags.using !== undefined && { usingPercent: flags.using }),
        ...(flags.away !== undefined && { awayPercent: flags.away }),
        ...(flags.battery !== undefined && { batteryPercent: flags.battery }),
        ...(flags.metered !== undefined && { meteredPercent: flags.metered }),
        ...(Object.keys(terms).length > 0 && { terms }),
      };
      if (Object.keys(change).length === 0)
        throw usage(
          'Nothing to change was named; write a percent, such as `hypermesh share set cpu 40`, or see --help.',
        );
      session.show(
        'share:set',
        await session.call('share:set', { resource, ...change } as RequestInputOf<'share:set'>),
      );
    });
  withExamples(set, [
    'hypermesh share set cpu 40',
    'hypermesh share set cpu --using 20 --away 80',
    'hypermesh share set storage 25 --privacy P2P --leases 10 --proofs space,stake',
    'hypermesh share set gpu:nvidia-0000-01-00-0 0',
  ]);
};

const addGrid = (share: Command, session: Session): void => {
  const grid = share
    .command('grid')
    .description('Show or change the week grid of one resource: 7 days of 24 hours, local time')
    .argument('<resource>', 'cpu, memory, storage, network, container, economic or gpu:<card>')
    .option('--file <file>', `JSON: ${GRID_CELLS} percents, Monday 00:00 first, or 7 lists of 24`)
    .option('--day <days>', 'days to change: mon, mon-fri, sat,sun, all', parseDays)
    .option('--hours <hours>', 'hours to change: 9-17 (to 17:00), 22-6, all', parseHours)
    .option('--percent <percent>', 'the level of these cells', parsePercent)
    .action(
      async (
        resource: string,
        { file, day, hours, percent }: { file?: string; day?: number[]; hours?: number[]; percent?: number },
      ) => {
        const change = day !== undefined || hours !== undefined || percent !== undefined;
        if (change && percent === undefined)
          throw usage('--percent is missing: the level that these cells shall have.');
        if (file === undefined && !change) {
          const found = (await session.call('share:get', {})).resources.find((each) => each.resource === resource);
          if (found === undefined)
            throw new CliError(
              { code: 'USAGE' },
              `This machine has no resource "${resource.slice(0, 40)}"; \`hypermesh share get\` lists them.`,
            );
          if (session.json) session.printJson(found.grid);
          else session.print(viewGrid(found.grid, session.style));
          return;
        }
        let cells: number[];
        if (file === undefined)
          cells = [
            ...((await session.call('share:get', {})).resources.find((each) => each.resource === resource)?.grid ??
              Array.from({ length: GRID_CELLS }, () => 100)),
          ];
        else cells = await readGridFile(file);
        if (percent !== undefined)
          for (const row of day ?? parseDays('all'))
            for (const hour of hours ?? parseHours('all')) cells[row * HOURS + hour] = percent;
        session.show('share:setGrid', await session.call('share:setGrid', { resource, cells }));
      },
    );
  withExamples(grid, [
    'hypermesh share grid cpu',
    'hypermesh share grid cpu --day mon-fri --hours 9-17 --percent 20',
    'hypermesh share grid cpu --percent 100',
    'hypermesh share grid cpu --file grid.json',
    'hypermesh share grid cpu --json > grid.json',
  ]);
};

interface RuleFlags {
  awayMinutes?: number;
  temperature?: string;
  hysteresis?: number;
  step?: number;
  program?: { name: string; percent: number }[];
  forgetProgram?: string[];
  sendMax?: number | null;
  receiveMax?: number | null;
  monthlyMax?: number | null;
}

const addRules = (share: Command, session: Session): void => {
  const parseProgram = (text: string): { name: string; percent: number } => {
    const at = text.lastIndexOf('=');
    if (at < 1) throw usage(`"${text.slice(0, 40)}" is no rule; write the program's name and a level: blender=10`);
    return { name: text.slice(0, at), percent: parsePercent(text.slice(at + 1)) };
  };
  const rules = share
    .command('rules')
    .description('Show or change the rules of the whole machine')
    .option('--away-minutes <minutes>', 'minutes without input after which you are away', parseNumber)
    .option('--temperature <celsius|off>', 'ceiling above which the level falls')
    .option('--hysteresis <degrees>', 'how far below the ceiling it may rise again', parseNumber)
    .option('--step <percent>', 'how far the level falls or rises at once', parseNumber)
    .option('--program <name=percent>', 'level while this program runs (again for more)', collect(parseProgram))
    .option(
      '--forget-program <name>',
      'no rule for this program any more',
      collect((text) => text),
    )
    .option('--send-max <rate>', 'bytes per second, such as 2MB, or none', parseLimit)
    .option('--receive-max <rate>', 'bytes per second, such as 10MB, or none', parseLimit)
    .option('--monthly-max <bytes>', 'bytes per month, both ways, such as 100GB, or none', parseLimit)
    .action(async (flags: RuleFlags) => {
      const now = (await session.call('share:get', {})).rules;
      if (Object.keys(flags).every((flag) => flag === 'json' || flag === 'data')) {
        if (session.json) session.printJson(now);
        else session.print(viewRules(now, session.style));
        return;
      }
      const {
        awayMinutes,
        temperature,
        hysteresis,
        step,
        program = [],
        forgetProgram = [],
        sendMax,
        receiveMax,
        monthlyMax,
      } = flags;
      const change: { -readonly [K in keyof MachineRules]?: MachineRules[K] } = {};
      if (awayMinutes !== undefined) change.awayAfterMinutes = awayMinutes;
      if (temperature === 'off') change.temperature = null;
      else if (temperature !== undefined || hysteresis !== undefined || step !== undefined) {
        // Five degrees and steps of 20 %: slow enough not to swing, fast enough to be at 0 in five steps.
        const before = now.temperature ?? { ceilingCelsius: Number.NaN, hysteresisCelsius: 5, stepPercent: 20 };
        const ceilingCelsius = temperature === undefined ? before.ceilingCelsius : parseNumber(temperature);
        if (Number.isNaN(ceilingCelsius))
          throw usage('There is no temperature ceiling yet; name one with --temperature 80.');
        change.temperature = {
          ceilingCelsius,
          hysteresisCelsius: hysteresis ?? before.hysteresisCelsius,
          stepPercent: step ?? before.stepPercent,
        };
      }
      if (program.length > 0 || forgetProgram.length > 0) {
        const gone = new Set([...forgetProgram, ...program.map(({ name }) => name)]);
        change.programs = [...now.programs.filter(({ name }) => !gone.has(name)), ...program];
      }
      if (sendMax !== undefined || receiveMax !== undefined || monthlyMax !== undefined)
        change.network = {
          sendBytesPerSecondMax: sendMax === undefined ? now.network.sendBytesPerSecondMax : sendMax,
          receiveBytesPerSecondMax: receiveMax === undefined ? now.network.receiveBytesPerSecondMax : receiveMax,
          monthlyBytesMax: monthlyMax === undefined ? now.network.monthlyBytesMax : monthlyMax,
        };
      session.show('share:setRules', await session.call('share:setRules', change));
    });
  withExamples(rules, [
    'hypermesh share rules',
    'hypermesh share rules --away-minutes 10 --temperature 80',
    'hypermesh share rules --program blender=10 --program steam=0',
    'hypermesh share rules --send-max 2MB --monthly-max 100GB',
  ]);
};

interface PreviewFlags {
  at?: string;
  using?: true;
  away?: true;
  battery?: true;
  plugged?: true;
  metered?: true;
  unmetered?: true;
  temperature?: number;
  program?: string[];
}

const addPreview = (share: Command, session: Session): void => {
  const preview = share
    .command('preview')
    .description('What the levels would be at another time or in another situation')
    .option('--at <when>', '"fri 20:00", "tomorrow 8:00", 18:00, 2026-12-24 or an ISO time')
    .option('--using', 'as if you used the machine')
    .addOption(new Option('--away', 'as if you were away').conflicts('using'))
    .option('--battery', 'as if on battery')
    .addOption(new Option('--plugged', 'as if plugged in').conflicts('battery'))
    .option('--metered', 'as if the network were metered')
    .addOption(new Option('--unmetered', 'as if it were not').conflicts('metered'))
    .option('--temperature <celsius>', 'as if the machine were that hot', parseNumber)
    .option(
      '--program <name>',
      'as if this program ran (again for more)',
      collect((text) => text),
    )
    .action(async ({ at, using, away, battery, plugged, metered, unmetered, temperature, program }: PreviewFlags) => {
      const atMs = at === undefined ? undefined : parseMoment(at, session.clock.nowMs());
      if (atMs === null)
        throw usage(`"${at?.slice(0, 40)}" is no time; write "fri 20:00", "tomorrow 8:00", 18:00 or 2026-12-24.`);
      session.show(
        'share:preview',
        await session.call('share:preview', {
          ...(atMs !== undefined && { atMs }),
          ...((using || away) && { present: using === true }),
          ...((battery || plugged) && { onBattery: battery === true }),
          ...((metered || unmetered) && { metered: metered === true }),
          ...(temperature !== undefined && { temperatureCelsius: temperature }),
          ...(program !== undefined && { programs: program }),
        }),
      );
    });
  withExamples(preview, [
    'hypermesh share preview --at "fri 20:00"',
    'hypermesh share preview --away --temperature 85',
    'hypermesh share preview --using --program blender',
  ]);
};

/** `share …`. */
export const addShareCommands = (program: Command, session: Session): void => {
  const share = program.command('share').description('What is lent, when, and to whom');
  withExamples(share, ['hypermesh share get', 'hypermesh share set cpu 40']);
  addDerivedCommand(program, session, 'share:get');
  addSet(share, session);
  addGrid(share, session);
  addRules(share, session);
  addPreview(share, session);
  addDerivedCommand(program, session, 'share:levels');
  addDerivedCommand(program, session, 'share:promises');
  addDerivedCommand(program, session, 'share:allocations');
};
