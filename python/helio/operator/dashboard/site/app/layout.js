// Where the boxes and arrows of a policy's picture stand. Pure: `/api/policy/graph` in, places out.
//
// The way of a call leads down the middle, rule after rule. To the right of each rule stands what
// becomes of the call, to the left what rules have to do with each other: tools that must have been
// called, labels. Budgets, with what they count, stand below, and then the way of an installation.

/** @typedef {{id: string, kind: string, lines: string[], shadow: boolean, line: number | null}} Box */
/** @typedef {{from: string, to: string, kind: string, text: string}} Arrow */
/** @typedef {{id: string, kind: string, shadow: boolean, x: number, y: number, width: number, height: number,
 *             lines: string[], title: string, rule: number | null}} Placed `rule`: of those about calls */
/** @typedef {{kind: string, path: string, text: string, x: number, y: number}} Way */

const LINE = 17;
const PAD = 9;
const GAP = 26;
const COLUMNS = { left: { x: 0, width: 190 }, middle: { x: 260, width: 400 }, right: { x: 720, width: 250 } };
const SIGN = 7.3;
const MOST_LINES = 5;
/** Rules that are drawn: a page with more of them is slow, and nobody reads it. */
export const MOST_RULES = 200;
const RIGHT_EDGE = COLUMNS.right.x + COLUMNS.right.width;

/**
 * @param {{boxes: Box[], arrows: Arrow[]}} drawing
 * @returns {{boxes: Placed[], ways: Way[], left: number, width: number, height: number, leftOut: number}}
 */
export function laidOut({ boxes, arrows }) {
  const page = new Page(boxes, arrows);
  const [calls, ...others] = boxes.filter((box) => box.kind === "start");
  let leftOut = page.way(calls, 0);
  page.related(arrows.filter((each) => ["calls", "needs", "puts", "asks"].includes(each.kind)));
  page.budgets(arrows.filter((each) => each.kind === "feeds"));
  for (const start of others) leftOut += page.way(start, page.bottom + 2 * GAP);
  const left = Math.min(...page.placed.map((box) => box.x));
  return { boxes: page.placed, ways: page.ways, left, width: RIGHT_EDGE - left, height: page.bottom, leftOut };
}

class Page {
  /** @param {Box[]} boxes @param {Arrow[]} arrows */
  constructor(boxes, arrows) {
    this.leaving = Map.groupBy(arrows, (each) => each.from);
    this.known = new Map(boxes.map((box) => [box.id, box]));
    /** @type {Placed[]} */
    this.placed = [];
    /** @type {Way[]} */
    this.ways = [];
    this.bottom = 0;
  }

  /**
   * @param {Box} box
   * @param {keyof typeof COLUMNS} column
   * @param {number} y
   * @param {string[]} [more] lines below its own
   */
  place(box, column, y, more = []) {
    const { x, width } = COLUMNS[column];
    const lines = [...box.lines, ...more].flatMap((line) => folded(line, Math.floor((width - 2 * PAD) / SIGN)));
    const height = lines.length * LINE + 2 * PAD - 4;
    const number = box.kind === "rule" && box.id.startsWith("rule") ? Number(box.id.slice("rule".length)) : null;
    const placed = { ...box, x, y, width, height, lines, title: [...box.lines, ...more].join("\n"), rule: number };
    this.placed.push(placed);
    this.bottom = Math.max(this.bottom, y + height);
    return placed;
  }

  /**
   * The way of a call, or of an installation, from its start through the rules.
   * @param {Box} start @param {number} y
   * @returns {number} how many rules are left out
   */
  way(start, y) {
    const own = `${start.id.slice(0, -"start".length)}rule`;
    const rules = [...this.known.values()].filter((box) => box.kind === "rule" && box.id.startsWith(own));
    let before = this.place(start, "middle", y);
    for (const box of rules.slice(0, MOST_RULES)) before = this.rule(box, before);
    const last = this.next(before);
    if (last && rules.length <= MOST_RULES) this.otherwise(last, before);
    return Math.max(0, rules.length - MOST_RULES);
  }

  /** Where one goes on from a box; nowhere from a rule that takes everything. @param {{id: string}} box */
  next({ id }) {
    return this.leaving.get(id)?.find((each) => each.kind === "next");
  }

