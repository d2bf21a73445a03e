import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { createSystemOutside, type Settings } from '../../../main/base/index.ts';
import { createContainerDriver } from '../../../main/kernel/runtime/drivers/container/index.ts';
import { createHolders } from '../../../main/kernel/runtime/drivers/container/holder/index.ts';
import type { RuntimeDriver } from '../../../main/kernel/runtime/drivers/interface.ts';
import { createEngine, type Engine } from '../../../main/kernel/runtime/engine/index.ts';
import type { Images } from '../../../main/kernel/runtime/images/interface.ts';
import { jobSpec, type ContainerSpec, type JobSpecInput } from '../../../preload/contract/index.ts';
import { createSilentLogger } from '../silent-logger.ts';
import { engineMissing, startTestEngine, type TestEngine, type TestEngineInit } from './docker-engine.ts';

/** The holder's program, built by `npm run build:helpers`. */
const helperPath = join(import.meta.dirname, '..', '..', '..', 'out', 'helpers', 'hypermesh-holder');
/** Why containers cannot be tested here, null where they can. */
export const containersMissing: string | null =
  engineMissing ?? (existsSync(helperPath) ? null : 'the holder was not built (npm run build:helpers)');

/** Images that the engine has, all of them allowed. */
export const testImages = (engine: Engine): Pick<Images, 'ensure' | 'use'> => ({
  ensure: async (reference) => {
    const { Id, Size, Config } = await (await engine.client()).getImage(reference).inspect();
    const list = (value: unknown): string[] => (Array.isArray(value) ? value.map(String) : []);
    return { id: Id, bytes: Size, entrypoint: list(Config.Entrypoint), command: list(Config.Cmd) };
  },
  use: () => () => undefined,
});

/** A real engine of its own with images of busybox, and the node's drivers on it. */
export interface ContainerWorld {
  readonly engine: TestEngine;
  /** Another life of a node: the same mark, nothing else in common; `node` names another node on the same engine. */
  life(options?: {
    endpoint?: string;
    keepReady?: boolean;
    node?: string;
  }): Promise<{ engine: Engine; driver: RuntimeDriver }>;
  /** A job that runs this line of shell in busybox. */
  shell(line: string, more?: Partial<Extract<JobSpecInput, { kind: 'container' }>>): ContainerSpec;
  /** Containers and volumes of the engine, by name, the ones of others too. */
  things(): Promise<string[]>;
  /** @throws when there is any */
  expectNothing(): Promise<void>;
  close(): Promise<void>;
}
export const IMAGE = 'tools:1';

export const openContainerWorld = async (init: TestEngineInit = {}): Promise<ContainerWorld> => {
  const engine = await startTestEngine(init);
  engine.makeImage(IMAGE);
  const outside = createSystemOutside();
  const logger = createSilentLogger();
  const kept = new Map<string, unknown>();
  const settingsOf = (node: string): Settings => ({
    get: async (key: string) => kept.get(`${node} ${key}`),
    set: async (key: string, value: unknown) => void kept.set(`${node} ${key}`, value),
    remove: async (key: string) => void kept.delete(`${node} ${key}`),
  });
  const lives: { engine: Engine; driver: RuntimeDriver }[] = [];
  const things = async (): Promise<string[]> => {
    const [containers, { Volumes: volumes }] = await Promise.all([
      engine.client.listContainers({ all: true }),
      engine.client.listVolumes(),
    ]);
    return [
      ...containers.flatMap(({ Names }) => Names.map((name) => `container ${name}`)),
      ...(volumes ?? []).map(({ Name }) => `volume ${Name}`),
    ].sort();
  };
  return {
    engine,
    life: async ({ endpoint = engine.endpoint, keepReady = false, node = '' } = {}) => {
      const client = createEngine({
        outside,
        logger,
        settings: settingsOf(node),
        containerEndpoint: () => endpoint,
        env: {},
      });
      await client.start();
      const holders = createHolders({ engine: client, outside, logger }, { helperPath });
      const driver = createContainerDriver(
        { outside, logger, metrics: null, engine: client, images: testImages(client), holders },
        { keepReady },
      );
      await driver.start();
      lives.push({ engine: client, driver });
      return { engine: client, driver };
    },
    shell: (line, more = {}) => {
      const spec = jobSpec.parse({
        kind: 'container',
        name: 'test',
        image: IMAGE,
        entrypoint: ['/bin/sh', '-c', line],
        memoryBytes: 48 * 1024 * 1024,
        scratchBytesMax: 8 * 1024 * 1024,
        ...more,
      });
      if (spec.kind !== 'container') throw new Error('a container was asked for');
      return spec;
    },
    things,
    expectNothing: async () => {
      const left = await things();
      if (left.length > 0) throw new Error(`left in the engine: ${left.join(', ')}`);
    },
    close: async () => {
      for (const { driver, engine: client } of lives) {
        await driver.stop();
        await client.stop();
      }
      await engine.stop();
    },
  };
};
