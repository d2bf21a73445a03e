import { mkdtemp, mkdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { answerPageRequest, CONTENT_SECURITY_POLICY, pageFilePath } from '../../../main/desktop/page-files.ts';

let parent: string;
let folder: string;
beforeAll(async () => {
  parent = await mkdtemp(join(tmpdir(), 'hypermesh-page-'));
  folder = join(parent, 'renderer');
  await mkdir(join(folder, 'assets'), { recursive: true });
  await writeFile(join(folder, 'index.html'), '<p>page</p>');
  await writeFile(join(folder, 'assets', 'index-abc_1.js'), 'export {};');
  await writeFile(join(parent, 'secret.json'), '{}');
});
afterAll(() => rm(parent, { recursive: true }));

describe('page files', () => {
  it('serves the page with its policy', async () => {
    for (const address of [
      'app://hypermesh',
      'app://hypermesh/',
      'app://hypermesh/index.html',
      'app://hypermesh/index.html?x=1#/share',
    ]) {
      const answer = await answerPageRequest(folder, 'GET', address);
      expect(answer.status, address).toBe(200);
      expect(answer.body.toString()).toBe('<p>page</p>');
      expect(answer.headers['Content-Security-Policy']).toBe(CONTENT_SECURITY_POLICY);
      expect(answer.headers['Cross-Origin-Opener-Policy']).toBe('same-origin');
      expect(answer.headers['Content-Type']).toBe('text/html; charset=utf-8');
    }
    expect(
      (await answerPageRequest(folder, 'GET', 'app://hypermesh/assets/index-abc_1.js')).headers['Content-Type'],
    ).toBe('text/javascript; charset=utf-8');
  });

  it('allows no script but its own', () => {
    expect(CONTENT_SECURITY_POLICY).toContain("script-src 'self';");
    expect(CONTENT_SECURITY_POLICY).not.toMatch(/script-src[^;]*(unsafe|https?:|\*)/);
  });

  it.each([
    'app://hypermesh/../secret.json',
    'app://hypermesh/%2e%2e/secret.json',
    'app://hypermesh/..%2fsecret.json',
    'app://hypermesh/assets/..%5c..%5csecret.json',
    'app://hypermesh/%00index.html',
    'app://hypermesh/%E0%A4%A',
    'app://hypermesh//etc/passwd',
    'app://other/index.html',
    'https://hypermesh/index.html',
    'app://hypermesh/index.php',
    'app://hypermesh/.hidden.json',
  ])('gives nothing away at %s', async (address) => {
    const answer = await answerPageRequest(folder, 'GET', address);
    expect([400, 404]).toContain(answer.status);
    expect(answer.body.toString()).not.toContain('{}');
    expect(answer.headers['Content-Security-Policy']).toBe(CONTENT_SECURITY_POLICY);
  });

  it('says that a file is missing and that nothing can be sent', async () => {
    expect((await answerPageRequest(folder, 'GET', 'app://hypermesh/assets/gone.js')).status).toBe(404);
    expect((await answerPageRequest(folder, 'POST', 'app://hypermesh/index.html')).status).toBe(405);
  });

  it('never leaves its folder, whatever is asked for', () => {
    const part = fc.oneof(
      fc.constantFrom('..', '.', '%2e%2e', '%2f', '\\', '/', '%5c', 'assets', 'index.html', '%00'),
      fc.string({ maxLength: 8 }),
    );
    fc.assert(
      fc.property(fc.array(part, { maxLength: 8 }), (parts) => {
        const file = pageFilePath(folder, `app://hypermesh/${parts.join('/')}`);
        expect(file === null || file.startsWith(`${folder}/`)).toBe(true);
      }),
    );
  });
});
