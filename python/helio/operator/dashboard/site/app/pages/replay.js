// What another policy would have decided about the calls of late.
import { get, post, remove } from "../api.js";
import { counted, dayAndClock, json, text, words } from "../format.js";
import { html, useEffect, useState } from "../html.js";
import { Badge, Field } from "../parts.js";
import { link } from "../router.js";

const PERIODS = [["1h", "the last hour"], ["24h", "the last day"], ["7d", "the last 7 days"], ["30d", "the last 30 days"]];
const KINDS = {
  narrowed: ["bad", "−", "narrowed"],
  widened: ["warn", "+", "widened"],
  changed: ["asked", "≠", "otherwise"],
  indeterminate: ["quiet", "?", "cannot be judged"],
};
const REASONS = {
  arguments_unknown: "rest on arguments that the audit holds only in part",
  annotations_unknown: "rest on annotations that were not recorded",
  metadata_unknown: "rest on what an adapter said beside them, and redaction hid",
  outcome_unknown: "rest on a call that did not go this way then",
};

const PATH = "/api/policy/replay";
const LOOK = 1000;

/** How far the replay is that runs, whoever began it; null while none does. @param {boolean} busy one was begun here */
function useProgress(busy) {
  const [running, setRunning] = useState(null);
  const [again, setAgain] = useState(0);
  const follows = busy || running !== null;
  useEffect(() => {
    const ending = new AbortController();
    get(PATH, {}, ending.signal).then(
      ({ data }) => setRunning(data),
      () => !ending.signal.aborted && setRunning(null),
    );
    const timer = follows ? setTimeout(() => setAgain(again + 1), LOOK) : 0;
    return () => {
      ending.abort();
      clearTimeout(timer);
    };
  }, [follows, again]);
  return running;
}

/** @param {{of: {seconds: number, progress: string | null}}} props */
function Progress({ of }) {
  return html`<p class="replay-progress" role="status">Judging for ${counted(Math.round(of.seconds), "second")}${of.progress && html`: ${of.progress}`}
    <button type="button" class="button button-small" onClick=${() => remove(PATH).catch(() => undefined)}>Cancel</button></p>`;
}

export function Replay() {
  const [state, setState] = useState({ report: null, error: null, busy: false });
  const running = useProgress(state.busy);
  const submit = async (event) => {
    event.preventDefault();
    const form = new FormData(event.target);
    const policy = String(form.get("policy")).trim() ? form.get("policy") : undefined;
    setState((before) => ({ ...before, error: null, busy: true }));
    try {
      const { data } = await post(PATH, { policy, since: form.get("since") });
      setState({ report: data, error: null, busy: false });
    } catch (error) {
      setState({ report: null, error, busy: false });
    }
  };
  return html`<section aria-labelledby="replay"><h2 id="replay" class="section">What another policy would have done</h2>
    <form class="card play" onSubmit=${submit}>
      <${Field} label="A helio.yaml to try" hint="Empty: the file as it is on the disk now. Nothing is called; variables of the environment are not filled in."><textarea class="input code-input" name="policy" rows="8" spellcheck=${false}></textarea><//>
      <div class="tools"><label class="tool tool-inline"><span>On the calls of</span>
        <select class="input" name="since">${PERIODS.map(([value, label]) => html`<option value=${value} selected=${value === "24h"}>${label}</option>`)}</select></label>
        <button type="submit" class="button button-primary" disabled=${state.busy || running !== null}>${state.busy ? "Judging…" : "Replay"}</button></div>
      ${running && html`<${Progress} of=${running} />`}
      ${state.error && html`<div class="refused" role="alert"><p class="field-error">${state.error.message}</p>
        ${state.error.details.text && html`<pre class="code" tabindex="0" role="region" aria-label="What is wrong">${state.error.details.text}</pre>`}</div>`}
    </form>
    <div aria-live="polite" aria-busy=${state.busy}>${state.report && html`<${Report} of=${state.report} />`}</div></section>`;
}

/** @param {{of: any}} props */
function Report({ of }) {
  const kinds = [["narrowed", of.narrowed], ["widened", of.widened], ["changed", of.otherwise], ["indeterminate", of.indeterminate]];
  const told = kinds.filter(([, count]) => count > 0);
  return html`<article class="card replayed" aria-label="What would have changed">
    <p class="lead">${counted(of.calls, "call")} judged: ${of.changed ? `${of.changed.toLocaleString()} decided otherwise` : "none decided otherwise"}.</p>
    ${told.length > 0 && html`<ul class="badges">${told.map(([kind, count]) => html`<li><${Kind} kind=${kind} /> ${count.toLocaleString()}</li>`)}</ul>`}
    ${Object.entries(of.indeterminate_reasons).map(([reason, count]) => html`<p class="muted">${counted(count, "call")} ${REASONS[reason] ?? words(reason)}.</p>`)}
    ${of.by_another_rule > 0 && html`<p class="muted">${counted(of.by_another_rule, "call is", "calls are")} decided alike by another rule.</p>`}
    ${Object.entries(of.money).map(([currency, flow]) => html`<p>${currency}: ${text(flow.blocked)} blocked, ${text(flow.let_through)} let through, ${text(flow.would_ask)} asked about.</p>`)}
    ${[["rule", of.by_rule], ["tool", of.by_tool], ["agent", of.by_agent]].map(([name, shares]) => html`<${Shares} name=${name} shares=${shares} />`)}
    ${of.examples.length > 0 && html`<h3>Examples</h3><ul class="examples">${of.examples.map((each) => html`<${Example} of=${each} />`)}</ul>`}
  </article>`;
}

/** @param {{kind: string}} props */
function Kind({ kind }) {
  const [style, sign, word] = KINDS[kind] ?? ["quiet", "·", words(kind)];
  return html`<${Badge} kind=${style} sign=${sign}>${word}<//>`;
}

/** @param {{name: string, shares: any[]}} props */
function Shares({ name, shares }) {
  if (!shares.length) return null;
  return html`<div class="table-wrap" tabindex="0" role="region" aria-label=${`By ${name}`}><table class="table"><thead><tr>
    <th scope="col">By ${name}</th>${Object.values(KINDS).map(([, , word]) => html`<th scope="col" class="number">${word}</th>`)}</tr></thead>
    <tbody>${shares.slice(0, 12).map((share) => html`<tr><td class="name">${share[name] ?? (name === "rule" ? "default" : "unknown")}</td>
      ${["narrowed", "widened", "otherwise", "indeterminate"].map((kind) => html`<td class="number">${share[kind].toLocaleString()}</td>`)}</tr>`)}</tbody></table></div>`;
}

/** @param {{of: any}} props */
function Example({ of }) {
  const line = json(of.arguments).replace(/\s+/g, " ");
  return html`<li><p><${Kind} kind=${of.change} /> <a class="name" href=${link("audit", of.id)}>${of.tool}</a> <span class="time">${dayAndClock(of.timestamp)}</span></p>
    <p>${verdict(of.old)} → ${of.new ? verdict(of.new) : "unknown"}</p>
    <p class="muted"><code>${line.length > 160 ? `${line.slice(0, 159)}…` : line}</code></p></li>`;
}

/** @param {{decision: string, reason: string | null, rule: string | null}} of */
function verdict({ decision, reason, rule }) {
  return `${words(reason ?? decision)} (${rule ?? "default"})`;
}
