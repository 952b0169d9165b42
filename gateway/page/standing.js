// How fresh what is shown is: a mark that is always there, and a bar over the timeline whenever it may be old.

import { el, fill } from "./dom.js";
import { short } from "./format.js";

const LABELS = {
  reading: "Reading…", connecting: "Connecting…", "catching-up": "Catching up…", live: "Live",
  behind: "Behind", waiting: "Reconnecting", ended: "Signed out", refused: "Stopped",
};

/** How a stream stands, on the screen. */
export class Standing {
  pill = el("p", { class: "pill" });
  banner = el("div", { class: "banner", hidden: true });
  name = "reading";
  /** When what is shown was last known to be all, in milliseconds since 1970. */
  #asOf = null;
  #facts = {};

  constructor(say, signIn, signal) {
    Object.assign(this, { say, signIn });
    const tick = setInterval(() => this.name === "waiting" && this.#draw(), 1_000);
    signal.addEventListener("abort", () => clearInterval(tick));
  }

  set(name, facts = {}) {
    const before = this.name;
    if (before === "live" && name !== "live") this.#asOf = facts.heard ?? Date.now();
    const wasOld = this.#old();
    Object.assign(this, { name });
    this.#facts = facts;
    this.#draw();
    // Said once when it goes, and once when it is back; never for each attempt between.
    if (name === "live" && wasOld) this.say("Live again");
    else if (!wasOld && this.#old()) this.say(this.#sentence());
    else if (name === "ended" && before !== "ended") this.say(this.#sentence());
    if (name === "live") this.#asOf = null;
  }

  /** Whether what is shown may be old. */
  #old() {
    const trouble = ["behind", "waiting", "ended", "refused"].includes(this.name);
    return trouble || (this.#asOf !== null && this.name !== "live");
  }

  #sentence() {
    const asOf = this.#asOf === null ? "" : ` What you see is as of ${short(this.#asOf)}.`;
    switch (this.name) {
      case "behind": return `Behind: the gateway has been silent for a while.${asOf}`;
      case "waiting": return `Reconnecting: ${this.#facts.problem.message}${asOf}`;
      case "ended": return `Your sign-in has ended, and with it the stream.${asOf}`;
      case "refused": return `The stream was refused: ${this.#facts.problem.message}${asOf}`;
      default: return `Reconnecting…${asOf}`;
    }
  }

  #draw() {
    this.pill.dataset.state = this.name;
    fill(this.pill, el("span", { class: "light" }), LABELS[this.name]);
    this.banner.hidden = !this.#old();
    this.banner.dataset.state = this.name;
    const left = this.name === "waiting" ? Math.max(0, Math.ceil((this.#facts.until - Date.now()) / 1_000)) : 0;
    fill(this.banner,
      el("p", {}, this.#sentence(), left > 0 ? el("span", { class: "left" }, ` Next attempt in ${left} s.`) : null),
      this.name === "ended" ? el("button", { type: "button", onclick: this.signIn }, "Sign in again") : null);
  }
}
