// Creating and finding elements.
/* exported byId, createElement, createSvg, showToast, stateMark */

const TOAST_DURATION = 8000;

const byId = (id) => document.getElementById(id);

// Content is only ever added as nodes or text, never as HTML: names in the reports are not trusted.
function createElement(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name in element) element[name] = value;
    else if (value !== null) element.setAttribute(name, value);
  }
  element.append(...children.flat().filter((child) => child !== null && child !== ""));
  return element;
}

function createSvg(tag, attributes, ...children) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children.flat());
  return element;
}

function stateMark(state) {
  const mark = createElement("i", { className: `mark ${state}` });
  return createElement("span", { className: "state" }, mark, state);
}

let toastTimer;

function showToast(...content) {
  clearTimeout(toastTimer);
  byId("toast").replaceChildren(...content);
  byId("toast").classList.add("shown");
  toastTimer = setTimeout(() => byId("toast").classList.remove("shown"), TOAST_DURATION);
}
