import { ActionIcon, Button, SegmentedControl, Switch, TextInput, Tooltip } from '@mantine/core';
import { IconArrowDown, IconArrowUp, IconDownload, IconSearch } from '@tabler/icons-react';
import { type KeyboardEvent, useEffect, useLayoutEffect, useMemo, useRef, useState } from 'react';
import type { JobView } from '../../../preload/contract/index.ts';
import { saveBlob } from '../../components/files.ts';
import { Panel } from '../../components/layout.tsx';
import { bytesText } from '../../components/quantity.ts';
import { CopyButton } from '../../components/short-hash.tsx';
import { windowOfLines } from '../../components/window-of-lines.ts';
import type { OutputLine } from '../../state/job-output.ts';
import { createOutputSearch, piecesOf } from '../../state/output-search.ts';
import { useJobOutput } from '../../state/use-job-output.ts';

/** Height of a line; equal to `line-height` of `.hm-output` in jobs.css. */
const LINE_PX = 18;
/** A reader who is this close to the end looks at the end. */
const END_PX = 40;
/** So many characters are put on the clipboard at most; more is what *Save* is for. */
const COPY_CHARACTERS_MAX = 1024 * 1024;
const QUERY_LENGTH_MAX = 200;

type Stream = 'both' | OutputLine['stream'];

const Line = ({ line, query, current }: { line: OutputLine; query: string; current: boolean }) => (
  <div className="hm-output-line" data-stream={line.stream} data-current={current || undefined}>
    <span className="hm-output-number" aria-hidden="true">
      {line.number}
    </span>
    <span>
      {line.stream === 'stderr' && <span className="hm-sr">Error output: </span>}
      {query === ''
        ? line.text
        : piecesOf(line.text, query).map((piece, index) =>
            // Pieces have no identity but their place.
            // oxlint-disable-next-line react/no-array-index-key
            index % 2 === 1 ? <mark key={index}>{piece}</mark> : piece,
          )}
    </span>
  </div>
);

const Search = ({
  query,
  count,
  place,
  onQuery,
  onStep,
}: {
  query: string;
  count: number;
  /** Which hit is shown, from 1; 0 before the first. */
  place: number;
  onQuery(query: string): void;
  onStep(step: 1 | -1): void;
}) => {
  const step = (event: KeyboardEvent): void => {
    if (event.key === 'Escape') onQuery('');
    if (event.key !== 'Enter') return;
    event.preventDefault();
    onStep(event.shiftKey ? -1 : 1);
  };
  return (
    <div className="hm-row hm-output-search" role="search">
      <TextInput
        aria-label="Search in the output"
        placeholder="Search"
        size="xs"
        maxLength={QUERY_LENGTH_MAX}
        leftSection={<IconSearch size={14} aria-hidden />}
        value={query}
        onChange={(event) => onQuery(event.currentTarget.value)}
        onKeyDown={step}
      />
      {query !== '' && (
        <>
          <span className="hm-small hm-dim hm-number" role="status">
            {count === 0
              ? 'not found'
              : `${place === 0 ? '' : `${place} of `}${count} ${count === 1 ? 'line' : 'lines'}`}
          </span>
          <Tooltip label="The one before (Shift+Enter)">
            <ActionIcon
              variant="subtle"
              color="gray"
              size={24}
              aria-label="The one before"
              disabled={count === 0}
              onClick={() => onStep(-1)}
            >
              <IconArrowUp size={14} aria-hidden />
            </ActionIcon>
          </Tooltip>
          <Tooltip label="The next one (Enter)">
            <ActionIcon
              variant="subtle"
              color="gray"
              size={24}
              aria-label="The next one"
              disabled={count === 0}
              onClick={() => onStep(1)}
            >
              <IconArrowDown size={14} aria-hidden />
            </ActionIcon>
          </Tooltip>
        </>
      )}
    </div>
  );
};

