// The tabs above the content: one for the files, one for their usage.
/* global byId */
/* exported selectView, setUpViews */

const VIEWS = ["files", "usage"];
const viewTab = (view) => byId(`view-${view}`);

function selectView(selected) {
  for (const view of VIEWS) {
    const isSelected = view === selected;
    viewTab(view).setAttribute("aria-selected", String(isSelected));
    viewTab(view).tabIndex = isSelected ? 0 : -1;
    byId(`${view}-panel`).hidden = !isSelected;
  }
}

// Calls `open` with the view that a user chooses with a click or a key.
function setUpViews(open) {
  const places = { ArrowRight: 1, ArrowLeft: -1 };
  for (const [index, view] of VIEWS.entries()) {
    viewTab(view).addEventListener("click", () => open(view));
    viewTab(view).addEventListener("keydown", (event) => {
      let next = index + (places[event.key] ?? 0);
      if (event.key === "Home") next = 0;
      if (event.key === "End") next = VIEWS.length - 1;
      if (next === index) return;
      event.preventDefault();
      const chosen = VIEWS.at(next % VIEWS.length);
      open(chosen);
      viewTab(chosen).focus();
    });
  }
}
