// Who looks: signs in at the identity provider by authorization code with PKCE, state and nonce.
//
// The access token is kept in this tab's sessionStorage: a reload goes on, another tab knows nothing of it, and closing
// the tab forgets it. No refresh token is asked for or kept. docs/decisions says why.

const TOKEN = "qsl.session";
const BEGUN = "qsl.sign-in";
/** A sign-in that takes longer is begun anew, in milliseconds. */
const PATIENCE = 600_000;

/** A sign-in that did not come about, with a sentence for whoever tried. */
export class SignInError extends Error {}

/** The sign-in of this tab. */
export class Session {
  #config;
  #held;

  constructor(config) {
    this.#config = config;
    this.#held = stored(TOKEN);
  }

  /** Whether somebody is signed in. */
  present() {
    return this.#held !== null && !this.ended();
  }

  /** Whether the token has come to its end. */
  ended() {
    return this.#held === null || Date.now() >= this.#held.expiresAt;
  }

  token() {
    return this.#held?.token ?? "";
  }

  /** What the identity provider calls the user. */
  name() {
    return this.#held?.name ?? "";
  }

  /** Goes to the identity provider. What is shown now is what is come back to. */
  async begin() {
    if (!globalThis.crypto?.subtle) {
      throw new SignInError("Sign-in needs HTTPS: over plain HTTP the browser offers no cryptography.");
    }
    const begun = { verifier: random(), state: random(), nonce: random(), back: location.hash, at: Date.now() };
    sessionStorage.setItem(BEGUN, JSON.stringify(begun));
    const { authorizationEndpoint, clientId, scopes, authorizeParameters } = this.#config;
    const address = new URL(authorizationEndpoint);
    const query = {
      ...authorizeParameters, response_type: "code", client_id: clientId, redirect_uri: redirectUri(),
      scope: scopes.join(" "), state: begun.state, nonce: begun.nonce,
      code_challenge: await challenge(begun.verifier), code_challenge_method: "S256",
    };
    for (const [name, value] of Object.entries(query)) address.searchParams.set(name, value);
    location.assign(address.href);
  }

  /** Takes what the identity provider brought back, if this is the way back from it. */
  async finish() {
    const answer = new URLSearchParams(location.search);
    if (!answer.has("state")) return;
    const begun = stored(BEGUN);
    sessionStorage.removeItem(BEGUN);
    // Code and state leave the address at once: they are not for the history or a bookmark.
    history.replaceState(null, "", redirectUri() + (begun?.back ?? ""));
    if (!begun || begun.state !== answer.get("state") || Date.now() - begun.at > PATIENCE) {
      throw new SignInError("This sign-in was not begun in this tab, or took too long. Please sign in again.");
    }
    if (answer.has("iss") && answer.get("iss") !== this.#config.issuer) {
      throw new SignInError("The answer came from another identity provider. Please sign in again.");
    }
    if (!answer.get("code")) {
      const why = answer.get("error_description") || answer.get("error") || "it gave no reason";
      throw new SignInError(`The identity provider did not sign you in: ${why}`);
    }
    this.#hold(await this.#exchange(answer.get("code"), begun.verifier), begun.nonce);
  }

  async #exchange(code, verifier) {
    const body = new URLSearchParams({
      grant_type: "authorization_code", code, redirect_uri: redirectUri(), client_id: this.#config.clientId,
      code_verifier: verifier,
    });
    let answer;
    try {
      const options = { method: "POST", body, credentials: "omit", cache: "no-store", redirect: "error" };
      const response = await fetch(this.#config.tokenEndpoint, options);
      answer = await response.json();
    } catch {
      throw new SignInError("The identity provider's token endpoint cannot be reached from this page.");
    }
    if (typeof answer.access_token !== "string" || typeof answer.id_token !== "string") {
      throw new SignInError(`The identity provider gave no token: ${answer.error_description || answer.error || "no reason"}`);
    }
    return answer;
  }

  /** The ID token came from the provider itself, so its claims are compared and its signature need not be. */
  #hold(answer, nonce) {
    const claims = claimsOf(answer.id_token);
    const { issuer, clientId } = this.#config;
    if (claims?.iss !== issuer || ![claims.aud].flat().includes(clientId) || claims.nonce !== nonce) {
      throw new SignInError("The identity provider's answer is not for this sign-in. Please sign in again.");
    }
    const seconds = Number(answer.expires_in) || (claimsOf(answer.access_token)?.exp ?? 0) - Date.now() / 1_000;
    const name = claims.name || claims.preferred_username || claims.email || claims.sub;
    this.#held = { token: answer.access_token, name: String(name), expiresAt: Date.now() + seconds * 1_000 };
    sessionStorage.setItem(TOKEN, JSON.stringify(this.#held));
  }

  /** Forgets the user here, and at the identity provider where it has a way for that. */
  end() {
    this.forget();
    const { endSessionEndpoint, clientId } = this.#config;
    if (!endSessionEndpoint) return location.assign(redirectUri());
    const address = new URL(endSessionEndpoint);
    address.searchParams.set("client_id", clientId);
    address.searchParams.set("post_logout_redirect_uri", redirectUri());
    location.assign(address.href);
  }

  /** Forgets the token. */
  forget() {
    this.#held = null;
    sessionStorage.removeItem(TOKEN);
  }
}

/** The page's own address, without query and fragment: what the identity provider must know as redirect URI. */
function redirectUri() {
  return new URL(".", document.baseURI).href;
}

function stored(name) {
  try {
    return JSON.parse(sessionStorage.getItem(name));
  } catch {
    return null;
  }
}

const random = () => base64url(crypto.getRandomValues(new Uint8Array(32)));

async function challenge(verifier) {
  return base64url(new Uint8Array(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(verifier))));
}

function base64url(bytes) {
  return btoa(String.fromCharCode(...bytes)).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}

/** The claims of a JWT, unverified; null where it is none. */
function claimsOf(token) {
  try {
    const text = atob(token.split(".")[1].replaceAll("-", "+").replaceAll("_", "/"));
    return JSON.parse(new TextDecoder().decode(Uint8Array.from(text, (character) => character.charCodeAt(0))));
  } catch {
    return null;
  }
}
