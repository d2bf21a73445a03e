import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type HttpClient, createHttpClient } from '../../../../main/api/client/index.ts';
import type { Level } from '../../../../preload/contract/index.ts';
import { type TestNode, openTestNode } from '../real-node.ts';

describe('the client of a node', () => {
  let test: TestNode;
  let client: HttpClient;
  beforeAll(async () => {
    test = await openTestNode();
    client = createHttpClient(test);
  });
  afterAll(async () => {
    client.close();
    await test.end();
  });

  it('carries fields in path, query and body', async () => {
    expect(await client.call('share:set', { resource: 'memory', percentMax: 12 })).toMatchObject({
      ok: true,
      value: { resource: 'memory', percentMax: 12 },
    });
    expect(await client.call('logs:read', { limit: 1, level: 'info' })).toMatchObject({
      ok: true,
      value: [{ level: 'info' }],
    });
    expect(await client.call('job:output', { id: 'job-0123456789abcdef', offset: 3 })).toMatchObject({
      ok: false,
      error: { code: 'JOB_UNKNOWN' },
    });
  });
  it('answers refusals as replies, also for texts that are no part of a path', async () => {
    for (const id of ['', '..', '../../v1/node', 'a/b', '?', '%'])
      expect(await client.call('job:get', { id }), id).toMatchObject({ ok: false, error: { code: 'BAD_REQUEST' } });
  });
  it('carries a module of 32 MiB, whole', async () => {
    // No WebAssembly, so that it gets to the door of the runtime and no further.
    const module = Buffer.alloc(32 * 1024 * 1024, 7).toString('base64');
    expect(await client.call('job:start', { name: 'large', kind: 'wasm', module })).toMatchObject({
      ok: false,
      error: { code: 'MODULE_INVALID' },
    });
    const more = Buffer.alloc(32 * 1024 * 1024 + 3, 7).toString('base64');
    expect(await client.call('job:start', { name: 'larger', kind: 'wasm', module: more })).toMatchObject({
      ok: false,
      error: { code: 'BAD_REQUEST', data: { field: 'module' } },
    });
  });
  it('hears pushes from the moment on when they are subscribed', async () => {
    const { promise, resolve } = Promise.withResolvers<Level[]>();
    const stop = client.subscribe('levels', resolve);
    await client.subscribed();
    await client.call('share:set', { resource: 'cpu', percentMax: 1 });
    expect((await promise).find(({ resource }) => resource === 'cpu')?.percent).toBe(1);
    stop();
    await client.subscribed();
  });
  it('reports a wrong token as a reply to calls, and fails to subscribe with it', async () => {
    const stranger = createHttpClient({ url: test.url, token: 'wrong' });
    expect(await stranger.call('node:status', {})).toMatchObject({ ok: false, error: { code: 'UNAUTHORIZED' } });
    stranger.subscribe('node', () => undefined);
    await expect(stranger.subscribed()).rejects.toMatchObject({ code: 'NODE_GONE' });
    await stranger.closed;
    stranger.close();
  });
  it('rejects with one sentence when nobody answers', async () => {
    const nobody = createHttpClient({ url: 'http://[::1]:1/', token: 'x' });
    await expect(nobody.call('node:status', {})).rejects.toMatchObject({
      code: 'NODE_GONE',
      message: expect.stringContaining('hypermesh start') as string,
    });
    nobody.close();
  });
  it('does not take just anything for a node', async () => {
    const other = createServer((_request, answer) => answer.end('<html>'));
    await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve));
    const strange = createHttpClient({ url: `http://127.0.0.1:${(other.address() as AddressInfo).port}/`, token: 'x' });
    await expect(strange.call('node:status', {})).rejects.toMatchObject({ code: 'NODE_STRANGE' });
    strange.close();
    other.close();
  });
});
