// Filters of what is recorded: fields whose values the address keeps.
import { html } from "./html.js";
import { catchUp, go, link, route } from "./router.js";

export const DECISIONS = ["allow", "deny", "require_approval", "rate_limited", "spend_limited", "budget_exceeded", "dry_run", "rejected"];

/**
 * The address of the page that is shown, with something else asked for.
 * @param {Record<string, string>} change empty values take a filter away
 */
export function narrowed(change) {
  const { page, rest, query } = route.value;
  return link(page, rest, { ...Object.fromEntries(query), offset: "", ...change });
}

/** Goes there. @param {Record<string, string>} change */
export function narrow(change) {
  catchUp();
  go(narrowed(change));
}

/** @param {{name: string, label: string, options: string[][], any?: string}} props */
export function Choice({ name, label, options, any = "Any" }) {
  return html`<label class="field"><span class="field-label">${label}</span>
    <select class="input" value=${route.value.query.get(name) ?? ""} onChange=${(event) => narrow({ [name]: event.target.value })}>
      <option value="">${any}</option>
      ${options.map(([value, word]) => html`<option value=${value}>${word}</option>`)}
    </select></label>`;
}

/** @param {{name: string, label: string}} props */
export function Text({ name, label }) {
  return html`<label class="field"><span class="field-label">${label}</span>
    <input class="input" type="search" value=${route.value.query.get(name) ?? ""} onChange=${(event) => narrow({ [name]: event.target.value.trim() })} />
  </label>`;
}

/**
 * A moment, in the time of whoever looks; the address holds it in UTC.
 * @param {{name: string, label: string, beside?: Record<string, string>}} props `beside` is changed with it
 */
export function When({ name, label, beside = {} }) {
  const told = route.value.query.get(name);
  const local = told && !Number.isNaN(Date.parse(told)) ? localTime(new Date(told)) : "";
  const set = (event) => narrow({ [name]: event.target.value && new Date(event.target.value).toISOString(), ...beside });
  return html`<label class="field"><span class="field-label">${label}</span>
    <input class="input" type="datetime-local" step="1" max="9999-12-31T23:59:59" value=${local} onChange=${set} /></label>`;
}

/** @param {Date} when */
function localTime(when) {
  return new Date(when.getTime() - when.getTimezoneOffset() * 60_000).toISOString().slice(0, 19);
}
