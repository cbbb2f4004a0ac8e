// Copies the address beside a button. Without it the address is selected by hand.
"use strict";
{
  const said = document.getElementById("copied");
  for (const button of document.querySelectorAll("button.copy")) {
    const field = button.parentElement.querySelector("input");
    const words = button.firstChild, before = words.data;
    let timer = 0;
    button.addEventListener("click", async () => {
      if (!await copy(field)) return;
      words.data = said.textContent = button.dataset.copied;
      clearTimeout(timer);
      timer = setTimeout(() => { words.data = before; said.textContent = ""; }, 3000);
    });
    field.addEventListener("focus", () => field.select());
  }

  async function copy(field) {
    try {
      await navigator.clipboard.writeText(field.value);
      return true;
    } catch {
      // By plain HTTP there is no clipboard; refused, what is selected can be copied by hand.
      field.select();
      return document.execCommand("copy");
    }
  }
}
