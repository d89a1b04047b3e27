"use strict";
// Questions to the API, and what can go wrong with them.

// The page is served at the API's root, with or without a slash at the end.
const BASE = location.origin + location.pathname.replace(/\/*$/, "/");
const KEY_NAME = "room-reports-key";
const PATIENCE = 30_000;
const RETRY_AFTER = [1000, 2500];
const AT_ONCE = 3;

class Failure extends Error {
  // kind: key, iam, permission, throttled, quota, network, missing, or other
  constructor(kind, message) {
    super(message);
    this.kind = kind;
  }
}

let heldKey = null;
const storedKey = () => sessionStorage.getItem(KEY_NAME);
function holdKey(key) {
  heldKey = key;
  if (key === null) sessionStorage.removeItem(KEY_NAME);
  else sessionStorage.setItem(KEY_NAME, key);
}

// API Gateway refuses in words of its own, which are not always the API's JSON.
async function failureOf(response) {
  const text = await response.text();
  let code = "";
  let message = "";
  try {
    ({ code = "", message = "" } = JSON.parse(text).error ?? {});
  } catch {
    // Whatever it is, the status says enough.
  }
  if (response.status === 403) {
    if (code && code !== "forbidden" && code !== "INVALID_API_KEY") {
      return new Failure("permission", "The key is good, but it may not do this. Ask whoever gave it to you.");
    }
    return new Failure("key", "This key is not accepted.");
  }
  if (response.status === 429) {
    return code === "quota_exceeded" || /limit exceeded/i.test(text)
      ? new Failure("quota", "This key has used up its requests for today. It works again after midnight UTC.")
      : new Failure("throttled", "Too many requests at once.");
  }
  // The page asks for routes that there are: API Gateway denies them to who has not signed.
  if (response.status === 404 && code === "no_such_route") {
    return new Failure("iam", "Here, requests are signed with IAM credentials in place of an API key, which a page in a browser cannot do.");
  }
  if (response.status === 404) return new Failure("missing", message || "There is no such file.");
  if (response.status >= 500) {
    return new Failure("throttled", message || "The reports cannot be reached at the moment.");
  }
  return new Failure("other", message || `The answer was ${response.status}.`);
}

async function once(path, parameters, signal) {
  const url = new URL(path, BASE);
  for (const [name, value] of Object.entries(parameters)) {
    if (value) url.searchParams.set(name, value);
  }
  const patience = AbortSignal.timeout(PATIENCE);
  let response;
  try {
    response = await fetch(url, {
      headers: { "x-api-key": heldKey ?? "" },
      signal: signal ? AbortSignal.any([signal, patience]) : patience,
      credentials: "omit",
    });
  } catch (error) {
    if (signal?.aborted) throw error;
    throw new Failure("network", "There is no connection to the reports.");
  }
  if (!response.ok) throw await failureOf(response);
  return response.json();
}

let asking = 0;
const queue = [];

// A deployment of many reports and regions would otherwise be asked for all of them in one burst.
async function inTurn(work) {
  if (asking >= AT_ONCE) await new Promise((resolve) => queue.push(resolve));
  asking += 1;
  try {
    return await work();
  } finally {
    asking -= 1;
    queue.shift()?.();
  }
}

// The JSON that the API answers; waits and asks again when there is too much going on.
async function ask(path, parameters = {}, signal = undefined) {
  for (const wait of [...RETRY_AFTER, null]) {
    try {
      return await inTurn(() => once(path, parameters, signal));
    } catch (error) {
      if (error.kind !== "throttled" || wait === null) throw error;
      await new Promise((resolve) => setTimeout(resolve, wait * (0.75 + Math.random() / 2)));
      signal?.throwIfAborted();
    }
  }
}

const exportPath = ({ report, region, granularity, start }) =>
  ["exports", report, region, granularity, start].map(encodeURIComponent).join("/");
const fileAddress = (file) => `${BASE}${exportPath(file)}.csv`;
const fileName = ({ report, region, start }) => `${report}_${region}_${start}.csv`;
