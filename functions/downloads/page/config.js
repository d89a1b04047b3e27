// The deployment's configuration, and what the other files know about the API's exports.
/* exported config, FINDING_MEANING, hasFile, LATEST, STATES */

const config = JSON.parse(document.getElementById("config").textContent);
const LATEST = "latest";

const FINDING_MEANING = "finding: looks incomplete";

const STATES = {
  settled: {
    meaning: "final",
    detail: "Final: the file was exported after late data had arrived.",
  },
  settling: {
    meaning: "late data may follow",
    detail: "Late data may still arrive. The file is then replaced.",
  },
  open: {
    meaning: "exported before the window ended",
    detail: "The window had not ended when the file was exported. The file is replaced later.",
  },
  missing: { meaning: "not exported", detail: "" },
  expired: { meaning: "no longer kept", detail: "" },
};

// Whether a window of coverage has a file.
const hasFile = ({ state }) => state !== "missing" && state !== "expired";
