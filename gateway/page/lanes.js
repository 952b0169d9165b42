// Draws the lanes: one for each resource, each step where it belongs, and the thread from step to step. Distances grow
// with the logarithm of time, so that milliseconds and hours fit into one picture. The list below says the same in words.

import { el, fill, svg } from "./dom.js";
import { duration, short } from "./format.js";
import { calm } from "./steps.js";

const ROW = 44;
const TOP = 26;
const SIDE = 18;
/** Steps come no closer than this, in pixels; then the picture is scrolled. */
const CLOSE = 16;
/** What a letter of a gap's label takes. */
const LETTER = 6.6;
const MOVE = 350;
/** More steps than this jump to their places. */
const MANY = 300;

/** The picture. */
export class Lanes {
  #names = el("ul", { class: "names", "aria-hidden": "true" });
  #drawing = svg("svg", { "aria-hidden": "true" });
  #plot = el("div", { class: "plot", role: "group", "aria-label": "The steps in their lanes, as the list below says" }, this.#drawing);
  element = el("div", { class: "lanes" }, this.#names, this.#plot);
  #at = new Map();
  #frame = 0;
  #last = null;

  constructor(chosen) {
    this.chosen = chosen;
    new ResizeObserver(() => this.#last && this.draw(...this.#last)).observe(this.#plot);
  }

  draw(timeline, lanes, letters, live) {
    this.#last = [timeline, lanes, letters, live];
    const { steps } = timeline;
    this.element.hidden = steps.length === 0;
    fill(this.#names, lanes.lanes.map(({ kind, name, number }) =>
      el("li", { "data-lane": String(number % 8), title: `${kind} ${name}` }, el("span", {}, kind), el("b", {}, name || "all"))));
    const room = Math.max(this.#plot.clientWidth - 2 * SIDE, (steps.length - 1) * CLOSE);
    const xs = places(timeline, room);
    const height = TOP + lanes.lanes.length * ROW + 4;
    const width = room + 2 * SIDE;
    for (const [name, value] of [["width", width], ["height", height], ["viewBox", `0 0 ${width} ${height}`]]) {
      this.#drawing.setAttribute(name, String(value));
    }
    const points = steps.map((step, index) => ({ step, x: xs[index], lane: lanes.of(step).number, failed: letters.of(step.key).length > 0 }));
    this.#move(points, width, live);
  }

  /** From where each step was drawn to where it belongs now; a new one comes out of the one before it. */
  #move(points, width, live) {
    cancelAnimationFrame(this.#frame);
    const from = points.map(({ step, x }, at) => this.#at.get(step.key) ?? (at > 0 ? this.#at.get(points[at - 1].step.key) : x) ?? x);
    const begun = performance.now();
    const still = calm() || this.#at.size === 0 || points.length > MANY || document.hidden;
    const paint = (now) => {
      const part = still ? 1 : Math.min(1, (now - begun) / MOVE);
      const eased = 1 - (1 - part) ** 3;
      const placed = points.map((point, at) => ({ ...point, x: from[at] + (point.x - from[at]) * eased }));
      this.#at = new Map(placed.map(({ step, x }) => [step.key, x]));
      this.#paint(placed, width, live);
      if (part < 1) this.#frame = requestAnimationFrame(paint);
      else this.#plot.scrollLeft = this.#plot.scrollWidth;
    };
    if (still) paint(begun);
    else this.#frame = requestAnimationFrame(paint);
  }

  #paint(points, width, live) {
    if (points.length === 0) return;
    const y = (lane) => TOP + lane * ROW + ROW / 2;
    const ends = new Map();
    for (const { lane, x } of points) {
      const [first, last] = ends.get(lane) ?? [x, x];
      ends.set(lane, [Math.min(first, x), Math.max(last, x)]);
    }
    const shift = (x) => (x + SIDE).toFixed(1);
    const parts = [];
    for (const [lane, [first, last]] of ends) {
      const own = { "data-lane": String(lane % 8), y1: y(lane), y2: y(lane) };
      parts.push(svg("line", { ...own, class: "faint", x1: SIDE, x2: width - SIDE }), svg("line", { ...own, class: "run", x1: shift(first), x2: shift(last) }));
    }
    points.slice(1).forEach(({ x, lane, step }, index) => {
      const { x: x0, lane: lane0, step: step0 } = points[index];
      const half = (x0 + x) / 2;
      parts.push(svg("path", { class: "thread", d: `M${shift(x0)} ${y(lane0)}C${shift(half)} ${y(lane0)} ${shift(half)} ${y(lane)} ${shift(x)} ${y(lane)}` }));
      const label = `+${duration((step.micros - step0.micros) / 1_000)}`;
      if (x - x0 >= label.length * LETTER) parts.push(svg("text", { class: "between", x: shift(half), y: 14 }, label));
    });
    points.forEach(({ step, x, lane, failed }, at) => {
      const place = { cx: shift(x), cy: y(lane), "data-lane": String(lane % 8) };
      if (live && at === points.length - 1) parts.push(svg("circle", { ...place, class: "halo", r: 13 }));
      const dot = svg("circle", { ...place, class: `dot${step.event.envelopeVerified ? "" : " half"}`, r: 6.5, "data-key": step.key, onclick: () => this.chosen(step.key) },
        svg("title", {}, `${step.entity} ${step.action}, ${short(step.ms)}`));
      parts.push(dot);
      if (failed) {
        const [cx, cy] = [x + SIDE + 7, y(lane) - 8];
        parts.push(svg("circle", { class: "bad", cx, cy, r: 5.5 }), svg("path", { class: "cross", d: `M${cx - 2} ${cy - 2}l4 4m0-4l-4 4` }));
      }
    });
    this.#drawing.replaceChildren(...parts);
  }
}

/** Where each step is drawn, from 0 to `room`. */
function places(timeline, room) {
  const weights = timeline.steps.map((_, at) => (at === 0 ? 0 : 1 + Math.log10(1 + timeline.gap(at) / 10)));
  const whole = weights.reduce((sum, weight) => sum + weight, 0) || 1;
  const least = Math.min(CLOSE, room / Math.max(1, weights.length - 1));
  const spare = room - least * (weights.length - 1);
  let x = 0;
  return weights.map((weight, at) => (at === 0 ? 0 : (x += least + (weight / whole) * spare)));
}
