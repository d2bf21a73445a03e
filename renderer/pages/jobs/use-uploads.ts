import { useEffect, useRef, useState } from 'react';
import type { JobFile } from '../../../preload/contract/index.ts';
import { type ContentProgress, uploadContent } from '../../state/content.ts';
import { useNodeAccess } from '../../state/node-context.tsx';

/** A file on its way into a job's work folder. */
export interface Upload {
  /** Tells rows apart; two files may have one name. */
  key: number;
  path: string;
  executable: boolean;
  bytes: number;
  /** Null before its turn and after its end. */
  progress: ContentProgress | null;
  /** Null until all of it is in the content store. */
  sha256: string | null;
  /** Why it is not there; empty where nothing went wrong. */
  problem: string;
}
export interface Uploads {
  rows: readonly Upload[];
  /** @returns the key of its row */
  add(file: File): number;
  change(key: number, change: Partial<Pick<Upload, 'path' | 'executable'>>): void;
  /** Stops it where it is still under way, and forgets it. */
  remove(key: number): void;
}

/** Files as the job's spec has them: those that are there. */
export const filesOf = (rows: readonly Upload[]): JobFile[] =>
  rows.flatMap(({ path, sha256, bytes, executable }) =>
    sha256 === null ? [] : [{ path: path.trim(), sha256, bytes, executable }],
  );

/** Uploads of one form, one after another; all of them end when the form is left. */
export const useUploads = (): Uploads => {
  const node = useNodeAccess();
  const [rows, setRows] = useState<readonly Upload[]>([]);
  const controllers = useRef(new Map<number, AbortController>());
  const last = useRef<Promise<void>>(Promise.resolve());
  const nextKey = useRef(1);
  useEffect(() => {
    const all = controllers.current;
    return () => {
      for (const controller of all.values()) controller.abort();
    };
  }, []);
  const set = (key: number, change: Partial<Upload>): void =>
    setRows((before) => before.map((row) => (row.key === key ? { ...row, ...change } : row)));
  return {
    rows,
    add: (file) => {
      const key = nextKey.current;
      nextKey.current += 1;
      const controller = new AbortController();
      controllers.current.set(key, controller);
      setRows((before) => [
        ...before,
        { key, path: file.name, executable: false, bytes: file.size, progress: null, sha256: null, problem: '' },
      ]);
      const send = async (): Promise<void> => {
        if (controller.signal.aborted) return;
        const reply = await uploadContent(node, file, {
          signal: controller.signal,
          progress: (progress) => set(key, { progress }),
        });
        controllers.current.delete(key);
        if (reply.ok) set(key, { progress: null, sha256: reply.value.sha256, bytes: reply.value.bytes });
        else if (!controller.signal.aborted) set(key, { progress: null, problem: reply.error.message });
      };
      last.current = last.current.then(send);
      return key;
    },
    change: set,
    remove: (key) => {
      controllers.current.get(key)?.abort();
      controllers.current.delete(key);
      setRows((before) => before.filter((row) => row.key !== key));
    },
  };
};
