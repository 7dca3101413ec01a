// Filters the claims, and keeps the filter in the address, such as #paper=Williams+1992&verdict=contradicted, so that a
// view can be shared. Without this script every claim shows, and the form stays hidden.
(() => {
  const form = document.getElementById("filter");
  const fields = [...form.elements].filter((field) => field.name);
  const rows = [...document.querySelectorAll("#board tbody tr")];
  const count = form.querySelector("output");

  function show() {
    const { text, ...chosen } = Object.fromEntries(fields.map((field) => [field.name, field.value]));
    const words = text.toLowerCase().split(/\s+/).filter(Boolean);
    for (const row of rows) {
      const content = row.textContent.toLowerCase();
      row.hidden = !(
        Object.entries(chosen).every(([name, value]) => !value || row.dataset[name] === value) &&
        words.every((word) => content.includes(word))
      );
    }
    count.textContent = `${rows.filter((row) => !row.hidden).length} of ${rows.length} claims`;
  }

  function write() {
    show();
    const filter = new URLSearchParams(fields.filter((field) => field.value).map((field) => [field.name, field.value]));
    history.replaceState(null, "", `#${filter.toString() || "claims"}`);
  }

  function read() {
    const filter = new URLSearchParams(location.hash.slice(1));
    if (!fields.some((field) => filter.get(field.name))) return; // a link to a section
    for (const field of fields) {
      field.value = filter.get(field.name) ?? "";
      if (field.selectedIndex === -1) field.value = ""; // no claim has this value
    }
    show();
    document.getElementById("claims").scrollIntoView();
  }

  form.addEventListener("input", write);
  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("reset", () => setTimeout(write));
  addEventListener("hashchange", read);
  form.hidden = false;
  show();
  read();
})();
