import { describe, expect, it } from 'vitest';
import { hrefOf, parseRoute } from '../../../../renderer/state/route.ts';

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
