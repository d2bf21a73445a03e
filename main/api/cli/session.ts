import { resolve } from 'node:path';
import type { Call, RequestInputOf, ResponseOf } from '../../../preload/contract/index.ts';
import type { Clock } from '../../base/index.ts';
import { readRunningNode } from '../../base/data-folder/index.ts';
import { type HttpClient, createHttpClient } from '../client/index.ts';
import { AnswerError, CliError } from './errors.ts';
import type { CliComponents, CliInit, Terminal } from './interface.ts';
import { type Style, createStyle } from './table.ts';
import { views } from './views.ts';

/** Flags that every command takes. */
export interface GlobalOptions {
  json: boolean;
  data: string;
}

/** One run of the command line: where the node is, and how results are shown. */
export class Session {
  readonly #components: CliComponents;
  readonly init: CliInit;
  #options: GlobalOptions;
  #client: HttpClient | null = null;
  /** What the process ends with if nothing fails. */
  exitCode = 0;

  constructor(components: CliComponents, init: CliInit) {
    this.#components = components;
    this.init = init;
    this.#options = { json: false, data: init.dataFolder };
  }

  /** Called once, when the command line was understood. */
  useOptions(options: Partial<GlobalOptions>): void {
    this.#options = {
      json: options.json ?? false,
      data: options.data === undefined ? this.init.dataFolder : resolve(options.data),
    };
  }

  get terminal(): Terminal {
    return this.#components.terminal;
  }
  get clock(): Clock {
    return this.#components.clock;
  }
  get components(): CliComponents {
    return this.#components;
  }
  get json(): boolean {
    return this.#options.json;
  }
  get dataFolder(): string {
    return this.#options.data;
  }
  get style(): Style {
    return createStyle({ colour: this.terminal.colour, columns: this.terminal.columns, nowMs: this.clock.nowMs() });
  }

  /** The node of this data folder, or null when none runs. */
  async find(): Promise<{ client: HttpClient; url: string; token: string; pid: number } | null> {
    const running = await readRunningNode(this.dataFolder);
    if (running === null || running.url === null) return null;
    this.#client ??= createHttpClient({ url: running.url, token: running.token });
    return { client: this.#client, url: running.url, token: running.token, pid: running.pid };
  }

  /** @throws {CliError} `NO_NODE` */
  async client(): Promise<HttpClient> {
    const found = await this.find();
    if (found === null)
      throw new CliError(
        { code: 'NO_NODE' },
        'No node runs; start it with `hypermesh start`, or `hypermesh start --headless` on a machine without a screen.',
      );
    return found.client;
  }

  /**
   * @throws {AnswerError} with the code that the node answered
   * @throws {CliError} `NO_NODE`
   */
  async call<C extends Call>(name: C, request: RequestInputOf<C>): Promise<ResponseOf<C>> {
    const client = await this.client();
    const reply = await client.call(name, request);
    if (!reply.ok) throw new AnswerError(reply.error);
    return reply.value;
  }

  /** Shows what a call answered: as the contract has it with `--json`, for people otherwise. */
  show<C extends Call>(name: C, value: ResponseOf<C>): void {
    if (this.json) this.printJson(value);
    else this.print((views[name] as (value: ResponseOf<C>, style: Style) => string)(value, this.style));
  }

  print(text: string): void {
    this.terminal.writeOut(text);
  }
  printJson(value: unknown): void {
    this.terminal.writeOut(`${JSON.stringify(value, null, 2)}\n`);
  }
  /** News on the way to a result; kept out of results. */
  note(text: string): void {
    this.terminal.writeError(`${text}\n`);
  }

  /** Lets go of the connection, so that the process can end. */
  close(): void {
    this.#client?.close();
  }
}
