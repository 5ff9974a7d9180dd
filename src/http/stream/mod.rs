//! Live streams, server-sent events, whatever is told by them: when there is something to say, and when it is over.
//!
//! A [`Source`] knows what there is to say and what to wait for; all the rest is here. Invariant: a stream says something
//! every [`HEARD_EVERY`] at least, ends as soon as the service stops, and holds the place of its visitor until then.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::pin::Pin;
use std::time::Duration;

use axum::response::sse::{Event, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::future::{FutureExt as _, select_all};
use futures_util::stream;
use tokio::sync::watch;
use tokio::time::Sleep;
use tokio_util::sync::CancellationToken;

use crate::http::live::Live;
use crate::http::stream::places::{Place, Places};

mod places;

pub(super) use places::Holder;

/// How often something is said at least: a reader that hears nothing for longer knows that the server is away.
const HEARD_EVERY: Duration = Duration::from_secs(15);
/// How long the changes of brands are gathered, so that a burst is told at once: nobody sees the delay, and a page of a whole
/// chain is drawn five times a second at most.
const GATHERED_FOR: Duration = Duration::from_millis(200);
/// What is said to a reader for whom there is nothing; clients skip it.
const HERE: &str = "here";

/// Why a source is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Why {
    /// The stream begins: everything that its reader needs is to be said.
    Begun,
    /// There may be something new.
    News,
    /// Nothing was said for so long that its reader wonders whether we are there.
    Quiet,
}

/// What comes after that which was said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// The wait for more.
    Wait,
    /// More, which is there already.
    More,
    /// Nothing.
    End,
}

/// What a stream is about.
pub(super) trait Source: Send + 'static {
    /// Waits until there may be something new. It is dropped while it waits, so it must not take anything.
    fn news(&mut self) -> impl Future<Output = ()> + Send;

    /// Adds what there is to say.
    fn say(&mut self, why: Why, events: &mut VecDeque<Event>) -> impl Future<Output = Next> + Send;
}

/// Every stream there is.
#[derive(Clone)]
pub(super) struct Streams {
    places: Places,
    stop: CancellationToken,
}

impl Streams {
    /// Prepares for streams, which end with `stop`.
    pub(super) fn new(stop: CancellationToken) -> Self {
        Self { places: Places::default(), stop }
    }

    /// Answers with a stream, unless its visitor has too many.
    pub(super) fn open(&self, holder: Holder, source: impl Source) -> Response {
        let place = match self.places.take(holder) {
            Ok(place) => place,
            Err(problem) => return problem.into_response(),
        };
        let following = Following {
            source,
            waiting: VecDeque::new(),
            next: Next::More,
            why: Why::Begun,
            quiet: Box::pin(tokio::time::sleep(HEARD_EVERY)),
            stop: self.stop.clone(),
            _place: place,
        };
        let events = stream::unfold(following, |mut following| async move {
            let event = following.next().await?;
            Some((Ok::<_, Infallible>(event), following))
        });
        // nginx would hold the stream back until it has a page of it.
        ([("x-accel-buffering", "no")], Sse::new(events)).into_response()
    }
}

/// A stream that somebody reads.
struct Following<S> {
    source: S,
    /// What is to be said before anything else is waited for.
    waiting: VecDeque<Event>,
    next: Next,
    /// Why the source is asked when there is more.
    why: Why,
    /// Ends when nothing was said for too long.
    quiet: Pin<Box<Sleep>>,
    stop: CancellationToken,
    _place: Place,
}

impl<S: Source> Following<S> {
    /// Returns what is said next; nothing when it is over.
    async fn next(&mut self) -> Option<Event> {
        loop {
            if let Some(event) = self.waiting.pop_front() {
                return Some(event);
            }
            match self.next {
                Next::End => return None,
                Next::More => {}
                Next::Wait => self.why = self.wait().await?,
            }
            self.next = self.ask().await?;
        }
    }

    /// Waits for a reason to ask; there is none when the service stops.
    async fn wait(&mut self) -> Option<Why> {
        tokio::select! {
            () = self.stop.cancelled() => None,
            () = self.source.news() => Some(Why::News),
            () = &mut self.quiet => Some(Why::Quiet),
        }
    }

