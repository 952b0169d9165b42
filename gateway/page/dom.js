// Builds elements. Text goes in as text and nothing here reads markup, so a payload may hold anything.

const SVG = "http://www.w3.org/2000/svg";

/** An element with attributes (`onclick` and its like are listeners) and children, which are elements or text. */
export function el(name, attributes = {}, ...children) {
  return filled(document.createElement(name), attributes, children);
}

/** The same for a drawing. */
export function svg(name, attributes = {}, ...children) {
  return filled(document.createElementNS(SVG, name), attributes, children);
}

function filled(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === false || value === null || value === undefined) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

const PATHS = {
  verified: "M12 2.5 4.5 5.4v5.7c0 4.7 3.1 8.7 7.5 10.4 4.4-1.7 7.5-5.7 7.5-10.4V5.4L12 2.5ZM8.3 12l2.6 2.6 4.9-5.2",
  half: "M12 2.5 4.5 5.4v5.7c0 4.7 3.1 8.7 7.5 10.4 4.4-1.7 7.5-5.7 7.5-10.4V5.4L12 2.5ZM12 8v4.6M12 15.6v.2",
  failed: "M12 21.5a9.5 9.5 0 1 0 0-19 9.5 9.5 0 0 0 0 19ZM9 9l6 6M15 9l-6 6",
  open: "m9 6 6 6-6 6",
  copy: "M9 9.5A1.5 1.5 0 0 1 10.5 8h8A1.5 1.5 0 0 1 20 9.5v9a1.5 1.5 0 0 1-1.5 1.5h-8A1.5 1.5 0 0 1 9 18.5v-9ZM15 8V5.5A1.5 1.5 0 0 0 13.5 4h-8A1.5 1.5 0 0 0 4 5.5v8A1.5 1.5 0 0 0 5.5 15H9",
  lock: "M6.5 11h11a1 1 0 0 1 1 1v7.5a1 1 0 0 1-1 1h-11a1 1 0 0 1-1-1V12a1 1 0 0 1 1-1ZM8 11V7.5a4 4 0 0 1 8 0V11",
  wait: "M12 21.5a9.5 9.5 0 1 0 0-19 9.5 9.5 0 0 0 0 19ZM12 7v5.2l3.3 2",
};

/** A small drawing that says nothing by itself: the text beside it does. */
export function icon(name) {
  return svg("svg", { class: `icon ${name}`, viewBox: "0 0 24 24", "aria-hidden": "true" }, svg("path", { d: PATHS[name] }));
}

/** Puts `children` in the place of all that is in `parent`. */
export function fill(parent, ...children) {
  parent.replaceChildren(...children.flat().filter(Boolean));
}
