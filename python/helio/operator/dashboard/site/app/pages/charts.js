// The charts of the analytics, each with a table that says the same.
import { Chart } from "../chart.js";
import { narrow } from "../filters.js";
import { dayAndClock, duration, numeric, text } from "../format.js";
import { html, useMemo, useState } from "../html.js";
import { route } from "../router.js";
import { everyStep, iso } from "../span.js";

const PARTS = { total: "the whole call", upstream: "the upstream", proxy_compute: "Helio itself" };
/** The least that a logarithmic axis shows, in ms. */
const LEAST = 0.01;

/** @typedef {{times: number[], rows: any[]}} Steps */

/**
 * @param {{span: import("../span.js").Span, part: {from: number, to: number} | null, steps: any[],
 *          choose: (from: number, to: number) => void}} props
 */
export function Charts({ span, part, steps, choose }) {
  const every = useMemo(() => everyStep(span, steps), [span, steps]);
  const currencies = useMemo(() => [...new Set(steps.flatMap(({ spend }) => Object.keys(spend)))].sort(), [steps]);
  const shared = { every, part, choose, seconds: span.seconds };
  return html`<div class="charts">
    <${Volume} ...${shared} />
    <${Latency} ...${shared} />
    ${currencies.map((currency) => html`<${Spend} key=${currency} currency=${currency} ...${shared} />`)}
  </div>`;
}

/** @param {{every: Steps, part: any, choose: any, seconds: number}} props */
function Volume({ every, ...shared }) {
  const series = useMemo(() => [
    { label: "Calls", colour: "--chart-all", shape: "bars", values: every.rows.map((row) => row?.total ?? 0) },
    { label: "Blocked", colour: "--chart-bad", shape: "bars", values: every.rows.map((row) => row?.blocked_total ?? 0) },
  ], [every]);
  return html`<${Told} title="Calls" every=${every} columns=${[
    ["Calls", (row) => row.total.toLocaleString()],
    ["Allowed", (row) => row.allowed_total.toLocaleString()],
    ["Blocked", (row) => row.blocked_total.toLocaleString()],
    ["Dry runs", (row) => row.dry_run_total.toLocaleString()],
  ]}>
    <${Chart} label="Calls over time, and how many of them were blocked" times=${every.times} series=${series} show=${whole} ...${shared} />
  <//>`;
}

/** @param {{every: Steps, part: any, choose: any, seconds: number}} props */
function Latency({ every, ...shared }) {
  const of = Object.hasOwn(PARTS, route.value.query.get("of") ?? "") ? route.value.query.get("of") : "total";
  const series = useMemo(() => {
    const values = (share) => every.rows.map((row) => {
      const found = row?.latency[of][share];
      return found === null || found === undefined ? null : Math.max(LEAST, numeric(found));
    });
    return [
      { label: "p50", colour: "--accent", values: values("p50") },
      { label: "p95", colour: "--asked", dash: [8, 4], values: values("p95") },
      { label: "p99", colour: "--warn", dash: [2, 4], values: values("p99") },
    ];
  }, [every, of]);
  const choice = html`<label class="tool tool-inline"><span>of</span>
    <select class="input" value=${of} onChange=${(event) => narrow({ of: event.target.value === "total" ? "" : event.target.value })}>
      ${Object.entries(PARTS).map(([name, word]) => html`<option value=${name}>${word}</option>`)}</select></label>`;
  return html`<${Told} title="Latency" beside=${choice} every=${every}
    columns=${["p50", "p95", "p99"].map((share) => [share, (row) => duration(row.latency[of][share])])}>
    <${Chart} label=${`Latency of ${PARTS[of]} over time: p50, p95 and p99`} times=${every.times} series=${series} show=${duration} logarithmic ...${shared} />
  <//>`;
}

/** @param {{currency: string, every: Steps, part: any, choose: any, seconds: number}} props */
function Spend({ currency, every, ...shared }) {
  const series = useMemo(() => [
    { label: currency, colour: "--chart-all", shape: "bars", values: every.rows.map((row) => numeric(row?.spend[currency])) },
  ], [every, currency]);
  return html`<${Told} title=${`Spend in ${currency}`} every=${every} columns=${[[currency, (row) => text(row.spend[currency] ?? 0)]]}>
    <${Chart} label=${`Spend in ${currency} over time`} times=${every.times} series=${series} show=${short} ...${shared} />
  <//>`;
}

/** @param {number} value */
function whole(value) {
  return Number.isInteger(value) ? value.toLocaleString() : "";
}

const SHORT = new Intl.NumberFormat([], { notation: "compact", maximumFractionDigits: 2 });

/** @param {number} value */
function short(value) {
  return SHORT.format(value);
}

/**
 * A chart, and the table with its numbers, which is made when it is opened.
 * @param {{title: string, beside?: any, every: Steps, columns: Array<[string, (row: any) => string]>, children: any}} props
 */
function Told({ title, beside, every, columns, children }) {
  const [open, setOpen] = useState(false);
  return html`<section class="card chart-card">
    <header class="level-head"><h2>${title}</h2>${beside}</header>
    ${children}
    <details onToggle=${(event) => setOpen(event.target.open)}><summary class="muted">As a table</summary>
      ${open && html`<div class="table-wrap chart-table" tabindex="0" role="region" aria-label=${`${title} as a table`}><table class="table">
        <thead><tr><th scope="col">From</th>${columns.map(([name]) => html`<th scope="col" class="number">${name}</th>`)}</tr></thead>
        <tbody>${every.rows.map((row, at) => row && html`<tr><td class="time">${dayAndClock(iso(1000 * every.times[at]))}</td>
          ${columns.map(([, show]) => html`<td class="number">${show(row)}</td>`)}</tr>`)}</tbody></table></div>`}
    </details>
  </section>`;
}
