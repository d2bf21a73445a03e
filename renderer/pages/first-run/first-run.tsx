import { Button } from '@mantine/core';
import { type ReactNode, useEffect, useRef, useState } from 'react';
import type { Inventory, ResourceShare } from '../../../preload/contract/index.ts';
import { Mark } from '../../app/mark.tsx';
import { ConnectionBanner } from '../../app/shell.tsx';
import { Note, showError } from '../../components/error-note.tsx';
import { LevelSlider } from '../../components/level-slider.tsx';
import { Loading } from '../../components/layout.tsx';
import { bytesText, kindOf } from '../../components/quantity.ts';
import { ResourceIcon } from '../../components/resource-icon.tsx';
import { ReadingValue, Unknown } from '../../components/unknown.tsx';
import { useNode, useNodeAccess } from '../../state/node-context.tsx';
import { BenchmarkPanel } from '../machine/benchmark-panel.tsx';
import { meaningOf, PRIVACY, titleOf } from '../share/share-text.ts';
import { IdentityStep } from './identity-step.tsx';
import './first-run.css';

const STEPS = ['What this is', 'What you lend', 'Who you are', 'How fast it is'] as const;

const Thing = ({
  resource,
  name,
  children,
}: {
  resource: 'cpu' | 'memory' | 'storage' | 'network' | 'gpu:x' | 'container';
  name: string;
  children: ReactNode;
}) => (
  <li>
    <ResourceIcon resource={resource} />
    <span className="hm-grow">
      <span className="hm-small hm-dim">{name}</span>
      <span className="hm-break">{children}</span>
    </span>
  </li>
);

const Hardware = ({ inventory }: { inventory: Inventory }) => {
  const { cpu, memory, disks, interfaces, gpus, container } = inventory;
  return (
    <ul className="hm-first-things">
      <Thing resource="cpu" name="Processor">
        <ReadingValue reading={cpu.model}>{(model) => model}</ReadingValue>, {cpu.threads}{' '}
        {cpu.threads === 1 ? 'thread' : 'threads'}
      </Thing>
      <Thing resource="memory" name="Memory">
        {bytesText(memory.totalBytes)}
      </Thing>
      <Thing resource="storage" name="Disks">
        <ReadingValue reading={disks}>
          {(list) => (list.length === 0 ? 'none found' : list.map((disk) => bytesText(disk.sizeBytes)).join(', '))}
        </ReadingValue>
      </Thing>
      <Thing resource="network" name="Network">
        <ReadingValue reading={interfaces}>
          {(list) =>
            list
              .filter((entry) => entry.up && !entry.loopback && !(entry.virtual.known && entry.virtual.value))
              .map((entry) => entry.name)
              .join(', ') || 'no interface is up'
          }
        </ReadingValue>
      </Thing>
      <Thing resource="gpu:x" name="Graphics">
        {gpus.known ? (
          gpus.value.map((gpu) => gpu.model).join(', ') || 'none found'
        ) : (
          <Unknown word="not known yet" reason={gpus.reason} />
        )}
      </Thing>
      <Thing resource="container" name="Containers">
        {container.known ? (
          `${container.value.engine} ${container.value.version}`
        ) : (
          <Unknown word="no engine reached" reason={container.reason} />
        )}
      </Thing>
    </ul>
  );
};

const What = () => {
  const inventory = useNode((state) => state.inventory);
  return (
    <>
      <p>
        HyperMesh lets others use what your hardware can spare, within limits that you set and can see held. It runs
        jobs in processes of their own, without your files and without your network.
      </p>
      <p className="hm-dim">
        No account is made and nothing is sent. Until you join others, this machine is a home network of one. This is
        what it has:
      </p>
      {inventory === null ? <Loading what="the hardware" /> : <Hardware inventory={inventory} />}
    </>
  );
};

/** Resources whose level is asked for here; the others keep their defaults and are on the Share page. */
const ASKED = new Set(['cpu', 'memory', 'storage', 'gpu']);

