"use strict";
// One file, with all there is to know about it, over the rest of the page.

const dialog = byId("detail");

function detailHead(file) {
  const close = h("button", { type: "button", className: "quiet", "aria-label": "Close" }, "✕");
  close.addEventListener("click", () => dialog.close());
  const named = config.reports.includes(file.report) ? sentence(file.report) : file.report;
  const title = file.start === LATEST || !/^20/.test(file.start) ? file.start : windowName(file.start);
  return [
    h("div", { className: "heading" }, h("p", { className: "sub" }, `${named} · ${file.region}`), close),
    h("h2", { id: "detail-title" }, title),
  ];
}

function facts(file) {
  const fact = (name, ...value) => [h("dt", {}, name), h("dd", {}, ...value)];
  return h("dl", {},
    fact("State", stateMark(file.state), h("span", { className: "sub" }, STATES[file.state][1])),
    fact("Covers", `${stamp(file.window_start)} to ${stamp(file.window_end)}`),
    fact("Rows", file.rows === null ? "unknown" : file.rows.toLocaleString("en-GB")),
    fact("Size", `${bytes(file.size)} (${file.size.toLocaleString("en-GB")} bytes)`),
    fact("Exported", stamp(file.exported_at)),
    fact("File", h("code", {}, file.file_name)),
    fact("SHA-256", h("code", {}, file.sha256 ?? "unknown")),
  );
}

function notThere(error, file) {
  const again = h("button", { type: "button" }, "Try again");
  again.addEventListener("click", () => openDetail(file));
  return [
    h("p", { className: "banner" }, error.message),
    error.kind === "missing"
      ? h("p", {}, "What is due and missing is tried again in each run; if it stays missing, tell whoever runs the room reports.")
      : again,
  ];
}

async function openDetail(file) {
  const head = detailHead(file);
  const show = (...content) => dialog.replaceChildren(...head, ...content);
  show(h("p", { className: "empty", "aria-busy": "true" }, "Loading…"));
  if (!dialog.open) dialog.showModal();
  try {
    const found = await ask(exportPath(file));
    show(facts(found), h("div", { className: "buttons" },
      action("Download", found, download, "primary"),
      action("Copy link", found, copyLink, ""), action("Copy curl", found, copyCurl, "")),
    h("p", { className: "note" }, `A copied link works for ${lifetime()}, for anyone who has it. To show this file to someone with a key of their own, send the address of this page.`));
  } catch (error) {
    if (error.kind === "key") {
      dialog.close();
      report(error);
    } else show(...notThere(error, file));
  }
}

function lifetime() {
  const seconds = config.link_ttl_seconds;
  return seconds % 60 ? count(seconds, "second") : count(seconds / 60, "minute");
}

dialog.addEventListener("click", (event) => {
  if (event.target === dialog) dialog.close();
});
