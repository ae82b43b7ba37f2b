// What calls took from a budget, newest first.
import { get, withQuery } from "../api.js";
import { narrowed, Text } from "../filters.js";
import { counted, dayAndClock, holder, text } from "../format.js";
import { html } from "../html.js";
import { Empty, Failure, useAsked, useTold } from "../parts.js";
import { link, route } from "../router.js";

const PAGE = 50;
const FILTERS = ["tool", "agent", "session", "from", "to"];

/** @param {{name: string}} props of the budget */
export function Ledger({ name }) {
  const query = route.value.query;
  const path = `/api/budgets/${encodeURIComponent(name)}/events`;
  const offset = Number(query.get("offset") ?? 0);
  const filters = Object.fromEntries(FILTERS.map((each) => [each, query.get(each)]));
  const { value, error, again } = useAsked((signal) => get(path, { ...filters, limit: PAGE, offset }, signal), [path, query.toString()]);
  const charged = ({ charges }) => offset === 0 && charges.some(({ budget }) => budget === name);
  useTold(["budget_update"], again, charged, [name, offset]);
  useTold(["reset"], again);
  const filtered = FILTERS.some((each) => query.get(each));
  return html`
    <p class="crumbs"><a href=${link("limits")}>Limits and budgets</a></p>
    <div class="page-head"><h1 class="name">${name}</h1>
      <div class="tools" role="group" aria-label="Export the ledger"><span class="muted">Export</span>
        ${["csv", "json", "parquet"].map((format) => html`<a class="button" download href=${withQuery(`${path}/export`, { ...filters, format })}>${format.toUpperCase()}</a>`)}
      </div></div>
    <form class="filters" role="search" onSubmit=${(event) => event.preventDefault()}><div class="filters-row">
      <${Text} name="tool" label="Tool" /><${Text} name="agent" label="Agent" /><${Text} name="session" label="Session" /></div></form>
    ${error && html`<${Failure} error=${error} again=${again} />`}
    ${value && !value.data.length && html`<${Empty} title=${filtered || offset ? "No charge is like that" : "Nothing was charged yet"} />`}
    ${value?.data.length > 0 && html`<${Charges} rows=${value.data} />`}
    ${value && html`<${Pages} total=${value.total} offset=${offset} />`}`;
}

/** @param {{rows: any[]}} props */
function Charges({ rows }) {
  return html`<div class="table-wrap" tabindex="0" role="region" aria-label="Charges"><table class="table table-cards">
    <thead><tr><th scope="col">Time</th><th scope="col">Tool</th><th scope="col">Pot</th><th scope="col">Agent</th><th scope="col" class="number">Amount</th></tr></thead>
    <tbody>${rows.map((row) => html`<tr key=${`${row.id} ${row.key}`}>
      <td class="time" data-label="Time">${dayAndClock(row.timestamp)}</td>
      <td class="name" data-label="Tool"><a href=${link("audit", row.id)}>${row.tool_name}</a></td>
      <td data-label="Pot">${holder(row.key)}</td><td class="muted" data-label="Agent">${row.agent_id ?? row.session_id ?? "–"}</td>
      <td class="number" data-label="Amount">${text(row.amount)} ${row.currency}</td></tr>`)}</tbody></table></div>`;
}

/** @param {{total: number, offset: number}} props */
function Pages({ total, offset }) {
  const last = Math.min(total, offset + PAGE);
  return html`<nav class="pages" aria-label="Pages of the ledger">
    <p class="muted" role="status">${total ? `${(offset + 1).toLocaleString()}–${last.toLocaleString()} of ${counted(total, "charge")}` : "0 charges"}</p>
    ${offset > 0 && html`<a class="button" href=${narrowed({ offset: String(Math.max(0, offset - PAGE) || "") })}>Newer</a>`}
    ${last < total && html`<a class="button" href=${narrowed({ offset: String(offset + PAGE) })}>Older</a>`}
  </nav>`;
}
