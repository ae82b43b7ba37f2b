// What a tool became: its accepted definition and the one that is listed, line by line.
import { get } from "../api.js";
import { html } from "../html.js";
import { useAsked } from "../parts.js";

const KINDS = { "+": "added", "-": "removed", "@": "place" };

/** @param {{tool: string, upstream: string, about: unknown}} props asked anew when `about` changes */
export function Difference({ tool, upstream, about }) {
  const { value, error } = useAsked((signal) => get(`/api/tools/${encodeURIComponent(tool)}/diff`, { upstream }, signal), [tool, upstream, about]);
  if (error) return html`<p class="muted">${error.status === 409 || error.status === 404 ? "It is what was accepted by now." : error.message}</p>`;
  if (!value) return null;
  const lines = value.data.diff;
  if (!lines) return html`<p class="muted">What was accepted, or what is listed, was not kept: its definition is very long, holds a secret, or was accepted by an earlier version.</p>`;
  return html`<pre class="code difference" tabindex="0" role="region" aria-label=${`What changed of ${tool}`}>${lines.slice(2).map((line) => html`<${Line} line=${line} />`)}</pre>`;
}

/** @param {{line: string}} props */
function Line({ line }) {
  const kind = KINDS[line[0]] ?? "same";
  const text = kind === "place" ? "…" : line;
  return html`<span class="line line-${kind}">${text}</span>`;
}
