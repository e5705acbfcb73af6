// A click on a header sorts its table: rising first, falling at the next click.
const value = (row, column) => {
  const text = row.cells[column].title;
  const number = Number(text);
  return text !== "" && !Number.isNaN(number) ? number : text;
};
const compare = (a, b) => {
  if (typeof a === typeof b) return a < b ? -1 : a > b ? 1 : 0;
  return typeof a === "number" ? -1 : 1; // numbers before words, nan and gaps
};
for (const button of document.querySelectorAll("th button")) {
  button.addEventListener("click", () => {
    const header = button.parentElement;
    const rising = header.ariaSort !== "ascending";
    for (const other of header.parentElement.cells) other.ariaSort = null;
    header.ariaSort = rising ? "ascending" : "descending";
    const body = header.closest("table").tBodies[0];
    const sign = rising ? 1 : -1;
    const rows = [...body.rows].sort(
      (a, b) =>
        sign * compare(value(a, header.cellIndex), value(b, header.cellIndex)),
    );
    body.append(...rows);
  });
}
