export { createMeshNetwork, type MeshNetworkComponents, type MeshNetworkInit } from './create-mesh-network.ts';
