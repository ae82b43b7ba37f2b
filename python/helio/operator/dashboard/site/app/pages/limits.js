// Limits and budgets: how full each window and pot is, and when there is room again.
import { get } from "../api.js";
import { counted, numeric, period, text } from "../format.js";
import { html, useEffect } from "../html.js";
import { Bucket, withShare } from "../levels.js";
import { Empty, Failure, useAsked, useTold } from "../parts.js";
import { go, link, route } from "../router.js";
import { Ledger } from "./ledger.js";

/** How long what is shown may be old while nothing is told, in ms. */
const REFRESH = 15_000;
const MOST_BUCKETS = 20;
const WHEN_FULL = { deny: "denies what has no room", require_approval: "asks a person when it is full" };

export function Limits() {
  const budget = route.value.rest;
  return budget ? html`<${Ledger} key=${budget} name=${budget} />` : html`<${Levels} />`;
}

function Levels() {
  const { value, error, again } = useAsked(
    (signal) => Promise.all([get("/api/budgets", {}, signal), get("/api/limits", {}, signal)]),
    [],
  );
  useTold(["budget_update", "limit_warning", "policy_reloaded", "reset"], again);
  useEffect(() => {
    const timer = setInterval(again, REFRESH);
    return () => clearInterval(timer);
  }, []);
  const wanted = (route.value.query.get("find") ?? "").toLowerCase();
  const budgets = value ? shownOf(value[0].budgets.map(asBudget), wanted) : [];
  const limits = value ? shownOf([...value[1].rate_limits, ...value[1].spend_limits].map(asLimit), wanted) : [];
  const none = value && !value[0].budgets.length && !value[1].rate_limits.length && !value[1].spend_limits.length;
  /** @type {Array<[string, Shown[]]>} */
  const groups = [["Budgets", budgets], ["Limits", limits]];
  return html`
    <div class="page-head"><h1>Limits and budgets</h1>
      <div class="tools"><label class="tool tool-inline"><span>Find</span>
        <input class="input" type="search" value=${route.value.query.get("find") ?? ""} placeholder="a rule, budget or key"
          onInput=${(event) => go(link("limits", "", { find: event.target.value }), { replace: true })} /></label></div></div>
    ${error && html`<${Failure} error=${error} again=${again} />`}
    ${none && html`<${Empty} title="Nothing is limited">The loaded policy has neither limits nor budgets.<//>`}
    ${value && !none && !budgets.length && !limits.length && html`<${Empty} title="Nothing is called that">No rule, budget or key has this in its name.<//>`}
    ${groups.map(([title, shown]) => shown.length > 0 && html`<h2 class="section">${title}</h2>
      <div class="levels">${shown.map((each) => html`<${Level} key=${each.id} level=${each} again=${again} />`)}</div>`)}`;
}

/** `pot`: charges leave all at once. @typedef {{id: string, title: string, pot?: boolean, maximum: any, unit: string, window: string, by: string, notes: string[], ledger?: string, buckets: any[], total: number, only?: boolean}} Shown */

/** @param {any} budget @returns {Shown} */
function asBudget(budget) {
  return {
    ...shared(budget, budget.limit, "spent"),
    id: budget.name,
    title: budget.name,
    unit: budget.currency,
    window: budget.window === "session" ? "a session" : budget.window,
    pot: budget.window === "session",
    notes: [WHEN_FULL[budget.on_exceed]],
    ledger: link("limits", budget.name),
  };
}

/** @param {any} limit @returns {Shown} */
function asLimit(limit) {
  return {
    ...shared(limit, limit.max_calls ?? limit.max_spend, "current"),
    id: `${limit.rule_index} ${limit.field ?? "calls"}`,
    title: limit.rule,
    unit: limit.currency ?? (numeric(limit.max_calls) === 1 ? "call" : "calls"),
    window: period(limit.window_seconds),
    notes: [limit.field, limit.shadow && "in shadow: nothing is blocked"].filter(Boolean),
  };
}

/** @param {any} level @param {any} maximum @param {"spent" | "current"} used */
function shared(level, maximum, used) {
  return {
    maximum,
    by: Array.isArray(level.key) ? level.key.join(" + ") : level.key,
    buckets: level.buckets.map((each) => withShare(each, used, maximum)).sort((one, other) => other.share - one.share),
    total: level.buckets_total,
  };
}

/**
 * Those that have a text in their name, whole; of others the windows that have it in their key.
 * @param {Shown[]} levels @param {string} wanted in lower case
 */
function shownOf(levels, wanted) {
  if (!wanted) return levels;
  const has = (name) => name.toLowerCase().includes(wanted);
  return levels
    .map((level) => (has(level.title) ? level : { ...level, buckets: level.buckets.filter(({ key }) => has(key)), only: true }))
    .filter((level) => !level.only || level.buckets.length);
}

/** @param {{level: Shown, again: () => void}} props */
function Level({ level, again }) {
  const { title, pot, maximum, unit, window, by, notes, ledger, buckets, total } = level;
  const shown = buckets.slice(0, MOST_BUCKETS);
  return html`<section class="card">
    <header class="level-head"><h3 class="name">${title}</h3>${ledger && html`<a href=${ledger} aria-label=${`Ledger of ${title}`}>Ledger</a>`}</header>
    <p class="muted">${[`At most ${text(maximum)} ${unit} in ${window}, by ${by}`, ...notes].join(" · ")}</p>
    ${shown.length ? html`<ul class="buckets">${shown.map((each) => html`<${Bucket} key=${each.key} bucket=${each} maximum=${maximum} unit=${unit} of=${title} pot=${pot} again=${again} />`)}</ul>`
      : html`<p class="muted bucket-none">Nothing counts now.</p>`}
    ${shown.length < total && html`<p class="muted bucket-none">${counted(shown.length, "window")} of ${total.toLocaleString()}, the fullest first. Find others by their key.</p>`}
  </section>`;
}
