import { Button } from '@mantine/core';
import { useState } from 'react';
import type { Inventory, Reading } from '../../../preload/contract/index.ts';
import { showError } from '../../components/error-note.tsx';
import { Fact, Facts, Loading, PageHeader, Panel, Tag } from '../../components/layout.tsx';
import { bytesText, caesText, celsiusText, frequencyText, lineSpeedText } from '../../components/quantity.ts';
import { dateTimeText, durationText } from '../../components/time-text.ts';
import { ReadingValue, sentence } from '../../components/unknown.tsx';
import { useNode, useNodeAccess } from '../../state/node-context.tsx';
import { BenchmarkPanel } from './benchmark-panel.tsx';
import './machine.css';

const text = (value: string): string => value;
const yesNo = (value: boolean): string => (value ? 'yes' : 'no');
const count = (value: number): string => String(value);

const R = <T,>({ of, as }: { of: Reading<T>; as(value: T): string }) => (
  <ReadingValue reading={of}>{(value) => as(value)}</ReadingValue>
);

/** The whole section could not be read; the reason says it better than the word "unknown" would. */
const Missing = ({ reason }: { reason: string }) => <p className="hm-dim">{sentence(reason)}</p>;

const Processor = ({ cpu }: { cpu: Inventory['cpu'] }) => {
  const [all, setAll] = useState(false);
  return (
    <Panel title="Processor" hint={<R of={cpu.model} as={text} />}>
      <Facts>
        <Fact name="Vendor">
          <R of={cpu.vendor} as={text} />
        </Fact>
        <Fact name="Architecture">{cpu.architecture}</Fact>
        <Fact name="Sockets">
          <R of={cpu.sockets} as={count} />
        </Fact>
        <Fact name="Cores">
          <R of={cpu.cores} as={count} />
        </Fact>
        <Fact name="Threads">{cpu.threads}</Fact>
        <Fact name="Performance cores">
          <R of={cpu.performanceCores} as={count} />
        </Fact>
        <Fact name="Efficiency cores">
          <R of={cpu.efficiencyCores} as={count} />
        </Fact>
        <Fact name="Base frequency">
          <R of={cpu.frequencyBaseMhz} as={frequencyText} />
        </Fact>
        <Fact name="Highest frequency">
          <R of={cpu.frequencyMaxMhz} as={frequencyText} />
        </Fact>
        <Fact name="Cache L1">
          <R of={cpu.cacheL1Bytes} as={bytesText} />
        </Fact>
        <Fact name="Cache L2">
          <R of={cpu.cacheL2Bytes} as={bytesText} />
        </Fact>
        <Fact name="Cache L3">
          <R of={cpu.cacheL3Bytes} as={bytesText} />
        </Fact>
        <Fact name="Virtualization">
          <R of={cpu.virtualization} as={text} />
        </Fact>
        <Fact name="Temperature">
          <R of={cpu.temperatureCelsius} as={celsiusText} />
        </Fact>
      </Facts>
      <div className="hm-features">
        <ReadingValue reading={cpu.features}>
          {(features) => (
            <>
              <button type="button" className="hm-link" aria-expanded={all} onClick={() => setAll(!all)}>
                {all ? 'Hide' : 'Show'} the {features.length} features of the instruction set
              </button>
              {all && <p className="hm-features-list">{features.join(' ')}</p>}
            </>
          )}
        </ReadingValue>
      </div>
    </Panel>
  );
};

const Memory = ({ memory }: { memory: Inventory['memory'] }) => (
  <Panel title="Memory" hint={bytesText(memory.totalBytes)}>
    <Facts>
      <Fact name="Total">{bytesText(memory.totalBytes)}</Fact>
      <Fact name="Swap">
        <R of={memory.swapTotalBytes} as={bytesText} />
      </Fact>
      <Fact name="Modules">
        <ReadingValue reading={memory.modules}>
          {(modules) =>
            modules
              .map(
                (module) =>
                  `${bytesText(module.sizeBytes)} ${module.kind}${module.speedMhz.known ? ` ${module.speedMhz.value} MHz` : ''} (${module.slot})`,
              )
              .join(', ') || 'none'
          }
        </ReadingValue>
      </Fact>
      <Fact name="NUMA nodes">
        <ReadingValue reading={memory.numaNodes}>
          {(nodes) =>
            nodes.map((node) => `${node.id}: ${bytesText(node.totalBytes)}, CPUs ${node.cpus}`).join('; ') || 'none'
          }
        </ReadingValue>
      </Fact>
    </Facts>
  </Panel>
);

