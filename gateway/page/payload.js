// A payload for reading: JSON with its parts told apart. Every part is a text node: markup in it is shown, never done.

import { el } from "./dom.js";

/** The nodes of a value, indented. */
export function payload(value, indent = "") {
  if (Array.isArray(value)) return list("[", "]", value.map((item) => [null, item]), indent);
  if (value !== null && typeof value === "object") return list("{", "}", Object.entries(value), indent);
  const kind = typeof value === "string" ? "string" : typeof value === "number" ? "number" : "word";
  return [el("span", { class: kind }, JSON.stringify(value))];
}

function list(begin, end, items, indent) {
  if (items.length === 0) return [begin + end];
  const inner = `${indent}  `;
  const lines = items.flatMap(([name, item], at) => [
    inner,
    ...(name === null ? [] : [el("span", { class: "name" }, JSON.stringify(name)), ": "]),
    ...payload(item, inner),
    at + 1 < items.length ? ",\n" : "\n",
  ]);
  return [`${begin}\n`, ...lines, indent + end];
}
