"use strict";
(() => {
  const list = document.getElementById("pictures");
  const all = Array.from(list.children);
  const by = (id) => document.getElementById(id);
  const order = by("order"), down = by("down"), words = by("words"), chosen = by("class"), flagged = by("flagged");
  const value = (article, key) => (key in article.dataset ? Number(article.dataset[key]) : NaN);
  const compare = (key, sign) => (a, b) => {
    if (key === "position" || key === "name") {
      const first = a.dataset.name, second = b.dataset.name;
      const found = key === "name" ? first.localeCompare(second, undefined, { numeric: true }) : a.dataset.position - b.dataset.position;
      return sign * found;
    }
    const x = value(a, key), y = value(b, key);
    // What has no number comes last, in both directions.
    if (Number.isNaN(x) || Number.isNaN(y)) return Number.isNaN(x) - Number.isNaN(y) || a.dataset.position - b.dataset.position;
    return sign * (x - y) || a.dataset.position - b.dataset.position;
  };
  const follow = () => {
    const wanted = words.value.trim().toLocaleLowerCase();
    const sorted = all.slice().sort(compare(order.value, down.checked ? -1 : 1));
    let shown = 0;
    for (const article of sorted) {
      const matches =
        (!wanted || article.dataset.words.toLocaleLowerCase().includes(wanted)) &&
        (!chosen.value || article.dataset.class === chosen.value.slice(1)) &&
        (!flagged || !flagged.checked || "flagged" in article.dataset);
      article.hidden = !matches;
      shown += matches;
    }
    list.replaceChildren(...sorted);
    by("count").textContent = shown === all.length ? `${all.length} pictures` : `${shown} of ${all.length} pictures`;
  };
  for (const field of [order, down, words, chosen, flagged]) if (field) field.addEventListener("input", follow);
  by("size").addEventListener("input", (event) => list.style.setProperty("--side", `${event.target.value}px`));
  by("theme").addEventListener("input", (event) => {
    if (event.target.value) document.documentElement.dataset.theme = event.target.value;
    else delete document.documentElement.dataset.theme;
  });
  by("controls").addEventListener("submit", (event) => event.preventDefault());
  by("controls").hidden = false;
  follow();
})();
