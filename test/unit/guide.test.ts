import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { PRELUDE } from '../../main/kernel/runtime/host/prelude.ts';

const folder = join(import.meta.dirname, '..', '..', 'docs', 'guide');
const pages = ['README.md', 'job-javascript.md', 'recovery-phrase.md'].map((name) => ({
  name,
  text: readFileSync(join(folder, name), 'utf8'),
}));

describe('the user guide', () => {
  it.each(pages)('$name links to what is there', ({ text }) => {
    const links = [...text.matchAll(/\]\(([^)#]+)[^)]*\)|(?:src|srcset)="([^"]+)"/g)].map(
      (match) => match[1] ?? match[2] ?? '',
    );
    expect(links.length).toBeGreaterThan(0);
    expect(links.filter((link) => !existsSync(join(folder, link)))).toEqual([]);
  });

  it.each(pages)('$name has the headings that its own links name', ({ text }) => {
    const slugs = [...text.matchAll(/^#+ (.+)$/gm)].map(([, title = '']) =>
      title
        .toLowerCase()
        .replace(/[^\w\s-]/g, '')
        .replaceAll(' ', '-'),
    );
    const named = [...text.matchAll(/\]\(#([^)]+)\)/g)].map((match) => match[1] ?? '');
    expect(named.filter((slug) => !slugs.includes(slug))).toEqual([]);
  });

  it('names every global of a script', () => {
    const globals = [...PRELUDE.matchAll(/define\('(\w+)'/g)].map((match) => match[1] ?? '');
    const listed = pages[1]?.text ?? '';
    expect(globals.length).toBeGreaterThan(10);
    expect(globals.filter((name) => !listed.includes(name))).toEqual([]);
  });
});
