import type { Config, NetworkSettings } from '../../../preload/contract/index.ts';

/** What a node has whose owner set nothing: it finds others on its own network and is found there. */
export const DEFAULT_NETWORK_SETTINGS: NetworkSettings = {
  enabled: true,
  port: 0,
  ipv4: true,
  loopbackOnly: false,
  localDiscovery: true,
  portMapping: true,
  relay: true,
  open: true,
  bootstrap: [],
  connectionsMax: 256,
};

/** The file holds only what was set, so that defaults may become better ones. */
export const networkSettingsOf = (
  { network }: Pick<Config, 'network'>,
  defaults: Partial<NetworkSettings> = {},
): NetworkSettings => {
  // Zod's `partial` allows fields that are there and undefined; those stand for nothing.
  const given = Object.fromEntries(Object.entries(network).filter(([, value]) => value !== undefined));
  return { ...DEFAULT_NETWORK_SETTINGS, ...defaults, ...(given as Partial<NetworkSettings>) };
};

/** Whether the transport must be built anew for these settings to hold. */
export const needsRestart = (running: NetworkSettings, wanted: NetworkSettings): boolean =>
  JSON.stringify(running) !== JSON.stringify(wanted);
