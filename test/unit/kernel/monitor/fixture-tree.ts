import { mkdir, mkdtemp, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';

/** A folder made to look like /proc or /sys. Values are file contents; one that begins with `->` is a link. */
export const createTree = async (
  files: Record<string, string>,
): Promise<{ path: string; put: (files: Record<string, string>) => Promise<void> }> => {
  const path = await mkdtemp(join(tmpdir(), 'hypermesh-tree-'));
  const put = async (more: Record<string, string>): Promise<void> => {
    for (const [name, content] of Object.entries(more)) {
      const file = join(path, name);
      await mkdir(dirname(file), { recursive: true });
      if (content.startsWith('->')) await symlink(content.slice(2), file);
      else await writeFile(file, content);
    }
  };
  await put(files);
  return { path, put };
};
