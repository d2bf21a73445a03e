/** How a share is held, as the contract names it. */
export type GovernorKind = 'cgroup' | 'duty-cycle' | 'none';

/** The process that is governed. */
export interface GovernedProcess {
  readonly pid: number;
  /** Sends a signal to the whole process group. Does nothing once the process has ended. */
  signal(signal: 'SIGSTOP' | 'SIGCONT'): void;
}

/**
 * Holds what the whole process, all its threads, takes from the processor.
 *
 * Compliance suite: test/compliance/cpu-governor.ts.
 */
export interface CpuGovernor {
  readonly kind: GovernorKind;
  /** Whether it works here, found out by trying. Leaves nothing behind. */
  probe(): Promise<boolean>;
  /**
   * Takes a process that has just been started. Until `begin`, it may run freely for `START_ALLOWANCE_CPU_MS` of
   * processor time, so that starting is quick at any share.
   *
   * @param millicores - thousandths of one core; 0 freezes
   */
  govern(process: GovernedProcess, millicores: number): CpuHold;
  /** Ends the governor and removes what it made on the system. Processes must have ended before. */
  close(): void;
}

export interface CpuHold {
  /** How this process is really held: a governor may fall back to another way for one of them. */
  readonly kind: GovernorKind;
  /** In force within 1 s. 0 freezes the process, anything above lets it continue. */
  setMillicores(millicores: number): void;
  /** The program's first instruction is next: the start allowance is over. */
  begin(): void;
  /** The process has ended, or is about to be killed. May be called twice. */
  release(): void;
}
