// Why a call is decided so: the rules that are considered, and what each condition found.
import { text, words } from "../format.js";
import { html } from "../html.js";
import { Badge } from "../parts.js";
import { link } from "../router.js";

const TRUTHS = { true: ["good", "✓"], false: ["quiet", "✕"], indeterminate: ["warn", "?"] };

/** @param {{of: any}} props */
export function Explained({ of }) {
  const blocked = of.reason || of.outcome === "deny";
  return html`<article class="card">
    <p class="lead"><${Badge} kind=${blocked ? "bad" : of.outcome === "allow" ? "good" : "asked"} sign=${blocked ? "✕" : of.outcome === "allow" ? "✓" : "?"}>${words(of.outcome)}<//>
      ${" "}${of.rule ? html`by rule <strong>${of.rule}</strong>` : "by the default"}${of.reason && ` (${words(of.reason)})`}</p>
    ${of.rules.map((rule) => html`<h3>${rule.rule} <span class="muted">${words(rule.action)} · ${words(rule.effect)}</span></h3>
      <ul class="conditions">${rule.conditions.map((each) => html`<li>
        <${Badge} kind=${TRUTHS[each.result]?.[0] ?? "quiet"} sign=${TRUTHS[each.result]?.[1] ?? "·"}>${each.result}<//>
        <code>${each.condition}</code>${each.found !== null && each.found !== undefined && html`<span class="muted">found ${text(each.found)}</span>`}</li>`)}</ul>`)}
    ${of.asks.length > 0 && html`<h3>Asked for</h3><ul class="conditions">${of.asks.map((each) => html`<li>
      ${each.met !== null && html`<${Badge} kind=${each.met ? "good" : "bad"} sign=${each.met ? "✓" : "✕"}>${each.met ? "met" : "missing"}<//>`}
      <span>${words(each.kind)}: ${each.text}</span></li>`)}</ul>`}
    ${of.notes.map((note) => html`<p class="muted">${note}</p>`)}
    <p class="foot">${of.other_tools.length} rules are for other tools, ${of.not_reached} come later. <a href=${link("audit", "", { tool: of.tool })}>Calls of ${of.tool}</a></p>
  </article>`;
}