  /** @param {Box} box @param {Placed} before */
  rule(box, before) {
    const placed = this.place(box, "middle", this.bottom + GAP);
    const way = this.next(before);
    if (way) this.down(before, placed, way.text);
    let y = placed.y;
    for (const arrow of (this.leaving.get(box.id) ?? []).filter((each) => each.kind === "decides")) {
      const outcome = this.place(this.known.get(arrow.to), "right", y, arrow.text ? [arrow.text] : []);
      const from = Math.min(y + LINE, placed.y + placed.height - PAD);
      this.across("decides", placed.x + placed.width, from, outcome.x, y + LINE);
      y = outcome.y + outcome.height + PAD;
    }
    return placed;
  }

  /** @param {Arrow} arrow what becomes of calls that no rule decides @param {Placed} before */
  otherwise(arrow, before) {
    const placed = this.place(this.known.get(arrow.to), "middle", this.bottom + GAP);
    this.down(before, placed, arrow.text);
  }

  /** @param {Placed} from @param {Placed} to @param {string} text */
  down(from, to, text) {
    const x = COLUMNS.middle.x + 40;
    const [start, end] = [from.y + from.height, to.y];
    this.ways.push({ kind: "next", path: `M${x} ${start}V${end - 1}`, text, x: x + 10, y: end - GAP / 2 + 4 });
  }

  /** @param {string} kind @param {number} x @param {number} y @param {number} toX @param {number} toY @param {string} [text] */
  across(kind, x, y, toX, toY, text = "") {
    const bend = (toX - x) / 2;
    this.ways.push({ kind, path: `M${x} ${y}C${x + bend} ${y} ${toX - bend} ${toY} ${toX} ${toY}`, text, x: x + bend, y: (y + toY) / 2 });
  }

  /** Tools and labels, each as near to its rules as there is room. @param {Arrow[]} arrows */
  related(arrows) {
    const at = new Map(this.placed.filter((each) => each.kind === "rule").map((each) => [each.id, each]));
    const drawn = arrows.map((each) => (at.has(each.to) ? { ...each, rule: each.to, other: each.from } : { ...each, rule: each.from, other: each.to }));
    const shown = drawn.filter((each) => at.has(each.rule));
    const others = Map.groupBy(shown, (each) => each.other);
    const wished = [...others].map(([id, all]) => ({ id, all, y: Math.min(...all.map((each) => at.get(each.rule).y)) }));
    let free = 0;
    for (const { id, all, y } of wished.sort((one, other) => one.y - other.y)) {
      const box = this.place(this.known.get(id), "left", Math.max(y, free));
      free = box.y + box.height + PAD;
      all.forEach((each, number) => this.relation(each, box, at.get(each.rule), number));
    }
  }

  /** @param {Arrow} arrow @param {Placed} other @param {Placed} rule @param {number} number */
  relation(arrow, other, rule, number) {
    const [x, y] = [other.x + other.width, other.y + other.height / 2];
    const ruleY = rule.y + Math.min(rule.height - PAD, LINE * (1 + (number % 3)));
    if (arrow.to === rule.id) this.across(arrow.kind, x, y, rule.x, ruleY);
    else this.across(arrow.kind, rule.x, ruleY, x, y);
  }

  /** @param {Arrow[]} arrows from what is counted to the budget that it is counted in */
  budgets(arrows) {
    for (const [id, feeding] of Map.groupBy(arrows, (each) => each.to)) {
      const budget = this.place(this.known.get(id), "right", this.bottom + GAP);
      let y = budget.y;
      for (const arrow of feeding) {
        const source = this.place(this.known.get(arrow.from), "middle", y, [`counts ${arrow.text}`]);
        const middle = source.y + source.height / 2;
        this.across("feeds", source.x + source.width, middle, budget.x, Math.min(middle, budget.y + budget.height - PAD));
        y = source.y + source.height + PAD;
      }
    }
  }
}

/** A line as so many as it takes. @param {string} line @param {number} columns */
function folded(line, columns) {
  const found = [];
  let rest = line;
  while (rest.length > columns && found.length < MOST_LINES - 1) {
    const space = rest.lastIndexOf(" ", columns);
    const end = space > columns / 2 ? space : columns;
    found.push(rest.slice(0, end));
    rest = rest.slice(end).trimStart();
  }
  found.push(rest.length > columns ? `${rest.slice(0, columns - 1)}…` : rest);
  return found;
}