const Disks = ({ disks }: { disks: Inventory['disks'] }) => (
  <Panel title="Disks">
    <ReadingValue reading={disks}>
      {(list) =>
        list.length === 0 ? (
          <p className="hm-dim">No disk was found.</p>
        ) : (
          <div className="hm-things">
            {list.map((disk) => (
              <section key={disk.name} className="hm-thing">
                <h3>
                  <code>{disk.name}</code> <span className="hm-dim">{bytesText(disk.sizeBytes)}</span>
                </h3>
                <p className="hm-small hm-dim">
                  Model: <R of={disk.model} as={text} /> · Kind: <R of={disk.kind} as={text} /> · Removable:{' '}
                  <R of={disk.removable} as={yesNo} />
                </p>
                {disk.filesystems.length > 0 && (
                  <div className="hm-scroll-x">
                    <table className="hm-table">
                      <thead>
                        <tr>
                          <th scope="col">Mounted at</th>
                          <th scope="col">Kind</th>
                          <th scope="col" className="hm-right">
                            Free
                          </th>
                          <th scope="col" className="hm-right">
                            Size
                          </th>
                        </tr>
                      </thead>
                      <tbody>
                        {disk.filesystems.map((filesystem) => (
                          <tr key={filesystem.mount}>
                            <td className="hm-break">
                              <code>{filesystem.mount}</code>
                              {filesystem.readOnly && <Tag>read-only</Tag>}
                            </td>
                            <td>{filesystem.kind}</td>
                            <td className="hm-right">{bytesText(filesystem.freeBytes)}</td>
                            <td className="hm-right">{bytesText(filesystem.totalBytes)}</td>
                          </tr>
                        ))}
                      </tbody>
                    </table>
                  </div>
                )}
              </section>
            ))}
          </div>
        )
      }
    </ReadingValue>
  </Panel>
);

const Interfaces = ({ interfaces }: { interfaces: Inventory['interfaces'] }) => (
  <Panel title="Network">
    <ReadingValue reading={interfaces}>
      {(list) => (
        <div className="hm-things">
          {list.map((entry) => (
            <section key={entry.name} className="hm-thing">
              <h3 className="hm-row">
                <code>{entry.name}</code>
                {entry.isDefault && <Tag tone="accent">default route</Tag>}
                {!entry.up && <Tag>down</Tag>}
                {entry.loopback && <Tag>loopback</Tag>}
              </h3>
              <p className="hm-small hm-dim">
                Kind: <R of={entry.kind} as={text} /> · Speed: <R of={entry.speedMbps} as={lineSpeedText} /> · Metered:{' '}
                <R of={entry.metered} as={yesNo} /> · Virtual: <R of={entry.virtual} as={yesNo} /> · MAC:{' '}
                <R of={entry.mac} as={text} />
              </p>
              {entry.addresses.length > 0 && (
                <p className="hm-break">
                  {entry.addresses.map((address) => (
                    <code key={address.address} className="hm-address">
                      {address.address}/{address.prefixLength}
                    </code>
                  ))}
                </p>
              )}
            </section>
          ))}
        </div>
      )}
    </ReadingValue>
  </Panel>
);

