import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createSystemOutside, type LogLevel, type Outside, type Settings } from '../../../main/base/index.ts';
import {
  createContainerDoctor,
  type ContainerDoctor,
  type ContainerDoctorComponents,
  type ContainerDoctorInit,
} from '../../../main/kernel/runtime/doctor/index.ts';
import { createEngine, type Engine } from '../../../main/kernel/runtime/engine/index.ts';
import type { ContainerDoctorState, DoctorCheck } from '../../../preload/contract/index.ts';
import { createSilentLogger } from '../silent-logger.ts';

const root = join(import.meta.dirname, '..', '..', '..');
let compiled: string | null = null;

/** The test program, compiled once for each process of tests. */
export const probeProgram = (): string => {
  if (compiled !== null) return compiled;
  const target = join(mkdtempSync(join(tmpdir(), 'hm-probe-')), 'hypermesh-probe');
  const script = `const { compileProbeHelper } = await import(${JSON.stringify(join(root, 'scripts/setup/native-helpers.mjs'))});
    const { code, stderr } = await compileProbeHelper(${JSON.stringify(target)});
    process.stderr.write(stderr); process.exitCode = code ?? 1;`;
  execFileSync(process.execPath, ['--input-type=module', '-e', script], { stdio: ['ignore', 'ignore', 'inherit'] });
  if (!existsSync(target)) throw new Error('The test program did not compile.');
  return (compiled = target);
};

/** Settings that live as long as they are held, to be given to a second doctor. */
export const createKeptSettings = (): Settings & { readonly values: Map<string, unknown> } => {
  const values = new Map<string, unknown>();
  return {
    values,
    get: async (key) => values.get(key),
    set: async (key, value) => void values.set(key, structuredClone(value)),
    remove: async (key) => void values.delete(key),
  };
};

export interface DoctorBench {
  readonly doctor: ContainerDoctor;
  readonly engine: Engine;
  readonly settings: ReturnType<typeof createKeptSettings>;
  readonly logs: { level: LogLevel; module: string; message: string; context: Record<string, unknown> }[];
  /** Every state that it told. */
  readonly told: ContainerDoctorState[];
  /** Problems that it said. */
  readonly said: DoctorCheck[];
  /** Asks for an examination and waits for its end. */
  examine(): Promise<ContainerDoctorState>;
  /** Waits for the end of the one that runs, or the next. */
  ended(): Promise<ContainerDoctorState>;
  close(): Promise<void>;
}

/** A doctor with a real engine room before whatever listens at an endpoint. It examines only when it is asked, unless `settleMs` is given. */
export const createDoctorBench = async (
  endpoint: string | null,
  options: {
    settings?: ReturnType<typeof createKeptSettings>;
    components?: Partial<ContainerDoctorComponents>;
    init?: Partial<ContainerDoctorInit>;
    outside?: Outside;
  } = {},
): Promise<DoctorBench> => {
  const outside = options.outside ?? createSystemOutside();
  const settings = options.settings ?? createKeptSettings();
  const logs: DoctorBench['logs'] = [];
  const logger = createSilentLogger(logs);
  const engine = createEngine(
    { outside, logger, settings, containerEndpoint: () => endpoint, env: {} },
    { defaultEndpoints: [] },
  );
  const doctor = createContainerDoctor(
    {
      outside,
      logger,
      metrics: null,
      settings,
      engine,
      machine: () => ({ graphicsCards: [], memoryBytes: null }),
      sweep: () => Promise.resolve(0),
      ...options.components,
    },
    { probe: null, settleMs: 3_600_000, ...options.init },
  );
  const told: ContainerDoctorState[] = [];
  const said: DoctorCheck[] = [];
  doctor.on('changed', (state) => told.push(state));
  doctor.on('problem', (check) => said.push(check));
  await engine.start();
  await doctor.start();
  const ended = (): Promise<ContainerDoctorState> =>
    new Promise((resolve) => {
      const stop = doctor.on('changed', (state) => {
        if (state.running) return;
        stop();
        resolve(state);
      });
    });
  return {
    doctor,
    engine,
    settings,
    logs,
    told,
    said,
    ended,
    examine: () => {
      const end = ended();
      doctor.run();
      return end;
    },
    close: async () => {
      await doctor.stop();
      await engine.stop();
    },
  };
};

/** @throws when there is none of that name */
export const checkOf = (state: ContainerDoctorState, id: string): DoctorCheck => {
  const check = state.checks.find((one) => one.id === id);
  if (check === undefined) throw new Error(`There is no check ${id}.`);
  return check;
};
