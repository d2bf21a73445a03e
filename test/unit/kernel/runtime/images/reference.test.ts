import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { canonicalName, idOf, matchesPattern } from '../../../../../main/kernel/runtime/images/reference.ts';

const ID = 'a'.repeat(64);

describe('names', () => {
  it('are one, however they are written', () => {
    for (const name of ['busybox', 'busybox:latest', 'library/busybox', 'docker.io/library/busybox:latest'])
      expect(canonicalName(name)?.name, name).toBe('busybox:latest');
    expect(canonicalName('registry.example.org:5000/team/tool:2')).toEqual({
      name: 'registry.example.org:5000/team/tool:2',
      repository: 'registry.example.org:5000/team/tool',
      tag: '2',
    });
    expect(canonicalName(`python@sha256:${ID}`)).toMatchObject({ repository: 'python', tag: null });
    for (const wrong of ['', 'A:b', 'a:', '-x', 'a//b', 'a:b:c', `a@sha256:${'z'.repeat(64)}`])
      expect(canonicalName(wrong), wrong).toBeNull();
    expect(idOf(ID)).toBe(`sha256:${ID}`);
    expect(idOf('busybox')).toBeNull();
  });
});

describe('patterns', () => {
  it.each([
    ['python:*', 'python:3.13-slim', true],
    ['python:*', 'docker.io/library/python:3.13-slim', true],
    ['python:*', 'evil/python:3', false],
    ['python:*', 'registry.example.org/python:3', false],
    ['python', 'python', true],
    ['python', 'python:3', false],
    ['registry.example.org/team/*', 'registry.example.org/team/a/b:1', true],
    ['registry.example.org/team/*', 'registry.example.org/teams/a:1', false],
    ['*', 'anything/at:all', true],
    ['a*b*c', 'a-b-b-c:latest', false],
    ['a*:latest', 'abc', true],
    ['*.*.*', 'a:1.2', false],
    [ID, `sha256:${ID}`, true],
    [`sha256:${ID}`, ID, true],
    ['*', `sha256:${ID}`, false],
    [ID, 'python:3', false],
  ])('%s and %s: %s', (pattern, name, matches) => {
    expect(matchesPattern(pattern, name)).toBe(matches);
  });

  it('take no long time over anything', () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom('a', '*', ':', '/'), maxLength: 256 }), (pattern) => {
        const before = performance.now();
        matchesPattern(pattern, `${'a'.repeat(200)}:a`);
        expect(performance.now() - before).toBeLessThan(50);
      }),
    );
  });
});