const Graphics = ({ gpus }: { gpus: Inventory['gpus'] }) => (
  <Panel title="Graphics">
    {gpus.known ? (
      gpus.value.length === 0 ? (
        <p className="hm-dim">No graphics card was found.</p>
      ) : (
        <div className="hm-things">
          {gpus.value.map((gpu) => (
            <section key={gpu.slug} className="hm-thing">
              <h3 className="hm-row">
                {gpu.model}
                {gpu.software && <Tag tone="warning">emulated by the processor, not lent</Tag>}
              </h3>
              <Facts>
                <Fact name="Vendor">
                  <R of={gpu.vendor} as={text} />
                </Fact>
                <Fact name="Memory">
                  <R of={gpu.memoryBytes} as={bytesText} />
                </Fact>
                <Fact name="Driver">
                  <R of={gpu.driver} as={text} />
                </Fact>
                <Fact name="Interfaces">{gpu.apis.length === 0 ? 'none found to work' : gpu.apis.join(', ')}</Fact>
                <Fact name="PCI address">
                  <R of={gpu.pciAddress} as={text} />
                </Fact>
                <Fact name="Temperature">
                  <R of={gpu.temperatureCelsius} as={celsiusText} />
                </Fact>
              </Facts>
            </section>
          ))}
        </div>
      )
    ) : (
      <Missing reason={gpus.reason} />
    )}
  </Panel>
);

const Containers = ({ container }: { container: Inventory['container'] }) => (
  <Panel title="Containers">
    {container.known ? (
      <Facts>
        <Fact name="Engine">
          {container.value.engine} {container.value.version}
        </Fact>
        <Fact name="API version">{container.value.apiVersion}</Fact>
        <Fact name="Endpoint">
          <code>{container.value.endpoint}</code>
        </Fact>
        <Fact name="Storage driver">{container.value.storageDriver}</Fact>
        <Fact name="cgroup">
          {container.value.cgroupVersion === 'none'
            ? 'none'
            : `version ${container.value.cgroupVersion}, ${container.value.cgroupDriver}`}
        </Fact>
        <Fact name="Rootless">{yesNo(container.value.rootless)}</Fact>
        <Fact name="CPUs">{container.value.cpus}</Fact>
        <Fact name="Memory">{bytesText(container.value.memoryBytes)}</Fact>
        <Fact name="Runtimes">{container.value.runtimes.join(', ') || 'none'}</Fact>
        <Fact name="Images">{container.value.images}</Fact>
        <Fact name="Containers running">{container.value.containersRunning}</Fact>
      </Facts>
    ) : (
      <Missing reason={container.reason} />
    )}
  </Panel>
);

/** All that the machine has, all that could not be read and why, and how fast it is. */
export const MachinePage = () => {
  const node = useNodeAccess();
  const inventory = useNode((state) => state.inventory);
  const [busy, setBusy] = useState(false);
  const detect = async (): Promise<void> => {
    setBusy(true);
    const reply = await node.ask('hardware:detect', {});
    setBusy(false);
    if (reply.ok) node.store.setState({ inventory: reply.value });
    else showError('The hardware could not be looked at again', reply.error);
  };
  return (
    <>
      <PageHeader
        title="Machine"
        actions={
          <Button variant="default" loading={busy} onClick={() => void detect()}>
            Look again
          </Button>
        }
      >
        {inventory === null
          ? 'What this machine has.'
          : `Looked at ${dateTimeText(inventory.detectedAtMs)}, in ${durationText(inventory.tookMs)}.`}
      </PageHeader>
      <BenchmarkPanel />
      {inventory === null ? (
        <Loading what="the hardware" />
      ) : (
        <>
          <Panel title="System" hint={inventory.system.hostname}>
            <Facts>
              <Fact name="System">
                {inventory.system.os} {inventory.system.version}
              </Fact>
              <Fact name="Kernel">{inventory.system.kernel}</Fact>
              <Fact name="Virtual machine">
                <R of={inventory.system.virtualMachine} as={yesNo} />
              </Fact>
              <Fact name="Battery">
                <R of={inventory.system.battery} as={yesNo} />
              </Fact>
            </Facts>
          </Panel>
          <Processor cpu={inventory.cpu} />
          <Memory memory={inventory.memory} />
          <Disks disks={inventory.disks} />
          <Interfaces interfaces={inventory.interfaces} />
          <Graphics gpus={inventory.gpus} />
          <Containers container={inventory.container} />
          <Panel title="Value">
            {inventory.economic.known ? (
              <Facts>
                <Fact name="Escrowed">{caesText(BigInt(inventory.economic.value.escrowedMicro))}</Fact>
              </Facts>
            ) : (
              <Missing reason={inventory.economic.reason} />
            )}
          </Panel>
        </>
      )}
    </>
  );
};
