import type { ProofVerdict } from '../../../preload/contract/index.ts';
import { Age } from '../../components/age.tsx';
import { Fact, Facts } from '../../components/layout.tsx';
import { bytesText } from '../../components/quantity.ts';
import { ShortHash } from '../../components/short-hash.tsx';
import { durationText, withLocalTimes } from '../../components/time-text.ts';
import { sentence } from '../../components/unknown.tsx';
import { KindGlyph, StatusGlyph } from './proof-glyph.tsx';
import { KINDS } from './proof-text.ts';

/** The four results, each with its reason. */
export const Checks = ({ checks }: { checks: ProofVerdict['checks'] }) => (
  <ul className="hm-verdict-list">
    {checks.map((check) => (
      <li key={check.kind} className="hm-verdict-line">
        <span className="hm-check-kind">
          <KindGlyph kind={check.kind} />
          <span>
            <strong>{KINDS[check.kind].question}</strong>{' '}
            <span className="hm-small hm-dim">{KINDS[check.kind].name}</span>
          </span>
        </span>
        <StatusGlyph status={check.passed ? 'passed' : 'failed'} />
        <span className="hm-check-reason">
          {withLocalTimes(sentence(check.reason), Date.now())}
          {check.code !== null && (
            <span className="hm-small hm-dim">
              {' '}
              Code <code>{check.code}</code>
            </span>
          )}
        </span>
        <span className="hm-small hm-dim hm-number hm-check-size">{bytesText(check.sizeBytes)}</span>
      </li>
    ))}
  </ul>
);

/**
 * What a proof is about and when it was made, and what its check could not know.
 * @param props.expiry - whether it matters until when it counted; in a block that is long over
 */
export const VerdictFacts = ({ verdict, expiry = true }: { verdict: ProofVerdict; expiry?: boolean }) => (
  <>
    <Facts>
      <Fact name="Node">
        <ShortHash value={verdict.node} what="the id of the node" />
      </Fact>
      <Fact name="Asset">
        <ShortHash value={verdict.asset} what="the id of the asset" />
      </Fact>
      <Fact name="Purpose">{verdict.purpose}</Fact>
      <Fact name="Combined proof">
        <ShortHash value={verdict.combined} what="the id of the combined proof" />
      </Fact>
      <Fact name="Finished">
        <Age atMs={verdict.finishedAtMs} />
      </Fact>
      <Fact name="From question to signature">
        {durationText(Math.max(0, verdict.finishedAtMs - verdict.issuedAtMs))}
      </Fact>
      {expiry && (
        <Fact name={verdict.expiresAtMs < Date.now() ? 'Expired' : 'Expires'}>
          <Age atMs={verdict.expiresAtMs} />
        </Fact>
      )}
    </Facts>
    {verdict.notes.length > 0 && (
      <div className="hm-verdict-notes">
        <h3>What this check cannot know</h3>
        <ul>
          {verdict.notes.map((note) => (
            <li key={note}>{withLocalTimes(sentence(note), Date.now())}</li>
          ))}
        </ul>
      </div>
    )}
  </>
);
