// Keeps the last board and its assets for a tablet that is started while the server is away. The server goes first whenever it
// answers; nothing but boards and assets is kept.
'use strict';
const KEPT = 'eightysix-boards-1';

self.addEventListener('install', () => self.skipWaiting());
self.addEventListener('activate', (event) => event.waitUntil(self.clients.claim()));

self.addEventListener('fetch', (event) => {
  const { request } = event;
  const isAsset = new URL(request.url).pathname.includes('/assets/');
  if (request.method !== 'GET' || !(request.mode === 'navigate' || isAsset)) return;
  event.respondWith(isAsset ? keptFirst(request) : serverFirst(request));
});

async function serverFirst(request) {
  const kept = await caches.open(KEPT);
  try {
    const answer = await fetch(request);
    if (answer.ok && !answer.redirected) await kept.put(request, answer.clone());
    // A proxy that answers for a server which is away.
    if (answer.status >= 502 && answer.status <= 504) return (await kept.match(request)) || answer;
    return answer;
  } catch (error) {
    const last = await kept.match(request);
    if (last) return last;
    throw error;
  }
}

async function keptFirst(request) {
  const kept = await caches.open(KEPT);
  const last = await kept.match(request);
  if (last) return last;
  const answer = await fetch(request);
  if (answer.ok) await kept.put(request, answer.clone());
  return answer;
}
