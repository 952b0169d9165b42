// Dead letters of a correlation: those of its steps, and those that were refused before anything of them was proven.

import { deadLetters } from "./api.js";
import { el, fill } from "./dom.js";
import { count } from "./format.js";
import { failure } from "./steps.js";

/** They are asked for again so often, in milliseconds: nothing announces them. */
const EVERY = 15_000;
/** And so long after a step came, whose handling may have failed. */
const SOON = 1_500;

/** The dead letters of one correlation, kept fresh. */
export class Letters {
  element = el("section", { class: "letters", "aria-labelledby": "letters", hidden: true });
  /** Why they are not known now. */
  unknown = null;
  #list = [];
  #byKey = new Map();
  #timer = 0;

  constructor(correlation, session, changed, signal) {
    this.read = async () => {
      clearTimeout(this.#timer);
      if (!document.hidden && !session.ended()) {
        try {
          this.#take((await deadLetters(correlation, session.token(), signal)).deadLetters);
        } catch (problem) {
          if (signal.aborted) return;
          // Nothing of the correlation may be seen: then nothing of its failures either.
          if (problem.status === 404) this.#take([]);
          else this.unknown = problem;
        }
        changed();
      }
      this.#again(EVERY);
    };
    document.addEventListener("visibilitychange", () => this.read(), { signal });
    signal.addEventListener("abort", () => clearTimeout(this.#timer));
    this.signal = signal;
  }

  /** A step came. */
  soon() {
    this.#again(SOON);
  }

  /** Those of one step. */
  of(key) {
    return this.#byKey.get(key) ?? [];
  }

  /** All of them. */
  get length() {
    return this.#list.length;
  }

  #again(after) {
    clearTimeout(this.#timer);
    if (!this.signal.aborted) this.#timer = setTimeout(this.read, after);
  }

  #take(letters) {
    this.unknown = null;
    this.#list = letters;
    this.#byKey = Map.groupBy(letters.filter((letter) => letter.eventKey), (letter) => letter.eventKey);
    const claimed = letters.filter((letter) => !letter.eventKey);
    this.element.hidden = claimed.length === 0;
    fill(this.element,
      el("h2", { id: "letters" }, "Refused messages"),
      el("p", {}, `${count(claimed.length, "message")} named this correlation, and nothing of it could be verified: what it claimed may be false.`),
      el("ul", { class: "failures" }, claimed.map(failure)));
  }
}
