'use strict';
// The page is whole without this: it adds arrow keys, a closer look, and what a part is in words.
for (const tree of document.querySelectorAll('.treemap')) {
  const details = tree.nextElementSibling;
  const cells = [...tree.querySelectorAll('.cell')];
  const around = (cell) => cell.parentElement.closest('.cell');
  const seen = (cell) => cell.getClientRects().length > 0;
  const inside = (cell) => [...cell.querySelectorAll(':scope > .inner > .cell')].filter(seen);
  const path = (cell) => (cell ? [...path(around(cell)), cell] : []);

  const look = (cell) => {
    details.textContent = path(cell).map((each) => each.dataset.name).join(' › ') + ': ' + cell.dataset.details;
  };
  const go = (cell) => {
    if (!cell) return;
    for (const other of cells) other.tabIndex = -1;
    cell.tabIndex = 0;
    cell.focus();
  };
  const zoom = (wanted) => {
    // There is nothing to see in what has no parts.
    const cell = wanted.querySelector(':scope > .inner') ? wanted : around(wanted) ?? wanted;
    for (const other of cells) other.classList.remove('zoom', 'last');
    for (const each of path(cell)) each.classList.add('zoom');
    cell.classList.add('last');
    go(wanted);
  };
  const zoomed = () => tree.querySelector('.last') ?? cells[0];
  const beside = (cell, step) => {
    const all = around(cell) ? inside(around(cell)) : [cell];
    return all[all.indexOf(cell) + step];
  };
  const keys = {
    ArrowRight: (cell) => go(beside(cell, 1)),
    ArrowLeft: (cell) => go(beside(cell, -1)),
    ArrowDown: (cell) => go(inside(cell)[0]),
    ArrowUp: (cell) => go(around(cell)),
    Enter: (cell) => zoom(cell),
    Escape: () => zoom(around(zoomed()) ?? zoomed()),
  };

  cells.forEach((cell, index) => { cell.tabIndex = index === 0 ? 0 : -1; });
  tree.addEventListener('focusin', (event) => look(event.target.closest('.cell')));
  tree.addEventListener('pointerover', (event) => {
    const cell = event.target.closest('.cell');
    if (cell) look(cell);
  });
  tree.addEventListener('click', (event) => {
    const cell = event.target.closest('.cell');
    if (cell) zoom(cell === zoomed() ? around(cell) ?? cell : cell);
  });
  tree.addEventListener('keydown', (event) => {
    const key = keys[event.key];
    if (!key || event.altKey || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    key(event.target.closest('.cell'));
  });
  tree.dataset.ready = String(cells.length);
}
