// How much happens, what is blocked and why, how long it takes, and where money goes.
import { get } from "../api.js";
import { now } from "../clock.js";
import { listen } from "../events.js";
import { Choice, DECISIONS, narrow, narrowed, Text, When } from "../filters.js";
import { counted, dayAndClock, duration, text, words } from "../format.js";
import { html, useEffect } from "../html.js";
import { Empty, Failure, useAsked } from "../parts.js";
import { link, route } from "../router.js";
import { iso, partOf, PERIODS, spanOf, wholeSteps } from "../span.js";
import { Charts } from "./charts.js";

/** How old what is shown becomes while time goes on, in ms. */
const REFRESH = 30_000;
const FILTERS = ["tool", "agent", "reason", "decision", "upstream", "session", "blocked"];
const RARE = ["reason", "upstream", "session", "from", "to"];
const USED = [...FILTERS, "period", "from", "to"];

/** @param {AbortSignal} signal */
async function ask(signal) {
  const query = route.value.query;
  const filters = Object.fromEntries(FILTERS.map((name) => [name, query.get(name)]));
  const span = spanOf(query, now());
  const part = partOf(query);
  const whole = get("/api/analytics", { ...filters, from: iso(span.from), to: iso(span.to), step: span.step }, signal);
  const sums = part ? get("/api/analytics", { ...filters, from: iso(part.from), to: iso(part.to) }, signal) : whole;
  return { span, part, steps: (await whole).per_step, sums: await sums };
}

