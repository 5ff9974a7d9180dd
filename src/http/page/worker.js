// Keeps the last board and its assets for a tablet that is started while the server is away. The server goes first whenever it
// answers in time; nothing but boards and assets is kept, and a keep that is full or broken never stands in the way.
'use strict';
const KEPT = 'eightysix-boards-1';
// Old assets go when the keep holds more than the boards of a house and two builds of their assets.
const KEPT_MAX = 60;
// Nobody waits for longer in front of an empty screen.
const ANSWER_MAX_MS = 8000;

self.addEventListener('install', () => self.skipWaiting());
self.addEventListener('activate', (event) => event.waitUntil(self.clients.claim()));

self.addEventListener('fetch', (event) => {
  const { request } = event;
  const isAsset = new URL(request.url).pathname.includes('/assets/');
  if (request.method !== 'GET' || !(request.mode === 'navigate' || isAsset)) return;
  event.respondWith(isAsset ? keptFirst(request) : serverFirst(request));
});

async function keptOf(request) {
  try {
    const kept = await caches.open(KEPT);
    return await kept.match(request);
  } catch (error) {
    return undefined;
  }
}

async function keep(request, answer) {
  try {
    const kept = await caches.open(KEPT);
    const all = await kept.keys();
    if (all.length > KEPT_MAX) await Promise.all(all.slice(0, all.length - KEPT_MAX).map((old) => kept.delete(old)));
    await kept.put(request, answer);
  } catch (error) {
    // No room is left: the board goes on without.
  }
}

async function serverFirst(request) {
  const last = await keptOf(request);
  const asked = fetch(request).then((answer) => {
    if (answer.ok && !answer.redirected) keep(request, answer.clone());
    // A proxy answers for a server which is away.
    return (answer.status >= 502 && answer.status <= 504 && last) || answer;
  });
  if (!last) return asked;
  // A server that hangs, or a network that swallows the question, never answers.
  const late = new Promise((resolve) => setTimeout(resolve, ANSWER_MAX_MS, last));
  return Promise.race([asked.catch(() => last), late]);
}

async function keptFirst(request) {
  const last = await keptOf(request);
  if (last) return last;
  const answer = await fetch(request);
  if (answer.ok) keep(request, answer.clone());
  return answer;
}
