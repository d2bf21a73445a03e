import { messageOf, type Logger, type Settings, type Startable } from '../../../base/index.ts';
import type { LendingTerms } from '../../../../preload/contract/index.ts';
import { PATTERNS_MAX, parseDestinationPattern } from '../destinations/index.ts';
import { ProxyError } from '../errors.ts';
import type { DestinationPolicy } from '../interface.ts';

/** Where traffic of borrowers may leave to, once the owner lets any out. */
export interface ExitSettings {
  /** `all`: the public Internet. `list`: only what is allowed by name. */
  mode: 'all' | 'list';
  /** `example.org:443`, `*.example.org:80-90`, `10.0.0.0/8:*`, `[2001:db8::/32]:443`. In mode `all` these open private places. */
  allowed: readonly string[];
}
/** What an owner has who has never chosen: everything public and nothing private, as soon as the switch of the terms is on. */
const UNTOUCHED: ExitSettings = { mode: 'all', allowed: [] };
const KEY = 'proxy.exit';
const VERSION = 1;
const NOTHING: DestinationPolicy = { mode: 'none' };

/** The owner's rules for what leaves through this node; kept in the settings. */
export interface ExitRules extends Startable {
  get(): ExitSettings;
  /** Holds for every connection that is opened from now on. @throws {ProxyError} `TARGET_INVALID` with the line that is none */
  set(next: ExitSettings): Promise<ExitSettings>;
  /** @returns the same object until something changes */
  policy(terms: Pick<LendingTerms, 'proxy'>): DestinationPolicy;
}

const isSettings = (value: unknown): value is ExitSettings & { version: number } => {
  if (typeof value !== 'object' || value === null) return false;
  const { version, mode, allowed } = value as Record<string, unknown>;
  return (
    version === VERSION &&
    (mode === 'all' || mode === 'list') &&
    Array.isArray(allowed) &&
    allowed.length <= PATTERNS_MAX &&
    allowed.every((line) => typeof line === 'string' && parseDestinationPattern(line) !== null)
  );
};
const policyOf = ({ mode, allowed }: ExitSettings): DestinationPolicy =>
  mode === 'all' ? { mode, named: allowed } : { mode, allowed };

export const createExitRules = ({ settings, logger }: { settings: Settings; logger: Logger }): ExitRules => {
  let now = UNTOUCHED;
  let policy = policyOf(now);
  const apply = (next: ExitSettings): void => {
    now = next;
    policy = policyOf(next);
  };
  return {
    start: async () => {
      const found = await settings.get(KEY);
      if (found === undefined) return;
      // What cannot be read could have been a list: nothing leaves rather than everything.
      apply(isSettings(found) ? { mode: found.mode, allowed: found.allowed } : { mode: 'list', allowed: [] });
      if (!isSettings(found))
        logger.warn('The list of destinations cannot be read, so nothing leaves until it is set anew');
    },
    stop: async () => undefined,
    get: () => now,
    set: async ({ mode, allowed }) => {
      const wrong = allowed.find((line) => parseDestinationPattern(line) === null);
      if (wrong !== undefined || allowed.length > PATTERNS_MAX)
        throw new ProxyError(
          { code: 'TARGET_INVALID', target: wrong ?? '' },
          wrong === undefined
            ? `A list has at most ${PATTERNS_MAX} lines.`
            : `This line names no destination: ${messageOf(wrong)}. Write a host name, an address or a range, a colon and a port, such as example.org:443 or 192.168.1.20:631.`,
        );
      const next: ExitSettings = { mode, allowed: [...allowed] };
      await settings.set(KEY, { version: VERSION, ...next });
      apply(next);
      return next;
    },
    policy: ({ proxy }) => (proxy.exitAllowed ? policy : NOTHING),
  };
};
