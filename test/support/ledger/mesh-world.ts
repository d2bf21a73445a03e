import { createSystemOutside, type Outside, type WorkerPool } from '../../../main/base/index.ts';
import type { PeerId, StoqNode } from '../../../main/transport/stoq/index.ts';
import { createMesh, type MeshControl } from '../../../main/transport/stoq/index.ts';
import type { Carrier } from '../../../main/transport/stoq/carriers/interface.ts';
import type { Address } from '../../../main/transport/stoq/interface.ts';
import { makePeer, type TestPeer } from '../stoq/make-peer.ts';
import { startTestNode, type TestNode } from '../stoq/test-node.ts';

/** A node with an endpoint and a mesh above it, and nothing else of STOQ. */
export interface MeshNode {
  readonly peer: TestPeer;
  readonly node: TestNode;
  readonly mesh: MeshControl;
  connect(peer: PeerId, address: Address): Promise<void>;
  stop(): Promise<void>;
}
export const startMeshNode = async (
  components: { outside?: Outside; workers: WorkerPool },
  init: { seed: number; carrier: Carrier; listen: Address; dht?: StoqNode['dht'] },
): Promise<MeshNode> => {
  const { outside = createSystemOutside(), workers } = components;
  const peer = makePeer(init.seed);
  const node = await startTestNode({ outside, workers }, { local: peer.local, carriers: [init.carrier] });
  await node.endpoint.listen(init.listen);
  const mesh = createMesh({ book: node.book });
  // Of a whole node, what the rooms above use of it.
  const stoq = {
    endpoint: node.endpoint,
    dht: init.dht ?? (() => null),
  } as unknown as StoqNode;
  mesh.set(stoq);
  return {
    peer,
    node,
    mesh,
    connect: async (target, address) => {
      await node.endpoint.connect({ peer: target, addresses: [address] });
    },
    stop: async () => {
      mesh.set(null);
      await node.stop();
    },
  };
};
