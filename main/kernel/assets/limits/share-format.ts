import type {
  LendingTerms,
  MachineRules,
  PauseState,
  ResourceKind,
  ResourceShare,
} from '../../../../preload/contract/index.ts';
import { LimitsError } from '../errors.ts';
import { GRID_CELLS } from './defaults.ts';
import { REFERENCE_AMOUNTS } from './reference-amounts.ts';

/** Version of the stored rules that this code writes, and the newest that it reads. docs/formats/share-rules.md */
export const SHARE_VERSION = 1;
/** Resources with limits of their own: six kinds, and every card that was ever plugged in. */
export const RESOURCES_MAX = 256;

/** What is stored under the setting `share`. */
export interface StoredShare {
  version: typeof SHARE_VERSION;
  resources: ResourceShare[];
  rules: MachineRules;
}
/** What is stored under the setting `pause`. */
export type StoredPause = { version: typeof SHARE_VERSION } & PauseState;

/** A value that the format does not allow. Becomes `SHARE_RULES_CORRUPT` or `SHARE_INVALID`, by where it came from. */
class FormatProblem extends Error {
  override readonly name = 'FormatProblem';
  readonly path: string;
  constructor(path: string, problem: string) {
    super(problem);
    this.path = path;
  }
}

type Parser<T> = (value: unknown, path: string) => T;

const say = (value: unknown): string => {
  if (typeof value === 'string') return `"${value.slice(0, 40)}"`;
  if (value === null || ['number', 'boolean', 'undefined', 'bigint'].includes(typeof value)) return String(value);
  return Array.isArray(value) ? `a list of ${value.length}` : `a ${typeof value}`;
};

const whole =
  (min: number, max: number): Parser<number> =>
  (value, path) => {
    if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < min || value > max)
      throw new FormatProblem(path, `must be a whole number from ${min} to ${max}, not ${say(value)}`);
    return value;
  };
const percent = whole(0, 100);
const anyBytes = whole(0, Number.MAX_SAFE_INTEGER);
const flag: Parser<boolean> = (value, path) => {
  if (typeof value !== 'boolean') throw new FormatProblem(path, `must be true or false, not ${say(value)}`);
  return value;
};
const text =
  (lengthMin: number, lengthMax: number): Parser<string> =>
  (value, path) => {
    if (typeof value !== 'string' || value.length < lengthMin || value.length > lengthMax)
      throw new FormatProblem(path, `must be a text of ${lengthMin} to ${lengthMax} characters, not ${say(value)}`);
    return value;
  };
const matching =
  (pattern: RegExp, what: string): Parser<string> =>
  (value, path) => {
    if (typeof value !== 'string' || !pattern.test(value))
      throw new FormatProblem(path, `must be ${what}, not ${say(value)}`);
    return value;
  };
const oneOf =
  <T extends string>(...allowed: readonly T[]): Parser<T> =>
  (value, path) => {
    const found = allowed.find((one) => one === value);
    if (found === undefined) throw new FormatProblem(path, `must be one of ${allowed.join(', ')}, not ${say(value)}`);
    return found;
  };
const orNull =
  <T>(parse: Parser<T>): Parser<T | null> =>
  (value, path) =>
    value === null ? null : parse(value, path);
const list =
  <T>(parse: Parser<T>, lengthMin: number, lengthMax: number): Parser<T[]> =>
  (value, path) => {
    if (!Array.isArray(value) || value.length < lengthMin || value.length > lengthMax)
      throw new FormatProblem(
        path,
        lengthMin === lengthMax
          ? `must be a list of ${lengthMin}, not ${say(value)}`
          : `must be a list of ${lengthMin} to ${lengthMax}, not ${say(value)}`,
      );
    return value.map((item, index) => parse(item, `${path}[${index}]`));
  };
