// Tables as CSV, Markdown and LaTeX, charts as SVG and PNG: made here, from what the page shows.
(() => {
  "use strict";
  const CANVAS = 3; // pixels of a PNG per pixel of the page
  const slug = (text) => text.toLowerCase().replace(/[^a-z0-9]+/g, "-").replace(/^-|-$/g, "").slice(0, 60) || "dejavu";

  function save(name, data) {
    const link = document.createElement("a");
    link.download = name;
    link.href = URL.createObjectURL(data);
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
  }
  const saveText = (name, text, type) => save(name, new Blob([text], { type: `${type};charset=utf-8` }));

  function bar(what, choices) {
    const row = document.createElement("p");
    row.className = "export";
    row.append("Save as ");
    for (const [format, act] of choices) {
      const button = document.createElement("button");
      button.type = "button";
      button.textContent = format;
      button.setAttribute("aria-label", `Save ${what} as ${format}`);
      button.addEventListener("click", act);
      row.append(button, " ");
    }
    return row;
  }

  // ------------------------------------------------------------------------------ tables
  function cells(table) {
    const group = table.dataset.group;
    const titles = [...table.tHead.rows[0].cells].map((cell) => cell.textContent.trim());
    const rows = [[...(group ? [group] : []), ...titles]];
    for (const body of table.tBodies) {
      const head = body.querySelector("tr.group");
      for (const row of body.rows) {
        if (row === head) continue;
        const own = [...row.cells].map((cell) => cell.textContent.trim());
        rows.push(group ? [head ? head.textContent.trim() : "", ...own] : own);
      }
    }
    return rows;
  }
  // A spreadsheet runs what begins like a formula, signs of full width included, unless it is a number, alone or with
  // an interval and a unit.
  const FORMULA = /^[\s\ufeff\u200b-\u200f\u2060]*[=+\-@\t\r\n\uff1d\uff0b\uff0d\uff20]/;
  const NUMBER = /^[+-]?[\d.,]+(e[+-]?\d+)?( \[[-+\d.,e ]+\]| to [+-]?[\d.,]+)?( ?[a-z%]+)?$/;
  const inert = (text) => (FORMULA.test(text) && !NUMBER.test(text) ? `'${text}` : text);
  const ascii = (text) => text.replace(/\u2212/g, "-").replace(/[\u202f\u00a0]/g, " ");
  const csv = (rows) => rows.map((row) => row.map((text) => {
    const plain = inert(ascii(text));
    return /[",\n\r]/.test(plain) ? `"${plain.replace(/"/g, '""')}"` : plain;
  }).join(",")).join("\n") + "\n";
  const quoted = (text) => ascii(text).replace(/[\\`*_[\]<>|#]/g, "\\$&");
  const markdown = ([head, ...rows]) =>
    [head, head.map(() => "---"), ...rows].map((row, place) =>
      `| ${(place === 1 ? row : row.map(quoted)).join(" | ")} |`).join("\n") + "\n";
  const TEX = {
    "\\": "\\textbackslash{}", "~": "\\textasciitilde{}", "^": "\\textasciicircum{}", "\u2212": "$-$",
    "\u2013": "--", "\u00a0": "~", "\u202f": "\\,", "<": "\\textless{}", ">": "\\textgreater{}",
  };
  const tex = (text) => text.replace(/[\\~^\u2212\u2013\u00a0\u202f<>]|[&%$#_{}]/g, (sign) => TEX[sign] || `\\${sign}`);
  const latex = (table) => {
    const [head, ...rows] = cells(table);
    const line = (row) => `${row.map(tex).join(" & ")} \\\\`;
    return [
      "% needs \\usepackage{booktabs}", `\\begin{tabular}{${head.map((_, place) => (place ? "r" : "l")).join("")}}`,
      "\\toprule", line(head), "\\midrule", ...rows.map(line), "\\bottomrule", "\\end{tabular}", "",
    ].join("\n");
  };
  for (const table of document.querySelectorAll("table.grid")) {
    const title = table.caption.textContent.trim();
    const name = slug(title);
    table.closest(".scroll").after(bar(`the table “${title}”`, [
      ["CSV", () => saveText(`${name}.csv`, csv(cells(table)), "text/csv")],
      ["Markdown", () => saveText(`${name}.md`, markdown(cells(table)), "text/markdown")],
      ["LaTeX", () => saveText(`${name}.tex`, latex(table), "application/x-tex")],
    ]));
  }

  // ------------------------------------------------------------------------------ charts
  // A file knows no colors of the page: they are written out, as on white paper.
  function standalone(chart) {
    const shown = chart.querySelector(".chart-live svg") || chart.querySelector(".chart-static svg");
    const box = shown.viewBox.baseVal;
    const [width, height] = [box.width, box.height];
    const copy = shown.cloneNode(true);
    const probe = document.createElement("span");
    probe.style.colorScheme = "light";
    document.body.append(probe);
    const known = new Map();
    const written = (value) => value.replace(/var\(--[\w-]+\)/g, (variable) => {
      if (!known.has(variable)) {
        probe.style.color = variable;
        known.set(variable, getComputedStyle(probe).color);
      }
      return known.get(variable);
    });
    for (const node of [copy, ...copy.querySelectorAll("*")]) {
      for (const { name, value } of [...node.attributes]) {
        if (value.includes("var(")) node.setAttribute(name, written(value));
      }
    }
    probe.remove();
    const ground = document.createElementNS("http://www.w3.org/2000/svg", "rect");
    for (const [name, value] of Object.entries({ width, height, fill: "white" })) ground.setAttribute(name, value);
    copy.prepend(ground);
    copy.setAttribute("xmlns", "http://www.w3.org/2000/svg");
    copy.setAttribute("width", width);
    copy.setAttribute("height", height);
    return { text: new XMLSerializer().serializeToString(copy), width, height };
  }
  async function png(chart, name) {
    const { text, width, height } = standalone(chart);
    const image = new Image();
    image.src = await new Promise((done) => { // the page's policy allows no other source of images
      const reader = new FileReader();
      reader.addEventListener("load", () => done(reader.result));
      reader.readAsDataURL(new Blob([text], { type: "image/svg+xml" }));
    });
    await image.decode();
    const canvas = document.createElement("canvas");
    [canvas.width, canvas.height] = [CANVAS * width, CANVAS * height];
    canvas.getContext("2d").drawImage(image, 0, 0, canvas.width, canvas.height);
    canvas.toBlob((blob) => save(name, blob), "image/png");
  }
  for (const chart of document.querySelectorAll("[data-chart]")) {
    const name = slug(chart.dataset.chart);
    const title = chart.closest("figure").querySelector("figcaption").textContent.trim();
    chart.after(bar(`the chart “${title}”`, [
      ["SVG", () => saveText(`${name}.svg`, standalone(chart).text, "image/svg+xml")],
      ["PNG", () => png(chart, `${name}.png`)],
    ]));
  }

  // ------------------------------------------------------------------------------ paper
  // What is folded away on the screen is printed, and folded again afterwards. What repeats a chart, is one of
  // many models, or stands behind one sample, is printed where a reader has opened it.
  let opened = [];
  window.addEventListener("beforeprint", () => {
    opened = [...document.querySelectorAll("main details:not([open], .numbers, .more, .gallery *)")];
    for (const details of opened) details.open = true;
  });
  window.addEventListener("afterprint", () => {
    for (const details of opened) details.open = false;
    opened = [];
  });
})();
