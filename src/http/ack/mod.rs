//! The page behind the link of a mail, by which whoever holds the mail says that he takes care of an alert.
//!
//! To look changes nothing, as programs that scan mails follow links; only what is sent does, by an order like those of
//! commands. Invariant: nothing is looked up, told or changed for a link that our key did not sign.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::extract::rejection::PathRejection;
use axum::extract::{DefaultBodyLimit, Path, Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::map_response;
use axum::response::Response;
use axum::routing::get;
use tokio::sync::{Notify, Semaphore};
use tokio::time::timeout;

use crate::alerts::facts;
use crate::alerts::link::{self, Linked, Links};
use crate::alerts::notice::ReceiverName;
use crate::alerts::order::{Acknowledgement, Answer, Order};
use crate::http::ack::form::Entered;
use crate::http::ack::page::{About, Reader, Reply};
use crate::http::limit::{Count, MINUTE, PerMinute};
use crate::language::Language;
use crate::schema::Payload;
use crate::store::orders::Episode;
use crate::store::{Store, StoreError};
use crate::telemetry::Repeats;
use crate::units::{BrandId, Timestamp, Uptime, Zone};
use crate::{clock, telemetry};

mod answer;
pub(super) mod form;
mod page;

/// Bytes of a body: four fields of 200 characters, each percent-encoded, fit twice.
const BODY_BYTES_MAX: usize = 16 * 1024;
/// How long an alert may be looked for.
const LOOK_MAX: Duration = Duration::from_secs(2);
/// How long somebody waits for the service after that: a socket has 10 s for its first answer (`door`), and an order that
/// is older than 8 s is not taken in, so that nothing is done which was said not to be.
const ANSWER_WAIT: Duration = Duration::from_secs(6);
/// Readers of the database that may be busy with pages, of three: those who deliver notices have the others.
const LOOKS_AT_ONCE_MAX: usize = 1;
/// How often the links of a receiver are used to say something within a minute: a person with a long list is slower, and
/// a program that went wrong must not fill the database. Each order is one written row.
const ORDERS_PER_MINUTE_MAX: u32 = 30;

/// What programs send to a link.
pub const REQUEST: Payload = Payload::read::<Entered>("ack-request", "What is sent to the link of an alert");
/// What they are answered.
pub const ANSWER: Payload =
    Payload::written::<answer::Answer<'_>>("ack-answer", "An alert, answered to who uses its link");
/// What they are answered when nothing was changed.
pub const PROBLEM: Payload =
    Payload::written::<answer::Problem<'_>>("ack-problem", "Why the use of a link changed nothing");

/// What can be said, by the names of the fields in a form and in JSON.
pub fn fields() -> [&'static str; 4] {
    form::Field::ALL.map(form::Field::name)
}

/// What the page needs of the service.
pub struct Surroundings {
    /// Where orders are left, and what is known of alerts.
    pub store: Store,
    /// Reads links.
    pub links: Links,
    /// The path of the public address: a proxy may take it away or leave it.
    pub path: String,
    /// The brands that are watched.
    pub brands: BTreeSet<BrandId>,
    /// Who is told, and what they read: the links of a receiver who is not configured any more are not valid.
    pub receivers: BTreeMap<ReceiverName, Language>,
    /// The zone in which times are shown and read.
    pub zone: Zone,
    /// Rung when an order was left, so that nobody waits for the next look.
    pub bell: Arc<Notify>,
}

/// The page and what it remembers.
struct Pages {
    around: Surroundings,
    looks: Semaphore,
    /// How often the links of a receiver were used.
    used: Mutex<PerMinute<(BrandId, ReceiverName)>>,
    repeats: Mutex<Repeats>,
}

/// The last part of a path, which may be no text.
type Token = Result<Path<String>, PathRejection>;

/// Makes the routes of the page.
pub(super) fn router(around: Surroundings) -> Router {
    let below = |path: &str| format!("{path}{}{{token}}", link::PATH);
    let paths: BTreeSet<String> = [below(""), below(&around.path)].into();
    let used = Mutex::new(PerMinute::new(ORDERS_PER_MINUTE_MAX));
    let pages = Pages { around, looks: Semaphore::new(LOOKS_AT_ONCE_MAX), used, repeats: Mutex::default() };
    let fixed = page::headers();
    let with_headers = move |mut response: Response| {
        response.headers_mut().extend(fixed.clone());
        std::future::ready(response)
    };
    let route = |router: Router<Arc<Pages>>, path: &String| router.route(path, get(look).post(take));
    let router = paths.iter().fold(Router::new(), route).method_not_allowed_fallback(wrong_method);
    let router = router.layer(DefaultBodyLimit::max(BODY_BYTES_MAX)).layer(map_response(with_headers));
    router.with_state(Arc::new(pages))
}

/// Shows the alert of a link and the form; HEAD is answered by it as well.
async fn look(State(pages): State<Arc<Pages>>, token: Token, headers: HeaderMap) -> Response {
    let (language, reply) = match pages.linked(token) {
        None => (None, Reply::Nothing),
        Some((linked, language)) => {
            let found = pages.find(&linked).await;
            (Some(language), found.map_or_else(|reply| reply, |it| Reply::Open(it, Entered::default(), Vec::new())))
        }
    };
    pages.answer(&reply, language, &headers)
}

/// Takes in what somebody says of the alert of a link.
async fn take(State(pages): State<Arc<Pages>>, token: Token, request: Request) -> Response {
    let headers = request.headers().clone();
    let (language, reply) = match pages.linked(token) {
        None => (None, Reply::Nothing),
        Some((linked, language)) => (Some(language), pages.take(&linked, request).await.unwrap_or_else(|reply| reply)),
    };
    pages.answer(&reply, language, &headers)
}

/// Answers a method that a link has no use for.
async fn wrong_method(State(pages): State<Arc<Pages>>, token: Token, headers: HeaderMap) -> Response {
    let (language, reply) = match pages.linked(token) {
        None => (None, Reply::Nothing),
        Some((_, language)) => {
            let why = "a link is read by GET and used by POST".to_owned();
            (Some(language), Reply::NotUnderstood(StatusCode::METHOD_NOT_ALLOWED, why))
        }
    };
    pages.answer(&reply, language, &headers)
}

impl Pages {
    /// Reads a token; `None` also where its brand or receiver is not configured any more.
    fn linked(&self, token: Token) -> Option<(Linked, Language)> {
        let Ok(Path(token)) = token else { return None };
        let linked = self.around.links.read(&token)?;
        let language = *self.around.receivers.get(&linked.receiver)?;
        self.around.brands.contains(&linked.brand).then_some((linked, language))
    }

    /// Finds the alert while it is open, or the reply that says why there is none.
    async fn find(&self, linked: &Linked) -> Result<About, Reply> {
        let look = async {
            let _place = self.looks.acquire().await;
            let (key, alert) = match self.around.store.episode(&linked.brand, &linked.episode).await? {
                Some(Episode::Open(key, alert)) => (key, alert),
                Some(Episode::Over(over)) => {
                    return Ok(Err(Reply::Over(Some((over.alert.label.clone(), over.closed_at)))));
                }
                // It was open once, or there would be no link: it is forgotten.
                None => return Ok(Err(Reply::Over(None))),
            };
            let venue = match key.subject.venue() {
                Some(venue) => self.around.store.venue(&linked.brand, venue).await?,
                None => None,
            };
            let venue = venue.map(|venue| (venue.id(), facts::venue_name(&venue)));
            Ok::<_, StoreError>(Ok(About { brand: linked.brand.clone(), venue, key, alert }))
        };
        match timeout(LOOK_MAX, look).await {
            Ok(Ok(found)) => {
                self.works();
                found
            }
            Ok(Err(error)) => Err(self.failed(&telemetry::chain(&error))),
            Err(_) => Err(self.failed("the database did not answer within 2 s")),
        }
    }

    async fn take(&self, linked: &Linked, request: Request) -> Result<Reply, Reply> {
        let entered = form::read(request).await;
        let entered = entered.map_err(|unreadable| Reply::NotUnderstood(unreadable.status, unreadable.why))?;
        let mut about = self.find(linked).await?;
        let acknowledgement = match entered.check(clock::now(), &self.around.zone) {
            Ok(acknowledgement) => acknowledgement,
            Err(wrong) => return Ok(Reply::Open(about, entered, wrong)),
        };
        if !self.may_order(linked, clock::uptime()) {
            return Err(Reply::TooOften);
        }
        let order = Order::Acknowledge {
            key: about.key.clone(),
            episode: linked.episode.clone(),
            acknowledgement: acknowledgement.clone(),
        };
        note(linked, &acknowledgement);
        match self.order(linked, &order).await {
            Ok(Some(Answer::Done)) => {
                about.alert.acknowledged = Some(acknowledgement);
                Ok(Reply::Noted(about))
            }
            // It ended meanwhile, which the reader is told with its time; or nobody waits any more for what is old.
            Ok(Some(Answer::Refused(_))) => self.find(linked).await.and(Err(Reply::NoAnswer)),
            Ok(None) => Err(self.failed("the service did not answer an order within 6 s")),
            Err(error) => Err(self.failed(&telemetry::chain(&error))),
        }
    }

    async fn order(&self, linked: &Linked, order: &Order) -> Result<Option<Answer>, StoreError> {
        let id = self.around.store.ask(&linked.brand, order, clock::now()).await?;
        self.around.bell.notify_one();
        self.around.store.answer_within(id, ANSWER_WAIT).await
    }

    /// Counts an order of a receiver's links, unless it is one too many.
    fn may_order(&self, linked: &Linked, now: Uptime) -> bool {
        let who = (linked.brand.clone(), linked.receiver.clone());
        let count = self.used.lock().unwrap_or_else(PoisonError::into_inner).count(&who, now);
        if count == Count::JustOver {
            let receiver = &linked.receiver;
            tracing::warn!(%receiver, "links were used more than {ORDERS_PER_MINUTE_MAX} times within a minute; refused for now");
        }
        count == Count::Within
    }

    fn works(&self) {
        self.repeats.lock().unwrap_or_else(PoisonError::into_inner).works("page");
    }

    /// Says once why a page cannot be answered.
    fn failed(&self, why: &str) -> Reply {
        let repeat = self.repeats.lock().unwrap_or_else(PoisonError::into_inner).failed("page", why);
        if let telemetry::Repeat::First { .. } = repeat {
            tracing::warn!("a link of a mail cannot be answered: {why}");
        }
        Reply::NoAnswer
    }

    fn answer(&self, reply: &Reply, language: Option<Language>, headers: &HeaderMap) -> Response {
        let now: Timestamp = clock::now();
        let reader = Reader { language, zone: &self.around.zone, now };
        let accepts = headers.get(header::ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
        // Browsers ask for pages first, and programs do not ask for them.
        let is_for_a_program = form::is_json(headers) || (accepts.contains("json") && !accepts.contains("text/html"));
        let mut response = if is_for_a_program { reply.json() } else { reply.page(reader) };
        if reply.is_for_now() {
            response.headers_mut().insert(header::RETRY_AFTER, MINUTE.as_secs().into());
        }
        response
    }
}

/// Notes whose link is used, before anything comes of it: the connection may end before that is known. The name that was
/// entered is anybody's.
fn note(linked: &Linked, said: &Acknowledgement) {
    let Linked { brand, receiver, episode } = linked;
    let by = &said.by;
    tracing::info!(%brand, %receiver, ?episode, ?by, "somebody says by a link sent to {receiver} that he takes care of an alert");
}
