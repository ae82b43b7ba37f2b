// What was found in the policy's file, with the lines that it is about.
import { counted } from "../format.js";
import { html } from "../html.js";
import { Badge, Sentence } from "../parts.js";

const SEVERITIES = { error: ["bad", "✕"], warning: ["warn", "!"], note: ["quiet", "i"] };

/** The saved file was not taken. @param {{policy: any}} props */
export function Refused({ policy }) {
  if (!policy.reload_error) return null;
  return html`<section class="notice notice-bad refused" role="alert" aria-label="The saved file has faults">
    <p><strong>The saved file has faults, so the policy before it goes on.</strong> ${!policy.refused.length && policy.reload_error}</p>
    <${List} of=${policy.refused} />
  </section>`;
}

/** @param {{policy: any}} props */
export function Findings({ policy }) {
  if (!policy.findings.length) return null;
  return html`<details class="card findings" open=${policy.findings.length <= 3}>
    <summary>${counted(policy.findings.length, "finding")} about the loaded file</summary>
    <${List} of=${policy.findings} />
  </details>`;
}

/** Errors first. @param {{of: any[]}} props */
export function List({ of }) {
  const ordered = [...of].sort((one, other) => Number(other.severity === "error") - Number(one.severity === "error"));
  return html`<ul class="finding-list">${ordered.map((each) => html`<li>
    <p><${Badge} kind=${SEVERITIES[each.severity]?.[0] ?? "quiet"} sign=${SEVERITIES[each.severity]?.[1] ?? "·"}>${each.severity} ${each.code}<//> <${Sentence} text=${each.message} /></p>
    <pre class="code" tabindex="0" role="region" aria-label=${`Line ${each.line}: ${each.message}`}>${excerpt(each.text)}</pre>
  </li>`)}</ul>`;
}

/** Without the message, which stands above it. @param {string} text */
function excerpt(text) {
  return text.slice(text.indexOf("\n") + 1).trimEnd();
}
