import { join } from 'node:path';
import type { Check } from '../../../preload/contract/index.ts';
import type { Clock, DataFolder, LogBook, Store } from '../../base/index.ts';
import { messageOf } from '../../base/errors.ts';
import type { Identity } from '../../apps/satchel/index.ts';
import type { Assets } from '../../kernel/assets/index.ts';
import type { Chain } from '../../kernel/blocks/index.ts';
import type { ClockWatch } from '../../kernel/proof/index.ts';
import type { Plots } from '../../kernel/proof/space/index.ts';
import type { Prover } from '../../kernel/prover/index.ts';
import type { ConfigSource, NetworkControl, NodeControl } from '../interface.ts';
import { bundleEntries, writeBundle } from './bundle.ts';
import {
  checkClock,
  checkContainerEngine,
  checkCpuShare,
  checkDataFolder,
  checkDiskSpace,
  checkIpv6Loopback,
  checkOpenFiles,
  checkPortFree,
  checkTemperatureSensor,
} from './checks.ts';
import { BUNDLE_LOG_LINES_MAX, PREVIEW_MS_MAX } from './constants.ts';
import { DiagnosticsError } from './errors.ts';
import { checkNetwork } from './network-check.ts';
import { checkChain, checkClockWatch, checkIdentity, checkPlots, checkProver } from './proving-checks.ts';
import type { BundleEntry, Diagnostics } from './interface.ts';
import { readLedger } from './ledger.ts';

export interface DiagnosticsComponents {
  clock: Clock;
  dataFolder: Pick<DataFolder, 'path'>;
  store: Store;
  logs: Pick<LogBook, 'read'>;
  config: ConfigSource;
  assets: Assets;
  node: NodeControl;
  network: Pick<NetworkControl, 'state'>;
  identity: Pick<Identity, 'view'>;
  chain: Pick<Chain, 'head' | 'block' | 'verification'>;
  plots: Pick<Plots, 'list'>;
  prover: Pick<Prover, 'state' | 'assets'>;
  clockWatch: Pick<ClockWatch, 'look' | 'warning' | 'events'>;
}

/** Checks for a machine on which no node runs. */
export const checkWithoutNode = async (
  { clock }: { clock: Clock },
  { dataFolder, apiPort, containerEndpoint }: { dataFolder: string; apiPort: number; containerEndpoint: string | null },
): Promise<Check[]> => [
  await checkDataFolder(dataFolder),
  await checkDiskSpace(dataFolder),
  await checkPortFree(apiPort),
  await checkIpv6Loopback(),
  await checkContainerEngine(containerEndpoint),
  await checkTemperatureSensor(),
  checkClock(clock),
  checkCpuShare(),
  await checkOpenFiles(),
];

/** Reasons of readings are parts of sentences; a finding is a whole one. */
const sentence = (text: string): string =>
  `${text.charAt(0).toUpperCase()}${text.slice(1)}${/[.!?]$/.test(text) ? '' : '.'}`;

const stampOf = (nowMs: number): string => new Date(nowMs).toISOString().replaceAll(/[-:]/g, '').replace(/\.\d+/, '');

