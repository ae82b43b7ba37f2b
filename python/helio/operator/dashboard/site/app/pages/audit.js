// All that is recorded: searched by every filter, which the address keeps.
import { get, withQuery } from "../api.js";
import { now } from "../clock.js";
import { Choice, DECISIONS, narrow, Text, When } from "../filters.js";
import { counted, dayAndClock, duration, words } from "../format.js";
import { html } from "../html.js";
import { Decision, Empty, Failure, useAsked } from "../parts.js";
import { link, route } from "../router.js";

const PAGE = 50;
const KINDS = ["tool_call", "approval", "drift_event", "install_scan", "evaluation_expired", "policy_loaded", "lifecycle"];
const PERIODS = { "15m": 900, "1h": 3600, "24h": 86_400, "7d": 604_800 };
const FILTERS = ["tool", "decision", "reason", "blocked", "session", "agent", "upstream", "origin", "record_kind", "dry_run", "from", "to"];
/** Filters that are shown under "More". */
const RARE = ["reason", "session", "upstream", "origin", "record_kind", "dry_run", "from", "to"];

/** What is asked for, as the address says it. */
function asked() {
  const query = route.value.query;
  const filters = Object.fromEntries(FILTERS.map((name) => [name, query.get(name) ?? ""]));
  const period = query.get("period") ?? "";
  if (Object.hasOwn(PERIODS, period) && !filters.from) filters.from = new Date(now() - PERIODS[period] * 1000).toISOString();
  return filters;
}

export function Audit() {
  const query = route.value.query;
  const offset = Number(query.get("offset") ?? 0);
  const { value, error, loading, again } = useAsked(
    (signal) => get("/api/audit", { ...asked(), limit: PAGE, offset }, signal),
    [query.toString()],
  );
  return html`
    <div class="page-head"><h1>Audit</h1><${Exports} /></div>
    <${Filters} />
    ${error && html`<${Failure} error=${error} again=${again} />`}
    <div aria-busy=${loading} class=${loading ? "fading" : ""}>
      ${value?.data.length > 0 && html`<${Rows} rows=${value.data} />`}
      ${value && !value.data.length && html`<${Empty} title="Nothing is like that">Take a filter away, or look at a longer time.<//>`}
    </div>
    ${value && html`<${Pages} total=${value.total} offset=${offset} />`}`;
}

function Exports() {
  return html`<div class="tools" role="group" aria-label="Export what is found"><span class="muted">Export</span>
    ${["csv", "json", "parquet"].map((format) => html`<a class="button" download
      href=${withQuery("/api/audit/export", { ...asked(), format })}>${format.toUpperCase()}</a>`)}
  </div>`;
}

function Filters() {
  const query = route.value.query;
  const used = [...FILTERS, "period"].filter((name) => query.get(name)).length;
  const rare = RARE.some((name) => query.get(name));
  return html`<form class="filters" role="search" onSubmit=${(event) => event.preventDefault()}>
    <div class="filters-row">
      <${Text} name="tool" label="Tool" />
      <${Text} name="agent" label="Agent" />
      <${Choice} name="decision" label="Decision" options=${DECISIONS.map((each) => [each, words(each)])} />
      <${Choice} name="blocked" label="Blocked" options=${[["true", "Blocked"], ["false", "Not blocked"]]} />
      <${Choice} name="period" label="Time" options=${Object.keys(PERIODS).map((each) => [each, `Last ${each}`])} />
    </div>
    <details open=${rare}><summary>More filters</summary>
      <div class="filters-row">
        <${Text} name="reason" label="Reason" />
        <${Text} name="session" label="Session" />
        <${Text} name="upstream" label="Upstream" />
        <${Text} name="origin" label="Origin" />
        <${Choice} name="record_kind" label="Kind" options=${KINDS.map((each) => [each, words(each)])} />
        <${Choice} name="dry_run" label="Dry run" options=${[["true", "Only"], ["false", "None"]]} />
        <${When} name="from" label="From" beside=${{ period: "" }} />
        <${When} name="to" label="Until" beside=${{ period: "" }} />
      </div>
    </details>
    ${used > 0 && html`<p><a href=${link("audit")}>Clear ${counted(used, "filter")}</a></p>`}
  </form>`;
}

/** @param {{rows: any[]}} props */
function Rows({ rows }) {
  return html`<div class="table-wrap"><table class="table table-calls">
    <thead><tr><th scope="col">Time</th><th scope="col">Decision</th><th scope="col">Tool or kind</th>
      <th scope="col">Rule or reason</th><th scope="col">Agent</th><th scope="col" class="number">Took</th></tr></thead>
    <tbody>${rows.map((row) => html`<tr key=${row.id}>
      <td class="time" data-label="Time">${dayAndClock(row.timestamp)}</td>
      <td data-label="Decision">${row.policy_decision ? html`<${Decision} row=${row} />` : html`<span class="muted">${words(row.record_kind)}</span>`}</td>
      <td class="name" data-label="Tool"><a href=${link("audit", row.id)}>${row.tool_name ?? words(row.record_kind)}</a></td>
      <td class="muted" data-label="Rule">${[words(row.block_reason), row.matched_rule].filter(Boolean).join(" · ") || (row.policy_decision === "allow" ? "default" : "–")}</td>
      <td class="muted" data-label="Agent">${row.agent_id ?? (row.session_id ? `session ${row.session_id}` : "–")}</td>
      <td class="number" data-label="Took">${duration(row.total_duration_ms)}</td></tr>`)}</tbody>
  </table></div>`;
}

/** @param {{total: number, offset: number}} props */
function Pages({ total, offset }) {
  const last = Math.min(total, offset + PAGE);
  return html`<nav class="pages" aria-label="Pages of rows">
    <p class="muted" role="status">${total ? `${(offset + 1).toLocaleString()}–${last.toLocaleString()} of ${counted(total, "row")}` : "0 rows"}</p>
    <button type="button" class="button" disabled=${offset === 0} onClick=${() => narrow({ offset: String(Math.max(0, offset - PAGE) || "") })}>Newer</button>
    <button type="button" class="button" disabled=${last >= total} onClick=${() => narrow({ offset: String(offset + PAGE) })}>Older</button>
  </nav>`;
}
