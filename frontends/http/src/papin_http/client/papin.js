// The JavaScript client of papin: an ES module without dependencies, for browsers and Node 18 or newer.
//
//     import { createClient } from "./papin.js";
//     const papin = createClient({ baseUrl: "http://127.0.0.1:7274", token });
//     const models = await papin.getAllModels();
//
// The types are in papin.d.ts.

const FIRST_WAIT_MS = 500;
const LONGEST_WAIT_MS = 30_000;

/** An error that papin told of, with its code and what to do next; `status` is 0 when nobody answered. */
export class PapinError extends Error {
  constructor(problem, options) {
    super(problem.detail, options);
    this.name = "PapinError";
    this.code = problem.code;
    this.title = problem.title;
    this.status = problem.status;
    this.nextStep = problem.next_step ?? "";
  }
}

export function createClient({ baseUrl, token, fetch: fetchWith = globalThis.fetch.bind(globalThis) }) {
  const root = new URL("/api/v1/", baseUrl);

  async function request(method, path, { body, headers = {}, signal } = {}) {
    const sent = { Authorization: `Bearer ${token}`, ...headers };
    if (body !== undefined) sent["Content-Type"] = "application/json";
    const init = { method, headers: sent, signal, cache: "no-store", credentials: "omit", redirect: "error" };
    if (body !== undefined) init.body = JSON.stringify(body);
    let response;
    try {
      response = await fetchWith(new URL(path, root), init);
    } catch (error) {
      throw signal?.aborted ? error : unreachable(root, error);
    }
    if (!response.ok) throw new PapinError(await problemOf(response));
    return response;
  }

  async function ask(method, path, options) {
    return (await request(method, path, options)).json();
  }

  // A download from an address does not tell the name that was wished for it, so the ones begun here are remembered.
  const begun = new Map();

  async function downloadModel(modelId, url = "", provider = "", terms = {}) {
    const job = await ask("POST", "downloads", { body: { ref: modelId, url, provider, ...terms } });
    begun.set(modelId, job.id);
    return job;
  }

  const onJob = (verb) => (jobId, body) => ask("POST", `downloads/${encodeURIComponent(jobId)}/${verb}`, { body });

  return {
    getAllModels: () => ask("GET", "models"),
    getInstalledModels: () => ask("GET", "models/installed"),
    planDownload: (modelId, url = "") => ask("POST", "downloads?dry_run=true", { body: { ref: modelId, url } }),
    downloadModel,
    getDownloads: () => ask("GET", "downloads"),
    pauseDownload: (jobId) => onJob("pause")(jobId),
    resumeDownload: (jobId, terms = {}) => onJob("resume")(jobId, terms),
    cancelDownload: (jobId, { discard = false } = {}) => onJob(`cancel?discard=${discard}`)(jobId),
    limitDownload: (jobId, limit) => onJob("limit")(jobId, { limit }),
    limitDownloads: (limit) => ask("POST", "downloads/limit", { body: { limit } }),
    getDownloadStatus: (modelId) => newestDownload(ask, modelId, begun.get(modelId)),
    searchModels: (query = "", { limit = 20, online = false } = {}) =>
      ask("GET", `discovery/search?${new URLSearchParams({ q: query, limit, online })}`),
    completeSearch: (query) => ask("GET", `discovery/complete?${new URLSearchParams({ q: query })}`),
    browseModels: () => ask("GET", "discovery/rows"),
    browseRow: (row, { limit = 20, task = "" } = {}) =>
      ask("GET", `discovery/rows/${encodeURIComponent(row)}?${new URLSearchParams({ limit, task })}`),
    getModelPage: (ref) => ask("GET", `discovery/page?${new URLSearchParams({ ref })}`),
    refreshCatalogs: (catalogs = []) => ask("POST", "discovery/refresh", { body: { catalogs } }),
    addCatalog: (name, address) => ask("POST", "catalogs", { body: { name, address } }),
    removeCatalog: (name) => ask("DELETE", `catalogs/${encodeURIComponent(name)}`),
    getUpdates: () => ask("GET", "discovery/updates"),
    checkForUpdates: (modelId = "") => ask("POST", `discovery/updates/check?${new URLSearchParams({ model: modelId })}`),
    updateModel: (modelId) => ask("POST", `discovery/updates/${encodeURIComponent(modelId)}`),
    rollbackModel: (modelId) => ask("POST", `discovery/updates/${encodeURIComponent(modelId)}/rollback`),
    editModel: (modelId, changes) => ask("PATCH", `models/${encodeURIComponent(modelId)}`, { body: changes }),
    planRepair: (modelId) => ask("POST", `models/${encodeURIComponent(modelId)}/repair?dry_run=true`),
    repairModel: (modelId) => ask("POST", `models/${encodeURIComponent(modelId)}/repair`),
    measureModel: (modelId, { settings = {}, provider = "", signal } = {}) =>
      ask("POST", `models/${encodeURIComponent(modelId)}/measure`, { body: { settings, provider }, signal }),
    getSpeeds: (modelId) => ask("GET", `models/${encodeURIComponent(modelId)}/speeds`),
    registerModelRegistryEvents: (callback) => follow(request, callback),
  };
}

