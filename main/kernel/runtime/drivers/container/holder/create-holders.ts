import type { Duplex } from 'node:stream';
import type Docker from 'dockerode';
import { Emitter, type Logger, messageOf, type Outside } from '../../../../../base/index.ts';
import { type Engine, ENGINE_LABELS } from '../../../engine/interface.ts';
import { holderLost, RuntimeError } from '../../../errors.ts';
import type { JobNetwork } from '../../interface.ts';
import {
  ATTACH_PAUSE_MS,
  ATTACH_TRIES,
  ENTRIES_MAX,
  HOLDER_CPU_QUOTA_US,
  HOLDER_MEMORY_BYTES,
  HOLDER_PIDS_MAX,
  INODE_BYTES,
  KEY_BYTES,
} from './constants.ts';
import { serveDoor } from './doors.ts';
import { createHolderImage, HOLDER_PROGRAM } from './image.ts';
import {
  type Holder,
  HOLDER_UID,
  type HolderEvents,
  type HolderRequest,
  type Holders,
  type HoldersInit,
} from './interface.ts';
import { createHolderSession, type HolderWire } from './session.ts';
import { createAttachedWire, readKey } from './wire.ts';
import { createHolderWorkFolder } from './work-folder.ts';

export interface HoldersComponents {
  engine: Pick<Engine, 'client' | 'mark'>;
  outside: Outside;
  logger: Logger;
}

const statusOf = (error: unknown): unknown => (error as { statusCode?: unknown }).statusCode;
const isMissing = (error: unknown): boolean => statusOf(error) === 404;

/** Of the file system in memory: no more entries than are ever listed, and fewer where little fits anyway. */
const inodesOf = (workBytes: number): number => Math.min(ENTRIES_MAX, 1024 + Math.floor(workBytes / 4096));

