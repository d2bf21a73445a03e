import type { Outside } from '../../../base/index.ts';
import { UPLOAD_IDLE_MS, UPLOADS_MAX } from './constants.ts';
import { ContentError } from './errors.ts';
import type { Intake } from './intake.ts';
import type { ContentStore } from './interface.ts';

interface Upload {
  intake: Intake;
  /** Pieces are taken one after another. */
  last: Promise<unknown>;
  forget: () => void;
}
const unknown = (upload: string): ContentError =>
  new ContentError(
    { code: 'UPLOAD_UNKNOWN', upload: upload.slice(0, 64) },
    'There is no such upload, or nothing came for ten minutes and it was thrown away; begin again.',
  );

/** Files that the owner sends a piece at a time. */
export const createUploads = (
  components: {
    outside: Outside;
    begin(bytesMax: number): Promise<Intake>;
    write(intake: Intake, chunk: Uint8Array): Promise<void>;
    settle(intake: Intake, expected: null): Promise<{ sha256: string; bytes: number }>;
  },
  init: { bytesMax: number },
): { take: ContentStore['upload']; stop(): Promise<void> } => {
  const { outside, begin, write, settle } = components;
  const uploads = new Map<string, Upload>();
  /** Of those that are being opened, so that they count. */
  let opening = 0;

  const end = (id: string): Upload | undefined => {
    const upload = uploads.get(id);
    uploads.delete(id);
    upload?.forget();
    return upload;
  };
  const wait = (id: string): (() => void) =>
    outside.clock.after(UPLOAD_IDLE_MS, () => {
      const upload = end(id);
      // Behind a piece that the disk may still be writing.
      void upload?.last.then(() => upload.intake.drop());
    });
  const open = async (): Promise<string> => {
    if (uploads.size + opening >= UPLOADS_MAX)
      throw new ContentError(
        { code: 'TOO_MANY_UPLOADS', uploadsMax: UPLOADS_MAX },
        `${UPLOADS_MAX} files are being uploaded already; wait until one of them is done.`,
      );
    opening += 1;
    try {
      const intake = await begin(init.bytesMax);
      const id = Array.from({ length: 16 }, () => outside.random.below(36).toString(36)).join('');
      uploads.set(id, { intake, last: Promise.resolve(), forget: wait(id) });
      return id;
    } finally {
      opening -= 1;
    }
  };
  return {
    take: async (given, data, done) => {
      const id = given ?? (await open());
      const upload = uploads.get(id);
      if (upload === undefined) throw unknown(id);
      const turn = upload.last.then(async () => {
        if (uploads.get(id) !== upload) throw unknown(id);
        upload.forget();
        try {
          await write(upload.intake, data);
        } catch (error) {
          end(id);
          await upload.intake.drop();
          throw error;
        }
        if (!done) {
          upload.forget = wait(id);
          return { upload: id, bytes: upload.intake.bytes, sha256: null };
        }
        end(id);
        const { sha256, bytes } = await settle(upload.intake, null);
        return { upload: id, bytes, sha256 };
      });
      upload.last = turn.catch(() => undefined);
      return await turn;
    },
    stop: async () => {
      await Promise.all(
        [...uploads.keys()].map(async (id) => {
          const upload = end(id);
          await upload?.last;
          await upload?.intake.drop();
        }),
      );
    },
  };
};
