import { describe } from 'vitest';
import { containersMissing, openContainerWorld } from '../support/engine/container-world.ts';
import { testRuntimeDriver } from './runtime-driver.ts';

const bomb = 'x=0123456789abcdef; while true; do x=$x$x; done';

describe.skipIf(containersMissing !== null)(`containers of a real engine (${containersMissing ?? 'here'})`, () => {
  testRuntimeDriver(
    'container',
    async () => {
      const world = await openContainerWorld();
      const { driver } = await world.life();
      const { shell } = world;
      return {
        driver,
        programs: {
          exit: async (code) => shell(`echo out; echo err >&2; exit ${code}`),
          echo: Promise.resolve(
            shell('', {
              entrypoint: ['/bin/sh', '-c', 'IFS="|"; echo "$*"; echo "$GREETING"; cat', 'echo'],
            }),
          ),
          spin: Promise.resolve(shell('while true; do :; done')),
          sleep: Promise.resolve(shell('echo ready; exec sleep 1000')),
          flood: Promise.resolve(shell('exec yes 0123456789012345678901234567890123456789')),
          memoryBomb: Promise.resolve(shell(bomb)),
          copy: Promise.resolve(shell('mkdir -p out && cp data/in.txt out/copy.txt', { outputs: ['out'] })),
          fillDisk: Promise.resolve(shell('dd if=/dev/zero of=/work/fill bs=1M')),
          askable: Promise.resolve(
            shell('trap "echo asked; exit 0" TERM; echo ready; while true; do sleep 0.05; done'),
          ),
          deaf: Promise.resolve(shell('trap "" TERM; echo ready; while true; do sleep 0.1; done')),
        },
        reopen: async () => (await world.life()).driver,
        leftovers: world.things,
        close: world.close,
      };
    },
    { adopts: true, holds: true, asks: true, startMsMax: 3000 },
  );
});
