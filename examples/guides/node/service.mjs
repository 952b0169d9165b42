// Issues a receipt for each settled payment: events come and go over HTTP on localhost.
import { timingSafeEqual } from "node:crypto";
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import { text } from "node:stream/consumers";

const { QSL_EVENTING_URL, QSL_EVENTING_TOKEN_FILE, PORT = "8080" } = process.env;

function isSidecar({ authorization = "" }) {
  const expected = Buffer.from(`Bearer ${readFileSync(QSL_EVENTING_TOKEN_FILE, "utf8")}`);
  const given = Buffer.from(authorization);
  return given.length === expected.length && timingSafeEqual(given, expected);
}

// The status decides: 2xx is done, 422 is never, 503 is later.
async function handle(headers, body) {
  let payment;
  try {
    payment = JSON.parse(body);
  } catch {
    return 422;
  }
  const { paymentId, amount, currency } = payment ?? {};
  if (typeof paymentId !== "string" || typeof currency !== "string" || !(amount > 0)) return 422;
  const event = {
    source: "qsl.receipt",
    detailType: "Receipt.Issued.v1",
    resource: `urn:qsl:receipts:receipt:${paymentId}`,
    trace: { correlationId: decodeURIComponent(headers["qsl-correlation-id"]) },
    detailCore: { paymentId, amount, currency },
  };
  return publish(event, `receipt-${headers["qsl-event-key"]}`);
}

async function publish(event, key) {
  try {
    const answer = await fetch(`${QSL_EVENTING_URL}/v1/events`, {
      method: "POST",
      headers: { "Content-Type": "application/json", "Idempotency-Key": key },
      body: JSON.stringify(event),
      signal: AbortSignal.timeout(30_000),
    });
    const said = await answer.text();
    if (answer.ok) return 200;
    console.error("not published:", answer.status, said);
    return [400, 413].includes(answer.status) ? 422 : 503; // malformed or too large: the same for ever
  } catch (error) {
    console.error("not published:", error);
    return 503;
  }
}

async function answer(request) {
  if (!isSidecar(request.headers)) return 401;
  if (request.method !== "POST" || request.url !== "/payments") return 404;
  return handle(request.headers, await text(request));
}

const server = createServer((request, response) => {
  answer(request).then(
    (status) => response.writeHead(status).end(),
    (error) => {
      console.error(error);
      response.writeHead(500).end();
    },
  );
});
process.on("SIGTERM", () => server.close());
server.listen(Number(PORT), "127.0.0.1", () => console.log("listening on port", server.address().port));
