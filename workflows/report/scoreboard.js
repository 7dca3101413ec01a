// Filters the scoreboard. Without this script every row shows, and the form stays hidden.
(() => {
  const form = document.getElementById("filter");
  const rows = [...document.querySelectorAll("#board tbody tr")];
  const count = form.querySelector("output");

  function show() {
    const { text, ...chosen } = Object.fromEntries(new FormData(form));
    const words = text.toLowerCase().split(/\s+/).filter(Boolean);
    let shown = 0;
    for (const row of rows) {
      const content = row.textContent.toLowerCase();
      row.hidden = !(
        Object.entries(chosen).every(([name, value]) => !value || row.dataset[name] === value) &&
        words.every((word) => content.includes(word))
      );
      shown += !row.hidden;
    }
    count.textContent = `${shown} of ${rows.length} rows`;
  }

  form.addEventListener("input", show);
  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("reset", () => setTimeout(show));
  form.hidden = false;
  show();
})();
