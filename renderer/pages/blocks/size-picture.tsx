import type { BlockView } from '../../../preload/contract/index.ts';
import { bytesText } from '../../components/quantity.ts';

interface Stage {
  name: string;
  what: string;
  bytes: number;
}

/** The sizes that are known, in the order in which a body takes them. */
export const stagesOf = (block: BlockView): Stage[] => {
  const padding = block.sealed?.paddingBytes ?? null;
  const stages: Stage[] = [];
  if (block.canonicalBytes !== null)
    stages.push({ name: 'Written', what: 'as canonical CBOR', bytes: block.canonicalBytes });
  if (block.compressedBytes !== null) {
    stages.push({ name: 'Compressed', what: 'with Brotli', bytes: block.compressedBytes });
    if (padding !== null)
      stages.push({
        name: 'Padded',
        what: `by ${bytesText(padding)}, so that its size tells little`,
        bytes: block.compressedBytes + padding,
      });
  }
  if (block.sealed !== null)
    stages.push({
      name: 'Sealed',
      what: `with AES-256-GCM, its key wrapped for ${block.sealed.readers === 1 ? 'one reader' : `${block.sealed.readers} readers`}`,
      bytes: block.sealed.bytes,
    });
  return stages;
};

/** What becomes of the content on its way to the disk, as bars on one scale. */
export const SizePicture = ({ block }: { block: BlockView }) => {
  const stages = stagesOf(block);
  const largest = Math.max(1, ...stages.map(({ bytes }) => bytes));
  return (
    <ol className="hm-sizes">
      {stages.map((stage) => (
        <li key={stage.name}>
          <span className="hm-sizes-name">
            <strong>{stage.name}</strong> <span className="hm-small hm-dim">{stage.what}</span>
          </span>
          <span className="hm-number hm-sizes-value">{bytesText(stage.bytes)}</span>
          <span className="hm-sizes-bar" aria-hidden="true">
            <span style={{ width: `${(stage.bytes / largest) * 100}%` }} data-stage={stage.name} />
          </span>
        </li>
      ))}
    </ol>
  );
};
