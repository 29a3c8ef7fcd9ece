// Adds "select all" to a list of devices. The list works without it.
(() => {
  "use strict";
  const boxes = document.querySelectorAll("form.list input[name=id]");
  const place = document.querySelector("form.list th.tick");
  const count = document.getElementById("all");
  if (!boxes.length || !place || !count) return;
  const all = document.createElement("input");
  all.type = "checkbox";
  all.setAttribute("aria-label", "Select all devices of this page");
  const show = () => {
    const n = [...boxes].filter((b) => b.checked).length;
    all.checked = n === boxes.length;
    all.indeterminate = n > 0 && n < boxes.length;
    count.textContent = n === 1 ? "1 device is ticked." : n + " devices are ticked.";
  };
  all.addEventListener("change", () => { boxes.forEach((b) => { b.checked = all.checked; }); show(); });
  boxes.forEach((b) => b.addEventListener("change", show));
  place.append(all);
  show();
})();