/** Exactly these fields: a missing one and an unknown one are both refused. */
const record =
  <T extends object>(fields: { [K in keyof T]-?: Parser<T[K]> }): Parser<T> =>
  (value, path) => {
    if (typeof value !== 'object' || value === null || Array.isArray(value) || value instanceof Uint8Array)
      throw new FormatProblem(path, `must be a map, not ${say(value)}`);
    for (const key of Object.keys(value))
      if (!Object.hasOwn(fields, key)) throw new FormatProblem(`${path}.${key}`, 'is not a field of this format');
    const parsed: Record<string, unknown> = {};
    for (const [key, parse] of Object.entries<Parser<unknown>>(fields)) {
      if (!Object.hasOwn(value, key)) throw new FormatProblem(`${path}.${key}`, 'is missing');
      parsed[key] = parse((value as Record<string, unknown>)[key], `${path}.${key}`);
    }
    return parsed as T;
  };

const resourceKey = matching(
  /^(cpu|memory|storage|network|container|economic|gpu:[a-z0-9][a-z0-9._-]{0,63})$/,
  'cpu, memory, storage, network, container, economic or gpu:<card>',
);
/** Micro-CAES for an hour of the kind's reference amount. */
const DIGITS = /^\d{1,30}$/;
const price: Parser<LendingTerms['price']> = (value, path) => {
  const mode = oneOf('market', 'fixed')((value as { mode?: unknown } | null | undefined)?.mode, `${path}.mode`);
  return mode === 'market'
    ? record<{ mode: 'market' }>({ mode: oneOf('market') })(value, path)
    : record<{ mode: 'fixed'; microPerHour: string }>({
        mode: oneOf('fixed'),
        microPerHour: matching(DIGITS, 'a whole number of micro-CAES as text'),
      })(value, path);
};
const PRICE_MAX = 10n ** 30n - 1n;
const KINDS = Object.keys(REFERENCE_AMOUNTS) as readonly ResourceKind[];
/**
 * Prices were for an hour of one unit before they were for one of the reference amount. Rewrites those, and leaves all else, damaged
 * or not, to the parser.
 */
const withPricesOfToday = (value: unknown): unknown => {
  type Loose = { [name: string]: unknown } | null | undefined;
  const resources = (value as Loose)?.['resources'];
  if (!Array.isArray(resources)) return value;
  return {
    ...(value as object),
    resources: resources.map((one: Loose) => {
      const { price: before, ...others } = (one?.['terms'] ?? {}) as { [name: string]: unknown };
      const micro = (before as Loose)?.['microPerUnitHour'];
      const resource = one?.['resource'];
      const kind = KINDS.find((name) => typeof resource === 'string' && resource.split(':')[0] === name);
      if (kind === undefined || typeof micro !== 'string' || !DIGITS.test(micro)) return one;
      const { microPerUnitHour: _before, ...rest } = before as { microPerUnitHour: string };
      if (Object.hasOwn(rest, 'microPerHour')) return one;
      const now = BigInt(micro) * REFERENCE_AMOUNTS[kind];
      return {
        ...one,
        terms: { ...others, price: { ...rest, microPerHour: String(now < PRICE_MAX ? now : PRICE_MAX) } },
      };
    }),
  };
};
const terms = record<LendingTerms>({
  privacyLevel: oneOf('Private', 'PrivateNetwork', 'P2P', 'PublicNetwork', 'FullPublic'),
  privacyNames: list(text(1, 128), 0, 64),
  allocationType: oneOf('Private', 'Public', 'Anonymous', 'Verified'),
  leasesMax: whole(0, 10_000),
  leaseMinutesMax: whole(1, 525_600),
  requiredProofs: list(oneOf('space', 'stake', 'work', 'time'), 0, 4),
  proxy: record<LendingTerms['proxy']>({ relaysAllowed: flag, exitAllowed: flag }),
  price,
});
const resourceShare = record<ResourceShare>({
  resource: resourceKey,
  percentMax: percent,
  grid: list(percent, GRID_CELLS, GRID_CELLS),
  usingPercent: percent,
  awayPercent: percent,
  batteryPercent: percent,
  meteredPercent: percent,
  terms,
});
const machineRules = record<MachineRules>({
  awayAfterMinutes: whole(1, 1440),
  temperature: orNull(
    record<NonNullable<MachineRules['temperature']>>({
      ceilingCelsius: whole(30, 110),
      hysteresisCelsius: whole(1, 30),
      stepPercent: whole(1, 100),
    }),
  ),
  programs: list(record<MachineRules['programs'][number]>({ name: text(1, 128), percent }), 0, 64),
  network: record<MachineRules['network']>({
    sendBytesPerSecondMax: orNull(anyBytes),
    receiveBytesPerSecondMax: orNull(anyBytes),
    monthlyBytesMax: orNull(anyBytes),
  }),
});
const version1: Parser<typeof SHARE_VERSION> = (value, path) => {
  whole(SHARE_VERSION, SHARE_VERSION)(value, path);
  return SHARE_VERSION;
};
const storedShare = record<StoredShare>({
  version: version1,
  resources: list(resourceShare, 0, RESOURCES_MAX),
  rules: machineRules,
});
const storedPause: Parser<StoredPause> = (value, path) =>
  flag((value as { paused?: unknown } | null | undefined)?.paused, `${path}.paused`)
    ? record<{ version: typeof SHARE_VERSION; paused: true; sinceMs: number; untilMs: number | null }>({
        version: version1,
        paused: (paused, at) => flag(paused, at) as true,
        sinceMs: anyBytes,
        untilMs: orNull(anyBytes),
      })(value, path)
    : record<{ version: typeof SHARE_VERSION; paused: false }>({
        version: version1,
        paused: (paused, at) => flag(paused, at) as false,
      })(value, path);

