import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readBody } from '../../../../main/api/http/body.ts';
import { BODY_BYTES_INLINE_MAX } from '../../../../main/api/http/constants.ts';
import { type Answer, type TestNode, ask, openTestNode } from '../real-node.ts';

let test: TestNode;
beforeAll(async () => {
  test = await openTestNode();
});
afterAll(async () => {
  await test.end();
});

const submit = (body: string): Promise<Answer> =>
  ask(test.url, {
    method: 'POST',
    path: '/v1/jobs',
    headers: { authorization: `Bearer ${test.token}`, 'content-type': 'application/json' },
    body,
  });
const refusalOf = (answer: Answer): { code: string; message: string } =>
  (JSON.parse(answer.text) as { error: { code: string; message: string } }).error;

describe('reading a body', () => {
  it('takes one object', () => {
    expect(readBody(Buffer.from('{"a":"ä"}'))).toEqual({ ok: true, fields: { a: 'ä' } });
    expect(readBody(new Uint8Array())).toEqual({ ok: true, fields: {} });
  });
  it.each(['[]', 'null', '1', '"text"'])('tells that %s is no object', (text) => {
    expect(readBody(Buffer.from(text))).toEqual({ ok: false, fault: 'not-an-object' });
  });
  it.each(['{', ' ', '{}{}', '\u0000'])('tells that %j is no JSON', (text) => {
    expect(readBody(Buffer.from(text))).toEqual({ ok: false, fault: 'not-json' });
  });
});

describe('a body that a worker reads', () => {
  const large = ' '.repeat(BODY_BYTES_INLINE_MAX);
  const job = (module: string): string => JSON.stringify({ name: 'large', kind: 'javascript', module });

  it('starts the job that it holds', async () => {
    const program = 'console.log("done")\n//'.padEnd(3 * 2 ** 20, '/');
    const answer = await submit(job(Buffer.from(program).toString('base64')));
    expect(answer.status, answer.text).toBe(200);
    expect(JSON.parse(answer.text)).toMatchObject({ name: 'large', moduleBytes: program.length });
  });
  it('is refused when it is no JSON, and when it is no object', async () => {
    expect(refusalOf(await submit(`{${large}`))).toMatchObject({
      code: 'BAD_REQUEST',
      message: expect.stringContaining('is not JSON;') as string,
    });
    expect(refusalOf(await submit(`[${large}]`))).toMatchObject({
      code: 'BAD_REQUEST',
      message: expect.stringContaining('is not a JSON object;') as string,
    });
  });
  it('is refused when its module only looks like base64', async () => {
    expect(refusalOf(await submit(job('!'.repeat(2 * 2 ** 20))))).toMatchObject({ code: 'MODULE_INVALID' });
    expect(refusalOf(await submit(job('A'.repeat(2 * 2 ** 20 + 1))))).toMatchObject({ code: 'BAD_REQUEST' });
  });
});