const ShareSlider = ({ share }: { share: ResourceShare }) => {
  const node = useNodeAccess();
  const asset = useNode((state) => state.assets?.find((entry) => entry.resource === share.resource));
  const title = titleOf(share.resource, asset);
  return (
    <LevelSlider
      label={title}
      value={share.percentMax}
      meaning={meaningOf(asset)}
      onCommit={(percentMax) =>
        void node
          .setShare(share.resource, { percentMax })
          .then((reply) => !reply.ok && showError(`${title}: the change was not made`, reply.error))
      }
    />
  );
};

const HowMuch = () => {
  const resources = useNode((state) => state.share?.resources);
  const asked = resources?.filter((share) => ASKED.has(kindOf(share.resource))) ?? [];
  const allPrivate = asked.every((share) => share.terms.privacyLevel === 'Private');
  return (
    <>
      <p>
        At most this much may be used, and less whenever a rule says so. Share has a week grid, levels for when you use
        the machine or are away, and more.
      </p>
      <div className="hm-first-sliders">
        {asked.map((share) => (
          <ShareSlider key={share.resource} share={share} />
        ))}
      </div>
      <Note title={allPrivate ? `Privacy: ${PRIVACY.Private.label}` : 'Privacy: as you set it on Share'}>
        <p>
          {allPrivate
            ? `${PRIVACY.Private.who} ${PRIVACY.Private.seen} You can open it on Share at any time, after seeing what others would see.`
            : 'Each resource keeps the privacy level that you chose for it.'}
        </p>
      </Note>
    </>
  );
};

const HowFast = () => (
  <>
    <p>
      A short measurement tells you and those who borrow what this machine can do. You can do without it now and measure
      at any time on Machine.
    </p>
    <BenchmarkPanel />
  </>
);

/** Four short steps before the first use. Changes nothing but what the owner moves or asks for, and that it was seen. */
export const FirstRun = () => {
  const node = useNodeAccess();
  const [step, setStep] = useState(0);
  const [busy, setBusy] = useState(false);
  /** A step has a form of its own open, with its own way on and back. */
  const [inFlow, setInFlow] = useState(false);
  const heading = useRef<HTMLHeadingElement>(null);
  const moved = useRef(false);
  const title = STEPS[step] ?? STEPS[0];
  useEffect(() => {
    document.title = `${title} · HyperMesh`;
    if (moved.current) heading.current?.focus();
  }, [title]);
  const go = (to: number): void => {
    moved.current = true;
    setStep(to);
  };
  const finish = async (): Promise<void> => {
    setBusy(true);
    const reply = await node.setConfig({ firstRunDone: true });
    setBusy(false);
    if (!reply.ok) showError('That could not be kept', reply.error);
  };
  const last = step === STEPS.length - 1;
  return (
    <main className="hm-first">
      <ConnectionBanner />
      <div className="hm-first-card">
        <header className="hm-first-head">
          <Mark size={36} />
          <div className="hm-grow">
            <p className="hm-small hm-dim">
              Welcome to HyperMesh · step {step + 1} of {STEPS.length}
            </p>
            <h1 ref={heading} tabIndex={-1}>
              {title}
            </h1>
          </div>
        </header>
        <div className="hm-first-steps" aria-hidden="true">
          {STEPS.map((name, index) => (
            <span key={name} data-done={index <= step || undefined} />
          ))}
        </div>
        <div className="hm-first-body">
          {step === 0 && <What />}
          {step === 1 && <HowMuch />}
          {step === 2 && <IdentityStep onFlow={setInFlow} />}
          {step === 3 && <HowFast />}
        </div>
        <footer className="hm-first-foot" hidden={inFlow}>
          {!last && (
            <Button variant="subtle" color="gray" ml={-16} loading={busy} onClick={() => void finish()}>
              Skip
            </Button>
          )}
          <span className="hm-grow" />
          {step > 0 && (
            <Button variant="default" onClick={() => go(step - 1)}>
              Back
            </Button>
          )}
          {last ? (
            <Button loading={busy} onClick={() => void finish()}>
              Finish
            </Button>
          ) : (
            <Button onClick={() => go(step + 1)}>Next</Button>
          )}
        </footer>
      </div>
    </main>
  );
};
