/** The one folder of a node, opened and locked. Only one process holds it at a time, whatever happens to that process. */
export interface DataFolder {
  readonly path: string;
  readonly databasePath: string;
  readonly logsPath: string;
  readonly configPath: string;
  /** Sealed keys of the node and the account; docs/formats/identity-file.md. */
  readonly identityPath: string;
  /** Plotted space, one file per plot. Made by whoever plots. */
  readonly plotsPath: string;
  /** Files on their way in or out, such as exported chains. Made when first used. */
  readonly transferPath: string;
  /** Files by the hash of their content; docs/formats/content-store.md. Made by the content store. */
  readonly contentPath: string;
  /** Scratch space that is emptied at every start. */
  readonly temporaryPath: string;
  /** Tells other processes of this user how to reach the node. Written 0600, removed at release. */
  announce(running: RunningNode): Promise<void>;
  /** Gives the lock back. May be called twice. */
  release(): Promise<void>;
}

/** How a client of the same user finds the node that runs. Contents of `node.json`. */
export interface RunningNode {
  pid: number;
  url: string | null;
  token: string;
  mode: 'desktop' | 'headless';
  startedAtMs: number;
  version: string;
}
