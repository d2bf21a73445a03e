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
/** What the engine told of one of this node's containers. */
export interface ContainerEvent {
  id: string;
  name: string;
  /** Such as `die`, `oom`, `kill`. */
  action: string;
  attributes: Readonly<Record<string, string>>;
}
export interface EngineEvents {
  /** It came, went, or is another one now. Within a second of a stop or restart, 15 s where it hangs. */
  changed: EngineState;
  /** Something happened to a container that carries our mark. Not told while no engine answers. */
  container: ContainerEvent;
}
/**
 * The container engine, loaded when first used (`dockerode` takes 150 ms and 30 MB), looked for again when it comes, goes, or is
 * replaced while the node runs. One home for talking to it.
 */
export interface Engine extends Startable, EventSource<EngineEvents> {
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
