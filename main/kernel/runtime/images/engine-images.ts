import type { Readable } from 'node:stream';
import type Docker from 'dockerode';
import { messageOf } from '../../../base/index.ts';
import { type Engine, ENGINE_LABELS, engineMissing } from '../engine/index.ts';
import { PROGRESS_LINE_BYTES_MAX } from './constants.ts';
import { imageMissing } from './errors.ts';
import { canonicalName, idOf } from './reference.ts';

/** An image as the engine has it. */
export interface FoundImage {
  id: string;
  references: readonly string[];
  bytes: number;
  /** Digests of its layers, hex, lowest first. */
  layers: readonly string[];
  architecture: string;
  os: string;
  entrypoint: readonly string[];
  command: readonly string[];
}
export interface ListedImage {
  id: string;
  references: readonly string[];
  bytes: number;
  createdAtMs: number | null;
  /** By its label: this program made it for itself. */
  helper: boolean;
}
export interface PullProgress {
  doneBytes: number;
  totalBytes: number | null;
}

/** What was asked of an engine that went away in the middle. */
const isGone = (error: unknown): boolean =>
  ['ECONNREFUSED', 'ECONNRESET', 'ENOENT', 'EPIPE', 'EACCES', 'ECONNABORTED', 'ERR_STREAM_PREMATURE_CLOSE'].includes(
    (error as NodeJS.ErrnoException).code ?? '',
  ) || messageOf(error) === 'aborted';
const statusOf = (error: unknown): number | undefined => (error as { statusCode?: number }).statusCode;
const OFFLINE =
  /no such host|dial tcp|connection refused|i\/o timeout|network is unreachable|no route to host|handshake timeout|deadline exceeded|server misbehaving|name resolution|request canceled while waiting|unexpected eof/i;
const UNKNOWN = /manifest unknown|not found|access denied|does not exist|unauthorized|no matching manifest|not known/i;

/** The lines of JSON that an engine tells of its progress. */
async function* messagesOf(stream: AsyncIterable<Uint8Array>): AsyncGenerator<Record<string, unknown>> {
  let text = '';
  const decoder = new TextDecoder();
  for await (const piece of stream) {
    text += decoder.decode(piece, { stream: true });
    const lines = text.split('\n');
    text = lines.pop() ?? '';
    if (text.length > PROGRESS_LINE_BYTES_MAX) text = '';
    for (const line of lines) {
      let value: unknown;
      try {
        value = JSON.parse(line);
      } catch {
        continue; // An empty line, or one that was cut.
      }
      if (typeof value === 'object' && value !== null) yield value as Record<string, unknown>;
    }
  }
}
const failureOf = (message: Record<string, unknown>): string | null => {
  const detail = message['errorDetail'] as { message?: unknown } | undefined;
  const said = detail?.message ?? message['error'];
  return said === undefined ? null : (typeof said === 'string' ? said : JSON.stringify(said)).slice(0, 500);
};

export interface EngineImages {
  find(reference: string): Promise<FoundImage | null>;
  list(): Promise<ListedImage[]>;
  /** Bytes that each shares with others; empty where the engine does not tell. */
  sharedBytes(signal: AbortSignal): Promise<Map<string, number>>;
  /** As it calls its own, such as `amd64`. */
  architecture(): Promise<string>;
  /** @throws {ImageError} `IMAGE_MISSING` with why */
  pull(name: string, signal: AbortSignal, progress: (now: PullProgress) => void): Promise<void>;
  /** An archive of it. */
  save(id: string, signal: AbortSignal | undefined): Promise<AsyncIterable<Uint8Array>>;
  load(archive: Readable, signal: AbortSignal | undefined): Promise<void>;
  tag(id: string, name: string): Promise<void>;
  /** @returns false when it is in use, or has further names */
  remove(reference: string): Promise<boolean>;
}

