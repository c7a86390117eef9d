// The dashboard: it shows what the server sends, and sends nothing itself. All texts that
// come from the Town are set as textContent, so none of them becomes markup.
'use strict';
(() => {
  const $ = (selector, within = document) => within.querySelector(selector);
  const all = (selector, within = document) => [...within.querySelectorAll(selector)];

  const element = (tag, attributes = {}, ...children) => {
    const e = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) if (value) e.setAttribute(name, value);
    e.append(...children);
    return e;
  };
  const setText = (e, text) => { if (e.textContent !== text) e.textContent = text; };

  // Times: the server's clock counts, and this machine's only for what passes since.
  let clock = 0;
  const now = () => Math.floor((Date.now() + clock) / 1000);
  const ago = (at) => {
    const d = Math.abs(now() - at);
    if (d < 10) return 'just now';
    const text = d < 60 ? `${Math.floor(d / 10) * 10} s` : d < 3600 ? `${Math.floor(d / 60)} min`
      : d < 172800 ? `${Math.floor(d / 3600)} h` : `${Math.floor(d / 86400)} days`;
    return at <= now() ? `${text} ago` : `in ${text}`;
  };
  const exact = (at) => new Date(at * 1000).toLocaleString();
  const updateTimes = () => {
    for (const e of all('time')) {
      const at = Date.parse(e.dateTime) / 1000;
      setText(e, ago(at));
      if (e.title !== exact(at)) e.title = exact(at);
    }
  };

  // Tables. Rows keep their elements by their keys, so that a selection of text stays.
  const fill = (td, cell) => {
    const parts = [];
    if (cell.m) parts.push(element('progress', {value: String(cell.d || 0), max: String(cell.m), 'aria-label': `${cell.d || 0} of ${cell.m}`}));
    if (cell.a) parts.push(element('time', {datetime: new Date(cell.a * 1000).toISOString(), title: exact(cell.a)}, ago(cell.a)));
    if (cell.t) parts.push(element('span', {class: !cell.n ? '' : cell.n === 'quiet' ? 'quiet' : `badge ${cell.n}`}, cell.t));
    if (cell.s) parts.push(element('span', {class: 'sub'}, cell.s));
    td.replaceChildren(...parts);
  };
  const updateRow = (tr, row, columns) => {
    let changed = false;
    row.cells.forEach((cell, i) => {
      const td = tr.cells[i] || tr.appendChild(element('td', {role: 'cell', 'data-label': columns[i]}));
      const as = JSON.stringify(cell);
      if (td.shown === as) return;
      changed ||= td.shown !== undefined;
      td.shown = as;
      fill(td, cell);
    });
    return changed;
  };
  const updateSection = (section) => {
    const place = document.getElementById(section.id);
    if (!place) return;
    const body = $('tbody', place), rows = section.rows || [], first = body.shown === undefined;
    body.shown = true;
    setText($('.note', place), section.note || '');
    setText($('.empty', place), section.empty);
    $('.empty', place).hidden = rows.length > 0;
    $('table', place).hidden = rows.length === 0;
    setText($('.more', place), section.more || '');
    $('.more', place).hidden = !section.more;
    const known = new Map([...body.rows].map((tr) => [tr.dataset.key, tr]));
    // First the rows that went: a row that is not moved keeps what a person selected in it.
    const keys = new Set(rows.map((row) => row.key));
    for (const [key, tr] of known) if (!keys.has(key)) tr.remove();
    let before = null;
    for (const row of rows) {
      let tr = known.get(row.key);
      const fresh = !tr;
      if (fresh) tr = element('tr', {role: 'row', 'data-key': row.key});
      const changed = updateRow(tr, row, section.columns);
      if (!first && (fresh || changed)) {
        tr.classList.add('changed');
        tr.addEventListener('animationend', () => tr.classList.remove('changed'), {once: true});
      }
      const next = before ? before.nextElementSibling : body.firstElementChild;
      if (tr !== next) body.insertBefore(tr, next);
      before = tr;
    }
  };

  // The head: the Town's name, notices and tiles.
  let said = [];
  const say = (text) => { said.push(text); };
  setInterval(() => {
    if (said.length) $('#said').textContent = said.splice(0).join(' ');
  }, 3000);
  const updateHead = (head) => {
    setText($('#town'), head.town);
    document.title = `${head.town} · Gas Town`;
    const notices = head.notices || [];
    if (JSON.stringify(all('#notices p').map((p) => p.textContent)) !== JSON.stringify(notices)) {
      $('#notices').replaceChildren(...notices.map((text) => element('p', {class: 'notice'}, text)));
      notices.forEach(say);
    }
    const list = $('#tiles ul');
    head.tiles.forEach((tile, i) => {
      let a = list.children[i] && $('a', list.children[i]);
      if (!a) {
        a = element('a', {}, element('span', {class: 'label'}), ' ', element('span', {class: 'value'}), ' ', element('span', {class: 'note'}));
        list.append(element('li', {}, a));
      }
      const value = $('.value', a);
      if (value.textContent !== tile.value) {
        if (value.textContent) say(`${tile.label}: ${tile.value}, was ${value.textContent}.`);
        value.textContent = tile.value;
      }
      setText($('.label', a), tile.label);
      setText($('.note', a), tile.note || '');
      if (a.getAttribute('href') !== `#${tile.section}`) a.setAttribute('href', `#${tile.section}`);
      if ((a.dataset.tone || '') !== (tile.tone || '')) a.dataset.tone = tile.tone || '';
    });
    while (list.children.length > head.tiles.length) list.lastElementChild.remove();
  };

  // The stream of changes. Nobody looks at a page in the background, so it has none.
  let stream = null, pause = 1000, heard = 0, timer = 0;
  const live = (state, text) => {
    const place = $('#live');
    if (place.dataset.state !== state) {
      if (state === 'lost') say(text);
      place.dataset.state = state;
    }
    setText($('#live-text'), text);
  };
  const hangUp = () => {
    clearTimeout(timer);
    if (stream) stream.close();
    stream = null;
  };
  const again = () => {
    hangUp();
    live('lost', 'Not connected; trying again');
    timer = setTimeout(connect, pause);
    pause = Math.min(pause * 2, 30000);
    // A person whose token is not good any more gets the form.
    fetch('/dashboard/charts?range=none').then((answer) => { if (answer.status === 401) location.reload(); }, () => {});
  };
  const connect = () => {
    if (document.hidden || stream) return;
    stream = new EventSource('/dashboard/events');
    const listen = (kind, fn) => stream.addEventListener(kind, (event) => {
      heard = Date.now();
      fn(JSON.parse(event.data));
    });
    listen('hello', ({build, now}) => {
      clock = now * 1000 - Date.now();
      if (build !== document.body.dataset.build) location.reload();
    });
    listen('view', (view) => {
      pause = 1000;
      if (view.head) updateHead(view.head);
      view.sections.forEach(updateSection);
      live('live', 'Live');
      setText($('#read'), `Last change seen at ${new Date().toLocaleTimeString()}.`);
    });
    listen('beat', () => live('live', 'Live'));
    stream.onerror = again;
  };
  setInterval(() => { if (stream && heard && Date.now() - heard > 40000) again(); }, 5000);
  document.addEventListener('visibilitychange', () => {
    if (document.hidden) return hangUp();
    pause = 1000;
    connect();
    draw();
  });

  // Colours.
  const themes = ['', 'light', 'dark'], words = {'': 'automatic', light: 'light', dark: 'dark'};
  const theme = () => document.documentElement.dataset.theme || '';
  const button = $('#theme');
  const showTheme = () => {
    button.textContent = `Colours: ${words[theme()]}`;
    charts.forEach(({plot}) => plot.redraw(false, true));
  };
  button.addEventListener('click', () => {
    const next = themes[(themes.indexOf(theme()) + 1) % themes.length];
    if (next) document.documentElement.dataset.theme = next; else delete document.documentElement.dataset.theme;
    document.cookie = `gt_theme=${next}; path=/; max-age=${next ? 31536000 : 0}; samesite=strict`;
    showTheme();
  });
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => showTheme());

  // Charts.
  const charts = new Map();
  let range = 'hour', drawing = 0;
  const probe = $('main').appendChild(element('span', {class: 'probe', hidden: 'hidden'}));
  const colour = (name) => {
    probe.style.color = `var(--${name})`;
    return getComputedStyle(probe).color;
  };
  const figure = (value, unit) => value == null ? '–' : `${+value.toPrecision(3)}${unit ? ` ${unit}` : ''}`;
  const height = 150;
  const axis = (more) => ({stroke: () => colour('muted'), grid: {stroke: () => colour('line'), width: 1}, ticks: {show: false}, font: '12px system-ui, sans-serif', ...more});
  const clockWords = (_, splits) => splits.map((at) => {
    const d = new Date(at * 1000);
    return range === 'hour' || range === 'day' && d.getHours() + d.getMinutes() > 0
      ? d.toLocaleTimeString([], {hour: '2-digit', minute: '2-digit', hourCycle: 'h23'})
      : d.toLocaleDateString([], {day: 'numeric', month: 'short'});
  });
  const legend = (place, plot) => {
    const at = plot.cursor.idx ?? plot.data[0].length - 1;
    all('.legend b', place).forEach((b, i) => setText(b, figure(plot.data[i + 1][at], '')));
  };
  const make = (place, chart, data) => new uPlot({
    width: Math.max(place.clientWidth, 200), height, legend: {show: false}, cursor: {y: false, drag: {x: false, y: false}},
    scales: {x: {time: true}, y: {range: (_, low, high) => [Math.min(0, low || 0), Math.max(high || 0, 1) * 1.08]}},
    axes: [axis({values: clockWords, space: 60, size: 28}), axis({size: 44, space: 32})],
    series: [{}, ...chart.lines.map((line, i) => ({
      width: 1.6, spanGaps: false, points: {show: false}, stroke: () => colour(`chart${i % 4 + 1}`),
      fill: chart.lines.length === 1 ? () => colour('chart1').replace(/^rgb\(/, 'rgba(').replace(/\)$/, ', 0.12)') : undefined,
    }))],
    // The legend shows the figures under the pointer, or else the newest.
    hooks: {setCursor: [(plot) => legend(place.parentElement, plot)], setData: [(plot) => legend(place.parentElement, plot)]},
  }, data, place);
  const summary = (chart) => chart.lines.map(({name, values}) => {
    const known = values.filter((v) => v !== null);
    if (!known.length) return '';
    return `${name} ${figure(values.at(-1), chart.unit)}, at most ${figure(Math.max(...known), chart.unit)}`;
  }).filter(Boolean).join('; ');
  const show = (answer) => {
    const off = $('#charts-off');
    off.hidden = !answer.off;
    setText(off, answer.off || '');
    $('.ranges').hidden = !!answer.off;
    const at = Array.from({length: answer.steps || 0}, (_, i) => answer.from + i * answer.step);
    for (const place of all('#chart-grid figure')) {
      const id = place.dataset.chart, chart = (answer.charts || []).find((c) => c.id === id);
      place.hidden = !chart || chart.lines.length === 0;
      const old = charts.get(id);
      const shape = place.hidden ? '' : JSON.stringify([range, chart.lines.map((l) => l.name)]);
      if (old && old.shape !== shape) {
        old.plot.destroy();
        charts.delete(id);
      }
      if (place.hidden) continue;
      const data = [at, ...chart.lines.map((l) => l.values)];
      if (charts.has(id)) charts.get(id).plot.setData(data);
      else {
        $('.legend', place).replaceChildren(...chart.lines.map((l) => element('li', {}, `${l.name} `, element('b'))));
        charts.set(id, {shape, plot: make($('.plot', place), chart, data)});
      }
      legend(place, charts.get(id).plot);
      setText($('.now', place), summary(chart));
    }
    $('#charts').dataset.drawn = range;
  };
  const every = {hour: 15000, day: 120000, week: 600000};
  const draw = () => {
    clearTimeout(drawing);
    if (document.hidden) return;
    const asked = range;
    fetch(`/dashboard/charts?range=${asked}`).then((answer) => answer.ok ? answer.json() : null, () => null).then((answer) => {
      if (answer && asked === range) show(answer);
    });
    drawing = setTimeout(draw, every[range]);
  };
  for (const b of all('.ranges button')) {
    b.addEventListener('click', () => {
      range = b.dataset.range;
      for (const other of all('.ranges button')) other.setAttribute('aria-pressed', String(other === b));
      draw();
    });
  }
  new ResizeObserver(() => {
    for (const [id, {plot}] of charts) {
      const width = $(`[data-chart="${id}"] .plot`).clientWidth;
      if (width > 0 && width !== plot.width) plot.setSize({width, height});
    }
  }).observe($('#chart-grid'));

  button.hidden = false;
  showTheme();
  updateTimes();
  setInterval(updateTimes, 5000);
  connect();
  draw();
})();
