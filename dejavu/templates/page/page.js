"use strict";
(() => {
  const root = document.documentElement;

  // Light or dark: what the system says, until the reader decides otherwise.
  const button = document.getElementById("theme");
  const prefersDark = window.matchMedia("(prefers-color-scheme: dark)");
  const isDark = () => (root.dataset.theme ? root.dataset.theme === "dark" : prefersDark.matches);
  const label = () => {
    button.textContent = isDark() ? "Light" : "Dark";
    button.setAttribute("aria-label", isDark() ? "Use light colors" : "Use dark colors");
  };
  const remembered = (value) => {
    try {
      if (value === undefined) return localStorage.getItem("dejavu-theme");
      localStorage.setItem("dejavu-theme", value);
    } catch {
      // storage is off for this page: the choice lasts until it is closed
    }
    return null;
  };
  const stored = remembered();
  if (stored === "light" || stored === "dark") root.dataset.theme = stored;
  label();
  button.hidden = false;
  button.addEventListener("click", () => {
    root.dataset.theme = isDark() ? "light" : "dark";
    remembered(root.dataset.theme);
    label();
  });
  prefersDark.addEventListener("change", label);

  // Contents: folded on narrow screens, and the section in view is marked.
  const contents = document.querySelector(".toc details");
  const narrow = window.matchMedia("(max-width: 64rem)");
  const fold = () => { contents.open = !narrow.matches; };
  fold();
  narrow.addEventListener("change", fold);
  contents.addEventListener("click", (event) => {
    if (narrow.matches && event.target.closest("a")) contents.open = false;
  });
  const links = new Map([...contents.querySelectorAll("a")].map((link) => [link.hash.slice(1), link]));
  const sections = [...links.keys()].map((id) => document.getElementById(id)).filter(Boolean);
  const mark = () => {
    let current = sections[0];
    for (const section of sections) {
      if (section.getBoundingClientRect().top < 120) current = section;
    }
    for (const [id, link] of links) {
      if (id === current.id) link.setAttribute("aria-current", "true");
      else link.removeAttribute("aria-current");
    }
  };
  let waiting = false;
  window.addEventListener("scroll", () => {
    if (waiting) return;
    waiting = true;
    requestAnimationFrame(() => { mark(); waiting = false; });
  }, { passive: true });
  mark();

  // Tables sort by any column: by number where cells carry one, by text otherwise, blanks last.
  const collator = new Intl.Collator("en", { numeric: true });
  const compare = (column, sign) => (a, b) => {
    const [x, y] = [a.cells[column], b.cells[column]];
    const [p, q] = [x.dataset.order, y.dataset.order];
    if (p !== undefined && q !== undefined) return sign * (Number(p) - Number(q));
    if (p !== undefined || q !== undefined) return p === undefined ? 1 : -1;
    return sign * collator.compare(x.textContent, y.textContent);
  };
  for (const table of document.querySelectorAll("table.grid")) {
    const bodies = [...table.tBodies].map((body) => [body, [...body.querySelectorAll("tr:not(.group)")]]);
    if (bodies.reduce((n, [, rows]) => n + rows.length, 0) < 3) continue;
    [...table.tHead.rows[0].cells].forEach((header, column) => {
      const sorter = document.createElement("button");
      sorter.type = "button";
      sorter.textContent = header.textContent;
      header.replaceChildren(sorter);
      sorter.addEventListener("click", () => {
        const up = header.getAttribute("aria-sort") !== "ascending";
        for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
        header.setAttribute("aria-sort", up ? "ascending" : "descending");
        for (const [body, rows] of bodies) body.append(...rows.sort(compare(column, up ? 1 : -1)));
      });
    });
  }

  // Charts: drawn again with tooltips, to the width they have, when they come near the screen.
  const specs = JSON.parse(document.getElementById("charts").textContent);
  const options = {
    actions: false, ast: true, renderer: "svg", defaultStyle: false, mode: "vega-lite",
    tooltip: { disableDefaultStyle: true },
  };
  const draw = async (chart) => {
    const [still, live] = [chart.querySelector(".chart-static"), chart.querySelector(".chart-live")];
    live.hidden = false;
    try {
      await window.vegaEmbed(live, specs[chart.dataset.chart], options);
      still.style.display = "none";
      chart.dataset.drawn = "true";
    } catch (error) {
      live.hidden = true; // the still image stays
      console.error(`chart ${chart.dataset.chart}: ${error}`);
    }
  };
  const nearby = new IntersectionObserver((entries) => {
    for (const entry of entries) {
      if (!entry.isIntersecting) continue;
      nearby.unobserve(entry.target);
      draw(entry.target);
    }
  }, { rootMargin: "600px" });
  for (const chart of document.querySelectorAll("[data-chart]")) nearby.observe(chart);
})();
