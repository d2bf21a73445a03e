import type { CallError, Reply } from '../../preload/contract/index.ts';
import { base64Of, bytesOfBase64 } from '../components/files.ts';
import type { NodeAccess } from './node-store.ts';

/** Small enough that progress is seen and cancelling is quick, large enough that few calls are made. */
const PIECE_BYTES = 1024 * 1024;

export interface ContentProgress {
  doneBytes: number;
  totalBytes: number;
}
interface Options {
  signal: AbortSignal;
  progress(now: ContentProgress): void;
}

const refuse = (code: string, message: string): { ok: false; error: CallError } => ({
  ok: false,
  error: { name: 'ContentError', code, message },
});
const CANCELLED = refuse('CANCELLED', 'You stopped it.');

/** Puts a file into the node's content store, piece by piece, so that no size of file holds the page or its memory. */
export const uploadContent = async (
  node: NodeAccess,
  file: File,
  { signal, progress }: Options,
): Promise<Reply<{ sha256: string; bytes: number }>> => {
  let upload: string | undefined;
  let at = 0;
  for (;;) {
    if (signal.aborted) return CANCELLED;
    let data: string;
    try {
      data = base64Of(new Uint8Array(await file.slice(at, at + PIECE_BYTES).arrayBuffer()));
    } catch {
      return refuse(
        'FILE_UNREADABLE',
        `${file.name} could not be read; check that it still exists and that you may read it.`,
      );
    }
    if (signal.aborted) return CANCELLED;
    const next = Math.min(file.size, at + PIECE_BYTES);
    const reply = await node.ask('content:upload', {
      ...(upload !== undefined && { upload }),
      data,
      done: next >= file.size,
    });
    if (signal.aborted) return CANCELLED;
    if (!reply.ok) return reply;
    upload = reply.value.upload;
    at = next;
    progress({ doneBytes: at, totalBytes: file.size });
    if (at < file.size) continue;
    const { sha256, bytes } = reply.value;
    return sha256 === null
      ? refuse('UPLOAD_UNFINISHED', `The node did not say that it has all of ${file.name}; try once more.`)
      : { ok: true, value: { sha256, bytes } };
  }
};

/** Reads a file of the content store, piece by piece. The browser keeps large blobs on disk. */
export const readContent = async (
  node: NodeAccess,
  sha256: string,
  { signal, progress }: Options,
): Promise<Reply<Blob>> => {
  const pieces: Blob[] = [];
  let offset = 0;
  for (;;) {
    if (signal.aborted) return CANCELLED;
    const reply = await node.ask('content:read', { sha256, offset });
    if (signal.aborted) return CANCELLED;
    if (!reply.ok) return reply;
    const { data, nextOffset, bytes } = reply.value;
    pieces.push(new Blob([bytesOfBase64(data)]));
    progress({ doneBytes: nextOffset, totalBytes: bytes });
    if (nextOffset >= bytes) return { ok: true, value: new Blob(pieces, { type: 'application/octet-stream' }) };
    // An answer that leads nowhere would be asked for ever.
    if (nextOffset <= offset) return refuse('CONTENT_STUCK', 'The node gave no more of the file; try once more.');
    offset = nextOffset;
  }
};
