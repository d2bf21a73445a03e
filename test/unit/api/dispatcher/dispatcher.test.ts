import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Push, pushes } from '../../../../preload/contract/index.ts';
import { Emitter, type Logger, NodeError, createSystemOutside } from '../../../../main/base/index.ts';
import { type DispatcherComponents, createDispatcher } from '../../../../main/api/dispatcher/index.ts';
import { type TestNode, openTestNode } from '../real-node.ts';

const caller = { face: 'window' } as const;

describe('a dispatcher on a real node', () => {
  let test: TestNode;
  beforeAll(async () => {
    test = await openTestNode();
  });
  afterAll(async () => {
    await test.end();
  });

  it('answers names that are no calls with UNKNOWN_CALL', async () => {
    for (const name of ['tea:make', '__proto__', 'constructor', 7, null, undefined, {}, 'x'.repeat(10_000)]) {
      const reply = await test.node.dispatcher.callUnknown(name, {}, caller);
      expect(reply).toMatchObject({ ok: false, error: { code: 'UNKNOWN_CALL' } });
      expect(JSON.stringify(reply).length).toBeLessThan(400);
    }
  });
  it('pushes what the contract says, each time something changed', async () => {
    const { dispatcher } = test.node;
    const heard = new Map<Push, unknown[]>();
    const stops = (Object.keys(pushes) as Push[]).map((name) =>
      dispatcher.subscribe(name, (payload) => {
        heard.set(name, [...(heard.get(name) ?? []), payload]);
      }),
    );
    await dispatcher.call('share:set', { resource: 'cpu', percentMax: 3 }, caller);
    await dispatcher.call('config:set', { theme: 'dark', firstRunDone: true }, caller);
    await dispatcher.call('hardware:detect', {}, caller);
    await expect
      .poll(() => [...heard.keys()], { timeout: 20_000 })
      .toEqual(expect.arrayContaining(['share', 'levels', 'config', 'node', 'inventory', 'live']));
    for (const stop of stops) stop();
    for (const [name, payloads] of heard)
      for (const payload of payloads) expect(pushes[name].payload.safeParse(payload).error, name).toBeUndefined();
  });
});

class TestError extends NodeError<{ code: 'REFUSED'; amount: bigint }> {
  override readonly name = 'TestError';
}

describe('a dispatcher', () => {
  /** Modules of which only what a test touches is there. */
  const createParts = (
    inventory: () => never,
  ): {
    components: DispatcherComponents;
    logged: string[];
    counts: () => { subscriptions: number; watches: number };
  } => {
    const logged: string[] = [];
    const logger: Logger = {
      error: (message, context) => void logged.push(`${message} ${JSON.stringify(context)}`),
      warn: () => undefined,
      info: () => undefined,
      debug: () => undefined,
      child: () => logger,
    };
    let watches = 0;
    let subscriptions = 0;
    class Counted<M extends object> extends Emitter<M> {
      override on<K extends keyof M>(name: K, listener: (payload: M[K]) => void): () => void {
        const end = super.on(name, listener);
        subscriptions += 1;
        return () => {
          subscriptions -= 1;
          end();
        };
      }
    }
    const events = new Counted<Record<string, never>>();
    const watch = (): (() => void) => {
      watches += 1;
      return () => (watches -= 1);
    };
    const components = {
      clock: createSystemOutside().clock,
      logger,
      metrics: null,
      assets: Object.assign(events, { inventory }),
      runtime: events,
      monitor: { watch },
      config: events,
      logs: { onLine: () => () => undefined },
      node: events,
      diagnostics: {},
      windowControl: null,
    };
    return {
      components: components as unknown as DispatcherComponents,
      logged,
      counts: () => ({ subscriptions, watches }),
    };
  };

  it('turns an expected failure into its code with its data, and logs nothing', async () => {
    const { components, logged } = createParts(() => {
      throw new TestError({ code: 'REFUSED', amount: 12n }, 'It was refused; ask for less.');
    });
    expect(await createDispatcher(components).call('hardware:inventory', {}, caller)).toEqual({
      ok: false,
      error: { name: 'TestError', code: 'REFUSED', message: 'It was refused; ask for less.', data: { amount: '12' } },
    });
    expect(logged).toEqual([]);
  });
  it('hides a bug behind INTERNAL and logs where it was', async () => {
    const { components, logged } = createParts(() => {
      throw new TypeError('secret detail');
    });
    const reply = await createDispatcher(components).call('hardware:inventory', {}, caller);
    expect(reply).toMatchObject({
      ok: false,
      error: { code: 'INTERNAL', message: expect.stringMatching(/hypermesh logs.*hypermesh bundle create/) as string },
    });
    expect(JSON.stringify(reply)).not.toContain('secret detail');
    expect(logged[0]).toMatch(/secret detail.*dispatcher\.test\.ts/);
  });
  it('does work for a push only while somebody listens', () => {
    const { components, counts } = createParts(() => {
      throw new Error('not asked for');
    });
    const dispatcher = createDispatcher(components);
    expect(counts()).toEqual({ subscriptions: 0, watches: 0 });
    const ends = [
      dispatcher.subscribe('live', () => undefined),
      dispatcher.subscribe('live', () => undefined),
      dispatcher.subscribe('promises', () => undefined),
    ];
    expect(counts()).toEqual({ subscriptions: 2, watches: 2 });
    ends[0]?.();
    ends[0]?.();
    expect(counts()).toEqual({ subscriptions: 2, watches: 2 });
    for (const end of ends) end();
    expect(counts()).toEqual({ subscriptions: 0, watches: 0 });
    dispatcher.subscribe('share', () => undefined)();
    expect(counts()).toEqual({ subscriptions: 0, watches: 0 });
  });
});
