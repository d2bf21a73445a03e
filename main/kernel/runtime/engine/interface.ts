import type Docker from 'dockerode';
import type { EventSource, Startable } from '../../../base/index.ts';

/** Where an engine listens, as the container adapter found or the owner set it. */
export interface EngineState {
  ok: boolean;
  /** What is wrong and what to do; empty where it is well. */
  sentence: string;
  endpoint: string | null;
  engine: 'Docker' | 'Podman' | null;
  version: string | null;
  apiVersion: string | null;
  cgroupVersion: '1' | '2' | null;
  rootless: boolean;
  userns: boolean;
}
/**
 * The container engine, loaded when first used (`dockerode` takes 150 ms and 30 MB), looked for again when it comes, goes, or is
 * replaced while the node runs. One home for talking to it.
 */
export interface Engine extends Startable, EventSource<{ changed: EngineState }> {
  state(): EngineState;
  /** Looks again now. */
  refresh(): Promise<EngineState>;
  /** @throws {RuntimeError} `ENGINE_MISSING` with the state's sentence */
  client(): Promise<Docker>;
  /** Names this node's things in the engine: value of label `org.hypermesh.node` on everything that it makes. */
  readonly mark: string;
}
export const ENGINE_LABELS = {
  node: 'org.hypermesh.node',
  job: 'org.hypermesh.job',
  role: 'org.hypermesh.role',
} as const;