async function newestDownload(ask, modelId, jobId) {
  if (jobId !== undefined) return ask("GET", `downloads/${encodeURIComponent(jobId)}`);
  const jobs = await ask("GET", `downloads?model=${encodeURIComponent(modelId)}`);
  if (jobs.length === 0) {
    const detail = `There is no download of ${modelId}.`;
    throw new PapinError({ code: "ERR_NOT_FOUND", title: "Not found", status: 404, detail });
  }
  return jobs.reduce((newest, job) => (Date.parse(job.created_at) >= Date.parse(newest.created_at) ? job : newest));
}

function unreachable(root, cause) {
  const problem = {
    code: "ERR_NETWORK",
    title: "Network problem",
    status: 0,
    detail: `Nobody answers at ${root.origin}.`,
    next_step: "Start the server with `papin serve`.",
  };
  return new PapinError(problem, { cause });
}

async function problemOf(response) {
  const text = await response.text();
  try {
    const problem = JSON.parse(text);
    if (typeof problem.code === "string") return problem;
  } catch {
    // Not papin's own document: somebody else answered, and the status is all that is known.
  }
  const detail = `The server answered with status ${response.status}.`;
  return { code: "ERR_NETWORK", title: "Network problem", status: response.status, detail };
}

// --- events -------------------------------------------------------------------------------------------------------

/** Follow the events for ever, resuming after the last one that was seen; resolves once the first answer is there. */
async function follow(request, callback) {
  const ending = new AbortController();
  const state = { lastId: "", failures: 0 };
  const open = () => {
    const headers = { Accept: "text/event-stream" };
    if (state.lastId) headers["Last-Event-ID"] = state.lastId;
    return request("GET", "events", { headers, signal: ending.signal });
  };
  const first = await open();
  void keepFollowing(first, open, state, callback, ending.signal);
  return () => ending.abort();
}

async function keepFollowing(first, open, state, callback, signal) {
  let response = first;
  while (!signal.aborted) {
    try {
      response ??= await open();
      for await (const message of messages(response.body)) {
        state.failures = 0;
        if (message.id !== undefined) state.lastId = message.id;
        if (message.data !== "" && !signal.aborted) deliver(callback, message.data);
      }
    } catch {
      // A stream that broke is the same as one that ended: it is opened again below.
    }
    response = undefined;
    await pause(state.failures++, signal);
  }
}

/** Hand on one event; an error of the callback is the page's own and must not end the stream. */
function deliver(callback, data) {
  try {
    callback(JSON.parse(data));
  } catch (error) {
    queueMicrotask(() => {
      throw error;
    });
  }
}

/** Wait before the next try: twice as long after each failure, up to half a minute, and never all clients at once. */
function pause(failures, signal) {
  const longest = Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2 ** Math.min(failures, 10));
  return new Promise((resolve) => {
    if (signal.aborted) return resolve();
    const timer = setTimeout(resolve, Math.random() * longest);
    signal.addEventListener("abort", () => (clearTimeout(timer), resolve()), { once: true });
  });
}

/** Yield the messages of a server-sent stream as { id, data }; a block that is cut off is none. */
async function* messages(body) {
  const decoder = new TextDecoder();
  const reader = body.getReader();
  let buffered = "";
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      buffered += decoder.decode(value, { stream: true });
      const blocks = buffered.split("\n\n");
      buffered = blocks.pop();
      for (const block of blocks) yield messageOf(block);
    }
  } finally {
    reader.cancel().catch(() => {});
  }
}

function messageOf(block) {
  const message = { id: undefined, data: "" };
  for (const line of block.split("\n")) {
    if (line.startsWith("data: ")) message.data += line.slice(6);
    else if (line.startsWith("id: ")) message.id = line.slice(4);
  }
  return message;
}
