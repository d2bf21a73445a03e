import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { Readable } from 'node:stream';
import type Docker from 'dockerode';
import { type Logger, TAR_END, tarHeader, tarPadding } from '../../../../../base/index.ts';
import { ENGINE_LABELS } from '../../../engine/interface.ts';
import { holderLost } from '../../../errors.ts';
import { HOLDER_UID } from './interface.ts';

const REPOSITORY = 'hypermesh-holder';
export const HOLDER_PROGRAM = '/hypermesh-holder';
/** Whole hash of the program, so that a name is never enough. */
const PROGRAM_LABEL = 'org.hypermesh.holder';

/** The image's only layer: the program, and the place where the work folder is mounted. The same bytes every time. */
export const holderLayer = (program: Uint8Array): Uint8Array =>
  Buffer.concat([
    tarHeader('work/', 0, { kind: 'folder', mode: 0o755, owner: HOLDER_UID }),
    tarHeader(HOLDER_PROGRAM.slice(1), program.length, { mode: 0o755 }),
    program,
    tarPadding(program.length),
    TAR_END,
  ]);

const isMissing = (error: unknown): boolean => (error as { statusCode?: unknown }).statusCode === 404;

/** @returns what finds the holder's image in an engine, or makes it there */
export const createHolderImage = (
  { logger }: { logger: Logger },
  { helperPath, mark }: { helperPath: string; mark: () => string },
): ((client: Docker) => Promise<string>) => {
  let program: { bytes: Uint8Array; sha256: string } | null = null;
  let making: Promise<string> | null = null;

  const readProgram = async (): Promise<{ bytes: Uint8Array; sha256: string }> => {
    try {
      const bytes = await readFile(helperPath);
      return { bytes, sha256: createHash('sha256').update(bytes).digest('hex') };
    } catch {
      throw holderLost(`its program is not at ${helperPath}; build the app with gcc and libc6-dev installed`);
    }
  };
  const find = async (client: Docker, name: string, sha256: string): Promise<string | null> => {
    try {
      const { Id, Config } = await client.getImage(name).inspect();
      return Config.Labels?.[PROGRAM_LABEL] === sha256 ? Id : null;
    } catch (error) {
      if (isMissing(error)) return null;
      throw error;
    }
  };
  /** What an earlier version of the app left; one that is in use stays. */
  const removeOthers = async (client: Docker, id: string): Promise<void> => {
    const filters = { label: [`${ENGINE_LABELS.node}=${mark()}`, `${ENGINE_LABELS.role}=holder`] };
    for (const image of await client.listImages({ filters })) {
      if (image.Id === id) continue;
      await client
        .getImage(image.Id)
        .remove()
        .catch((error: unknown) => logger.debug('An older holder image stays', { error: String(error) }));
    }
  };
  const make = async (client: Docker): Promise<string> => {
    const { bytes, sha256 } = (program ??= await readProgram());
    const tag = sha256.slice(0, 12);
    const found = await find(client, `${REPOSITORY}:${tag}`, sha256);
    if (found !== null) return found;
    const labels = { [ENGINE_LABELS.node]: mark(), [ENGINE_LABELS.role]: 'holder', [PROGRAM_LABEL]: sha256 };
    const changes = Object.entries(labels).map(([name, value]) => `LABEL ${name}=${value}`);
    const answer = await client.importImage(Readable.from([holderLayer(bytes)]), {
      repo: REPOSITORY,
      tag,
      changes,
    });
    let said = '';
    for await (const chunk of answer) said = (said + String(chunk)).slice(-2000);
    const id = await find(client, `${REPOSITORY}:${tag}`, sha256);
    if (id === null) throw holderLost(`the engine did not take its image: ${said.trim().slice(-200)}`);
    logger.info('The image of holders was made', { id });
    await removeOthers(client, id);
    return id;
  };
  return (client) => {
    making ??= make(client).finally(() => (making = null));
    return making;
  };
};
