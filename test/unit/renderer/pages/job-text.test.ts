import { describe, expect, it } from 'vitest';
import { MODULE_BYTES_MAX as CONTRACT_BYTES_MAX } from '../../../../preload/contract/index.ts';
import { endText } from '../../../../renderer/pages/jobs/job-end.ts';
import { kindOfFile, splitArgs } from '../../../../renderer/pages/jobs/job-text.ts';
import { MODULE_BYTES_MAX, readModuleFile } from '../../../../renderer/pages/jobs/module-file.ts';
import { SAMPLE_SOURCE } from '../../../../renderer/pages/jobs/sample.ts';
import { microFromText, textFromMicro } from '../../../../renderer/pages/share/share-text.ts';

describe('splitArgs', () => {
  it.each([
    ['', []],
    ['  one   two ', ['one', 'two']],
    ['--name "two words" x', ['--name', 'two words', 'x']],
    [`'it"s' a\\ b`, ['it"s', 'a b']],
    ['""', ['']],
    ['"open end', ['open end']],
  ])('%j', (text, args) => expect(splitArgs(text)).toEqual(args));
});

describe('readModuleFile', () => {
  const wasm = new Uint8Array([0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0]);
  it('knows WebAssembly by its bytes and JavaScript by its name', async () => {
    expect(await readModuleFile(new File([wasm], 'program'))).toMatchObject({
      ok: true,
      value: { kind: 'wasm', sizeBytes: 8 },
    });
    expect(await readModuleFile(new File(['print(1)'], 'a.mjs'))).toMatchObject({
      ok: true,
      value: { kind: 'javascript', base64: btoa('print(1)') },
    });
  });
  it('refuses text that is called .wasm, what is empty, too large, or neither', async () => {
    expect(await readModuleFile(new File(['hello'], 'a.wasm'))).toMatchObject({
      ok: false,
      error: { code: 'MODULE_INVALID' },
    });
    expect(await readModuleFile(new File([], 'a.js'))).toMatchObject({ ok: false, error: { code: 'MODULE_INVALID' } });
    expect(await readModuleFile(new File(['x'], 'a.exe'))).toMatchObject({
      ok: false,
      error: { code: 'MODULE_INVALID' },
    });
    const large = new File(['x'], 'a.js');
    Object.defineProperty(large, 'size', { value: MODULE_BYTES_MAX + 1 });
    expect(await readModuleFile(large)).toMatchObject({ ok: false, error: { code: 'MODULE_TOO_LARGE' } });
  });
  it('takes as much as the contract', () => expect(MODULE_BYTES_MAX).toBe(CONTRACT_BYTES_MAX));
  it('takes the sample', () =>
    expect(kindOfFile('sample.js', new TextEncoder().encode(SAMPLE_SOURCE))).toBe('javascript'));
});

describe('endText', () => {
  it('is a sentence for every end', () => {
    expect(endText({ why: 'exited', exitCode: 0 })).toBe('Finished by itself (exit code 0).');
    expect(endText({ why: 'exited', exitCode: 3 })).toContain('exit code 3');
    expect(endText({ why: 'limit', limit: 'memory', message: 'It asked for 96 MiB.' })).toContain(
      'memory limit: It asked',
    );
  });
});

describe('prices', () => {
  it.each([
    ['1.25', '1250000'],
    ['0,000001', '1'],
    ['7', '7000000'],
  ])('%s CAES is exact', (text, micro) => {
    expect(microFromText(text)).toBe(micro);
    expect(microFromText(textFromMicro(micro))).toBe(micro);
  });
  it.each(['', '-1', '1.2345678', 'abc', '1e3'])('refuses %j', (text) => expect(microFromText(text)).toBeNull());
});