export const createHolders = ({ engine, outside, logger: parent }: HoldersComponents, init: HoldersInit): Holders => {
  const logger = parent.child('holder');
  const { clock, random } = outside;
  const imageOf = createHolderImage({ logger }, { helperPath: init.helperPath, mark: () => engine.mark });

  const attach = async (client: Docker, id: string): Promise<HolderWire> => {
    const options = { stream: true, stdin: true, stdout: true, stderr: false, hijack: true };
    const stream = (await client.getContainer(id).attach(options)) as unknown as Duplex;
    return createAttachedWire(stream);
  };
  /** After the wire broke: the engine may be away for a while and the container live on. */
  const attachAgain = async (id: string): Promise<HolderWire> => {
    let failure: unknown = null;
    for (let attempt = 0; attempt < ATTACH_TRIES; attempt++) {
      try {
        const client = await engine.client();
        const { State } = await client.getContainer(id).inspect();
        if (!State.Running) throw holderLost(State.OOMKilled ? 'it ran out of memory' : 'its container ended');
        return await attach(client, id);
      } catch (error) {
        if (isMissing(error)) throw holderLost('its container was removed');
        if (error instanceof RuntimeError && error.code === 'HOLDER_LOST') throw error;
        failure = error;
      }
      await clock.sleep(ATTACH_PAUSE_MS);
    }
    throw holderLost(messageOf(failure));
  };
  const removeContainer = async (client: Docker, id: string): Promise<void> => {
    await client
      .getContainer(id)
      .remove({ force: true })
      .catch((error: unknown) => {
        // 409: it is being removed already.
        if (!isMissing(error) && statusOf(error) !== 409) throw error;
      });
  };
  const removeVolume = async (client: Docker, name: string): Promise<void> => {
    for (let attempt = 1; ; attempt++) {
      try {
        await client.getVolume(name).remove();
        return;
      } catch (error) {
        if (isMissing(error)) return;
        // A container that is just ending still has it.
        if (statusOf(error) !== 409 || attempt === 10) throw error;
        await clock.sleep(100);
      }
    }
  };
  const removeAll = async (client: Docker, id: string, volume: string): Promise<void> => {
    await removeContainer(client, id);
    await removeVolume(client, volume);
  };

  /** Speaks with a container that runs or is about to. */
  const hold = async (
    container: { id: string; volume: string; key: Uint8Array; wire: HolderWire; network: JobNetwork | null },
    begin: () => Promise<void>,
  ): Promise<Holder> => {
    const { id, volume, network } = container;
    const events = new Emitter<HolderEvents>();
    const closing = new AbortController();
    let wire: HolderWire | null = container.wire;
    let removing: Promise<void> | null = null;
    const session = createHolderSession(
      { outside, logger },
      {
        key: container.key,
        doors: network !== null,
        attach: async () => {
          const first = wire;
          wire = null;
          return first ?? attachAgain(id);
        },
        opened: (door, pipe) => {
          if (network === null) pipe.reset();
          else void serveDoor({ clock, network }, door, pipe, closing.signal);
        },
        lost: (reason) => {
          closing.abort();
          events.emit('lost', { reason });
        },
      },
    );
    const close = (): void => {
      closing.abort();
      session.close();
    };
    try {
      await begin();
      await session.start();
    } catch (error) {
      close();
      throw error;
    }
    return {
      containerId: id,
      volume,
      work: createHolderWorkFolder(session),
      connect: (port) => session.connect(port),
      counters: () => ({ ...session.counters }),
      on: (name, listener) => events.on(name, listener),
      close,
      remove: () => {
        close();
        removing ??= engine
          .client()
          .then((client) => removeAll(client, id, volume))
          .catch((error: unknown) => {
            removing = null;
            throw error;
          });
        return removing;
      },
    };
  };

  const create = async (client: Docker, image: string, request: HolderRequest, key: string): Promise<string> => {
    const { name, volume, job, workBytes, workUid = HOLDER_UID } = request;
    const labels = { [ENGINE_LABELS.node]: engine.mark, [ENGINE_LABELS.job]: job, [ENGINE_LABELS.role]: 'holder' };
    const inodes = inodesOf(workBytes);
    await client.createVolume({
      Name: volume,
      Driver: 'local',
      DriverOpts: {
        type: 'tmpfs',
        device: 'tmpfs',
        o: `size=${workBytes},nr_inodes=${inodes},uid=${workUid},gid=${workUid},mode=0755,nosuid,nodev`,
      },
      Labels: labels,
    });
    // What the holder writes is charged to it, up to all that the folder takes.
    const memory = HOLDER_MEMORY_BYTES + workBytes + inodes * INODE_BYTES;
    const { id } = await client.createContainer({
      name,
      Image: image,
      Cmd: [HOLDER_PROGRAM, key],
      User: `${workUid}:${workUid}`,
      Labels: labels,
      OpenStdin: true,
      StdinOnce: false,
      Tty: false,
      Env: [],
      HostConfig: {
        NetworkMode: 'none',
        // The engine would copy the machine's own name servers and search domains, which are nothing that a job is to learn.
        Dns: ['127.0.0.1'],
        DnsSearch: ['.'],
        IpcMode: 'none',
        ReadonlyRootfs: true,
        CapDrop: ['ALL'],
        SecurityOpt: ['no-new-privileges:true'],
        PidsLimit: HOLDER_PIDS_MAX,
        Memory: memory,
        MemorySwap: memory,
        CpuPeriod: 100_000,
        CpuQuota: HOLDER_CPU_QUOTA_US,
        CpuShares: 128,
        LogConfig: { Type: 'none', Config: {} },
        RestartPolicy: { Name: '' },
        Ulimits: [
          { Name: 'nofile', Soft: 512, Hard: 512 },
          { Name: 'core', Soft: 0, Hard: 0 },
        ],
        Mounts: [
          {
            Type: 'volume',
            Source: volume,
            Target: '/work',
            ReadOnly: false,
            VolumeOptions: { NoCopy: true } as never,
          },
        ],
      },
    });
    return id;
  };

  return {
    ensureImage: async () => imageOf(await engine.client()),
    make: async (request) => {
      const client = await engine.client();
      const key = Buffer.from(random.bytes(KEY_BYTES)).toString('hex');
      // Only what was made here is removed again: the name may be that of one that lives.
      let id: string | null = null;
      try {
        const made = await create(client, await imageOf(client), request, key);
        id = made;
        const { volume, network } = request;
        const wire = await attach(client, made);
        return await hold({ id: made, volume, key: readKey(key), wire, network }, async () => {
          await client.getContainer(made).start();
        });
      } catch (error) {
        const removing = id === null ? removeVolume(client, request.volume) : removeAll(client, id, request.volume);
        await removing.catch((failure: unknown) =>
          logger.warn('What is left of a holder stays', { error: messageOf(failure) }),
        );
        throw error;
      }
    },
    adopt: async ({ name, volume, job, network }) => {
      const client = await engine.client();
      try {
        const { Id, State, Config } = await client.getContainer(name).inspect();
        if (Config.Labels[ENGINE_LABELS.node] !== engine.mark || Config.Labels[ENGINE_LABELS.job] !== job) return null;
        if (!State.Running) throw holderLost('its container ended');
        const key = readKey(Config.Cmd?.[1]);
        const wire = await attach(client, Id);
        return await hold({ id: Id, volume, key, wire, network }, async () => undefined);
      } catch (error) {
        logger.info('A holder cannot be taken up again', { job, error: messageOf(error) });
        await removeAll(client, name, volume).catch((failure: unknown) =>
          logger.warn('What is left of a holder stays', { error: messageOf(failure) }),
        );
        return null;
      }
    },
  };
};
