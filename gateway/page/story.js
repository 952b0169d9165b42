// One correlation on the screen: its timeline read, then followed, with how fresh it is.

import { timeline as readTimeline } from "./api.js";
import { el, fill, icon } from "./dom.js";
import { count, day, duration, short } from "./format.js";
import { Lanes } from "./lanes.js";
import { Letters } from "./letters.js";
import { Standing } from "./standing.js";
import { Steps, copier } from "./steps.js";
import { follow } from "./stream.js";
import { Timeline } from "./timeline.js";

/** New steps are announced together, so long after the first of them, in milliseconds. */
const TOGETHER = 3_000;

/** Shows a correlation in `main` until `signal`. */
export class Story {
  #timeline = new Timeline();
  #steps = new Steps();
  #lanes = new Lanes((key) => this.#steps.show(key));
  #frame = 0;
  #announced = [];
  #read = false;

  constructor({ id, session, main, say, signal, signIn }) {
    Object.assign(this, { id, session, main, say, signal });
    this.standing = new Standing(say, signIn, signal);
    this.letters = new Letters(id, session, () => this.#redraw(), signal);
    this.sum = el("p", { class: "sum" });
    this.empty = el("section", { class: "card empty", hidden: true }, icon("wait"), el("h2", {}, "Nothing has happened yet"),
      el("p", {}, "The first step will appear here by itself, as soon as the journal has it."));
    this.notice = el("p", { class: "notice", hidden: true });
  }

  async start() {
    fill(this.main,
      el("section", { class: "story", "aria-labelledby": "story" },
        el("header", { class: "head" },
          el("div", { class: "naming" }, el("p", { class: "label" }, "Correlation"), el("h1", { id: "story" }, this.id), copier("Copy id", this.id)),
          this.standing.pill, this.sum),
        this.standing.banner, this.notice, this.empty, this.#lanes.element, this.#steps.element, this.letters.element));
    this.standing.set("reading");
    const last = await this.#history();
    if (this.signal.aborted) return;
    this.letters.read();
    const on = {
      event: (event) => this.#came(event),
      reset: () => this.#anew(),
      state: (name, facts) => this.#state(name, facts),
    };
    await follow(`events/stream?correlationId=${encodeURIComponent(this.id)}`, this.session, last, on, this.signal);
  }

  /** The first reading. Says from which id on a stream leaves nothing out; null where nothing is to be seen yet. */
  async #history() {
    let last = null;
    try {
      for await (const part of this.#parts()) {
        part.events.forEach((event) => this.#timeline.add(event));
        last ??= part.lastEventId ?? null;
        this.#redraw();
      }
    } catch {
      // The stream asks again, and says what is wrong if it stays.
    }
    this.#read = true;
    this.#redraw();
    return last;
  }

  /** What the journal has now, and what came ahead of it, in the place of what was there. */
  async #anew() {
    const timeline = new Timeline();
    try {
      for await (const part of this.#parts()) part.events.forEach((event) => timeline.add(event));
    } catch (problem) {
      if (problem.status !== 404) throw problem;
    }
    this.#timeline.steps.filter((step) => step.position === Infinity).forEach((step) => timeline.add(step.event));
    this.#timeline = timeline;
    this.#redraw();
  }

  async *#parts() {
    for (let cursor = null, first = true; first || cursor; first = false) {
      const part = await readTimeline(this.id, cursor, this.session.token(), this.signal);
      yield part;
      cursor = part.next;
    }
  }

  #came(event) {
    const step = this.#timeline.add(event);
    if (step) {
      if (this.#announced.push(`${step.entity} ${step.action}`) === 1) setTimeout(() => this.#announce(), TOGETHER);
      this.letters.soon();
    }
    this.#redraw();
  }

  #announce() {
    const steps = this.#announced.splice(0);
    if (!this.signal.aborted) this.say(steps.length > 3 ? `${steps.length} new steps` : `New: ${steps.join(", ")}`);
  }

  #state(name, facts) {
    if (name === "refused" && this.#timeline.steps.length === 0) return this.#refused(facts.problem);
    this.standing.set(name, facts);
    this.#redraw();
  }

  #redraw() {
    cancelAnimationFrame(this.#frame);
    this.#frame = requestAnimationFrame(() => !this.signal.aborted && this.#draw());
  }

  #draw() {
    const lanes = this.#timeline.lanes();
    const { steps } = this.#timeline;
    this.#steps.draw(this.#timeline, lanes, this.letters);
    this.#lanes.draw(this.#timeline, lanes, this.letters, this.standing.name === "live");
    this.empty.hidden = steps.length > 0 || this.standing.name !== "live" || !this.#read;
    this.notice.hidden = !this.letters.unknown;
    this.notice.textContent = this.letters.unknown ? `Failures cannot be shown now: ${this.letters.unknown.message}` : "";
    if (steps.length === 0) return fill(this.sum);
    const half = steps.filter((step) => !step.event.envelopeVerified).length;
    fill(this.sum,
      el("span", {}, count(steps.length, "step")), el("span", {}, count(lanes.lanes.length, "resource")),
      steps.length > 1 ? el("span", {}, `${duration(this.#timeline.span())} from first to last`) : null,
      el("span", {}, `begun ${day(steps[0].ms)}, ${short(steps[0].ms)}`),
      half ? el("span", { class: "warn" }, icon("half"), `${half} with an unsigned envelope`) : el("span", { class: "good" }, icon("verified"), "every step verified"),
      this.letters.length ? el("span", { class: "bad" }, icon("failed"), count(this.letters.length, "failure")) : null);
  }

  #refused(problem) {
    const again = () => window.dispatchEvent(new HashChangeEvent("hashchange"));
    const none = problem.status === 404;
    fill(this.main,
      el("section", { class: "card refused" }, icon("lock"),
        el("h1", {}, none ? "Nothing here that you may see" : "This cannot be shown"),
        el("p", { class: "id" }, this.id),
        el("p", {}, none ? "There is no such correlation, or it belongs to somebody else. The two look alike on purpose." : problem.message),
        el("button", { type: "button", onclick: again }, "Look again")));
    this.say(none ? "Nothing here that you may see" : problem.message);
  }
}
