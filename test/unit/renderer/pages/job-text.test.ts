import { describe, expect, it } from 'vitest';
import { MODULE_BYTES_MAX as CONTRACT_BYTES_MAX } from '../../../../preload/contract/index.ts';
import { adviceOf, endText } from '../../../../renderer/pages/jobs/job-end.ts';
import { estimateText, kindOfFile, shareText, splitArgs, whereText } from '../../../../renderer/pages/jobs/job-text.ts';
import { MODULE_BYTES_MAX, readModuleFile } from '../../../../renderer/pages/jobs/module-file.ts';
import { SAMPLE_SOURCE } from '../../../../renderer/pages/jobs/sample.ts';
import { pointOf } from '../../../../renderer/pages/jobs/use-job-history.ts';
import { microFromText, textFromMicro } from '../../../../renderer/pages/share/share-text.ts';
import { sampleJob } from '../../../support/fake-jobs.ts';

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

describe('adviceOf', () => {
  it('says what to do about every end that needs it', () => {
    expect(adviceOf({ why: 'exited', exitCode: 0 })).toBe('');
    expect(adviceOf({ why: 'limit', limit: 'processes', message: '' })).toContain('more processes');
    expect(adviceOf({ why: 'unhealthy', message: '' })).toContain('command of the check');
  });
});

describe('texts of a job', () => {
  it('round an estimate to what it is worth', () => {
    const estimate = { memoryBytes: 0, samples: 9 };
    expect(estimateText(sampleJob({ estimate: { ...estimate, ms: 183_400, highMs: 190_000 } }))).toBe(
      'usually about 3 min',
    );
    expect(estimateText(sampleJob({ estimate: { ...estimate, ms: 740, highMs: 9_900 } }))).toBe(
      'usually about 740 ms, seldom more than 10 s',
    );
    expect(estimateText(sampleJob())).toBe('');
  });
  it('say where it runs and for whom', () => {
    expect(whereText(sampleJob())).toBe('here');
    expect(whereText(sampleJob({ side: 'lent' }))).toBe('here, for somebody unnamed');
    expect(whereText(sampleJob({ side: 'sent', peerName: 'studio' }))).toBe('on studio');
    expect(whereText(sampleJob({ side: 'sent' }))).toBe('elsewhere');
  });
  it('count cores where there is more than one', () => {
    expect(shareText(30)).toBe('30 % of a core');
    expect(shareText(250)).toBe('2.5 cores');
  });
});

describe('pointOf', () => {
  const at = (writtenBytes: number | null, sentBytes: number) =>
    sampleJob({ measured: { ...sampleJob().measured, readBytes: null, writtenBytes, sentBytes } });
  it('makes rates of counters, and none of a counter that began anew', () => {
    expect(pointOf(at(100, 0), 10, null)).toMatchObject({ diskBytesPerSecond: null, trafficBytesPerSecond: null });
    expect(pointOf(at(300, 50), 12, { job: at(100, 0), atS: 10 })).toMatchObject({
      diskBytesPerSecond: 100,
      trafficBytesPerSecond: 25,
    });
    expect(pointOf(at(5, 0), 12, { job: at(100, 70), atS: 10 })).toMatchObject({
      diskBytesPerSecond: null,
      trafficBytesPerSecond: null,
    });
    expect(pointOf(at(null, 0), 12, { job: at(100, 0), atS: 10 }).diskBytesPerSecond).toBeNull();
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
