// The content of one file, checked against its SHA-256, with new attempts and new links.
/* global ApiError, delay, exportPath, formatWindow, requestJson */
/* exported fetchHeader, fetchVerified */

// A link that sends nothing for so long is given up. The delays are those before each attempt.
const TRANSFER = { stallTimeout: 60_000, attemptDelays: [0, 1000, 3000, 9000] };

class TransferError extends Error {}

const hexadecimal = (buffer) =>
  Array.from(new Uint8Array(buffer), (byte) => byte.toString(16).padStart(2, "0")).join("");

// Passes each chunk of a link's content to `take`, which returns whether it wants more.
async function readLink(url, signal, take) {
  const stalled = new AbortController();
  let timer;
  const watch = () => {
    clearTimeout(timer);
    timer = setTimeout(() => stalled.abort(), TRANSFER.stallTimeout);
  };
  const either = AbortSignal.any([signal, stalled.signal]);
  try {
    watch();
    const response = await fetch(url, { signal: either, credentials: "omit", cache: "no-store" });
    if (!response.ok) throw new TransferError(`S3 returned the status ${response.status}.`);
    const reader = response.body.getReader();
    let more = true;
    while (more) {
      watch();
      const { done, value } = await reader.read();
      more = !done && take(value);
    }
    await reader.cancel();
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof TransferError) throw error;
    throw new TransferError("The storage cannot be reached, or it refuses this page.", {
      cause: error,
    });
  } finally {
    clearTimeout(timer);
  }
}

const isTransient = (error) =>
  error instanceof TransferError || ["network", "unavailable"].includes(error.kind);

// Runs `attempt` with a link that was just made. Each further attempt has a new link, because the
// former one may have expired.
async function withNewLinks(file, signal, attempt) {
  let problem;
  for (const attemptDelay of TRANSFER.attemptDelays) {
    await delay(attemptDelay, signal);
    signal.throwIfAborted();
    try {
      return await attempt(await requestJson(exportPath(file), {}, signal));
    } catch (error) {
      if (!isTransient(error)) throw error;
      problem = error;
    }
  }
  throw new ApiError(
    "other",
    `The file of ${formatWindow(file.start)} could not be downloaded. ${problem.message}`,
    { cause: problem },
  );
}

// Returns the description of a file, and its bytes. `onBytes` is called with the size of each part
// that arrives, and with a negative size when an attempt is given up.
function fetchVerified(file, signal, onBytes) {
  return withNewLinks(file, signal, async (described) => {
    const chunks = [];
    let size = 0;
    try {
      await readLink(described.url, signal, (chunk) => {
        chunks.push(chunk);
        size += chunk.length;
        onBytes(chunk.length);
        return true;
      });
      const bytes = new Uint8Array(await new Blob(chunks).arrayBuffer());
      await checkDigest(bytes, described.sha256);
      return { described, bytes };
    } catch (error) {
      onBytes(-size);
      throw error;
    }
  });
}

async function checkDigest(bytes, expected) {
  if (expected === null) return;
  const digest = hexadecimal(await crypto.subtle.digest("SHA-256", bytes));
  if (digest !== expected) {
    throw new TransferError("What arrived is not what was exported: its SHA-256 is another.");
  }
}

// Returns the bytes of a file up to the end of its header, without fetching the rest.
function fetchHeader(file, signal, lineEnd) {
  return withNewLinks(file, signal, async ({ url }) => {
    const chunks = [];
    await readLink(url, signal, (chunk) => {
      chunks.push(chunk);
      return !chunk.includes(lineEnd);
    });
    return new Uint8Array(await new Blob(chunks).arrayBuffer());
  });
}
