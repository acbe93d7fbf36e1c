// The server's API: models, reconstruction with events, results. Every failure becomes a ServerError with words for people.

const KEY = "vitruvian-token";

export class ServerError extends Error {
  constructor({ status = 0, code = "unknown", message, hint = "", requestId = "", retryAfter = null }) {
    super(message);
    Object.assign(this, { status, code, hint, requestId, retryAfter });
  }
}

export function setToken(token) {
  try { sessionStorage.setItem(KEY, token); } catch { memory = token; }
}

let memory = "";

function headers(more = {}) {
  let token = memory;
  try { token = sessionStorage.getItem(KEY) || memory; } catch { /* storage may be forbidden */ }
  return token ? { ...more, Authorization: `Bearer ${token}` } : more;
}

async function ask(url, options = {}) {
  let response;
  try {
    response = await fetch(url, { cache: "no-store", ...options, headers: headers(options.headers) });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new ServerError({ code: "unreachable", message: "The server does not answer.",
      hint: "It may have stopped, or the connection is gone. Your picture is still here: try again in a moment." });
  }
  if (!response.ok) throw await problem(response);
  return response;
}

async function problem(response) {
  const wait = response.headers.get("Retry-After");
  let body = {};
  try { body = await response.json(); } catch { /* an answer of something between us and the server */ }
  const known = body.error || {};
  return new ServerError({
    status: response.status,
    code: known.code || `http_${response.status}`,
    message: known.message || usual(response.status),
    hint: known.hint || "",
    requestId: body.request_id || response.headers.get("X-Request-Id") || "",
    retryAfter: wait === null ? null : Math.max(1, Number(wait) || 5),
  });
}

function usual(status) {
  if (status === 413) return "The picture is too large for this server.";
  if (status === 429) return "The server has enough to do at the moment.";
  if (status === 502 || status === 503 || status === 504) return "The server is not ready at the moment.";
  return `The server answered with an error (${status}).`;
}

export async function models() {
  return (await ask("/v1/models")).json();
}

// Resolves to the facts of `done`; onEvent(kind, facts) hears of the rest. `body`: the method estimates a body, not a surface.
export async function reconstruct({ picture, name, mask, method, resolution, body }, onEvent, signal) {
  const form = new FormData();
  form.append("picture", picture, name);
  if (mask) form.append("mask", mask, "mask.png");
  form.append("method", method);
  form.append("format", "glb");
  if (resolution && !body) form.append("resolution", String(resolution));
  const address = body ? "/v1/pose" : "/v1/reconstruct";
  const response = await ask(address, { method: "POST", body: form, signal, headers: { Accept: "text/event-stream" } });
  let done = null;
  try {
    for await (const [kind, facts] of events(response.body)) {
      if (kind === "error") {
        throw new ServerError({ ...facts.error, requestId: facts.request_id || "", retryAfter: facts.retry_after_s ?? null });
      }
      if (kind === "done") done = facts;
      else onEvent(kind, facts);
    }
  } catch (error) {
    if (error.name === "AbortError" || error instanceof ServerError) throw error;
    throw broken();
  }
  if (done === null) throw broken();
  return done;
}

function broken() {
  return new ServerError({ code: "interrupted", message: "The connection broke before the result was there.",
    hint: "Your picture is still here: try again." });
}

export async function result(url) {
  return (await ask(url)).blob();
}

// Server-sent events of a response's body: [kind, facts] each.
async function* events(body) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  while (true) {
    const { value, done } = await reader.read();
    if (done) return;
    text += value;
    const blocks = text.split(/\r?\n\r?\n/);
    text = blocks.pop();
    for (const block of blocks) {
      let kind = "message", data = "";
      for (const line of block.split(/\r?\n/)) {
        if (line.startsWith("event:")) kind = line.slice(6).trim();
        else if (line.startsWith("data:")) data += line.slice(5).trim();
      }
      if (data) yield [kind, JSON.parse(data)];
    }
  }
}
