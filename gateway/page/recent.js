// The correlations in which something happened last, as far as the token allows.

import { recent } from "./api.js";
import { el, fill, icon } from "./dom.js";
import { ago } from "./format.js";
import { microseconds } from "./timeline.js";

/** Shows them in `main` until `signal`. */
export async function showRecent({ session, main, signal }) {
  const list = el("ol", { class: "recent", "aria-labelledby": "recent" });
  const note = el("p", { class: "note" }, "Looking…");
  const more = el("button", { type: "button", class: "quiet", hidden: true }, "Show older ones");
  const again = el("button", { type: "button", class: "quiet" }, "Refresh");
  fill(main,
    el("section", { class: "home" },
      el("header", { class: "head" }, el("div", {}, el("h1", { id: "recent" }, "Recent"),
        el("p", { class: "label" }, "Where something happened last, as far as your sign-in lets you see")), again),
      note, list, more));
  let next = null;
  const listed = new Set();
  const load = async (cursor) => {
    try {
      const page = await recent(cursor, session.token(), signal);
      next = page.next ?? null;
      if (!cursor) listed.clear();
      // One that was listed can come again further down, by an older event.
      const fresh = page.correlations.filter(({ correlationId }) => !listed.has(correlationId));
      fresh.forEach(({ correlationId }) => listed.add(correlationId));
      const rows = fresh.map(row);
      if (cursor) list.append(...rows);
      else fill(list, rows);
      more.hidden = !next;
      const none = !list.hasChildNodes();
      fill(note, none ? "Nothing happened lately that you may see. What you look for may be older: open it by its correlation id." : null);
      note.hidden = !none;
    } catch (problem) {
      if (signal.aborted) return;
      note.hidden = false;
      fill(note, icon("failed"), `Recent correlations cannot be listed now: ${problem.message} You can still open one by its correlation id.`);
    }
  };
  more.addEventListener("click", () => load(next));
  again.addEventListener("click", () => load(null));
  document.addEventListener("visibilitychange", () => document.hidden || load(null), { signal });
  await load(null);
}

function row({ correlationId, ts, source, detailType, resource }) {
  const [entity, action] = detailType.split(".");
  return el("li", {},
    el("a", { href: `#c=${encodeURIComponent(correlationId)}` },
      el("span", { class: "id" }, correlationId),
      el("span", { class: "last" }, `${entity} `, el("strong", { "data-action": action }, action)),
      el("span", { class: "of" }, resource.replace(/^urn:qsl:[^:]+:/, "").replace(":", " ")),
      el("span", { class: "source" }, source),
      el("time", { datetime: ts, title: ts }, ago(microseconds(ts) / 1_000, Date.now()))));
}
