import { config, type Config, type NetworkSettings } from '../preload/contract/index.ts';
import { type ConfigFormat, type ConfigStore, createConfigStore, type Logger } from './base/index.ts';

/** The settings of `preload/contract/node.ts` in a file, docs/formats/data-folder.md. */
export const configFormat: ConfigFormat<Config> = {
  defaults: {
    version: 1,
    apiPort: 9470,
    logLevel: 'info',
    theme: 'system',
    openAtLogin: false,
    closeHintShown: false,
    firstRunDone: false,
    containerEndpoint: null,
    network: {},
  },
  migrations: [],
  findInvalid: (settings) => {
    const issue = config.safeParse(settings).error?.issues[0];
    return issue === undefined ? null : { key: issue.path.join('.'), reason: issue.message };
  },
};

/**
 * Reads the settings file, or takes the defaults when there is none. Never writes; the first change does.
 *
 * @throws {ConfigError} `CONFIG_MALFORMED` | `CONFIG_UNKNOWN_KEY` | `CONFIG_INVALID` | `CONFIG_NEWER` | `CONFIG_UNREADABLE`
 */
export const loadConfig = (path: string, logger?: Logger): Promise<ConfigStore<Config>> =>
  createConfigStore(logger === undefined ? {} : { logger }, { path, format: configFormat });

/**
 * Network settings for all that the settings file leaves out.
 *
 * @param value - of `HYPERMESH_NETWORK`: `off` keeps the node to itself, `loopback` to its machine; trials and tests use it.
 *   Anything else that is not empty counts as `off`: whoever sets it does not want the node to talk to everybody
 */
export const networkFromEnvironment = (value: string | undefined): Partial<NetworkSettings> => {
  if (value === undefined || value === '' || value === 'on') return {};
  return value === 'loopback' ? { loopbackOnly: true } : { enabled: false };
};
