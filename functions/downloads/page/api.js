// Requests to the API, their retries and their errors.
/* exported ApiError, apiKey, BASE_URL, csvAddress, delay, exportPath, fileName, forgetKey, requestJson,
   storedKey, storeKey, useKey */

// The page is served at the API's root, with or without a slash at the end.
const BASE_URL = location.origin + location.pathname.replace(/\/*$/, "/");
const KEY_NAME = "room-reports-key";
const TIMEOUT = 30_000;
const RETRY_DELAYS = [1000, 2500];
const MAX_CONCURRENT_REQUESTS = 3;

class ApiError extends Error {
  // The kind is one of: key, iam, permission, unavailable, quota, network, missing, other.
  constructor(kind, message, options) {
    super(message, options);
    this.kind = kind;
  }
}

let apiKey = null;
const storedKey = () => sessionStorage.getItem(KEY_NAME);

// Sets the key for the requests that follow, without storing it.
function useKey(key) {
  apiKey = key;
}

function storeKey(key) {
  useKey(key);
  sessionStorage.setItem(KEY_NAME, key);
}

function forgetKey() {
  useKey(null);
  sessionStorage.removeItem(KEY_NAME);
}

// API Gateway's own error responses are not always JSON in the API's format.
function parseError(text) {
  try {
    const { code = "", message = "" } = JSON.parse(text).error ?? {};
    return { code, message };
  } catch {
    return { code: "", message: "" };
  }
}

function forbiddenError(code) {
  if (["", "forbidden", "INVALID_API_KEY"].includes(code)) {
    return new ApiError("key", "This key is not accepted.");
  }
  return new ApiError(
    "permission",
    "The key is valid, but it is not allowed to do this. Contact the administrator who issued it.",
  );
}

function tooManyRequestsError(code, text) {
  if (code === "quota_exceeded" || /limit exceeded/i.test(text)) {
    return new ApiError(
      "quota",
      "This key has used its request quota for today. The quota is reset at midnight UTC.",
    );
  }
  return new ApiError("unavailable", "There were too many requests at the same time.");
}

function notFoundError(code, message) {
  // The page requests only routes that exist. API Gateway reports them as unknown when IAM
  // authorisation is on and a request is not signed.
  if (code === "no_such_route") {
    return new ApiError(
      "iam",
      "This deployment accepts only requests that are signed with IAM credentials. A web page cannot sign requests.",
    );
  }
  return new ApiError("missing", message || "This file does not exist.");
}

async function errorFromResponse(response) {
  const text = await response.text();
  const { code, message } = parseError(text);
  if (response.status === 403) return forbiddenError(code);
  if (response.status === 404) return notFoundError(code, message);
  if (response.status === 429) return tooManyRequestsError(code, text);
  if (response.status >= 500) {
    return new ApiError("unavailable", message || "The service is temporarily unavailable.");
  }
  return new ApiError("other", message || `The API returned the status ${response.status}.`);
}

async function fetchJson(path, parameters, signal) {
  const url = new URL(path, BASE_URL);
  for (const [name, value] of Object.entries(parameters)) {
    if (value) url.searchParams.set(name, value);
  }
  const timeout = AbortSignal.timeout(TIMEOUT);
  let response;
  try {
    response = await fetch(url, {
      headers: { "x-api-key": apiKey ?? "" },
      signal: signal ? AbortSignal.any([signal, timeout]) : timeout,
      credentials: "omit",
    });
  } catch (error) {
    if (signal?.aborted) throw error;
    throw new ApiError("network", "The service cannot be reached. Check your network connection.", {
      cause: error,
    });
  }
  if (!response.ok) throw await errorFromResponse(response);
  return response.json();
}

let runningRequests = 0;
const waitingRequests = [];

// Limits how many requests run at once: a deployment can have many reports and regions.
async function withRequestSlot(send) {
  if (runningRequests >= MAX_CONCURRENT_REQUESTS) {
    await new Promise((resolve) => {
      waitingRequests.push(resolve);
    });
  }
  runningRequests += 1;
  try {
    return await send();
  } finally {
    runningRequests -= 1;
    waitingRequests.shift()?.();
  }
}

// Resolves after some time, or as soon as `signal` is aborted.
const delay = (milliseconds, signal = null) =>
  new Promise((resolve) => {
    const timer = setTimeout(resolve, milliseconds);
    const stop = () => {
      clearTimeout(timer);
      resolve();
    };
    signal?.addEventListener("abort", stop, { once: true });
  });

// Returns the JSON of a response. Retries while the API is throttled or unavailable.
async function requestJson(path, parameters = {}, signal = null) {
  for (const retryDelay of RETRY_DELAYS) {
    try {
      return await withRequestSlot(() => fetchJson(path, parameters, signal));
    } catch (error) {
      if (error.kind !== "unavailable") throw error;
      // The random part keeps concurrent requests from being retried at the same moment.
      await delay(retryDelay * (0.75 + Math.random() / 2), signal);
      signal?.throwIfAborted();
    }
  }
  return withRequestSlot(() => fetchJson(path, parameters, signal));
}

const exportPath = ({ report, region, granularity, start }) =>
  ["exports", report, region, granularity, start].map(encodeURIComponent).join("/");
const csvAddress = (file) => `${BASE_URL}${exportPath(file)}.csv`;
const fileName = ({ report, region, start }) => `${report}_${region}_${start}.csv`;
