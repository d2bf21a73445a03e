import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { packTar } from '../../../../main/api/diagnostics/tar.ts';

describe('an archive', () => {
  it("is read by the system's tar, file by file", () => {
    const folder = mkdtempSync(join(tmpdir(), 'hypermesh-tar-'));
    try {
      const files = [
        { name: 'a/empty.txt', content: Buffer.alloc(0) },
        { name: 'a/record.bin', content: Buffer.alloc(512, 7) },
        { name: 'a/ünïcode.txt', content: Buffer.from('zwölf\n') },
        { name: 'a/large.bin', content: Buffer.alloc(100_001, 'x') },
      ];
      writeFileSync(join(folder, 't.tar'), packTar(files, Date.UTC(2026, 0, 2)));
      execFileSync('tar', ['-xf', 't.tar'], { cwd: folder });
      for (const { name, content } of files) expect(readFileSync(join(folder, name)).equals(content), name).toBe(true);
      expect(
        execFileSync('tar', ['-tvf', 't.tar'], { cwd: folder, env: { ...process.env, TZ: 'UTC' } }).toString(),
      ).toMatch(/-rw------- 0\/0\s+0 2026-01-02/);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
  it('refuses a name that does not fit its field', () => {
    expect(() => packTar([{ name: 'x'.repeat(101), content: Buffer.alloc(0) }], 0)).toThrow(RangeError);
  });
});