/** Reads what is on disk: says "newer" before it says "damaged", since a newer format may look like anything. */
const parseStored = <T>(parse: Parser<T>, value: unknown, path: string): T => {
  const version = (value as { version?: unknown } | null | undefined)?.version;
  if (typeof version === 'number' && Number.isSafeInteger(version) && version > SHARE_VERSION)
    throw new LimitsError(
      { code: 'SHARE_RULES_NEWER', version, versionMax: SHARE_VERSION },
      `The stored limits are of version ${version} and this program reads up to ${SHARE_VERSION}; install the newer version again, nothing was changed.`,
    );
  try {
    return parse(value, path);
  } catch (error) {
    if (!(error instanceof FormatProblem)) throw error;
    throw new LimitsError(
      { code: 'SHARE_RULES_CORRUPT', path: error.path, problem: error.message },
      `The stored limits are damaged: ${error.path} ${error.message}. Nothing was changed; restore hypermesh.db from a backup, or start with another data folder.`,
      { cause: error },
    );
  }
};

/**
 * Parses the setting `share`.
 * @throws {LimitsError} `SHARE_RULES_NEWER` | `SHARE_RULES_CORRUPT`
 */
export const parseStoredShare = (value: unknown): StoredShare => {
  const parsed = parseStored(storedShare, withPricesOfToday(value), 'share');
  const seen = new Set<string>();
  for (const { resource } of parsed.resources) {
    if (seen.has(resource))
      throw new LimitsError(
        { code: 'SHARE_RULES_CORRUPT', path: 'share.resources', problem: `holds ${resource} twice` },
        `The stored limits are damaged: ${resource} is in them twice. Nothing was changed; restore hypermesh.db from a backup, or start with another data folder.`,
      );
    seen.add(resource);
  }
  return parsed;
};

/**
 * Parses the setting `pause`.
 * @throws {LimitsError} `SHARE_RULES_NEWER` | `SHARE_RULES_CORRUPT`
 */
export const parseStoredPause = (value: unknown): PauseState => {
  const { version: _version, ...pause } = parseStored(storedPause, value, 'pause');
  return pause;
};

const parseChange = <T>(parse: Parser<T>, value: unknown, path: string): T => {
  try {
    return parse(value, path);
  } catch (error) {
    if (!(error instanceof FormatProblem)) throw error;
    throw new LimitsError(
      { code: 'SHARE_INVALID', path: error.path, problem: error.message },
      `${error.path} ${error.message}; nothing was changed.`,
      { cause: error },
    );
  }
};

/**
 * Checks limits of one resource that the owner wants.
 * @throws {LimitsError} `SHARE_INVALID`
 */
export const parseResourceShare = (value: unknown): ResourceShare => parseChange(resourceShare, value, 'share');
/**
 * Checks rules of the machine that the owner wants.
 * @throws {LimitsError} `SHARE_INVALID`
 */
export const parseMachineRules = (value: unknown): MachineRules => parseChange(machineRules, value, 'rules');
