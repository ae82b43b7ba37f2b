// Limits and budgets: how full each window and pot is, and what a budget was charged.
import { get, withQuery } from "../api.js";
import { listen } from "../events.js";
import { counted, dayAndClock, period, text, words } from "../format.js";
import { html, useEffect } from "../html.js";
import { Badge, Empty, Failure, useAsked } from "../parts.js";
import { link, route } from "../router.js";

/** How long what is shown may be old while nothing is told, in ms. */
const REFRESH = 15_000;
const MOST_BUCKETS = 20;
const NEARLY_FULL = 0.8;

export function Limits() {
  const budget = route.value.rest;
  return budget ? html`<${Ledger} name=${budget} />` : html`<${Levels} />`;
}

function Levels() {
  const { value, error, again } = useAsked(
    (signal) => Promise.all([get("/api/budgets", {}, signal), get("/api/limits", {}, signal)]),
    [],
  );
  useEffect(() => {
    let soon = 0;
    const refresh = () => {
      soon ||= setTimeout(() => {
        soon = 0;
        again();
      }, 500);
    };
    const timer = setInterval(again, REFRESH);
    const ends = ["budget_update", "limit_warning", "policy_reloaded", "reset"].map((name) => listen(name, refresh));
    return () => {
      clearInterval(timer);
      clearTimeout(soon);
      ends.forEach((end) => end());
    };
  }, []);
  const [budgets, limits] = value ? [value[0].budgets, [...value[1].rate_limits, ...value[1].spend_limits]] : [];
  return html`
    <div class="page-head"><h1>Limits and budgets</h1></div>
    ${error && html`<${Failure} error=${error} again=${again} />`}
    ${value && !budgets.length && !limits.length && html`<${Empty} title="Nothing is limited">The loaded policy has neither limits nor budgets.<//>`}
    ${budgets?.length > 0 && html`<h2 class="section">Budgets</h2><div class="levels">
      ${budgets.map((each) => html`<${Level} key=${each.name} title=${each.name} maximum=${each.limit} unit=${each.currency} used="spent"
        level=${each} window=${each.window === "session" ? "a session" : each.window}
        ledger=${link("limits", each.name)} note=${`${words(each.on_exceed)} when it is full`} />`)}</div>`}
    ${limits?.length > 0 && html`<h2 class="section">Limits</h2><div class="levels">
      ${limits.map((each, at) => html`<${Level} key=${at} title=${each.rule} maximum=${each.max_calls ?? each.max_spend}
        unit=${each.currency ?? "calls"} used="current" level=${each} window=${period(each.window_seconds)}
        note=${each.shadow ? "in shadow" : each.field ?? ""} />`)}</div>`}`;
}

/**
 * @param {{title: string, maximum: any, unit: string, used: string, level: any, window: string,
 *          ledger?: string, note: string}} props
 */
function Level({ title, maximum, unit, used, level, window, ledger, note }) {
  const key = Array.isArray(level.key) ? level.key.join(" + ") : level.key;
  const buckets = level.buckets
    .map((each) => withShare(each, used, maximum))
    .sort((one, other) => other.share - one.share);
  return html`<section class="card">
    <header class="level-head"><h3 class="name">${title}</h3>${ledger && html`<a href=${ledger}>Ledger</a>`}</header>
    <p class="muted">At most ${text(maximum)} ${unit} in ${window}, by ${key}${note && ` · ${note}`}</p>
    ${buckets.length ? html`<ul class="buckets">${buckets.slice(0, MOST_BUCKETS).map((each) => html`<${Bucket} bucket=${each} used=${used} maximum=${maximum} />`)}</ul>`
      : html`<p class="muted bucket-none">Nothing counts now.</p>`}
    ${level.buckets_total > MOST_BUCKETS && html`<p class="muted">The fullest of ${counted(level.buckets_total, "window")}.</p>`}
  </section>`;
}

/** @param {any} bucket @param {string} used @param {any} maximum */
export function withShare(bucket, used, maximum) {
  return { ...bucket, share: (Number(bucket[used]) + Number(bucket.reserved)) / Number(maximum) };
}

/**
 * How full one window is.
 * @param {{bucket: any, used: string, maximum: any}} props `used` names what of the bucket counts
 */
export function Bucket({ bucket, used, maximum }) {
  const full = bucket.share >= 1;
  const percent = Math.round(Math.min(1, bucket.share || 0) * 100);
  const kind = full ? "full" : bucket.share >= NEARLY_FULL ? "near" : "room";
  return html`<li class="bucket">
    <span class="bucket-key">${bucket.key || "all"}</span>
    <span class="bucket-number">${text(bucket[used])} / ${text(maximum)}
      ${kind !== "room" && html` <${Badge} kind=${full ? "bad" : "warn"} sign=${full ? "✕" : "!"}>${full ? "full" : "nearly full"}<//>`}</span>
    <div class="meter meter-${kind}" role="meter" aria-valuemin="0" aria-valuemax="100" aria-valuenow=${percent}
      aria-label=${`${bucket.key || "all"}: how full`}><div class="meter-fill" style=${{ width: `${percent}%` }}></div></div>
    ${bucket.reset_at && html`<span class="muted bucket-reset">room again from ${dayAndClock(bucket.reset_at)}</span>`}
  </li>`;
}

/** What calls took from a budget. @param {{name: string}} props */
function Ledger({ name }) {
  const path = `/api/budgets/${encodeURIComponent(name)}/events`;
  const offset = Number(route.value.query.get("offset") ?? 0);
  const { value, error, again } = useAsked((signal) => get(path, { limit: 50, offset }, signal), [path, offset]);
  return html`
    <p class="crumbs"><a href=${link("limits")}>Limits and budgets</a></p>
    <div class="page-head"><h1 class="name">${name}</h1>
      <div class="tools" role="group" aria-label="Export the ledger"><span class="muted">Export</span>
        ${["csv", "json", "parquet"].map((format) => html`<a class="button" download href=${withQuery(`${path}/export`, { format })}>${format.toUpperCase()}</a>`)}
      </div></div>
    ${error && html`<${Failure} error=${error} again=${again} />`}
    ${value && !value.data.length && html`<${Empty} title="Nothing was charged yet" />`}
    ${value?.data.length > 0 && html`<div class="table-wrap" tabindex="0" role="region" aria-label="Charges"><table class="table">
      <thead><tr><th scope="col">Time</th><th scope="col">Tool</th><th scope="col">Pot</th><th scope="col">Agent</th><th scope="col" class="number">Amount</th></tr></thead>
      <tbody>${value.data.map((row) => html`<tr>
        <td class="time">${dayAndClock(row.timestamp)}</td>
        <td class="name"><a href=${link("audit", row.call_id ?? row.id)}>${row.tool_name}</a></td>
        <td>${row.key || "all"}</td><td class="muted">${row.agent_id ?? row.session_id ?? "–"}</td>
        <td class="number">${text(row.amount)} ${row.currency}</td></tr>`)}</tbody></table></div>
      <nav class="pages" aria-label="Pages of the ledger"><p class="muted">${counted(value.total, "charge")}</p>
        ${offset > 0 && html`<a class="button" href=${link("limits", name, { offset: String(Math.max(0, offset - 50) || "") })}>Newer</a>`}
        ${offset + 50 < value.total && html`<a class="button" href=${link("limits", name, { offset: String(offset + 50) })}>Older</a>`}</nav>`}`;
}
