// The gateway's answers, with the bearer token. Errors are its problems: a status, a code, a sentence.

/** What the gateway, or the way to it, said instead of an answer. */
export class Problem extends Error {
  constructor(status, code, detail, retryAfter = null) {
    super(detail);
    this.status = status;
    this.code = code;
    this.retryAfter = retryAfter;
  }
}

/** A request as the user. */
export async function request(path, token, { headers = {}, signal } = {}) {
  let response;
  try {
    response = await fetch(path, {
      headers: { Authorization: `Bearer ${token}`, ...headers },
      cache: "no-store", credentials: "omit", redirect: "error", signal,
    });
  } catch (error) {
    if (signal?.aborted) throw error;
    throw new Problem(0, "UNREACHABLE", "The gateway cannot be reached.");
  }
  if (!response.ok) throw await problemOf(response);
  return response;
}

/** The JSON that a path answers. */
export async function read(path, token, options) {
  return (await request(path, token, { headers: { Accept: "application/json" }, ...options })).json();
}

async function problemOf(response) {
  const retryAfter = Number(response.headers.get("retry-after")) || null;
  const body = await response.json().catch(() => ({}));
  const detail = typeof body.detail === "string" ? body.detail : `The gateway answered ${response.status}.`;
  return new Problem(response.status, String(body.code ?? "UNKNOWN"), detail, retryAfter);
}

/** A part of a correlation's timeline. */
export function timeline(correlation, cursor, token, signal) {
  const query = cursor ? `?cursor=${encodeURIComponent(cursor)}` : "";
  return read(`events/${encodeURIComponent(correlation)}${query}`, token, { signal });
}

/** What could not be handled of a correlation. */
export function deadLetters(correlation, token, signal) {
  return read(`events/${encodeURIComponent(correlation)}/dead-letters`, token, { signal });
}

/** The correlations in which something happened last. */
export function recent(cursor, token, signal) {
  const query = cursor ? `?cursor=${encodeURIComponent(cursor)}` : "";
  return read(`events${query}`, token, { signal });
}
