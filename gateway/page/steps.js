// Draws the steps as a list: when, what, of what, how it was verified; the payload when it is asked for.

import { el, fill, icon } from "./dom.js";
import { clock, duration, short } from "./format.js";
import { payload } from "./payload.js";

/** The list. `draw` brings it in line with a timeline and touches only what changed. */
export class Steps {
  element = el("ol", { class: "steps", role: "list", "aria-label": "Steps, the earliest first" });
  #rows = new Map();
  #drawn = false;

  draw(timeline, lanes, letters) {
    let next = this.element.firstElementChild;
    timeline.steps.forEach((step, at) => {
      const row = this.#rows.get(step.key) ?? this.#add(step);
      if (row.element === next) next = next.nextElementSibling;
      else this.element.insertBefore(row.element, next);
      row.place(lanes.of(step).number, timeline.gap(at));
      row.fail(letters.of(step.key));
    });
    for (const [key, { element }] of this.#rows) {
      if (timeline.get(key)) continue;
      element.remove();
      this.#rows.delete(key);
    }
    this.#drawn = true;
  }

  /** Opens a step and goes there. */
  show(key) {
    const { element } = this.#rows.get(key);
    const details = element.querySelector("details");
    details.open = true;
    details.querySelector("summary").focus({ preventScroll: true });
    element.scrollIntoView({ block: "center", behavior: calm() ? "auto" : "smooth" });
  }

  #add(step) {
    const row = new Row(step, this.#drawn);
    this.#rows.set(step.key, row);
    return row;
  }
}

/** Whether the user asked for less motion. */
export const calm = () => matchMedia("(prefers-reduced-motion: reduce)").matches;

class Row {
  constructor(step, isNew) {
    this.gap = el("p", { class: "gap" });
    this.failures = el("ul", { class: "failures", "aria-label": "Failures of this step", hidden: true });
    const more = el("div", { class: "more" });
    const open = ({ target }) => {
      if (target.open && !more.hasChildNodes()) fill(more, ...facts(step));
    };
    const details = el("details", { ontoggle: open }, summary(step), more);
    this.element = el("li", { class: `step${isNew ? " new" : ""}` }, this.gap, details, this.failures);
    this.told = "";
  }

  place(lane, gap) {
    this.element.dataset.lane = String(lane % 8);
    const text = gap === null ? "" : `+${duration(gap)}`;
    if (this.gap.textContent === text) return;
    fill(this.gap, gap === null ? null : el("span", { class: "unseen" }, "after "), text);
    // Longer silences take more room, by their order of magnitude.
    this.gap.dataset.long = String(Math.min(4, Math.floor(Math.log10(1 + (gap ?? 0) / 100))));
  }

  fail(letters) {
    const told = JSON.stringify(letters);
    if (told === this.told) return;
    this.told = told;
    this.failures.hidden = letters.length === 0;
    this.element.classList.toggle("failed", letters.length > 0);
    fill(this.failures, ...letters.map(failure));
  }
}

function summary({ ms, entity, action, version, name, kind, event }) {
  return el("summary", {},
    el("time", { class: "at", datetime: event.ts, title: event.ts }, clock(ms)),
    el("span", { class: "node", "aria-hidden": "true" }),
    el("span", { class: "what" },
      el("span", { class: "title" }, entity && el("span", { class: "entity" }, `${entity} `), el("strong", { "data-action": action }, action),
        el("span", { class: "version" }, ` ${version}`)),
      el("span", { class: "of" }, `${kind} `, el("b", {}, name), el("span", { class: "source" }, `from ${event.source}`))),
    proof(event),
    icon("open"));
}

/** The mark: whether the whole was signed or the body alone, with which algorithm and by which key. */
function proof({ envelopeVerified, algorithm, kid }) {
  const text = envelopeVerified ? "Verified" : "Body verified, envelope not";
  return el("span", { class: `proof ${envelopeVerified ? "whole" : "half"}` },
    icon(envelopeVerified ? "verified" : "half"),
    el("span", { class: "words" }, el("span", { class: "verdict" }, text), el("span", { class: "by" }, `${algorithm} · ${kid}`)));
}

/** One dead letter, as a sentence. */
export function failure({ inbox, code, stage, attempts, failedAt }) {
  const tries = stage === "handle" ? ` after ${attempts} ${attempts === 1 ? "attempt" : "attempts"}` : "";
  return el("li", {}, icon("failed"), el("span", {},
    el("b", {}, inbox), ` ${STAGES[stage] ?? "gave it up"}${tries} `,
    el("time", { datetime: new Date(failedAt).toISOString() }, `at ${short(failedAt)}`), " ", el("code", {}, code)));
}

const STAGES = { verify: "refused it as not genuine", route: "had no handler for it", handle: "could not handle it" };

function facts(step) {
  const { event } = step;
  const rows = [
    ["Signed at", event.ts], ["Key (kid)", event.kid], ["Algorithm", event.algorithm],
    ["Signature covers", event.envelopeVerified ? "payload and envelope" : "the payload alone; what names it proves nothing"],
    ["Resource", event.resource], ["Source", event.source], ["Detail type", event.detailType],
    ["User", event.userId], ["Tenant", event.tenantId],
    ["Event key", event.eventKey], ["EventBridge", event.eventBridgeIds?.join(", ")],
  ].filter(([, value]) => value);
  const text = JSON.stringify(event.detailCore, null, 2);
  return [
    el("section", { class: "payload", "aria-label": "Payload" },
      el("header", {}, el("h3", {}, "Payload"), copier("Copy", text)),
      el("pre", { tabindex: "0" }, payload(event.detailCore))),
    el("dl", { class: "facts" }, rows.map(([name, value]) => el("div", {}, el("dt", {}, name), el("dd", {}, value)))),
  ];
}

/** A button that copies a text. */
export function copier(label, text) {
  const words = el("span", {}, label);
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(text);
      words.textContent = "Copied";
    } catch {
      words.textContent = "Not allowed";
    }
    setTimeout(() => { words.textContent = label; }, 1_500);
  };
  return el("button", { type: "button", class: "quiet copy", onclick: copy }, icon("copy"), words);
}