    /// Asks the source what there is to say.
    async fn ask(&mut self) -> Option<Next> {
        let next = tokio::select! {
            () = self.stop.cancelled() => return None,
            next = self.source.say(self.why, &mut self.waiting) => next,
        };
        // A source that finds nothing for its reader in all that there is takes its time as well.
        let is_quiet = self.why == Why::Quiet || (&mut self.quiet).now_or_never().is_some();
        if is_quiet && self.waiting.is_empty() {
            self.waiting.push_back(Event::default().comment(HERE));
        }
        if !self.waiting.is_empty() {
            self.quiet = Box::pin(tokio::time::sleep(HEARD_EVERY));
        }
        // What is asked for again is more of the same, and its reader has heard something.
        self.why = Why::News;
        Some(next)
    }
}

/// The turns of brands, as somebody follows them who shows more than one venue.
pub(super) struct Turns {
    brands: Vec<(String, watch::Receiver<u64>)>,
}

impl Turns {
    /// Follows the brands that are wanted, by their slugs.
    pub(super) fn of(live: &Live, is_wanted: impl Fn(&str) -> bool) -> Self {
        let wanted = live.brands().filter(|(brand, _)| is_wanted(brand.as_str()));
        Self { brands: wanted.map(|(brand, live)| (brand.to_string(), live.turns())).collect() }
    }

    /// Waits until something of a brand is new that was not [taken](Self::take), and a little for more of a burst.
    pub(super) async fn news(&self) {
        let turned = self.brands.iter().map(|(_, turns)| Box::pin(turned(turns.clone()))).collect::<Vec<_>>();
        if turned.is_empty() {
            return std::future::pending().await;
        }
        select_all(turned).await;
        tokio::time::sleep(GATHERED_FOR).await;
    }

    /// Returns the brands of which something is new since the last time.
    pub(super) fn take(&mut self) -> Vec<String> {
        let mut taken = Vec::new();
        for (brand, turns) in &mut self.brands {
            if turns.has_changed().unwrap_or(false) {
                turns.mark_unchanged();
                taken.push(brand.clone());
            }
        }
        taken
    }
}

