import { describe, expect, it } from 'vitest';
import type { Call } from '../../../../preload/contract/index.ts';
import { RequestError, parseRequest } from '../../../../main/api/dispatcher/index.ts';

const refusalOf = (name: Call, request: unknown): { field: string; message: string } => {
  try {
    parseRequest(name, request);
  } catch (error) {
    if (!(error instanceof RequestError)) throw error;
    expect(error.code).toBe('BAD_REQUEST');
    return { field: (error.data as { field: string }).field, message: error.message };
  }
  throw new Error('it was let through');
};

describe('a request', () => {
  it('is given its defaults', () => {
    expect(parseRequest('logs:read', {})).toEqual({ level: 'info', limit: 200 });
    // A query string carries text only.
    expect(parseRequest('logs:read', { limit: '5' })).toEqual({ level: 'info', limit: 5 });
  });

  it.each<[Call, unknown, string, RegExp]>([
    [
      'job:start',
      { name: 'a', kind: 'javascript', module: '', memoryBytes: 2 ** 40 },
      'memoryBytes',
      /`memoryBytes` must be at most 4294901760 bytes \(4095 MiB\), not 1099511627776/,
    ],
    [
      'job:start',
      { name: 'a', kind: 'javascript', module: '', timeMsMax: 1 },
      'timeMsMax',
      /`timeMsMax` must be at least 100 ms \(0.1 s\), not 1/,
    ],
    ['share:set', { resource: 'cpu', percentMax: 101 }, 'percentMax', /`percentMax` must be at most 100, not 101/],
    ['share:set', { resource: 'cpu', percentMax: -1 }, 'percentMax', /must be at least 0, not -1/],
    ['share:set', { resource: 'cpu', percentMax: '40' }, 'percentMax', /must be of type number, not the text "40"/],
    ['share:set', { resource: 'cpu', percentMax: 1.5 }, 'percentMax', /must be a whole number/],
    ['share:set', { resource: 'teapot' }, 'resource', /unknown resource; use cpu, memory/],
    ['share:set', { percentMax: 1 }, 'resource', /`resource` is missing/],
    ['share:set', { resource: 'cpu', colour: 'red' }, '', /the request holds "colour", which is not known here/],
    [
      'share:set',
      { resource: 'cpu', terms: { privacyLevel: 'Open' } },
      'terms.privacyLevel',
      /must be one of Private, PrivateNetwork, P2P/,
    ],
    [
      'share:setGrid',
      { resource: 'cpu', cells: Array.from({ length: 167 }, () => 1) },
      'cells',
      /168 cells, Monday 00:00 first/,
    ],
    [
      'share:setGrid',
      { resource: 'cpu', cells: Array.from({ length: 168 }, (_, index) => index) },
      'cells[101]',
      /at most 100, not 101/,
    ],
    ['job:get', { id: 'x' }, 'id', /not a job id/],
    ['job:start', { name: 'x', kind: 'wasm', module: '***' }, 'module', /must be base64/],
    ['node:status', null, '', /must be of type object, not null/],
    ['node:status', [], '', /not a list/],
    ['node:status', 'text', '', /not the text "text"/],
  ])('%s with %j is refused with the field and the reason', (name, request, field, sentence) => {
    const refusal = refusalOf(name, request);
    expect(refusal.field).toBe(field);
    expect(refusal.message).toMatch(sentence);
    expect(refusal.message).toMatch(/^[^\n]+\.$/);
  });

  it('is quoted short and without control characters', () => {
    const { message } = refusalOf('share:set', { resource: 'cpu', percentMax: `\x1b[2J${'x'.repeat(10_000)}` });
    expect(message).not.toContain('\x1b');
    expect(message.length).toBeLessThan(300);
  });

  it('may not smuggle a prototype', () => {
    const request: unknown = JSON.parse('{"resource":"cpu","__proto__":{"percentMax":5}}');
    expect(refusalOf('share:set', request).message).toContain('__proto__');
    expect(({} as { percentMax?: number }).percentMax).toBeUndefined();
  });

  it.each([
    { passphrase: 4711, more: 'x' },
    { passphrase: ['my secret words'] },
    { 'my secret words': true },
    { passphrase: `my secret words ${'x'.repeat(2000)}` },
    'my secret words',
  ])('about the identity is refused without being quoted', (request) => {
    const { message } = refusalOf('identity:unlock', request);
    expect(message).toMatch(/^identity:unlock was refused: /);
    expect(message).not.toMatch(/secret|4711/);
    const sealed = refusalOf('identity:seal', { passphrase: 'old secret', sealing: 'my secret words' }).message;
    expect(sealed).not.toMatch(/secret/);
    expect(
      refusalOf('identity:restore', { source: { kind: 'my secret words' }, sealing: { kind: 'secret' } }).message,
    ).not.toMatch(/secret/);
  });
});
