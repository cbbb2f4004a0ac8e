// The table above the field Sources: both always show the same, and the field is what is sent.
// The page comes with its rows (web/sources.py), so that nothing moves when this is there.
"use strict";
{
  const field = document.getElementById("sources");
  const table = document.querySelector("table.rows");
  if (field && table && !field.closest("fieldset").disabled) {
    const rows = table.tBodies[0];
    // As web/sources.py and importing/text.py read a line.
    const BULLETS = /^(?:[•‣▪◦●∙·*+-]\s+(?=\S))+/;
    const WHOLE = /^(?:(.*?)\s+)?[<(]?(https?:\/\/[^\s<>]+?)[>)]?$/i;
    const HALF = /^(?:(.*\S)\s+[–—-]\s+)?([a-z][a-z0-9+.-]*:\S*|www\.\S+|[\p{L}\p{N}_-]+(?:\.[\p{L}\p{N}_-]+)*\.[a-z]{2,}(?:\/\S*)?)$/iu;
    const MOST = Number(table.dataset.most);
    table.classList.add("shown");
    [...rows.rows].forEach(enliven);
    show();
    // By hand, or by another script: from what was kept, or from an article pasted whole.
    field.form.addEventListener("input", (event) => {
      if (event.target === field || event.target === field.form) show();
    });

    // Or by the browser, which brings back what stood in it.
    addEventListener("pageshow", show);

    // Lines as they stand in the field, and as the rows have them.
    function lines() {
      return field.value.split("\n").map((line) => line.trim()).filter(Boolean);
    }

    function held() {
      return [...rows.rows].map((row) => row.dataset.line).filter(Boolean);
    }

    function show() {
      const wanted = lines();
      // More than an article may have: the field alone has them all.
      const isFull = wanted.length > MOST;
      if (isFull && table.contains(document.activeElement)) field.focus();
      table.hidden = isFull;
      if (isFull) return;
      if (wanted.join("\n") === held().join("\n")) return;
      while (rows.rows.length > wanted.length + 1) rows.rows[rows.rows.length - 1].remove();
      while (rows.rows.length < wanted.length + 1) add();
      [...wanted, ""].forEach((line, number) => put(rows.rows[number], line, ...apart(line)));
    }

    function put(row, line, name, address) {
      [cells(row)[0].value, cells(row)[1].value] = [name, address];
      row.dataset.line = line;
      judge(row);
    }

    function apart(line) {
      const text = line.replace(BULLETS, "");
      const whole = WHOLE.exec(text);
      if (whole && isWhole(whole[2])) {
        // A parenthesis of its own, as in …/Mercury_(planet)
        const isOwn = text.endsWith(`${whole[2]})`) && whole[2].split("(").length > whole[2].split(")").length;
        return [(whole[1] ?? "").replace(/[\s–—:|,(<-]+$/, ""), whole[2] + (isOwn ? ")" : "")];
      }
      const half = HALF.exec(text);
      return half ? [half[1] ?? "", half[2]] : [text, ""];
    }

    function cells(row) {
      return row.querySelectorAll("input");
    }

    function isWhole(address) {
      return /^https?:\/\/[^\s<>]+$/i.test(address) && URL.canParse(address);
    }

    function judge(row) {
      const address = cells(row)[1];
      const isBroken = address.value.trim() !== "" && !isWhole(address.value.trim());
      if (isBroken) address.setAttribute("aria-invalid", "true");
      else address.removeAttribute("aria-invalid");
      row.querySelector(".fault").hidden = !isBroken;
    }

    function add() {
      const row = rows.rows[0].cloneNode(true);
      rows.append(row);
      put(row, "", "", "");
      enliven(row);
      number();
    }

    function number() {
      [...rows.rows].forEach((row, index) => {
        for (const one of row.querySelectorAll("[aria-label]")) one.setAttribute("aria-label", one.getAttribute("aria-label").replace(/\d+/, index + 1));
        const fault = row.querySelector(".fault");
        fault.id = `source-fault-${index + 1}`;
        cells(row)[1].setAttribute("aria-describedby", fault.id);
      });
    }

    function enliven(row) {
      for (const one of cells(row)) {
        one.readOnly = false;
        one.addEventListener("input", (event) => {
          event.stopPropagation(); // told once, for the field
          const [name, address] = [...cells(row)].map((cell) => cell.value.trim().replace(/\s+/g, " "));
          row.dataset.line = name && address ? `${name} – ${address}` : name || address;
          judge(row);
          if (!row.nextElementSibling && row.dataset.line) add();
          write();
        });
        one.addEventListener("keydown", (event) => {
          if (event.key !== "Enter" || event.isComposing) return;
          event.preventDefault(); // it would press the form's first button
          if (row.nextElementSibling) cells(row.nextElementSibling)[0].focus();
        });
      }
      row.querySelector("button").addEventListener("click", () => {
        const next = row.nextElementSibling;
        if (next) {
          row.remove();
          number();
        }
        cells(next ?? row)[0].focus(); // the last row stays, to write the next one into
        write();
      });
    }

    // Lines that were not touched stay as they were written.
    function write() {
      field.value = held().join("\n");
      field.form.dispatchEvent(new Event("input", {bubbles: true}));
    }
  }
}
