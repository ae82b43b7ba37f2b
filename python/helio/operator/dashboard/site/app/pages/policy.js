// The loaded policy: its rules and how often each decided, and why a call would be decided so.
import { get, post } from "../api.js";
import { listen } from "../events.js";
import { dayAndClock, words } from "../format.js";
import { html, useEffect, useState } from "../html.js";
import { Badge, Empty, Facts, Failure, Field, useAsked } from "../parts.js";
import { Explained } from "./explained.js";
import { Findings, Refused } from "./findings.js";
import { Picture } from "./picture.js";
import { Replay } from "./replay.js";

const EXAMPLE = `{
  "tool": "create_payment",
  "arguments": { "amount": 250 },
  "session": "s1"
}`;

export function Policy() {
  const { value, error, again } = useAsked((signal) => get("/api/policy", {}, signal), []);
  useEffect(() => {
    const timer = setInterval(again, 15_000);
    const ends = [listen("policy_reloaded", again), listen("reset", again), () => clearInterval(timer)];
    return () => ends.forEach((end) => end());
  }, []);
  const policy = value?.data;
  return html`
    <div class="page-head"><h1>Policy</h1></div>
    ${error && html`<${Failure} error=${error} again=${again} />`}
    ${policy && html`
      <${Refused} policy=${policy} />
      <${Facts} of=${[
        ["Digest", html`<code class="hash">${policy.digest}</code>`],
        ["Loaded", dayAndClock(policy.loaded_at)],
      ]} />
      <h2 class="section">Rules</h2>
      <${Rules} policy=${policy} />
      <${Findings} policy=${policy} />
      <${Picture} policy=${policy} />
      <${Playground} />
      <${Replay} />`}`;
}

/** @param {{policy: any}} props */
function Rules({ policy }) {
  const fallback = { rule: "default", action: policy.default, ...policy.default_hits };
  return html`<div class="table-wrap rules" tabindex="0" role="region" aria-label="Rules"><table class="table table-cards">
    <thead><tr><th scope="col" class="number">#</th><th scope="col">Rule</th><th scope="col">Action</th><th scope="col">Asks for</th>
      <th scope="col" class="number">Hits</th><th scope="col">Last hit</th></tr></thead>
    <tbody>${policy.rules.map((rule) => html`<${Rule} key=${rule.index} rule=${rule} />`)}<${Rule} rule=${fallback} /></tbody>
  </table></div>
  <p class="foot">Hits are the calls that a rule decided since Helio started, by this policy.</p>`;
}

/** @param {{rule: any}} props */
function Rule({ rule }) {
  const asks = [
    ...(rule.evidence ?? []).map((name) => `evidence ${name}`),
    ...(rule.requires ?? []).map((name) => `before it ${name}`),
    ...(rule.limits ?? []).map((kind) => `${kind} limit`),
    ...(rule.labels ?? []).map((name) => `label ${name}`),
  ];
  return html`<tr>
    <td class="number muted" data-label="#">${rule.index ?? ""}</td>
    <td class="name" data-label="Rule">${rule.rule}${rule.line ? html` <span class="muted">line ${rule.line}</span>` : ""}</td>
    <td data-label="Action">${words(rule.action)}${rule.until ? " until met" : ""} ${rule.shadow && html`<${Badge} kind="quiet" sign="∼">shadow<//>`}</td>
    <td class="muted" data-label="Asks for">${asks.join(", ") || "–"}</td>
    <td class="number" data-label="Hits">${rule.hits.toLocaleString()}</td><td class="time" data-label="Last hit">${dayAndClock(rule.last_hit)}</td></tr>`;
}

function Playground() {
  const [found, setFound] = useState(null);
  const [error, setError] = useState(null);
  const submit = async (event) => {
    event.preventDefault();
    try {
      const answer = await post("/api/policy/explain", new FormData(event.target).get("call"));
      setFound(answer.data);
      setError(null);
    } catch (failure) {
      setError(failure);
    }
  };
  return html`<section aria-labelledby="try"><h2 id="try" class="section">Try a call</h2>
    <div class="split split-even">
      <form class="card play" onSubmit=${submit}>
        <${Field} label="A call, as helio explain takes it" hint="Nothing is called, counted or recorded.">
          <textarea class="input code-input" name="call" rows="8" spellcheck=${false}>${EXAMPLE}</textarea><//>
        ${error && html`<p class="field-error" role="alert">${error.message}</p>`}
        <button type="submit" class="button button-primary">Explain</button>
      </form>
      <div aria-live="polite">${found ? html`<${Explained} of=${found} />` : html`<${Empty} title="Why would it be decided so?">Every rule that is considered is shown, and what each condition found.<//>`}</div>
    </div></section>`;
}