export function Analytics() {
  const query = route.value.query;
  const { value, error, loading, again } = useAsked(ask, [query.toString()]);
  const follows = !query.get("to");
  useEffect(() => {
    const timer = follows ? setInterval(() => document.visibilityState === "visible" && again(), REFRESH) : 0;
    const end = listen("reset", again);
    return () => {
      clearInterval(timer);
      end();
    };
  }, [follows]);
  const choose = (from, to) => {
    const part = wholeSteps(value.span, from, to);
    if (part) narrow({ since: iso(part.from), until: iso(part.to) });
  };
  return html`
    <div class="page-head"><h1>Analytics</h1></div>
    <${Filters} />
    ${error && html`<${Failure} error=${error} again=${again} />`}
    <div aria-busy=${loading} class=${loading ? "fading" : ""}>
      ${value && value.steps.length === 0 && html`<${Empty} title="No calls in this time">Look at a longer time, or take a filter away.<//>`}
      ${value && value.steps.length > 0 && html`
        <${Part} part=${value.part} />
        <${Totals} sums=${value.sums} />
        <${Charts} span=${value.span} part=${value.part} steps=${value.steps} choose=${choose} />
        <${Shares} sums=${value.sums} />`}
    </div>`;
}

function Filters() {
  const query = route.value.query;
  const used = USED.filter((name) => query.get(name)).length;
  const upToNow = { from: "", to: "", since: "", until: "" };
  return html`<form class="filters" role="search" onSubmit=${(event) => event.preventDefault()}>
    <div class="filters-row">
      <label class="field"><span class="field-label">Time</span>
        <select class="input" value=${query.get("from") || query.get("to") ? "given" : query.get("period") || "24h"}
          onChange=${(event) => narrow({ ...upToNow, period: event.target.value })}>
          ${(query.get("from") || query.get("to")) && html`<option value="given">As given below</option>`}
          ${Object.keys(PERIODS).map((each) => html`<option value=${each}>Last ${each}</option>`)}
        </select></label>
      <${Text} name="tool" label="Tool" />
      <${Text} name="agent" label="Agent" />
      <${Choice} name="decision" label="Decision" options=${DECISIONS.map((each) => [each, words(each)])} />
      <${Choice} name="blocked" label="Blocked" options=${[["true", "Blocked"], ["false", "Not blocked"]]} />
    </div>
    <details open=${RARE.some((name) => query.get(name))}><summary>More filters</summary>
      <div class="filters-row">
        <${Text} name="reason" label="Reason" />
        <${Text} name="upstream" label="Upstream" />
        <${Text} name="session" label="Session" />
        <${When} name="from" label="From" beside=${{ period: "", since: "", until: "" }} />
        <${When} name="to" label="Until" beside=${{ period: "", since: "", until: "" }} />
      </div>
    </details>
    ${used > 0 && html`<p><a href=${link("analytics")}>Clear ${counted(used, "filter")}</a></p>`}
  </form>`;
}

/** What was chosen on a chart, and what can be done with it. @param {{part: {from: number, to: number} | null}} props */
function Part({ part }) {
  if (!part) return html`<p class="muted part">Drag over a chart to see one part of the time.</p>`;
  const [from, to] = [iso(part.from), iso(part.to)];
  const filters = Object.fromEntries(FILTERS.map((name) => [name, route.value.query.get(name)]));
  return html`<div class="part" role="status"><p>Numbers and tables are of <strong>${dayAndClock(from)}</strong> to <strong>${dayAndClock(to)}</strong>.</p>
    <button type="button" class="button button-small" onClick=${() => narrow({ from, to, period: "", since: "", until: "" })}>Zoom in</button>
    <a class="button button-small" href=${link("audit", "", { ...filters, from, to, record_kind: "tool_call" })}>See these calls</a>
    <button type="button" class="button button-small" onClick=${() => narrow({ since: "", until: "" })}>All of the time</button>
  </div>`;
}

/** @param {{sums: any}} props */
function Totals({ sums }) {
  const share = sums.total ? ` (${((100 * sums.blocked_total) / sums.total).toFixed(1)} %)` : "";
  const told = [
    ["Calls", sums.total.toLocaleString()],
    ["Blocked", `${sums.blocked_total.toLocaleString()}${share}`],
    ...(sums.dry_run_total ? [["Dry runs", sums.dry_run_total.toLocaleString()]] : []),
    ["Half take at most", duration(sums.latency.total.p50)],
    ["99 % take at most", duration(sums.latency.total.p99)],
    ["Helio's own part, 99 %", duration(sums.latency.proxy_compute.p99)],
    ...Object.entries(sums.spend).map(([currency, { total }]) => ["Spent", `${text(total)} ${currency}`]),
  ];
  return html`<dl class="totals">${told.map(([name, value]) => html`<div class="total"><dt>${name}</dt><dd>${value}</dd></div>`)}</dl>`;
}

/** @param {{sums: any}} props */
function Shares({ sums }) {
  const reasons = Object.entries(sums.by_block_reason).map(([reason, calls]) => ({
    name: words(reason), calls, change: { reason },
  }));
  const tools = sums.top_tools.map(({ tool, upstream, calls, blocked }) => ({
    name: tool, beside: upstream, calls, blocked, change: { tool, upstream: upstream ?? "" },
  }));
  const agents = sums.top_agents.map(({ agent, calls, blocked }) => ({ name: agent, calls, blocked, change: { agent } }));
  return html`<div class="shares">
    <${Share} title="Blocks by reason" of="Reason" rows=${reasons} none="Nothing was blocked." />
    <${Share} title="Top tools" of="Tool" rows=${tools} none="No tool was called." />
    <${Share} title="Top agents" of="Agent" rows=${agents} none="No agent said who it is." />
  </div>`;
}

/**
 * @param {{title: string, of: string, none: string,
 *          rows: Array<{name: string, beside?: string, calls: number, blocked?: number, change: Record<string, string>}>}} props
 */
function Share({ title, of, rows, none }) {
  const most = Math.max(1, ...rows.map(({ calls }) => calls));
  const known = rows.some(({ blocked }) => blocked !== undefined);
  return html`<section class="card share"><h2>${title}</h2>
    ${rows.length === 0 ? html`<p class="muted">${none}</p>` : html`<div class="share-table" tabindex="0" role="region" aria-label=${title}><table class="table">
      <thead><tr><th scope="col">${of}</th><th scope="col" class="number">Calls</th>${known && html`<th scope="col" class="number">Blocked</th>`}</tr></thead>
      <tbody>${rows.map((row) => html`<tr key=${`${row.name} ${row.beside}`}>
        <td class="name"><a href=${narrowed(row.change)}>${row.name}</a>${row.beside && html` <span class="muted">${row.beside}</span>`}
          <span class="bar" aria-hidden="true"><span class="bar-fill" style=${{ width: `${(100 * row.calls) / most}%` }}></span></span></td>
        <td class="number">${row.calls.toLocaleString()}</td>${known && html`<td class="number">${row.blocked.toLocaleString()}</td>`}</tr>`)}</tbody></table></div>`}
  </section>`;
}
