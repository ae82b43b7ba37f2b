// A chart over time, on which a part of the time can be chosen. Beside it stands a table with the same.
import library from "../vendor/uplot.js";
import { dayAndClock } from "./format.js";
import { html, signal, useEffect, useRef } from "./html.js";
import { theme } from "./theme.js";

/**
 * @typedef {{label: string, colour: string, values: Array<number | null>, shape?: "bars" | "line", dash?: number[]}} Series
 * `colour` is the name of a custom property of the style
 */

/** It came without its types. @type {any} */
const uPlot = library;

const HEIGHT = 200;
/** How the legend shows lines by the length of their dashes. */
const MARKERS = { 8: "dashed", 2: "dotted" };
/** Charts show the same moment under the pointer. */
const TOGETHER = uPlot.sync("analytics");

/** Only where the pointer is; each is dragged over for itself. */
const MOVES = { pub: (kind) => kind === "mousemove" || kind === "mouseleave", sub: () => true };

const dark = matchMedia("(prefers-color-scheme: dark)");
const darkness = signal(dark.matches);
dark.addEventListener("change", () => {
  darkness.value = dark.matches;
});

const HOUR_AND_MINUTE = new Intl.DateTimeFormat([], { hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
const TO_THE_SECOND = new Intl.DateTimeFormat([], { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" });
const DAY = new Intl.DateTimeFormat([], { month: "short", day: "numeric" });

/** The marks of the time axis. @param {number[]} marks in seconds @param {number} apart */
function timeMarks(marks, apart) {
  return marks.map((mark) => {
    const when = new Date(mark * 1000);
    if (apart >= 86_400 || (when.getHours() === 0 && when.getMinutes() === 0 && when.getSeconds() === 0)) return DAY.format(when);
    return (apart < 60 ? TO_THE_SECOND : HOUR_AND_MINUTE).format(when);
  });
}

/**
 * @param {{label: string, times: number[], series: Series[], show: (value: number) => string, seconds: number,
 *          part: {from: number, to: number} | null, choose: (from: number, to: number) => void, logarithmic?: boolean}} props
 * times in seconds; `part` and `choose` in ms
 */
export function Chart(props) {
  const place = useRef(null);
  const latest = useRef(props);
  latest.current = props;
  const { times, series, part } = props;
  const drawn = useRef(null);
  useEffect(() => {
    const chart = new uPlot(optionsOf(latest, place.current), dataOf(times, series), place.current);
    drawn.current = chart;
    TOGETHER.sub(chart);
    const sized = new ResizeObserver(() => {
      const width = place.current?.clientWidth ?? 0;
      if (width && width !== chart.width) chart.setSize({ width, height: HEIGHT });
    });
    sized.observe(place.current);
    return () => {
      sized.disconnect();
      TOGETHER.unsub(chart);
      chart.destroy();
      drawn.current = null;
    };
  }, [theme.value, darkness.value, series.map(({ label }) => label).join()]);
  useEffect(() => drawn.current.setData(dataOf(times, series)), [times, series]);
  useEffect(() => showPart(drawn.current, part), [part?.from, part?.to]);
  return html`<div class="chart" role="img" aria-label=${props.label} ref=${place}></div>`;
}

/** @param {number[]} times @param {Series[]} series */
function dataOf(times, series) {
  return [times, ...series.map(({ values }) => values)];
}

/** @param {any} chart @param {{from: number, to: number} | null} part */
function showPart(chart, part) {
  const [left, right] = part ? [part.from, part.to].map((ms) => chart.valToPos(ms / 1000, "x")) : [0, 0];
  chart.setSelect({ left, width: right - left, top: 0, height: part ? chart.bbox.height / devicePixelRatio : 0 }, false);
}

/** @param {{current: any}} latest the props @param {HTMLElement} place */
function optionsOf(latest, place) {
  const style = getComputedStyle(document.documentElement);
  const colour = (name) => style.getPropertyValue(name).trim();
  const decades = (_, marks) => marks.map((mark) => (Number.isInteger(Math.log10(mark)) ? mark : null));
  const axis = { stroke: colour("--ink-2"), grid: { stroke: colour("--line"), width: 1 }, ticks: { show: false }, font: `12px ${style.getPropertyValue("--font")}` };
  const { series, show, logarithmic } = latest.current;
  return {
    width: place.clientWidth || 300,
    height: HEIGHT,
    cursor: { drag: { x: true, y: false, setScale: false }, sync: { key: TOGETHER.key, setSeries: false, filters: MOVES }, y: false },
    legend: { live: true, markers: { dash: (_, at) => MARKERS[series[at - 1]?.dash?.[0]] ?? "solid" } },
    scales: {
      x: { time: true, range: (_, from, to) => [from, to + latest.current.seconds] },
      y: logarithmic ? { distr: 3 } : { range: (_, _low, high) => [0, high > 0 ? high * 1.08 : 1] },
    },
    axes: [
      { ...axis, size: 30, values: (_, marks, _axis, _space, apart) => timeMarks(marks, apart) },
      { ...axis, size: logarithmic ? 66 : 48, ...(logarithmic && { grid: { ...axis.grid, filter: decades }, filter: decades }), values: (_, marks) => marks.map((mark) => (mark === null ? null : latest.current.show(mark))) },
    ],
    series: [
      { label: "Time", value: (_, time) => (time === null ? "–" : dayAndClock(new Date(time * 1000).toISOString())) },
      ...series.map((each) => drawnAs(each, colour(each.colour), show)),
    ],
    hooks: { draw: [(chart) => showPart(chart, latest.current.part)], setSelect: [(chart) => chosen(chart, latest.current)] },
  };
}

/** Points without neighbours, which no line would show. @param {any} chart @param {number} at */
function alone(chart, at) {
  const values = chart.data[at];
  const missing = (index) => values[index] === null || values[index] === undefined;
  return [...values.keys()].filter((index) => !missing(index) && missing(index - 1) && missing(index + 1));
}

/** @param {Series} series @param {string} colour @param {(value: number) => string} show */
function drawnAs({ label, shape = "line", dash }, colour, show) {
  const value = (_, found) => (found === null || found === undefined ? "–" : show(found));
  if (shape === "bars") {
    return { label, value, stroke: colour, fill: colour, width: 0, points: { show: false }, paths: uPlot.paths.bars({ size: [0.82, 60], align: 1 }) };
  }
  return { label, value, stroke: colour, width: 2, dash, points: { show: true, size: 6, fill: colour, filter: alone } };
}

/** @param {any} chart @param {{choose: (from: number, to: number) => void}} props */
function chosen(chart, { choose }) {
  const { left, width } = chart.select;
  if (width > 0) choose(1000 * chart.posToVal(left, "x"), 1000 * chart.posToVal(left + width, "x"));
}
