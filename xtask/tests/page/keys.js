// What a reader does by keyboard, and where that leads; `check` adds it to a page and reads what it wrote.
addEventListener('load', () => {
  const tree = document.querySelector('.treemap');
  const log = [`${tree.dataset.ready} ready`, `${tree.querySelectorAll('.cell').length} cells`, `${tree.dataset.cells} written`];
  const name = (cell) => cell?.getAttribute('aria-label').split(':')[0] ?? 'nothing';
  tree.querySelector('.cell').focus();
  for (const key of ['ArrowDown', 'ArrowDown', 'ArrowDown', 'ArrowRight', 'ArrowLeft', 'ArrowUp', 'Enter', 'ArrowDown', 'Escape', 'Escape']) {
    document.activeElement.dispatchEvent(new KeyboardEvent('keydown', { key, bubbles: true, cancelable: true }));
    log.push(`${key}: ${name(document.activeElement)}, closer ${name(tree.querySelector('.last'))}`);
  }
  log.push(tree.nextElementSibling.textContent, `${tree.querySelectorAll('[tabindex="0"]').length} by tab`);
  const shown = document.createElement('pre');
  shown.id = 'log';
  shown.textContent = log.join('\n');
  document.body.append(shown);
});