/// Waits for a turn; of a brand that is no longer watched there is none.
async fn turned(mut turns: watch::Receiver<u64>) {
    if turns.changed().await.is_err() {
        std::future::pending::<()>().await;
    }
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr};

    use axum::body::BodyDataStream;
    use futures_util::StreamExt as _;

    use super::*;
    use crate::clock;
    use crate::http::stream::places::SHARE_MAX;

    /// Says the words that it is told, one when it is asked: `+` after one means that there is more, `!` that it is over.
    struct Words {
        told: watch::Receiver<Vec<&'static str>>,
        said: usize,
    }

    impl Source for Words {
        async fn news(&mut self) {
            let said = self.said;
            let _ = self.told.wait_for(|told| told.len() > said).await;
        }

        async fn say(&mut self, why: Why, events: &mut VecDeque<Event>) -> Next {
            let Some(word) = self.told.borrow().get(self.said).copied() else { return Next::Wait };
            self.said += 1;
            events.push_back(Event::default().event(format!("{why:?}")).data(word.trim_end_matches(['+', '!'])));
            match word.chars().last() {
                Some('+') => Next::More,
                Some('!') => Next::End,
                Some(_) | None => Next::Wait,
            }
        }
    }

    /// Everybody comes from this machine.
    const HERE_ALL: Holder = Holder::Address(IpAddr::V4(Ipv4Addr::LOCALHOST));

    type Tell = watch::Sender<Vec<&'static str>>;

    fn begin(streams: &Streams) -> (Tell, BodyDataStream) {
        let (tell, told) = watch::channel(Vec::new());
        let response = streams.open(HERE_ALL, Words { told, said: 0 });
        assert_eq!(
            (response.status().as_u16(), &response.headers()["x-accel-buffering"]),
            (200, &"no".parse().expect("a value"))
        );
        (tell, response.into_body().into_data_stream())
    }

    /// What is said next, nothing at the end, and after how many seconds.
    async fn heard(body: &mut BodyDataStream) -> (String, u64) {
        let begun = clock::uptime();
        let bytes = body.next().await.map(|bytes| bytes.expect("a stream"));
        let text = String::from_utf8_lossy(&bytes.unwrap_or_default()).replace('\n', " ").trim().to_owned();
        (text, clock::uptime().since(begun).as_secs())
    }

    #[tokio::test(start_paused = true)]
    async fn a_stream_says_what_there_is_and_else_that_it_is_there() {
        let streams = Streams::new(CancellationToken::new());
        let (tell, mut body) = begin(&streams);
        assert_eq!(heard(&mut body).await, (": here".to_owned(), 15), "nothing to say when it began");
        tell.send_modify(|told| told.extend(["one+", "two", "three"]));
        for expected in ["event: News data: one", "event: News data: two", "event: News data: three"] {
            assert_eq!(heard(&mut body).await, (expected.to_owned(), 0));
        }
        tokio::time::advance(Duration::from_secs(10)).await;
        tell.send_modify(|told| told.push("four"));
        assert_eq!(heard(&mut body).await, ("event: News data: four".to_owned(), 0));
        assert_eq!(heard(&mut body).await, (": here".to_owned(), 15), "counted from what was said last");
        tell.send_modify(|told| told.push("bye!"));
        assert_eq!(heard(&mut body).await, ("event: News data: bye".to_owned(), 0));
        assert_eq!(heard(&mut body).await, (String::new(), 0));
    }

    /// Looks through all that there is, and finds nothing for its reader.
    struct Walk;

    impl Source for Walk {
        async fn news(&mut self) {
            std::future::pending::<()>().await;
        }

        async fn say(&mut self, _: Why, _: &mut VecDeque<Event>) -> Next {
            tokio::time::advance(Duration::from_secs(4)).await;
            Next::More
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_reader_hears_of_us_while_nothing_is_found_for_him() {
        let streams = Streams::new(CancellationToken::new());
        let mut body = streams.open(HERE_ALL, Walk).into_body().into_data_stream();
        for _ in 0..2 {
            assert_eq!(heard(&mut body).await, (": here".to_owned(), 16), "the fourth look ends at 16 s");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn streams_end_with_the_service_and_give_their_places_back() {
        let stop = CancellationToken::new();
        let streams = Streams::new(stop.clone());
        let (_tell, mut body) = begin(&streams);
        let mut others: Vec<_> = (1..SHARE_MAX).map(|_| begin(&streams)).collect();
        let next = || {
            let source = Words { told: watch::channel(Vec::new()).1, said: 0 };
            streams.open(HERE_ALL, source).status().as_u16()
        };
        assert_eq!(next(), 429);
        others.pop();
        assert_eq!([next(), next()], [200, 200], "its reader went away, and so did those of the answers to this");
        stop.cancel();
        assert_eq!(heard(&mut body).await, (String::new(), 0));
    }

    #[tokio::test(start_paused = true)]
    async fn turns_are_gathered_and_each_is_taken_once() {
        let (sahil, sahil_turns) = watch::channel(0_u64);
        let (xezer, xezer_turns) = watch::channel(0_u64);
        let brands = vec![("sahil".to_owned(), sahil_turns), ("xezer".to_owned(), xezer_turns)];
        let mut turns = Turns { brands };
        assert_eq!(turns.take(), Vec::<String>::new());
        sahil.send_modify(|turn| *turn += 1);
        let begun = clock::uptime();
        tokio::join!(turns.news(), async {
            tokio::time::advance(GATHERED_FOR / 2).await;
            xezer.send_modify(|turn| *turn += 1);
        });
        assert_eq!(clock::uptime().since(begun), GATHERED_FOR);
        assert_eq!(turns.take(), ["sahil", "xezer"]);
        assert_eq!(turns.take(), Vec::<String>::new());
        // Of a brand that is no longer watched there is no news, and it hides none of the others.
        drop(sahil);
        xezer.send_modify(|turn| *turn += 1);
        turns.news().await;
        assert_eq!(turns.take(), ["xezer"]);
    }
}
