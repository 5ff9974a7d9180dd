// Keeps the page of the present as it is on the server. Without it the page is right as of when it was loaded.
(function () {
  'use strict';
  var data = document.body.dataset;
  var list = document.getElementById('list'), link = document.getElementById('link'), said = document.getElementById('said');
  // A server says something every 15 s; who hears nothing for two of them and a half does not trust the connection.
  var HEARD_MAX_MS = 40000, RETRY_MS = 5000;
  var source = null, timer = null;
  // Two clocks, as one stands still while a computer sleeps and the other may be set.
  function clocks() { return { steady: performance.now(), wall: Date.now() }; }
  var heard = clocks();

  function count() { var heading = document.getElementById('alerts'); return heading ? heading.textContent : ''; }

  function show(html) {
    var held = list.contains(document.activeElement) ? document.activeElement.id : '';
    var before = count();
    list.innerHTML = html;
    var again = held && document.getElementById(held);
    if (again) again.focus({ preventScroll: true });
    // Those who listen hear how many there are, and not the whole list again.
    if (count() !== before) said.textContent = count();
  }

  function hear() {
    heard = clocks();
    data.link = 'ok';
    if (link.textContent) link.textContent = '';
  }

  function lost() {
    data.link = 'lost';
    if (link.textContent !== data.noServer) link.textContent = data.noServer;
  }

  function connect() {
    timer = null;
    if (source) source.close();
    heard = clocks();
    source = new EventSource(data.events);
    source.addEventListener('build', function (event) {
      hear();
      // Another build serves the page: its styles may expect other lists.
      if (event.data !== data.assets) location.reload();
    });
    source.addEventListener('list', function (event) { hear(); show(event.data); });
    source.addEventListener('beat', hear);
    source.onerror = function () {
      if (source.readyState !== EventSource.CLOSED) return;
      lost();
      // Who is no longer signed in is led to where he can.
      fetch(location.href, { method: 'HEAD', redirect: 'manual', cache: 'no-store' }).then(function (answer) {
        if (answer.status === 401 || answer.type === 'opaqueredirect') location.reload();
      }, function () { /* The server is away. */ });
      again();
    };
  }

  function again() { if (!timer) timer = setTimeout(connect, RETRY_MS); }

  setInterval(function () {
    if (Math.max(performance.now() - heard.steady, Date.now() - heard.wall) > HEARD_MAX_MS) { lost(); again(); }
  }, 5000);
  connect();
})();
