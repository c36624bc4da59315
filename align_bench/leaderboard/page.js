// A click on a heading sorts its table: numbers from the highest, names from A; another click turns it round.
for (const button of document.querySelectorAll("thead button")) {
  button.addEventListener("click", () => {
    const heading = button.parentElement, row = heading.parentElement, table = row.closest("table");
    const column = [...row.children].indexOf(heading), name = heading.classList.contains("label");
    const value = (line) => {
      const text = line.children[column].textContent.trim();
      return name ? text : parseFloat(text.replace(/^[^\d-]+/, ""));
    };
    const before = heading.getAttribute("aria-sort") || (name ? "descending" : "ascending");
    const sign = before === "ascending" ? -1 : 1;
    for (const other of row.children) other.removeAttribute("aria-sort");
    heading.setAttribute("aria-sort", sign > 0 ? "ascending" : "descending");
    const compare = (a, b) => {
      const [x, y] = [value(a), value(b)];
      if (name) return sign * x.localeCompare(y);
      if (isNaN(x) || isNaN(y)) return isNaN(x) - isNaN(y);
      return sign * (x - y);
    };
    table.tBodies[0].append(...[...table.tBodies[0].rows].sort(compare));
  });
}