/** What a job writes, live: both streams, followed or read back, searched, copied, saved. Draws only what can be seen. */
export const JobLogs = ({ job }: { job: JobView }) => {
  const { lines: all, dropped, loaded } = useJobOutput(job.id);
  const [stream, setStream] = useState<Stream>('both');
  const [follow, setFollow] = useState(true);
  const [query, setQuery] = useState('');
  /** Index of the hit that is shown, in the list of hits. */
  const [hit, setHit] = useState<number | null>(null);
  const [view, setView] = useState({ scrollPx: 0, heightPx: 0 });
  const box = useRef<HTMLDivElement>(null);
  const [search] = useState(createOutputSearch);
  const lines = useMemo(() => (stream === 'both' ? all : all.filter((line) => line.stream === stream)), [all, stream]);
  const matches = useMemo(() => search(stream, lines, query), [search, stream, lines, query]);
  const shown = windowOfLines(lines.length, LINE_PX, view.scrollPx, view.heightPx);
  const currentLine = hit === null ? null : (matches[hit] ?? null);

  // New lines are what moves the view.
  useEffect(() => {
    if (follow && box.current !== null) box.current.scrollTop = box.current.scrollHeight;
  }, [lines, follow]);
  // Lines that were dropped above would move those that are being read.
  const droppedBefore = useRef(dropped);
  useLayoutEffect(() => {
    const gone = dropped - droppedBefore.current;
    droppedBefore.current = dropped;
    if (gone > 0 && !follow && box.current !== null) box.current.scrollTop -= gone * LINE_PX;
  }, [dropped, follow]);
  useEffect(() => {
    const element = box.current;
    if (element === null) return;
    const measure = (): void => setView({ scrollPx: element.scrollTop, heightPx: element.clientHeight });
    measure();
    const observer = new ResizeObserver(measure);
    observer.observe(element);
    return () => observer.disconnect();
  }, []);

  const goToHit = (index: number): void => {
    const line = matches[index];
    if (line === undefined) return;
    setHit(index);
    setFollow(false);
    const element = box.current;
    if (element !== null) element.scrollTop = Math.max(0, line * LINE_PX - element.clientHeight / 2);
  };
  const step = (by: 1 | -1): void => {
    const count = matches.length;
    if (count > 0) goToHit(((hit ?? (by === 1 ? -1 : 0)) + by + count) % count);
  };
  const text = (): string => lines.map((line) => line.text).join('\n');
  const tail = (): string => text().slice(-COPY_CHARACTERS_MAX);
  return (
    <Panel
      flush
      title="Output"
      hint={`${bytesText(job.measured.outputBytes)} of at most ${bytesText(job.promised.outputBytesMax)}${dropped > 0 ? `; the first ${dropped} lines are not shown here` : ''}`}
      actions={<Switch label="Follow" checked={follow} onChange={(event) => setFollow(event.currentTarget.checked)} />}
    >
      <div className="hm-row hm-output-tools">
        <SegmentedControl
          size="xs"
          aria-label="Which output"
          value={stream}
          onChange={(value) => {
            setStream(value);
            setHit(null);
          }}
          data={[
            { value: 'both', label: 'All' },
            { value: 'stdout', label: 'Output' },
            { value: 'stderr', label: 'Errors' },
          ]}
        />
        <Search
          query={query}
          count={matches.length}
          place={hit === null || hit >= matches.length ? 0 : hit + 1}
          onQuery={(next) => {
            setQuery(next);
            setHit(null);
          }}
          onStep={step}
        />
        <span className="hm-grow" />
        <CopyButton text={tail} what="the output" />
        <Tooltip label="Save as a file">
          <ActionIcon
            variant="subtle"
            color="gray"
            size={24}
            aria-label="Save the output as a file"
            disabled={lines.length === 0}
            onClick={() => saveBlob(`${job.id}.log`, new Blob([text(), '\n'], { type: 'text/plain' }))}
          >
            <IconDownload size={14} aria-hidden />
          </ActionIcon>
        </Tooltip>
      </div>
      <div
        className="hm-output"
        ref={box}
        role="log"
        aria-label="Output of the job"
        aria-live="off"
        // oxlint-disable-next-line jsx-a11y/no-noninteractive-tabindex -- scrollable, so it must be reachable by keyboard
        tabIndex={0}
        onScroll={(event) => {
          const { scrollTop, scrollHeight, clientHeight } = event.currentTarget;
          setView({ scrollPx: scrollTop, heightPx: clientHeight });
          // Who scrolls up wants to read, not to be carried along.
          if (follow && scrollHeight - clientHeight - scrollTop > END_PX) setFollow(false);
        }}
      >
        {lines.length === 0 ? (
          <p className="hm-output-line hm-dim">
            {!loaded
              ? 'Reading …'
              : all.length > 0
                ? 'Nothing of that stream.'
                : job.state === 'ended'
                  ? 'It wrote nothing.'
                  : 'Nothing written yet.'}
          </p>
        ) : (
          <div className="hm-output-lines">
            <div style={{ height: shown.abovePx }} aria-hidden="true" />
            {lines.slice(shown.from, shown.to).map((line, index) => (
              <Line key={line.number} line={line} query={query} current={shown.from + index === currentLine} />
            ))}
            <div style={{ height: shown.belowPx }} aria-hidden="true" />
          </div>
        )}
      </div>
      {!follow && job.state !== 'ended' && lines.length > 0 && (
        <div className="hm-row hm-output-foot">
          <Button size="compact-xs" variant="subtle" onClick={() => setFollow(true)}>
            Go to the newest line
          </Button>
        </div>
      )}
    </Panel>
  );
};
