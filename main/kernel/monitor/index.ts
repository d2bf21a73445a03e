export type * from './interface.ts';
export { createMonitor, type MonitorComponents, type MonitorInit } from './create-monitor.ts';
export { createTerminalPresence, type TerminalPresenceInit } from './terminal-presence.ts';
export { createMonitorMetrics, type MonitorMetrics } from './metrics.ts';
export { runTool, type ToolResult } from './tool.ts';
export {
  gpuSlug,
  listDrmCards,
  normalizePciAddress,
  readNvidiaCards,
  type DrmCard,
  type NvidiaCard,
} from './gpu-cards.ts';
export { readCpuTemperature } from './linux/temperature.ts';
export { readMetered, readMeteredByInterface } from './metered.ts';
export { readPower, type Power } from './linux/power.ts';
export { readFileText, readFileNumber, listFolder, linkTarget } from './linux/files.ts';
export { defaultRoutes } from './linux/routes.ts';
export { parseMeminfo } from './linux/proc.ts';
export { known, knownNumber, knownText, mapReading, unknown } from './readings.ts';
