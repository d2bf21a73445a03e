/** pino-roll 4.0.0 comes without types; these are of its readme and source, https://github.com/mcollina/pino-roll. */
declare module 'pino-roll' {
  /** The part that we use of a SonicBoom stream, https://github.com/pinojs/sonic-boom. */
  export interface RollingFile extends NodeJS.EventEmitter {
    write(text: string): boolean;
    flush(done: (error?: Error) => void): void;
    end(): void;
  }
  export interface RollOptions {
    /** Path without number and extension. */
    file: string;
    extension?: string;
    /** MiB. */
    size?: number;
    limit?: {
      /** Files left after cleaning up. */
      count: number;
      /** Also those of earlier runs. */
      removeOtherLogFiles?: boolean;
    };
    /** Permissions of a new file. */
    mode?: number;
    /** Characters that may wait; beyond it lines are dropped with the event `drop`. */
    maxLength?: number;
    /** Characters that wait for more before they are written. */
    minLength?: number;
  }
  export default function openRollingFile(options: RollOptions): Promise<RollingFile>;
}
