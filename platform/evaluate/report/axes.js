// Choose what the curves are drawn over.
function startAxes() {
  for (const button of document.querySelectorAll("[data-axis]")) {
    button.addEventListener("click", () => {
      for (const other of document.querySelectorAll("[data-axis]")) other.setAttribute("aria-pressed", String(other === button));
      for (const plot of document.querySelectorAll("[data-over]")) plot.hidden = plot.dataset.over !== button.dataset.axis;
    });
  }
}

startAxes();
