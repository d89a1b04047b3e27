"use strict";
// What can be done with a file: download it, copy a link to it, copy a command that gets it.

// The browser goes on to the presigned link, so that the key is in no address and no history.
async function download(file) {
  const { url, file_name: name } = await ask(exportPath(file));
  location.assign(url);
  toast(`Downloading ${name}`);
}

async function copyLink(file) {
  let until;
  const text = ask(exportPath(file)).then(({ url, expires_at: end }) => {
    until = end;
    return url;
  });
  await copy(text, () =>
    `Link copied. Until ${writeTime(new Date(until))} (${config.time_zone}) it works for anyone who has it.`);
}

const curlCommand = (file) =>
  `curl -fL --compressed -H "x-api-key: $KEY" -o ${fileName(file)} \\
  '${fileAddress(file)}'`;

const copyCurl = (file) => copy(curlCommand(file), () =>
  "Command copied. It reads the key from the variable KEY, so that your shell's history does not hold it.");

async function copy(text, done) {
  try {
    // Given as a promise, for Safari forgets that someone clicked while it waits.
    const blob = Promise.resolve(text).then((value) => new Blob([value], { type: "text/plain" }));
    await navigator.clipboard.write([new ClipboardItem({ "text/plain": blob })]);
    await blob;
    toast(done());
  } catch (error) {
    const value = await text;
    const field = h("input", { value, readOnly: true, "aria-label": "Text to copy" });
    toast("This browser does not let the page copy. Copy it from here: ", field);
    field.select();
  }
}

// A button that does something with a file, and says when that fails.
function action(label, file, act, className = "quiet", what = fileName(file)) {
  const button = h("button", { type: "button", className, "aria-label": `${label} ${what}` }, label);
  button.addEventListener("click", async () => {
    button.setAttribute("aria-busy", "true");
    try {
      await act(file);
    } catch (error) {
      report(error);
    } finally {
      button.removeAttribute("aria-busy");
    }
  });
  return button;
}
