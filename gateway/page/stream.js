// Follows a stream of server-sent events with `fetch`, since EventSource sends no token. It comes back by itself, from
// the last id it got, and says how it stands.

import { Problem, request } from "./api.js";

/** The gateway shows that it lives within 15 seconds. After so many milliseconds of silence what is shown may be old… */
const BEHIND = 24_000;
/** …and after so many the connection is given up. */
const SILENT = 40_000;
/** The first and the longest pause before it is tried again, in milliseconds. */
const PAUSES = [500, 30_000];
/** A block that is longer is none of ours. */
const MAX_BLOCK = 8 << 20;

/**
 * Follows `path` until `signal`, the token's end or a refusal, from the id `last` on; null is from now on.
 * `on.event(data)` gets each event, `on.reset()` is told that the stream begins anew, so that what was before has to be
 * read, and `on.state(name, facts)` how it stands: `connecting`, `catching-up`,
 * `live`, `behind` (`{heard}`), `waiting` (`{until, problem}`), `ended` (the token's end) or `refused` (`{problem}`).
 */
export async function follow(path, session, last, on, signal) {
  const place = { id: last, retry: 0, anew: false, end: null };
  for (let failures = 0; !signal.aborted; ) {
    on.state("connecting");
    const attempt = new AbortController();
    const stop = () => attempt.abort();
    signal.addEventListener("abort", stop, { once: true });
    let problem;
    try {
      await once(path, session, place, { ...on, alive: () => { failures = 0; } }, attempt);
      problem = new Problem(0, "CLOSED", "The gateway ended the stream.");
    } catch (error) {
      problem = error instanceof Problem ? error : new Problem(0, "CUT", "The connection was cut.");
    } finally {
      signal.removeEventListener("abort", stop);
    }
    if (signal.aborted) return;
    if (problem.status === 401 || place.end === "TOKEN_EXPIRED" || session.ended()) return on.state("ended");
    if (problem.code === "LAST_EVENT_ID_INVALID" && place.id !== null) {
      place.id = null;
    } else if (problem.status >= 400 && problem.status < 500 && problem.status !== 429) {
      return on.state("refused", { problem });
    }
    await pause(failures++, Math.max(place.retry, (problem.retryAfter ?? 0) * 1_000), problem, on, signal);
  }
}

/** One connection, from its opening to its end. */
async function once(path, session, place, on, attempt) {
  const headers = { Accept: "text/event-stream" };
  if (place.id !== null) headers["Last-Event-ID"] = place.id;
  place.anew ||= place.id === null;
  const watch = new Watch(on, attempt);
  try {
    const response = await request(path, session.token(), { headers, signal: attempt.signal });
    on.state("catching-up");
    const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
    const blocks = new Blocks();
    for (;;) {
      const { value, done } = await reader.read();
      if (done) return;
      watch.heard();
      for (const block of blocks.take(value)) await dispatch(block, place, on);
    }
  } finally {
    watch.end();
  }
}

async function dispatch({ id, name, data, retry }, place, on) {
  if (id !== null) place.id = id;
  if (retry !== null) place.retry = retry;
  if (name === "reset") place.anew = true;
  else if (name === "end") place.end = JSON.parse(data).code;
  else if (data !== null) on.event(JSON.parse(data));
  else {
    // A sign of life: all that was missed has come. What was before a beginning is read now, since from here on nothing
    // is left out.
    if (place.anew) await on.reset();
    place.anew = false;
    on.alive();
    on.state("live");
  }
}

/** Cuts what arrives into blocks: `{id, name, data}`, each null where the block has none. */
class Blocks {
  #rest = "";

  *take(chunk) {
    this.#rest += chunk.replaceAll("\r\n", "\n");
    if (this.#rest.length > MAX_BLOCK) throw new Problem(0, "TOO_LONG", "The gateway sent what is no event.");
    for (let end; (end = this.#rest.indexOf("\n\n")) >= 0; ) {
      const block = this.#rest.slice(0, end);
      this.#rest = this.#rest.slice(end + 2);
      yield parse(block);
    }
  }
}

function parse(text) {
  const block = { id: null, name: null, data: null, retry: null };
  for (const line of text.split("\n")) {
    const colon = line.indexOf(":");
    const field = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? "" : line.slice(colon + 1).replace(/^ /, "");
    if (field === "id") block.id = value;
    else if (field === "event") block.name = value;
    else if (field === "retry" && /^\d+$/.test(value)) block.retry = Number(value);
    else if (field === "data") block.data = block.data === null ? value : `${block.data}\n${value}`;
  }
  return block;
}

/** Tells when nothing has been heard for too long, and in the end gives the connection up. */
class Watch {
  #timers = [];

  constructor(on, attempt) {
    this.on = on;
    this.attempt = attempt;
    this.quiet = false;
    this.heard();
  }

  heard() {
    this.end();
    if (this.quiet) this.on.state("catching-up");
    this.quiet = false;
    const heard = Date.now();
    const behind = () => {
      this.quiet = true;
      this.on.state("behind", { heard });
    };
    this.#timers = [setTimeout(behind, BEHIND), setTimeout(() => this.attempt.abort(), SILENT)];
  }

  end() {
    this.#timers.forEach((timer) => clearTimeout(timer));
  }
}

/** Waits before the next attempt: longer each time, never in step with others, no sooner than asked. */
function pause(failures, asked, problem, on, signal) {
  const grown = Math.min(PAUSES[0] * 2 ** failures, PAUSES[1]) * (0.5 + Math.random() / 2);
  const wait = Math.max(grown, asked);
  on.state("waiting", { until: Date.now() + wait, problem });
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer);
      window.removeEventListener("online", done);
      signal.removeEventListener("abort", done);
      resolve();
    };
    const timer = setTimeout(done, wait);
    // Whoever comes back to the network is not kept waiting.
    window.addEventListener("online", done);
    signal.addEventListener("abort", done);
  });
}
