'use strict';
// Asks the server about the stylesheet and shows the answer's fields as text.
(async () => {
  const rows = document.getElementById('facts');
  const began = performance.now();
  let answer;
  try {
    answer = await fetch('/style.css', { method: 'HEAD', cache: 'no-store' });
    await answer.arrayBuffer();
  } catch {
    return;
  }
  const fields = {
    'Answer': `${answer.status} ${answer.statusText}, ${(performance.now() - began).toFixed(1)} ms`,
    'Content-Type': answer.headers.get('content-type'),
    'Content-Encoding': answer.headers.get('content-encoding'),
    'Content-Length': answer.headers.get('content-length'),
    'ETag': answer.headers.get('etag'),
    'Last-Modified': answer.headers.get('last-modified'),
    'Cache-Control': answer.headers.get('cache-control'),
    'Server': answer.headers.get('server'),
  };
  rows.replaceChildren();
  for (const [name, value] of Object.entries(fields)) {
    if (value === null) continue;
    const row = rows.insertRow();
    const head = document.createElement('th');
    head.textContent = name;
    row.append(head);
    row.insertCell().textContent = value;
  }
})();
