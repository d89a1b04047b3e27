// What a user can do with a file: download it, copy a link to it, copy a curl command for it.
/* global config, createElement, csvAddress, exportPath, fileName, formatTime, requestJson,
   showError, showToast */
/* exported actionButton, copyCurl, copyLink, copyText, curlCommand, downloadFile */

// The browser follows the presigned link, so the key is in no address and no browser history.
async function downloadFile(file) {
  const { url, file_name: name } = await requestJson(exportPath(file));
  location.assign(url);
  showToast(`Downloading ${name}`);
}

async function copyLink(file) {
  let expiry = "";
  const text = requestJson(exportPath(file)).then(({ url, expires_at: expiresAt }) => {
    expiry = `${formatTime(new Date(expiresAt))} (${config.time_zone})`;
    return url;
  });
  await copyText(text, () => `Link copied. It works for anyone who has it until ${expiry}.`);
}

const curlCommand = (file) =>
  `curl -fL --compressed -H "x-api-key: $KEY" -o ${fileName(file)} \\
  '${csvAddress(file)}'`;

const copyCurl = (file) =>
  copyText(
    curlCommand(file),
    () =>
      "Command copied. It reads the key from the variable KEY, so the key is not in your shell history.",
  );

async function copyText(text, confirmation) {
  try {
    // Safari allows a copy only during the click, so the text is passed as a promise.
    const blob = Promise.resolve(text).then((value) => new Blob([value], { type: "text/plain" }));
    await navigator.clipboard.write([new ClipboardItem({ "text/plain": blob })]);
    await blob;
    showToast(confirmation());
  } catch {
    const value = await text;
    const field = createElement("input", { value, readOnly: true, "aria-label": "Text to copy" });
    showToast("The browser did not allow the page to copy. Copy the text from here: ", field);
    field.select();
  }
}

// Creates a button that runs an action on a file and shows an error when the action fails.
function actionButton(label, file, action, className = "quiet", target = fileName(file)) {
  const button = createElement(
    "button",
    { type: "button", className, "aria-label": `${label} ${target}` },
    label,
  );
  button.addEventListener("click", async () => {
    button.setAttribute("aria-busy", "true");
    try {
      await action(file);
    } catch (error) {
      showError(error);
    } finally {
      button.removeAttribute("aria-busy");
    }
  });
  return button;
}
