// One row of the audit: what was asked, what was decided and why, what came of it.
import { get, post } from "../api.js";
import { dayAndClock, duration, isOutline, numeric, text, words } from "../format.js";
import { html } from "../html.js";
import { Badge, Decision, Facts, Failure, Json, Sentence, useAsked } from "../parts.js";
import { link, route } from "../router.js";
import { Explained } from "./explained.js";

export function Record() {
  const id = route.value.rest;
  const { value, error, again } = useAsked((signal) => get(`/api/audit/${encodeURIComponent(id)}`, {}, signal), [id]);
  const row = value?.data;
  return html`
    <p class="crumbs"><a href=${link("audit")}>Audit</a></p>
    ${error && html`<h1>Record</h1><${Failure} error=${error} again=${again} />`}
    ${row && html`<${Row} row=${row} />`}`;
}

/** @param {{row: any}} props */
function Row({ row }) {
  return html`
    <div class="page-head">
      <h1 class="name">${row.tool_name ?? words(row.record_kind)}</h1>
      ${row.policy_decision && html`<${Decision} row=${row} />`}
    </div>
    <div class="record">
      <section class="card" aria-labelledby="why"><h2 id="why">Why</h2><${Why} row=${row} /></section>
      <section class="card" aria-labelledby="who"><h2 id="who">Who and when</h2><${Facts} of=${[
        ["Time", dayAndClock(row.timestamp)],
        ["Agent", row.agent_id && html`<a href=${link("audit", "", { agent: row.agent_id })}>${row.agent_id}</a>`],
        ["Session", row.session_id && html`<a href=${link("audit", "", { session: row.session_id })}>${row.session_id}</a>`],
        ["Upstream", row.upstream],
        ["Environment", row.environment],
        ["Origin", row.origin],
        ["Protocol", row.protocol_version],
        ["Kind", words(row.record_kind)],
      ]} /></section>
      <section class="card" aria-labelledby="times"><h2 id="times">Timing</h2><${Bar} row=${row} /><${Facts} of=${[
        ["Whole", duration(row.total_duration_ms)],
        ["Upstream", duration(row.upstream_latency_ms)],
        ["Helio", duration(row.proxy_compute_ms)],
        ["Waited for a person", row.approval_wait_ms === null ? null : duration(row.approval_wait_ms)],
      ]} /></section>
      <section class="card" aria-labelledby="chain"><h2 id="chain">In the journal</h2><${Facts} of=${[
        ["Row", html`<code>${row.id}</code>`],
        ["Record", row.seq],
        ["Chain hash", row.hash ? html`<code class="hash">${row.hash}</code>` : "archived"],
        ["Policy", row.policy_digest && html`<code class="hash">${row.policy_digest}</code>`],
        ["Arguments' hash", row.args_hash && html`<code class="hash">${row.args_hash}</code>`],
        ["Trace", row.trace_id],
      ]} /></section>
    </div>
    <${Body} title="Request" value=${row.tool_input} />
    <${Body} title="Response" value=${row.upstream_response} />
    ${row.upstream_error && html`<section class="card"><h2>What went wrong at the upstream</h2><p>${row.upstream_error}</p></section>`}
    <${Evidence} chain=${row.evidence_chain} />
    <${JudgedNow} row=${row} />
    <${Body} title="What the agent was told" value=${row.feedback} />
    <${Body} title="Could not be judged" value=${row.indeterminate} />
    <${Body} title="Shadow rules" value=${row.shadow} />
    <${Body} title="Charged to budgets" value=${row.budgets} />
    <${Body} title="Further details" value=${row.metadata} />`;
}

