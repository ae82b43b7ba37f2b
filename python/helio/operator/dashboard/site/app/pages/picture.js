// The rules drawn: the way of a call, and what rules have to do with each other.
import { get } from "../api.js";
import { counted, words } from "../format.js";
import { html } from "../html.js";
import { laidOut, MOST_RULES } from "../layout.js";
import { Failure, useAsked } from "../parts.js";

/** @param {{policy: any}} props as `/api/policy` has it: its hits stand at the rules */
export function Picture({ policy }) {
  const { value, error, again } = useAsked((signal) => get("/api/policy/graph", {}, signal), [policy.digest]);
  if (error) return html`<${Failure} error=${error} again=${again} />`;
  if (!value) return null;
  const drawing = value.data;
  const { boxes, ways, left, width, height, leftOut } = laidOut(drawing);
  const hits = new Map(policy.rules.map((rule) => [rule.index, rule.hits]));
  return html`<section aria-labelledby="picture"><h2 id="picture" class="section">Picture</h2>
    <div class="picture-wrap" tabindex="0" role="region" aria-label="Picture of the rules">
      <svg class="picture" role="img" aria-label="The rules as a picture; the same as text stands below" width=${width + 4} height=${height + 4} viewBox=${`${left - 2} -2 ${width + 4} ${height + 4}`}>
        <defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto"><path class="tip" d="M0 0L8 4L0 8Z" /></marker></defs>
        ${ways.map((way) => html`<path class="way way-${way.kind}" d=${way.path} marker-end="url(#tip)" />
          ${way.text && html`<text class="way-text" x=${way.x} y=${way.y}>${way.text}</text>`}`)}
        ${boxes.map((box) => html`<${Box} box=${box} hits=${box.rule === null ? undefined : hits.get(box.rule)} />`)}
      </svg>
    </div>
    ${leftOut > 0 && html`<p class="foot">The first ${MOST_RULES} rules are drawn; ${counted(leftOut, "rule comes", "rules come")} after them.</p>`}
    <details class="card as-text"><summary>The same as text</summary><${AsText} drawing=${drawing} hits=${hits} /></details>
  </section>`;
}

/** @param {{box: import("../layout.js").Placed, hits: number | undefined}} props */
function Box({ box, hits }) {
  const kind = box.kind === "outcome" ? `outcome-${box.id}` : box.kind;
  return html`<g class="box box-${kind} ${box.shadow ? "box-shadow" : ""}"><title>${box.title}</title>
    <rect x=${box.x} y=${box.y} width=${box.width} height=${box.height} rx="6" />
    ${box.lines.map((line, at) => html`<text class=${at ? "" : "box-head"} x=${box.x + 10} y=${box.y + 19 + at * 17}>${line}</text>`)}
    ${hits > 0 && html`<text class="box-hits" text-anchor="end" x=${box.x + box.width - 8} y=${box.y - 5}>${counted(hits, "hit")}</text>`}
  </g>`;
}

const LEADS = { next: "else", decides: "then", calls: "lets pass", needs: "needed by", puts: "puts", asks: "asked for by", feeds: "counts in" };

/** @param {{drawing: any, hits: Map<number, number>}} props */
function AsText({ drawing, hits }) {
  const boxes = new Map(drawing.boxes.map((box) => [box.id, box]));
  const leaving = Map.groupBy(drawing.arrows, (arrow) => arrow.from);
  const shown = drawing.boxes.filter((box) => box.kind !== "outcome" && (box.kind === "rule" || leaving.has(box.id)));
  return html`<ul>${shown.map((box) => html`<li><strong>${box.lines[0]}</strong>${box.lines.slice(1).map((line) => html`; ${line}`)}
    ${box.id.startsWith("rule") && html` <span class="muted">${counted(hits.get(Number(box.id.slice(4))) ?? 0, "hit")}</span>`}
    <ul>${(leaving.get(box.id) ?? []).map((arrow) => html`<li>${LEADS[arrow.kind] ?? words(arrow.kind)}: ${boxes.get(arrow.to).lines[0]}${arrow.text && arrow.kind !== "next" && ` (${arrow.text})`}</li>`)}</ul></li>`)}</ul>`;
}
