// The page: who looks, what they look for, and what is shown for it. The address says which: `#c=<correlation id>`.

import { el, fill, icon } from "./dom.js";
import { showRecent } from "./recent.js";
import { Session, SignInError } from "./session.js";
import { Story } from "./story.js";

const part = (id) => document.getElementById(id);
const main = part("main");
const box = part("correlation");
let session = null;
/** Ends what is shown. */
let shown = new AbortController();

/** Says something to those who listen to the page. */
function say(text) {
  part("said").textContent = text;
}

function wanted() {
  const given = /^#c=(.+)$/.exec(location.hash)?.[1];
  try {
    return given ? decodeURIComponent(given) : null;
  } catch {
    return null;
  }
}

function show() {
  shown.abort();
  shown = new AbortController();
  say("");
  const present = session.present();
  part("find").hidden = !present;
  part("who").hidden = !present;
  part("name").textContent = session.name();
  const id = wanted();
  document.title = id ? `${id} · QSL Eventing` : "QSL Eventing";
  if (!present) return welcome();
  box.value = id ?? "";
  if (!id) return showRecent({ session, main, signal: shown.signal });
  return new Story({ id, session, main, say, signal: shown.signal, signIn }).start();
}

function welcome(trouble = null) {
  const id = wanted();
  fill(main,
    el("section", { class: "card welcome" }, el("img", { src: "page/icon.svg", alt: "", width: "56", height: "56" }),
      el("h1", {}, "See it move"),
      el("p", {}, "Every step as it happens, each with the proof that it is genuine."),
      id ? el("p", { class: "id" }, id) : null,
      trouble ? el("p", { class: "trouble", role: "alert" }, icon("failed"), trouble) : null,
      el("button", { type: "button", onclick: signIn }, "Sign in"),
      el("p", { class: "small" }, "The sign-in stays in this tab and is forgotten when you close it.")));
}

async function signIn() {
  try {
    await session.begin();
  } catch (error) {
    welcome(error instanceof SignInError ? error.message : "The sign-in cannot begin.");
  }
}

function unusable(sentence) {
  fill(main, el("section", { class: "card refused" }, icon("failed"), el("h1", {}, "The page cannot be used now"), el("p", {}, sentence),
    el("button", { type: "button", onclick: () => location.reload() }, "Try again")));
}

function listen() {
  part("find").addEventListener("submit", (event) => {
    event.preventDefault();
    const id = box.value.trim();
    const hash = id ? `#c=${encodeURIComponent(id)}` : "#";
    if (location.hash === hash) show();
    else location.hash = hash;
  });
  part("home").addEventListener("click", (event) => {
    event.preventDefault();
    location.hash = "";
  });
  part("skip").addEventListener("click", () => main.focus());
  part("sign-out").addEventListener("click", () => {
    shown.abort();
    session.end();
  });
  window.addEventListener("hashchange", () => {
    show();
    scrollTo(0, 0);
    main.focus({ preventScroll: true });
  });
  document.addEventListener("keydown", (event) => {
    const typing = event.target.closest?.("input, textarea, select");
    if (event.key !== "/" || typing || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    box.focus();
    box.select();
  });
}

async function begin() {
  let config;
  try {
    const response = await fetch("page/config.json", { cache: "no-store" });
    config = await response.json();
    if (!response.ok) return unusable(config.detail);
  } catch {
    return unusable("The gateway cannot be reached.");
  }
  session = new Session(config);
  listen();
  try {
    await session.finish();
  } catch (error) {
    show();
    return welcome(error instanceof SignInError ? error.message : "The sign-in failed.");
  }
  return show();
}

begin();
