// Where the one file of a range is written: to disk as it grows, where the browser can, or else as
// parts that the browser keeps until the file is complete.
/* global createElement */
/* exported openSink */

const TYPES = [{ description: "CSV", accept: { "text/csv": [".csv"] } }];
// A browser may revoke an address before the download has begun.
const REVOKE_DELAY = 60_000;

function blobSink(name) {
  const parts = [];
  return {
    // Each part becomes a blob of its own, which a browser can move from memory to disk.
    write: (bytes) => {
      parts.push(new Blob([bytes]));
    },
    close: () => {
      const url = URL.createObjectURL(new Blob(parts, { type: "text/csv;charset=utf-8" }));
      createElement("a", { href: url, download: name }).click();
      setTimeout(() => URL.revokeObjectURL(url), REVOKE_DELAY);
    },
    discard: () => {
      parts.length = 0;
    },
  };
}

async function fileSink(handle) {
  const writable = await handle.createWritable();
  return {
    write: (bytes) => writable.write(bytes),
    close: () => writable.close(),
    // Until it is closed, the browser writes to a copy. The file that the user chose is empty.
    discard: async () => {
      await writable.abort();
      await handle.remove?.();
    },
  };
}

// Asks where to save, if the browser can write to a file. Returns null if the user chose nothing.
// Call it at once after a click, without waiting for anything before.
async function openSink(name) {
  if (!("showSaveFilePicker" in window)) return blobSink(name);
  try {
    return await fileSink(await window.showSaveFilePicker({ suggestedName: name, types: TYPES }));
  } catch (error) {
    if (error.name === "AbortError") return null;
    // The browser does not allow the page to write files, for example by a policy.
    return blobSink(name);
  }
}
