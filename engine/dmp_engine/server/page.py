"""The status page: one HTML file without anything from outside, which only reads.

The script builds its elements with textContent, never from markup, so a file
name of an artist cannot become code.
"""

from __future__ import annotations

import base64
import hashlib

STALE = "This address has been used or is too old; get a new one with `dmp engine status --open`."

STYLE = """
:root { color-scheme: dark; }
body { margin: 2rem auto; max-width: 60rem; padding: 0 1rem; background: #1d1f21;
       color: #d8d8d8; font: 15px/1.5 system-ui, "DejaVu Sans", sans-serif; }
h1 { font-size: 1.3rem; margin: 0; } h2 { font-size: 1rem; margin: 2rem 0 .5rem; color: #9aa; }
.faint { color: #8a9096; } .right { float: right; }
.card { background: #26292c; border-radius: 6px; padding: .8rem 1rem; margin: .5rem 0;
        display: flex; gap: 1rem; align-items: center; }
.card .text { flex: 1; min-width: 0; overflow-wrap: anywhere; }
.bar { height: 6px; border-radius: 3px; background: #3a3f44; margin-top: .5rem; overflow: hidden; }
.bar i { display: block; height: 100%; background: #5aa9e6; }
.picture { width: 192px; height: 108px; object-fit: contain; background: #111; border-radius: 4px; }
.state { display: inline-block; min-width: 5.5rem; }
.running, .busy { color: #5aa9e6; } .done, .ready { color: #7bc47f; } .failed { color: #e5736f; }
.queued, .uploading, .cancelled, .asleep { color: #c9b458; }
"""

SCRIPT = """
'use strict';
const byId = id => document.getElementById(id);
const size = n => n >= 2 ** 30 ? (n / 2 ** 30).toFixed(1) + ' GB'
                : n >= 2 ** 20 ? Math.round(n / 2 ** 20) + ' MB'
                : n >= 2 ** 10 ? Math.round(n / 2 ** 10) + ' KB' : n + ' B';
const time = s => s >= 3600 ? (s / 3600).toFixed(1) + ' h'
                : s >= 90 ? Math.round(s / 60) + ' min' : Math.round(s) + ' s';
function make(kind, look, ...inside) {
  const made = document.createElement(kind);
  if (look) made.className = look;
  made.append(...inside);
  return made;
}
function device(d) {
  const held = d.held.device || d.held.process || 0;
  return make('div', 'card', make('div', 'text',
    make('span', 'state ' + d.state, d.state), d.name + ' — ' + d.label,
    make('span', 'right faint', size(held) + ' held of ' + size(d.memory))));
}
function job(j) {
  const name = j.name.split(/[\\\\/]/).pop();
  const many = j.frames.length > 1;
  const text = make('div', 'text', make('span', 'state ' + j.state, j.state), name,
    make('span', 'right faint', j.preset + ' ' +
      (many ? j.finished.length + ' of ' + j.frames.length + ' frames' : 'frame ' + j.frames[0])));
  let line = '';
  if (j.state === 'queued') line = j.position ? j.position + ' before it' : 'next';
  if (j.message) line = j.message;
  const p = j.progress;
  if (p) {
    line = 'frame ' + p.frame + ': ' + p.stage + ' ' + p.step + ' of ' + p.steps;
    if (p.loss !== null) line += ', loss ' + p.loss.toPrecision(3);
    if (p.eta !== null) line += ', ' + time(p.eta) + ' left';
  }
  if (line) text.append(make('div', 'faint', line));
  if (p || j.state === 'running') {
    const bar = make('i');
    bar.style.width = 100 * (j.finished.length + (p ? p.fraction : 0)) / j.frames.length + '%';
    text.append(make('div', 'bar', bar));
  }
  const card = make('div', 'card', text);
  if (j.preview) {
    const picture = make('img', 'picture');
    picture.src = j.preview.replace('/v1', '');
    picture.alt = 'alpha so far';
    card.append(picture);
  }
  return card;
}
async function look() {
  try {
    const answer = await fetch('/status');
    if (!answer.ok) throw 0;
    const s = await answer.json();
    byId('about').textContent = 'version ' + s.version + ', process ' + s.pid + ', up ' +
      time(s.uptime);
    byId('devices').replaceChildren(...(s.devices.length ? s.devices.map(device)
      : [make('p', 'faint', 'Looking for devices…')]));
    byId('jobs').replaceChildren(...(s.jobs.length ? s.jobs.slice(0, 100).map(job)
      : [make('p', 'faint', 'No jobs.')]));
    const waiting = s.jobs.filter(j => j.state === 'queued').length;
    byId('queue').textContent = waiting ? waiting + ' waiting' : '';
    byId('cache').textContent = s.cache.entries + ' finished frames, ' + size(s.cache.bytes) +
      ' of ' + size(s.cache.limit);
  } catch (gone) {
    byId('about').textContent = 'The engine has ended, or this page is too old.';
  }
  setTimeout(look, 1000);
}
look();
"""

HTML = f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>DMP engine</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<link rel="icon" href="data:,"><style>{STYLE}</style></head><body>
<h1>DMP engine</h1><div class="faint" id="about">…</div>
<h2>Devices</h2><div id="devices"></div>
<h2>Jobs <span class="faint" id="queue"></span></h2><div id="jobs"></div>
<h2>Cache</h2><div class="faint" id="cache"></div>
<script>{SCRIPT}</script></body></html>
"""


def _source(text: str) -> str:
    digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
    return f"'sha256-{digest}'"


HEADERS = {
    "Content-Security-Policy": (
        f"default-src 'none'; script-src {_source(SCRIPT)}; style-src {_source(STYLE)}; "
        "img-src 'self' data:; connect-src 'self'; frame-ancestors 'none'; base-uri 'none'; "
        "form-action 'none'"
    ),
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
}