export const createDiagnostics = ({
  clock,
  dataFolder,
  store,
  logs,
  config,
  assets,
  node,
  network,
  identity,
  chain,
  plots,
  prover,
  clockWatch,
}: DiagnosticsComponents): Diagnostics => {
  let previewed: { entries: BundleEntry[]; atMs: number } | null = null;

  const checkApi = (): Check => {
    const { api } = node.status();
    return api.listening
      ? {
          id: 'api-port',
          title: 'Port of the local API',
          status: 'ok',
          finding: `The node listens at ${api.url}`,
          fix: null,
        }
      : {
          id: 'api-port',
          title: 'Port of the local API',
          status: 'problem',
          finding: api.reason,
          fix: 'End the other program, or choose another port: hypermesh config set apiPort 9471',
        };
  };
  const checkDatabase = async (): Promise<Check> => {
    const title = 'Database';
    const id = 'database';
    const fix = 'Stop the node and put back a copy of hypermesh.db, or move the file away to begin anew.';
    try {
      const row = await store.get<{ quick_check: string }>('diagnostics.quick_check', 'PRAGMA quick_check(1)');
      if (row?.quick_check !== 'ok')
        return { id, title, status: 'problem', finding: `SQLite says: ${row?.quick_check ?? 'nothing'}.`, fix };
      return {
        id,
        title,
        status: 'ok',
        finding: `Sound, ${Math.ceil((await store.sizeBytes()) / 1024)} KiB.`,
        fix: null,
      };
    } catch (error) {
      return { id, title, status: 'problem', finding: messageOf(error), fix };
    }
  };
  const checkHardware = (): Check[] => {
    const { container, gpus, cpu } = assets.inventory();
    const cards = gpus.known ? gpus.value.filter(({ software }) => !software) : [];
    return [
      container.known
        ? {
            id: 'container-engine',
            title: 'Container engine',
            status: 'ok',
            finding: `${container.value.engine} ${container.value.version} answers at ${container.value.endpoint}.`,
            fix: null,
          }
        : {
            id: 'container-engine',
            title: 'Container engine',
            status: 'warning',
            finding: `${sentence(container.reason)} WebAssembly and JavaScript jobs run without one.`,
            fix: 'Install Docker or Podman and let your user reach its socket, or name it: hypermesh config set containerEndpoint /run/user/1000/docker.sock',
          },
      !gpus.known
        ? { id: 'gpu', title: 'Graphics cards', status: 'unknown', finding: sentence(gpus.reason), fix: null }
        : {
            id: 'gpu',
            title: 'Graphics cards',
            status: 'ok',
            finding:
              cards.length === 0
                ? 'No card was found; there is none to lend.'
                : cards.map(({ model }) => model).join(', '),
            fix: null,
          },
      cpu.temperatureCelsius.known
        ? {
            id: 'sensors',
            title: 'Temperature sensors',
            status: 'ok',
            finding: `The processor has ${Math.round(cpu.temperatureCelsius.value)} °C.`,
            fix: null,
          }
        : {
            id: 'sensors',
            title: 'Temperature sensors',
            status: 'warning',
            finding: `The processor's temperature cannot be read (${cpu.temperatureCelsius.reason}), so a temperature ceiling has no effect.`,
            fix: 'On real hardware: install lm-sensors and run sensors-detect. Virtual machines have none.',
          },
    ];
  };
  const checkWarnings = (): Check => {
    const errors = logs.read({ level: 'error', limit: 100 });
    const last = errors.at(-1);
    return last === undefined
      ? { id: 'log', title: 'Errors in the log', status: 'ok', finding: 'None since the start.', fix: null }
      : {
          id: 'log',
          title: 'Errors in the log',
          status: 'warning',
          finding: `${errors.length} since the start, the last one: ${last.message} (${last.module}).`,
          fix: 'Read them: hypermesh logs --level error',
        };
  };
  const checks = async (): Promise<Check[]> => [
    await checkDataFolder(dataFolder.path),
    await checkDiskSpace(dataFolder.path),
    await checkDatabase(),
    checkApi(),
    await checkIpv6Loopback(),
    ...checkHardware(),
    checkClock(clock),
    checkClockWatch(clockWatch),
    checkIdentity(identity),
    checkPlots(plots, prover),
    checkProver(prover),
    await checkChain(chain),
    checkNetwork(network),
    checkCpuShare(),
    await checkOpenFiles(),
    checkWarnings(),
  ];
  const entries = async (): Promise<BundleEntry[]> =>
    bundleEntries({
      status: node.status(),
      config: config.get(),
      share: assets.share(),
      inventory: assets.inventory(),
      checks: await checks(),
      log: logs.read({ level: 'debug', limit: BUNDLE_LOG_LINES_MAX }),
      runtime: {
        node: process.versions.node,
        ...(process.versions.electron !== undefined && { electron: process.versions.electron }),
        platform: `${process.platform} ${process.arch}`,
      },
    });

  return {
    checks,
    ledger: () => readLedger(dataFolder.path),
    previewBundle: async () => {
      previewed = { entries: await entries(), atMs: clock.monotonicMs() };
      return previewed.entries;
    },
    createBundle: async () => {
      const fresh =
        previewed !== null && clock.monotonicMs() - previewed.atMs <= PREVIEW_MS_MAX
          ? previewed.entries
          : await entries();
      previewed = null;
      const nowMs = clock.nowMs();
      const path = join(dataFolder.path, 'bundles', `hypermesh-support-${stampOf(nowMs)}.tar.gz`);
      try {
        return { path, sizeBytes: await writeBundle(path, fresh, nowMs) };
      } catch (error) {
        throw new DiagnosticsError(
          { code: 'BUNDLE_NOT_WRITTEN', path, cause: messageOf(error) },
          `The bundle could not be written to ${path} (${messageOf(error)}); make room or mend the folder and try again.`,
          { cause: error },
        );
      }
    },
  };
};
