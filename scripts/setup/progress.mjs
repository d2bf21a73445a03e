// Progress of the set-up, on stderr: what a command prints on stdout stays its own. Node's built-ins only.

/** A line every 10 s tells a log's reader that it still works, without filling the log. */
const PLAIN_INTERVAL_MS = 10_000;
/** Four redraws a second look alive and cost nothing. */
const TTY_INTERVAL_MS = 250;

/**
 * @typedef {object} Stage
 * @property {(detail: string) => void} detail - shows what happens right now, beside the title
 * @property {(result: string) => void} done - ends the stage with its result
 * @property {(reason: string) => void} failed - ends the stage with the reason why it failed
 */

/**
 * @typedef {object} Progress
 * @property {(text: string) => void} say - prints one line
 * @property {(title: string) => Stage} stage - starts a stage and shows it until it is done
 */

/**
 * @param {{ stream?: { write(text: string): unknown, isTTY?: boolean, columns?: number } }} [init]
 * @returns {Progress}
 */
export function createProgress({ stream = process.stderr } = {}) {
  const isTty = stream.isTTY === true;
  /** @param {string} text */
  const say = (text) => void stream.write(`${isTty ? '\r\x1b[K' : ''}${text}\n`);
  return {
    say,
    stage(title) {
      const startedMs = performance.now();
      let detail = '';
      const elapsed = () => `${((performance.now() - startedMs) / 1000).toFixed(0)} s`;
      const line = () => `  … ${title}: ${detail === '' ? '' : `${detail}, `}${elapsed()}`;
      if (!isTty) say(`  … ${title}`);
      const timer = setInterval(
        () => {
          if (isTty) stream.write(`\r\x1b[K${line().slice(0, (stream.columns ?? 80) - 1)}`);
          else say(line());
        },
        isTty ? TTY_INTERVAL_MS : PLAIN_INTERVAL_MS,
      );
      timer.unref();
      return {
        detail(text) {
          detail = text;
        },
        done(result) {
          clearInterval(timer);
          say(`  ✓ ${title}: ${result} (${elapsed()})`);
        },
        failed(reason) {
          clearInterval(timer);
          say(`  ✗ ${title}: ${reason} (${elapsed()})`);
        },
      };
    },
  };
}