/** @param {{row: any}} props */
function Why({ row }) {
  return html`${row.feedback?.message && html`<p class="lead"><${Sentence} text=${row.feedback.message} /></p>`}
    <${Facts} of=${[
      ["Decision", words(row.policy_decision)],
      ["Reason", words(row.block_reason)],
      ["Rule", row.matched_rule ?? (row.policy_decision === "allow" ? "none: the default" : null)],
      ["Approval", row.approval_status && [row.approval_status, row.approved_by].filter(Boolean).join(", by ")],
      ["Outcome", words(row.outcome)],
      ["HTTP status", row.upstream_http_status],
      ["Flagged destructive", row.flagged_destructive ? "yes" : null],
      ["Dry run", row.dry_run ? "yes" : null],
      ["Assumed", row.assumed_annotations && text(row.assumed_annotations)],
    ]} />`;
}

/** @param {{title: string, value: unknown}} props */
function Body({ title, value }) {
  const empty = value === null || value === undefined || (Array.isArray(value) && !value.length);
  if (empty) return null;
  return html`<section class="card body-card"><h2>${title}</h2><${Json} value=${value} label=${title} /></section>`;
}

/** Where the time of a call went. @param {{row: any}} props */
function Bar({ row }) {
  const whole = numeric(row.total_duration_ms);
  if (!whole) return null;
  /** @type {Array<[string, string, number]>} */
  const known = [
    ["person", "a person", numeric(row.approval_wait_ms)],
    ["upstream", "upstream", numeric(row.upstream_latency_ms)],
    ["helio", "Helio", numeric(row.proxy_compute_ms)],
  ];
  const parts = known.filter(([, , ms]) => ms > 0);
  const told = parts.map(([, name, ms]) => `${name} ${duration(ms)}`).join(", ");
  return html`<div class="bar" role="img" aria-label=${`Of ${duration(whole)}: ${told}`}>
    ${parts.map(([kind, , ms]) => html`<span class="bar-part bar-${kind}" style=${{ width: `${Math.min(100, (100 * ms) / whole)}%` }}></span>`)}</div>
    <p class="bar-key">${parts.map(([kind, name]) => html`<span><span class="bar-sign bar-${kind}" aria-hidden="true"></span>${name}</span>`)}</p>`;
}

const CALL_ID = /^[0-9a-f]{8}-[0-9a-f-]{27}$/;

/** The earlier calls that this one rested on. @param {{chain: any[] | null}} props */
function Evidence({ chain }) {
  if (!chain?.length) return null;
  return html`<section class="card body-card"><h2>What it rests on</h2><ul class="conditions">${chain.map((each) => html`<li>
    <${Badge} kind="good" sign="✓">${each.evidence ? "evidence" : "called before"}<//><strong class="name">${each.evidence ?? each.requires}</strong>
    ${CALL_ID.test(each.by) ? html`<a href=${link("audit", each.by)}>the call</a>` : html`<span class="muted">${each.by}</span>`}</li>`)}</ul></section>`;
}

/** The recorded call as the playground takes it; null when the record does not hold it. @param {any} row */
function stated(row) {
  if (row.record_kind !== "tool_call" || !row.tool_name || isOutline(row.tool_input)) return null;
  const evidence = (row.evidence_chain ?? []).map((each) => each.evidence ?? each.requires);
  const session = row.session_id && { id: row.session_id, evidence, called: evidence };
  return {
    tool: row.tool_name,
    arguments: row.tool_input ?? {},
    upstream: row.upstream ?? undefined,
    agent: row.agent_id ?? undefined,
    session: session || undefined,
    annotations: row.tool_annotations?.[0],
  };
}

/** Why the policy that runs now decides about the recorded call so. @param {{row: any}} props */
function JudgedNow({ row }) {
  const call = stated(row);
  const { value, error } = useAsked(async () => call && (await post("/api/policy/explain", call)).data, [row.id]);
  if (!call || error) return error ? html`<p class="muted">Not judged anew: ${error.message}</p>` : null;
  if (!value) return null;
  const same = value.policy === row.policy_digest;
  return html`<section aria-labelledby="anew"><h2 id="anew" class="section">The decision, explained</h2>
    ${!same && html`<p class="notice notice-warn">This is how the policy that runs now decides; another one ran then.</p>`}
    <${Explained} of=${value} />
    <p class="foot">Judged anew from this record. Labels, and what else the session did before, are not in it.</p></section>`;
}
