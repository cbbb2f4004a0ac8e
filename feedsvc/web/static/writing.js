// Shows beside the form what readers will get, while it is typed; makes Markdown of what is
// pasted; fills the form from an article that is pasted whole. Without it there is Preview.
"use strict";
{
  const PAUSE = 700;
  const LONGEST_HTML = 2_000_000;
  const form = document.getElementById("article");
  const section = document.getElementById("preview");
  if (form && section && !form.querySelector("fieldset").disabled) {
    let timer = 0, asking = null;
    form.addEventListener("input", () => {
      clearTimeout(timer);
      timer = setTimeout(show, PAUSE + form.elements.body.value.length / 20);
    });
    form.elements.body.addEventListener("paste", paste);
    if (!section.querySelector("article") && (form.elements.title.value || form.elements.body.value)) show();

    async function show() {
      asking?.abort();
      asking = new AbortController();
      try {
        const body = new URLSearchParams(new FormData(form));
        const answer = await fetch(section.dataset.from, {method: "POST", body, signal: asking.signal});
        // Cleaned by the service as for every reader, and no script runs on this page.
        if (!answer.ok) return;
        section.innerHTML = await answer.text();
        propose(section.querySelector("[data-proposed]")?.dataset.proposed ?? "");
      } catch {
        // The next pause tries again; what is typed is kept by another script.
      }
    }

    function propose(text) {
      const place = document.getElementById("proposed");
      place.hidden = !text || form.elements.summary.value.trim() !== "";
      place.querySelector("q").textContent = text;
      place.querySelector("button").onclick = () => {
        form.elements.summary.value = text;
        form.elements.summary.focus();
        form.dispatchEvent(new Event("input", {bubbles: true}));
        place.hidden = true;
      };
    }

    async function paste(event) {
      const plain = event.clipboardData.getData("text/plain");
      if (isWholeArticle(plain) && !form.elements.body.value.trim() && !form.elements.title.value.trim()) {
        event.preventDefault();
        if (await fillFrom(plain)) return;
        insert(plain);
        return;
      }
      const html = event.clipboardData.getData("text/html");
      if (!html || html.length > LONGEST_HTML) return;
      const markdown = markdownOf(html);
      if (!markdown || !/[<](p|h[1-6]|ul|ol|table|a|b|strong|i|em|blockquote|img|br)[ >/]/i.test(html)) return;
      event.preventDefault();
      insert(markdown);
    }

    function insert(text) {
      const field = form.elements.body;
      field.focus();
      // So that "undo" takes it back, where the browser can.
      if (!document.execCommand("insertText", false, text)) field.setRangeText(text, field.selectionStart, field.selectionEnd, "end");
      field.dispatchEvent(new Event("input", {bubbles: true}));
    }

    // A category and a time, a headline, text: as news pages are copied.
    function isWholeArticle(text) {
      const first = text.trim().split("\n")[0] ?? "";
      return /^\S.*\s\d{1,2}\/\d{1,2}\/\d{4}\s+\d{1,2}:\d{2}\s*$/.test(first) && text.trim().split("\n").length > 3;
    }

    async function fillFrom(text) {
      const body = new URLSearchParams({csrf_token: form.elements.csrf_token.value, text});
      try {
        const answer = await fetch(section.dataset.read, {method: "POST", body});
        if (!answer.ok) return false;
        const found = await answer.json();
        for (const [name, value] of Object.entries(found)) {
          if (!form.elements[name]) continue;
          form.elements[name].value = value;
          form.elements[name].closest("details")?.setAttribute("open", "");
        }
        form.dispatchEvent(new Event("input", {bubbles: true}));
        return true;
      } catch {
        return false;
      }
    }
  }

  // Markdown of HTML that came from elsewhere: what it says, nothing of how it looked.
  function markdownOf(html) {
    // Under other names, as this page's policy has every style of a document reported.
    const unstyled = html.replace(/<style[^]*?<\/style\s*>/gi, "").replace(/(\s)style(\s*=)/gi, "$1data-style$2");
    const page = new DOMParser().parseFromString(unstyled, "text/html");
    for (const one of page.querySelectorAll("script, style, meta, link, title, button, input, select, form, iframe, svg, [hidden]")) one.remove();
    return block(page.body).replace(/[ \t]+\n/g, "\n").replace(/\n{3,}/g, "\n\n").trim();
  }

  function block(node) {
    let out = "";
    let line = "";
    const flush = () => {
      // Two runs of bold letters in a row are one.
      const text = line.replace(/[ \t\n]+/g, " ").replace(/\*\*\*\*|~~~~/g, "").replace(/ ?\u0000 ?/g, "\\\n").trim();
      // What would begin a heading, a list or a rule is a sentence here.
      if (text) out += `${text.replace(/^(#{1,6}(?= )|[-+](?= )|[-=+]+$|\d{1,9}(?=[.)] ))/gm, (found) => /^\d/.test(found) ? found : `\\${found}`).replace(/^(\d{1,9})([.)] )/gm, "$1\\$2")}\n\n`;
      line = "";
    };
    for (const child of node.childNodes) {
      const name = child.nodeType === Node.ELEMENT_NODE ? child.localName : "";
      const isBlock = BLOCKS.test(name);
      // Word processors put whole pages into one <b> or <span>.
      if (!isBlock && !(name && [...child.querySelectorAll("*")].some((one) => BLOCKS.test(one.localName)))) {
        line += inline(child);
        continue;
      }
      flush();
      out += isBlock ? blockOf(child, name) : block(child);
    }
    flush();
    return out;
  }

  const BLOCKS = /^(p|div|section|article|main|header|footer|aside|h[1-6]|ul|ol|li|blockquote|pre|table|hr|figure|figcaption|dl|dt|dd|center)$/;

  function blockOf(node, name) {
    if (/^h[1-6]$/.test(name)) {
      const text = words(node);
      return text ? `${"#".repeat(Math.max(2, Number(name[1])))} ${text}\n\n` : "";
    }
    if (name === "hr") return "---\n\n";
    if (name === "pre") return `\`\`\`\n${node.textContent.replace(/\n$/, "")}\n\`\`\`\n\n`;
    if (name === "blockquote") return `${block(node).trim().replace(/^/gm, "> ")}\n\n`;
    if (name === "table") return table(node);
    if (name === "ul" || name === "ol") {
      let number = Number(node.getAttribute("start") ?? 1) || 1;
      let out = "";
      for (const item of node.children) {
        if (item.localName !== "li") {
          out += blockOf(item, item.localName).replace(/^(?=.)/gm, "  ");
          continue;
        }
        const mark = name === "ul" ? "- " : `${number++}. `;
        const text = block(item).trim().replace(/\n\n(?=\s*(-|\d+\.) )/g, "\n").replace(/\n(?=.)/g, `\n${" ".repeat(mark.length)}`);
        if (text) out += `${mark}${text}\n`;
      }
      return `${out}\n`;
    }
    return block(node);
  }

  function table(node) {
    const rows = [...node.querySelectorAll("tr")].map((row) => [...row.children].map((cell) => words(cell).replaceAll("|", "\\|")));
    const width = Math.max(0, ...rows.map((row) => row.length));
    if (!width) return "";
    const line = (row) => `| ${Array.from({length: width}, (_, number) => row[number] ?? "").join(" | ")} |`;
    return `${[line(rows[0]), line(Array(width).fill("---")), ...rows.slice(1).map(line)].join("\n")}\n\n`;
  }

  function words(node) {
    return [...node.childNodes].map(inline).join("").replace(/\u0000/g, " ").replace(/\s+/g, " ").trim();
  }

  function inline(node) {
    if (node.nodeType === Node.TEXT_NODE) return escaped(node.data);
    if (node.nodeType !== Node.ELEMENT_NODE) return "";
    const name = node.localName;
    if (name === "br") return "\u0000";
    const text = [...node.childNodes].map(inline).join("");
    if (name === "a") {
      const address = node.getAttribute("href") ?? "";
      return /^(https?|mailto):/i.test(address) && text.trim() ? `[${text.trim()}](${written(address)})` : text;
    }
    if (name === "img") {
      const address = node.getAttribute("src") ?? "";
      return /^https?:/i.test(address) ? `![${escaped(node.getAttribute("alt") ?? "")}](${written(address)})` : "";
    }
    if (name === "code" || name === "kbd" || name === "samp") return text.trim() ? `\`${node.textContent.trim().replaceAll("\`", "'")}\`` : "";
    const style = node.dataset.style ?? "";
    // Word processors write <b style="font-weight: normal"> around everything.
    const isPlain = /font-weight:\s*(normal|400)/.test(style);
    if (((name === "b" || name === "strong") && !isPlain) || /font-weight:\s*(bold|[6-9]00)/.test(style)) return around(text, "**");
    if (((name === "i" || name === "em") && !/font-style:\s*normal/.test(style)) || /font-style:\s*italic/.test(style)) return around(text, "*");
    if (name === "s" || name === "del" || name === "strike") return around(text, "~~");
    return text;
  }

  function written(address) {
    return address.replace(/[()\s]/g, (sign) => `%${sign.charCodeAt(0).toString(16)}`);
  }

  // Spaces stay outside, or Markdown does not take the signs for signs.
  function around(text, sign) {
    const inner = text.trim();
    if (!inner || inner.includes("\u0000")) return text;
    const start = text.indexOf(inner);
    return `${text.slice(0, start)}${sign}${inner}${sign}${text.slice(start + inner.length)}`;
  }

  function escaped(text) {
    return text.replace(/\u00a0/g, " ").replace(/[\\`*_[\]<>&~]/g, "\\$&");
  }
}
