import { describe, expect, it } from 'vitest';
import { hrefOf, parseRoute, staysInPlace } from '../../../../renderer/state/route.ts';

describe('parseRoute', () => {
  it.each([
    ['', { page: 'home', part: null }],
    ['#/', { page: 'home', part: null }],
    ['#/share', { page: 'share', part: null }],
    ['#/nowhere/cpu', { page: 'home', part: null }],
    ['#/jobs/%E0%A4%A', { page: 'jobs', part: null }],
    [hrefOf('share', 'gpu:radeon-780m'), { page: 'share', part: 'gpu:radeon-780m' }],
  ] as const)('reads %j', (hash, route) => expect(parseRoute(hash)).toEqual(route));
});

describe('staysInPlace', () => {
  const asset = hrefOf('blocks', 'asset:cpu:bafyreib');
  it.each([
    ['#/share', '#/share/cpu', true],
    ['#/settings', '#/settings/identity', true],
    ['#/blocks', asset, true],
    ['#/blocks/12', '#/blocks/12', true],
    ['#/blocks', '#/blocks/12', false],
    ['#/blocks/12', '#/blocks/11', false],
    ['#/blocks/12', asset, false],
    ['#/jobs', '#/jobs/new', false],
    ['#/jobs', '#/jobs/others', true],
    ['#/jobs/others', '#/jobs/job-0000000000000001', false],
    ['#/containers', '#/containers/doctor', true],
    ['#/home', '#/share', false],
  ])('from %s to %s: %j', (before, after, stays) =>
    expect(staysInPlace(parseRoute(before), parseRoute(after))).toBe(stays),
  );
});
