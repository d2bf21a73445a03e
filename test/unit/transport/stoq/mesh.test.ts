import { describe, expect, it } from 'vitest';
import { Emitter } from '../../../../main/base/index.ts';
import type {
  Connection,
  EndpointEvents,
  PeerBook,
  ProtocolSpec,
  StoqNode,
} from '../../../../main/transport/stoq/index.ts';
import { createMesh } from '../../../../main/transport/stoq/index.ts';

const SPEC: ProtocolSpec = {
  name: '/hypermesh/test/1',
  streamsMax: 1,
  opensPerTenSeconds: 1,
  bytesMax: null,
  deadlineMs: null,
};

/** A node of which only the endpoint counts here. */
const makeNode = () => {
  const events = new Emitter<EndpointEvents>();
  const handled = new Set<string>();
  const node = {
    endpoint: {
      on: events.on.bind(events),
      handle: (spec: ProtocolSpec) => {
        handled.add(spec.name);
        return () => handled.delete(spec.name);
      },
      connect: async () => ({ peer: { peerId: 'far' } }) as Connection,
    },
  } as unknown as StoqNode;
  return { node, events, handled };
};
const handler = async (): Promise<void> => undefined;

describe('the mesh', () => {
  it('refuses to connect while there is no node, and says what to do', async () => {
    const mesh = createMesh({ book: {} as PeerBook });
    await expect(mesh.connect({ peer: null, addresses: [] })).rejects.toMatchObject({ code: 'NOT_RUNNING' });
    expect(mesh.node).toBeNull();
  });
  it('offers a protocol again to every node that starts, and none that was withdrawn', () => {
    const mesh = createMesh({ book: {} as PeerBook });
    const withdraw = mesh.handle(SPEC, handler);
    const first = makeNode();
    mesh.set(first.node);
    expect([...first.handled]).toEqual([SPEC.name]);
    const other = mesh.handle({ ...SPEC, name: '/hypermesh/other/1' }, handler);
    expect(first.handled.size).toBe(2);
    mesh.set(null);
    other();
    const second = makeNode();
    mesh.set(second.node);
    expect([...second.handled]).toEqual([SPEC.name]);
    withdraw();
    expect(second.handled.size).toBe(0);
  });
  it('tells of starts, ends and connections of the node that runs, and of no other', () => {
    const mesh = createMesh({ book: {} as PeerBook });
    const told: string[] = [];
    mesh.on('started', () => told.push('started'));
    mesh.on('stopped', () => told.push('stopped'));
    mesh.on('connected', () => told.push('connected'));
    mesh.on('disconnected', () => told.push('disconnected'));
    const { node, events } = makeNode();
    mesh.set(node);
    mesh.set(node);
    events.emit('connected', { connection: {} as Connection });
    events.emit('disconnected', { peer: 'far' as never, reason: 'done', detail: '' });
    mesh.set(null);
    events.emit('connected', { connection: {} as Connection });
    expect(told).toEqual(['started', 'connected', 'disconnected', 'stopped']);
  });
  it('says goodbye to the node before when another takes its place', () => {
    const mesh = createMesh({ book: {} as PeerBook });
    const told: string[] = [];
    mesh.on('started', () => told.push('started'));
    mesh.on('stopped', () => told.push('stopped'));
    mesh.set(makeNode().node);
    mesh.set(makeNode().node);
    expect(told).toEqual(['started', 'stopped', 'started']);
  });
});