/** What images need of the engine, in words of ours. @throws {RuntimeError} `ENGINE_MISSING` from every method */
export const createEngineImages = ({ engine }: { engine: Pick<Engine, 'client' | 'refresh'> }): EngineImages => {
  const architectures = new WeakMap<Docker, string>();
  const ask = async <T>(question: (client: Docker) => Promise<T>): Promise<T> => {
    const client = await engine.client();
    try {
      return await question(client);
    } catch (error) {
      if (!isGone(error)) throw error;
      const { ok, sentence } = await engine.refresh();
      throw engineMissing(ok ? 'The container engine was restarted in the middle; try again.' : sentence);
    }
  };
  return {
    find: (reference) =>
      ask(async (client) => {
        try {
          const found = await client.getImage(reference).inspect();
          // Before 1.24 of the API, and for what was made without a command, these are null or absent.
          const config = found.Config as { Entrypoint?: string | string[] | null; Cmd?: string[] | null } | undefined;
          const entrypoint = config?.Entrypoint ?? [];
          return {
            id: idOf(found.Id) ?? found.Id,
            references: ((found.RepoTags as string[] | null) ?? []).filter((name) => !name.includes('<none>')),
            bytes: found.Size,
            layers: (found.RootFS?.Layers ?? []).map((layer) => layer.replace('sha256:', '')),
            architecture: found.Architecture,
            os: found.Os,
            entrypoint: typeof entrypoint === 'string' ? [entrypoint] : entrypoint,
            command: config?.Cmd ?? [],
          };
        } catch (error) {
          // 400: what it takes for no name at all.
          if (statusOf(error) === 404 || statusOf(error) === 400) return null;
          throw error;
        }
      }),
    list: () =>
      ask(async (client) =>
        (await client.listImages()).map(({ Id, RepoTags, Size, Created, Labels }) => ({
          id: idOf(Id) ?? Id,
          references: ((RepoTags as string[] | null) ?? []).filter((name) => !name.includes('<none>')),
          bytes: Size,
          createdAtMs: Created > 0 ? Created * 1000 : null,
          // Without any, an engine answers with null.
          helper: (Labels as Record<string, string> | null | undefined)?.[ENGINE_LABELS.role] !== undefined,
        })),
      ),
    sharedBytes: (abortSignal) =>
      ask(async (client) => {
        // Its types leave the options out, and so take it for one that wants a callback.
        const df = client.df.bind(client) as (options: object) => Promise<unknown>;
        const found = (await df({ abortSignal })) as {
          Images?: readonly { Id: string; SharedSize: number }[] | null;
        };
        return new Map((found.Images ?? []).map(({ Id, SharedSize }) => [idOf(Id) ?? Id, Math.max(0, SharedSize)]));
      }),
    architecture: () =>
      ask(async (client) => {
        let known = architectures.get(client);
        if (known === undefined) architectures.set(client, (known = (await client.version()).Arch));
        return known;
      }),
    pull: (name, signal, progress) =>
      ask(async (client) => {
        const missing = (said: string): Error => {
          if (OFFLINE.test(said))
            return imageMissing(
              name,
              'offline',
              `The image ${name} is not here and its registry cannot be reached; connect to the internet, or fetch it from a peer that has it.`,
            );
          if (UNKNOWN.test(said))
            return imageMissing(
              name,
              'unknown',
              `The image ${name} is not here, and its registry does not know it or does not give it to everybody; check its name.`,
            );
          return imageMissing(name, 'failed', `The image ${name} could not be fetched (${said}).`);
        };
        const parts = canonicalName(name);
        if (parts === null)
          throw imageMissing(
            name,
            'unknown',
            `${name} is no name of an image; write name:tag, such as python:3.13-slim.`,
          );
        const create = client.createImage.bind(client) as (options: object) => Promise<unknown>;
        let stream: Readable;
        try {
          // With a tag always: without one an engine fetches them all.
          stream = (await create({
            fromImage: name.includes('@') ? name : parts.repository,
            ...(!name.includes('@') && { tag: parts.tag ?? 'latest' }),
            abortSignal: signal,
          })) as Readable;
        } catch (error) {
          signal.throwIfAborted();
          if (isGone(error)) throw error;
          throw missing(statusOf(error) === 404 ? `not found: ${messageOf(error)}` : messageOf(error));
        }
        const stop = (): void => void stream.destroy(signal.reason as Error);
        signal.addEventListener('abort', stop, { once: true });
        const layers = new Map<string, { current: number; total: number }>();
        try {
          for await (const message of messagesOf(stream)) {
            const failure = failureOf(message);
            if (failure !== null) throw missing(failure);
            const { id, progressDetail, status } = message as {
              id?: unknown;
              status?: unknown;
              progressDetail?: { current?: unknown; total?: unknown };
            };
            const { current, total } = progressDetail ?? {};
            if (typeof id !== 'string' || status !== 'Downloading') continue;
            if (typeof current !== 'number' || typeof total !== 'number' || layers.size > 1000) continue;
            layers.set(id, { current, total });
            const all = [...layers.values()];
            progress({
              doneBytes: all.reduce((sum, layer) => sum + layer.current, 0),
              totalBytes: all.reduce((sum, layer) => sum + layer.total, 0),
            });
          }
        } finally {
          signal.removeEventListener('abort', stop);
          stream.destroy();
        }
        signal.throwIfAborted();
      }),
    save: (id, signal) =>
      ask(async (client) => {
        const stream = (await client.getImage(id).get()) as unknown as Readable;
        if (signal !== undefined) {
          const stop = (): void => void stream.destroy(signal.reason as Error);
          signal.addEventListener('abort', stop, { once: true });
          stream.once('close', () => {
            signal.removeEventListener('abort', stop);
          });
        }
        return stream;
      }),
    load: (archive, signal) =>
      ask(async (client) => {
        const load = client.loadImage.bind(client) as (file: Readable, options: object) => Promise<unknown>;
        const stream = (await load(archive, {
          quiet: true,
          ...(signal !== undefined && { abortSignal: signal }),
        })) as Readable;
        let failure: string | null = null;
        for await (const message of messagesOf(stream)) failure ??= failureOf(message);
        signal?.throwIfAborted();
        if (failure !== null) throw new Error(failure);
      }),
    tag: (id, name) =>
      ask(async (client) => {
        const parts = canonicalName(name);
        if (parts === null || parts.tag === null || name.includes('@')) return;
        await client.getImage(id).tag({ repo: parts.repository, tag: parts.tag });
      }),
    remove: (reference) =>
      ask(async (client) => {
        try {
          await client.getImage(reference).remove();
          return true;
        } catch (error) {
          if (statusOf(error) === 404) return true;
          if (statusOf(error) === 409) return false;
          throw error;
        }
      }),
  };
};
