// What is known of one correlation: its steps, each once, in order. No element is touched here.

const URN = /^urn:qsl:([^:]+):([^:]+):(.+)$/;
const DETAIL = /^([^.]+)\.([^.]+)\.(v\d+)$/;
/** More resources than this, and lanes are their kinds. */
const LANES = 12;

/** The steps of one correlation. */
export class Timeline {
  /** In order: by signed time, then arrival, then key, as the journal has them. */
  steps = [];
  #byKey = new Map();

  /** Takes an event. Gives its step if it is a new one, else null. */
  add(event) {
    const known = this.#byKey.get(event.eventKey);
    // One that came ahead of the journal gets its place when the journal has it.
    if (known && (known.position !== Infinity || event.position === undefined)) return null;
    const step = asStep(event);
    if (known) this.steps.splice(this.steps.indexOf(known), 1);
    this.#byKey.set(step.key, step);
    this.steps.splice(this.#place(step), 0, step);
    return known ? null : step;
  }

  /** The step of an event. */
  get(key) {
    return this.#byKey.get(key);
  }

  /** The first place whose step comes after `step`. Most events come last, so it is looked for from the end. */
  #place(step) {
    let at = this.steps.length;
    while (at > 0 && compare(step, this.steps[at - 1]) < 0) at -= 1;
    return at;
  }

  /** Milliseconds between a step and the one before; null for the first. */
  gap(at) {
    return at > 0 ? (this.steps[at].micros - this.steps[at - 1].micros) / 1_000 : null;
  }

  /** Milliseconds from the first step to the last. */
  span() {
    return this.steps.length ? (this.steps.at(-1).micros - this.steps[0].micros) / 1_000 : 0;
  }

  /** The lanes, by the first step of each: `{key, kind, name, number}`. */
  lanes() {
    const resources = new Set(this.steps.map((step) => step.event.resource));
    const each = resources.size <= LANES;
    const lanes = new Map();
    for (const { kind, name, event } of this.steps) {
      const key = each ? event.resource : kind;
      if (!lanes.has(key)) lanes.set(key, { key, kind, name: each ? name : "", number: lanes.size });
    }
    return { lanes: [...lanes.values()], of: (step) => lanes.get(each ? step.event.resource : step.kind) };
  }
}

function asStep(event) {
  const [, , kind, name] = URN.exec(event.resource) ?? [null, null, "resource", event.resource];
  const [, entity, action, version] = DETAIL.exec(event.detailType) ?? [null, "", event.detailType, ""];
  const micros = microseconds(event.ts);
  return {
    key: event.eventKey, micros, ms: Math.floor(micros / 1_000), position: event.position ?? Infinity,
    kind, name, entity, action, version, event,
  };
}

/** RFC 3339 in UTC with up to nine fraction digits, as whole microseconds since 1970, which a double holds exactly. */
export function microseconds(ts) {
  const fraction = /\.(\d+)Z$/.exec(ts)?.[1] ?? "";
  return Date.parse(ts.replace(/\.\d+Z$/, "Z")) * 1_000 + Number(fraction.padEnd(6, "0").slice(0, 6));
}

function compare(a, b) {
  return a.micros - b.micros || order(a.position, b.position) || order(a.key, b.key);
}

// Not by subtraction: two steps that are ahead of the journal have no position yet, and infinities have no difference.
const order = (a, b) => (a < b ? -1 : a > b ? 1 : 0);
