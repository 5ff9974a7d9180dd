// Keeps the kitchen board as it is on the server, says how old it is, and rings when something runs out.
// It runs on tablets of 2020 and needs no other script. Without it the page is still right, as of when it was loaded.
(function () {
  'use strict';
  var body = document.body, data = body.dataset;
  var list = document.getElementById('list'), age = document.getElementById('age'), asOf = document.getElementById('as-of'), warning = document.getElementById('warning');
  var units = data.units.split('|'), read = data.read.split('|');
  var KEPT = 'eightysix' + location.pathname;
  // A server says something every 15 s; a board that hears nothing for two of them and a half does not trust its connection.
  var HEARD_MAX_MS = 40000, RETRY_MIN_MS = 2000, RETRY_MAX_MS = 15000;
  // What ran out longer ago is no news to anybody in the kitchen.
  var RINGS_FOR_MS = 10 * 60000;

  // Two clocks, as one stands still while a tablet sleeps and the other may be set. The older answer is the safe one.
  function clocks() { return { steady: performance.now(), wall: Date.now() }; }
  function passed(from) {
    return Math.max(0, performance.now() - from.steady, Date.now() - from.wall);
  }

  var reading = null;
  function takeReading(told, at) {
    reading = { age: told.age_ms, state: told.state, stale: told.stale_ms, blind: told.blind_ms, at: at || clocks() };
    if (told.as_of) asOf.textContent = told.as_of;
    data.open = told.open === null || told.open === undefined ? 'unknown' : told.open ? 'yes' : 'no';
  }

  function shortly(ms) {
    var s = Math.floor(ms / 1000);
    if (s < 60) return s + ' ' + units[0];
    if (s < 3600) return Math.floor(s / 60) + ' ' + units[1];
    if (s < 86400) return Math.floor(s / 3600) + ' ' + units[2] + ' ' + Math.floor(s % 3600 / 60) + ' ' + units[1];
    return Math.floor(s / 86400) + ' ' + units[3];
  }

  function warn(text) {
    warning.textContent = '';
    if (data.link !== 'signed-out') { warning.textContent = text; return; }
    var way = document.createElement('a');
    way.href = data.login + '?to=' + encodeURIComponent(location.pathname + location.search);
    way.textContent = text;
    warning.appendChild(way);
  }

  // A reload of the configuration takes a moment, and is no news to a kitchen.
  var AWAY_AFTER_MS = 5000, lostAt = null;
  function isAway() { return data.link === 'lost' && lostAt !== null && passed(lostAt) >= AWAY_AFTER_MS; }

  // A tablet whose clock begins before it last heard the server cannot know how old its list is: it says of when the list is,
  // and that nobody may rely on it.
  var SET_BACK_MS = 2000;
  function loseAge() { reading.age = null; reading.state = 'blind'; }

  // A server whose clock was set back knows that a list is old, and not how old.
  function worse(one, other) { return one === 'blind' || other === 'fresh' ? one : other; }

  // The server's clock at an instant of ours: what a card says of its start is compared with it.
  var serverNow = null;
  function tick() {
    var isKnown = reading.age !== null;
    var old = (reading.age || 0) + passed(reading.at);
    data.state = worse(reading.state, old >= reading.blind ? 'blind' : old >= reading.stale ? 'stale' : 'fresh');
    if (isKnown) age.textContent = read[0] + ' ' + shortly(old) + ' ' + read[1];
    else if (asOf.textContent) age.textContent = read[0] + ' ' + asOf.textContent;
    var cards = list.querySelector('.cards');
    // A list comes before its age: what the last age says of it is taken back by the next.
    if (cards) cards.classList.toggle('unknown', data.state === 'blind');
    var isUnread = Boolean(list.querySelector('.unread'));
    var said = data.link === 'gone' ? data.gone : data.link === 'signed-out' ? data.signedOut
      : isAway() ? data.noServer + (data.state === 'blind' ? '. ' + data.rely : '')
      : isUnread ? ''
      : data.state === 'blind' ? (isKnown ? data.blind + '. ' : '') + data.rely
      : data.state === 'stale' ? data.staleWord : '';
    if (warning.textContent !== said) warn(said);
    if (serverNow) {
      var now = serverNow.ms + passed(serverNow.at);
      [].forEach.call(list.querySelectorAll('.card'), function (card) {
        var lasts = card.querySelector('.lasts'), text = shortly(Math.max(0, now - Number(card.dataset.since)));
        if (!lasts) return;
        lasts.hidden = !isKnown;
        if (lasts.lastChild.textContent !== text) lasts.lastChild.textContent = text;
      });
    }
  }

  // Sound: once for each turn of each product, on this board, whatever is loaded anew.
  var audio = null;
  var wanted = load('sound') !== 'off';
  function load(key) { try { return localStorage.getItem(KEPT + '#' + key); } catch (_) { return null; } }
  function keep(key, value) { try { localStorage.setItem(KEPT + '#' + key, value); } catch (_) { /* private mode */ } }
  function ring() {
    if (!audio || audio.state !== 'running') return;
    [0, 0.22].forEach(function (after, place) {
      var tone = audio.createOscillator(), volume = audio.createGain(), at = audio.currentTime + after;
      tone.frequency.value = place ? 660 : 880;
      volume.gain.setValueAtTime(0.0001, at);
      volume.gain.exponentialRampToValueAtTime(0.5, at + 0.02);
      volume.gain.exponentialRampToValueAtTime(0.0001, at + 0.2);
      tone.connect(volume); volume.connect(audio.destination);
      tone.start(at); tone.stop(at + 0.22);
    });
  }
  function turns() {
    return [].map.call(list.querySelectorAll('.card.out:not(.off)'), function (card) { return card.dataset.turn; });
  }
  var heardOf = null;
  function compare() {
    var known = heardOf;
    if (!known) try { known = JSON.parse(load('known') || 'null'); } catch (_) { known = null; }
    var now = heardOf = turns();
    keep('known', JSON.stringify(now));
    if (!Array.isArray(known)) return;
    var server = serverNow ? serverNow.ms + passed(serverNow.at) : Date.now();
    var rings = false;
    [].forEach.call(list.querySelectorAll('.card.out:not(.off)'), function (card) {
      if (known.indexOf(card.dataset.turn) >= 0) return;
      card.classList.add('new');
      if (server - Number(card.dataset.since) < RINGS_FOR_MS) rings = true;
    });
    if (rings && wanted && data.open !== 'no') ring();
  }

  function showList(html) {
    list.innerHTML = html;
    keep('list', html);
    compare();
    tick();
  }

  // The connection: one at a time, watched, and opened anew by us, as browsers give up when a proxy answers with an error.
  var source = null, heard = clocks(), retry = RETRY_MIN_MS, timer = null;
  function hear() { heard = clocks(); retry = RETRY_MIN_MS; data.link = 'ok'; lostAt = null; }
  function connect() {
    timer = null;
    if (source) source.close();
    heard = clocks();
    source = new EventSource(data.events);
    source.addEventListener('list', function (event) { hear(); showList(event.data); });
    source.addEventListener('reading', function (event) {
      hear();
      var told = JSON.parse(event.data);
      takeReading(told);
      serverNow = { ms: told.now_ms, at: clocks() };
      keep('ahead', String(Date.now() - told.now_ms));
      // Another build serves the page: its script may expect other lists.
      if (told.assets !== data.assets) { loadAnew(); return; }
      remember(told);
      tick();
    });
    source.addEventListener('gone', function () { source.close(); data.link = 'gone'; tick(); again(RETRY_MAX_MS); });
    source.onerror = lost;
  }
  function lost() {
    if (source) { source.close(); source = null; }
    if (data.link === 'ok' || data.link === 'none') data.link = 'lost';
    if (!lostAt) lostAt = clocks();
    tick();
    again(retry);
    retry = Math.min(RETRY_MAX_MS, retry * 2);
  }
  function again(after) {
    if (timer) return;
    // Not all boards of a house at once, when the server is back.
    timer = setTimeout(ask, after * (0.75 + Math.random() / 2));
  }
  // Asks why the stream does not begin, before it is tried again. A network that swallows the question must not hold it up.
  var ASK_MAX_MS = 10000;
  function ask() {
    var isOver = false;
    function go(link) {
      if (isOver) return;
      isOver = true;
      timer = null;
      if (!link) { connect(); return; }
      data.link = link;
      tick();
      again(RETRY_MAX_MS);
    }
    setTimeout(go, ASK_MAX_MS, '');
    head().then(function (answer) {
      // A proxy that asks who somebody is leads away.
      go(answer.status === 401 || answer.type === 'opaqueredirect' ? 'signed-out' : answer.status === 404 ? 'gone' : '');
    }, function () { go(''); });
  }
  function head() {
    var asked = { method: 'HEAD', headers: { Accept: 'application/json' }, cache: 'no-store', redirect: 'manual' };
    return fetch(location.pathname + location.search, asked);
  }
  // Who is never asked anew is signed out after 90 days, and a stream asks once.
  setInterval(function () { head().then(function () { /* the cookie is new */ }, function () { /* the server is away */ }); }, 12 * 3600000);

  // Once a minute at most: a page from a keep that is not renewed would be loaded for ever.
  function loadAnew() {
    var last = Number(load('loaded') || 0);
    if (Math.abs(Date.now() - last) < 60000) return;
    keep('loaded', String(Date.now()));
    location.reload();
  }

  // The last list is kept for a tablet that is started while the server is away.
  function remember(told) {
    keep('told', JSON.stringify({ told: told, wall: Date.now() }));
  }
  function recall() {
    var kept = null;
    try { kept = JSON.parse(load('told') || 'null'); } catch (_) { kept = null; }
    if (!kept || !kept.told || !kept.told.as_of || kept.told.assets !== data.assets) return;
    // A page from the worker's keep is older than what was kept of it; both times are the server's.
    if (kept.told.now_ms <= Number(data.servedMs)) return;
    var html = load('list');
    if (html !== null) list.innerHTML = html;
    var away = Date.now() - kept.wall;
    var at = { steady: performance.now() - Math.max(0, away), wall: kept.wall };
    takeReading(kept.told, at);
    if (away < -SET_BACK_MS) loseAge();
    serverNow = { ms: kept.told.now_ms, at: at };
  }

  // What a tablet may do beyond a page: stay awake, fill its screen, make a sound.
  function stayAwake() {
    if (!('wakeLock' in navigator) || document.visibilityState !== 'visible') return;
    navigator.wakeLock.request('screen').catch(function () { /* the battery is low, or the page is not encrypted */ });
  }
  function button(id, action) {
    var it = document.getElementById(id);
    it.hidden = false;
    it.addEventListener('click', function () { action(it); });
    return it;
  }
  function allowSound() {
    var Context = window.AudioContext || window.webkitAudioContext;
    if (!audio && Context) {
      audio = new Context();
      // The system may silence it at any time, as for a call.
      audio.onstatechange = showSound;
    }
    // A tablet that was locked calls it interrupted.
    if (audio && audio.state !== 'running') return audio.resume().then(showSound, function () { /* not allowed yet */ });
    showSound();
    return Promise.resolve();
  }
  var sound = button('sound', function () {
    var isHeard = wanted && audio && audio.state === 'running';
    wanted = !isHeard;
    keep('sound', wanted ? 'on' : 'off');
    allowSound().then(function () { if (wanted) ring(); });
    showSound();
  });
  function showSound() { sound.setAttribute('aria-pressed', String(Boolean(wanted && audio && audio.state === 'running'))); }
  if (document.documentElement.requestFullscreen) {
    button('full', function () {
      if (document.fullscreenElement) document.exitFullscreen(); else document.documentElement.requestFullscreen();
    });
  }
  button('print', function () { window.print(); });
  // Browsers let a page sound only after somebody touched it.
  document.addEventListener('click', function (event) { if (wanted && event.target !== sound) allowSound(); });
  // A kiosk may be allowed to at once.
  if (wanted) allowSound();
  document.addEventListener('visibilitychange', function () {
    stayAwake();
    if (document.visibilityState === 'visible' && wanted) allowSound();
    if (document.visibilityState === 'visible' && passed(heard) > HEARD_MAX_MS && !timer) lost();
  });

  // A page that was served a while ago comes from the worker's keep; one that seems to be of a time to come is not relied on
  // until the server speaks. By how much the clock of this tablet is ahead of the server's was seen when the server spoke last;
  // a tablet that never heard it may be wrong by two minutes.
  var ahead = load('ahead');
  var servedAgo = Date.now() - Number(data.servedMs) - Number(ahead || 0);
  var isSetBack = ahead !== null && servedAgo < -SET_BACK_MS;
  if (servedAgo < 0 || (ahead === null && servedAgo < 120000)) servedAgo = 0;
  takeReading({
    age_ms: data.ageMs === undefined ? null : Number(data.ageMs) + servedAgo, state: data.state,
    stale_ms: Number(data.staleMs), blind_ms: Number(data.blindMs), open: data.open === 'unknown' ? null : data.open === 'yes'
  });
  if (isSetBack) loseAge();
  serverNow = { ms: Number(data.servedMs) + servedAgo, at: clocks() };
  recall();
  compare();
  stayAwake();
  setInterval(function () {
    tick();
    if (source && passed(heard) > HEARD_MAX_MS) lost();
  }, 1000);
  tick();
  connect();
  if ('serviceWorker' in navigator) {
    navigator.serviceWorker.register(data.worker, { scope: data.scope }).catch(function () { /* the page is not encrypted */ });
    // The first visit comes before the worker keeps anything.
    if ('caches' in window) caches.open(data.keep).then(function (kept) {
      var parts = [].map.call(document.querySelectorAll('link[href], script[src]'), function (part) { return part.href || part.src; });
      return kept.addAll(parts.concat(location.href));
    }).catch(function () { /* no room is left */ });
  }
})();
