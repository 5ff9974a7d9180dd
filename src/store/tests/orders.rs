//! Orders beside the service: asked, found, answered with the cycle that takes them in; and the episodes that are over.

use std::time::Duration;

use super::*;
use crate::alerts::lifecycle::Turns;
use crate::alerts::order::{Answer, Order, OrderId};
use crate::store::orders::Episode;
use crate::store::{Store, StoreError};

async fn store() -> (tempfile::TempDir, Store) {
    let folder = tempfile::tempdir().expect("a folder");
    let store = Store::open(&folder.path().join("eightysix.db")).await.expect("a new store");
    (folder, store)
}

fn item() -> AlertKey {
    AlertKey { subject: Subject::Item(VenueId(1), ProductId(54)), rule: RuleName::new("sold-out").expect("a name") }
}

fn acknowledge() -> Order {
    Order::Acknowledge { key: item(), episode: EpisodeId::from_stored("e1"), acknowledgement: acknowledgement() }
}

async fn waiting(store: &Store, after: OrderId) -> Vec<(OrderId, String, Order)> {
    let found = store.orders_after(after).await.expect("read");
    found.into_iter().map(|it| (it.id, it.brand, it.order.expect("readable"))).collect()
}

#[tokio::test]
async fn an_order_waits_until_a_cycle_answers_it() {
    let (folder, store) = store().await;
    let beside = Store::open_beside(&folder.path().join("eightysix.db")).await.expect("the same store");
    let first = beside.ask(&brand(), &acknowledge(), NOW).await.expect("asked");
    let second = beside.ask(&brand(), &Order::Silence(silence()), NOW).await.expect("asked");
    let expected =
        [(first, "sahil".to_owned(), acknowledge()), (second, "sahil".to_owned(), Order::Silence(silence()))];
    assert_eq!(waiting(&store, OrderId(0)).await, expected);
    assert_eq!(waiting(&store, first).await, expected[1..]);
    assert_eq!(beside.answer(first).await.expect("read"), None);

    let mut commit = Commit::default();
    commit.answers = vec![(first, Answer::Done), (second, Answer::Refused("its end is past already".to_owned()))];
    assert!(commit.is_durable(), "an answer is worth a transaction");
    store.commit(&brand(), &commit, NOW).await.expect("committed");
    assert_eq!(waiting(&store, OrderId(0)).await, []);
    assert_eq!(beside.answer(first).await.expect("read"), Some(Answer::Done));
    let refused = Answer::Refused("its end is past already".to_owned());
    assert_eq!(beside.answer(second).await.expect("read"), Some(refused));
    assert!(!beside.take_back(first).await.expect("tried"), "what was answered cannot be taken back");
}

/// Nobody answers here, so that a wait of no length ends as a long one does.
#[tokio::test]
async fn who_waits_in_vain_takes_the_order_back() {
    let (_folder, store) = store().await;
    let id = store.ask(&brand(), &acknowledge(), NOW).await.expect("asked");
    assert_eq!(store.answer_within(id, Duration::ZERO).await.expect("waited"), None);
    assert_eq!(waiting(&store, OrderId(0)).await, [], "nothing comes of it");
    let id = store.ask(&brand(), &acknowledge(), NOW).await.expect("asked");
    store.refuse(id, "the brand is not watched", NOW).await.expect("answered");
    let refused = Some(Answer::Refused("the brand is not watched".to_owned()));
    for wait in [Duration::ZERO, Duration::from_secs(10)] {
        assert_eq!(store.answer_within(id, wait).await.expect("waited"), refused, "what was answered stands");
    }
}

#[tokio::test]
async fn an_episode_is_found_by_its_id_while_it_is_open_and_when_it_is_over() {
    let (_folder, store) = store().await;
    let id = EpisodeId::derive("sahil/54", NOW);
    let found = async || store.episode(&brand(), &id).await.expect("read");
    assert_eq!(found().await, None);
    let cycle = full_cycle();
    store.commit(&brand(), &cycle, NOW).await.expect("committed");
    let Some((_, Some(Alert::Open(open)))) = cycle.alerts.iter().find(|(key, _)| *key == item()) else {
        panic!("the cycle opens an alert")
    };
    assert_eq!(found().await, Some(Episode::Open(item(), open.clone())));
    let other = BrandId::new("terrace").expect("a slug");
    assert_eq!(store.episode(&other, &id).await.expect("read"), None, "an id is of one brand");
    assert_eq!(store.episode(&brand(), &EpisodeId::from_stored("%")).await.expect("read"), None);
    let venue = store.venue(&brand(), VenueId(1)).await.expect("read").expect("it is there");
    assert_eq!((venue.venue.name.as_str(), venue.picture.rows.len()), ("Sahil", 1));
    assert_eq!(store.venue(&brand(), VenueId(2)).await.expect("read"), None);

    let mut over = Commit::default();
    over.alerts = vec![(item(), None)];
    store.commit(&brand(), &over, after_s(60)).await.expect("committed");
    let Some(Episode::Over(over)) = found().await else { panic!("it is over") };
    assert_eq!((over.key.clone(), over.closed_at, &over.alert), (item(), after_s(60), &**open));
}

#[tokio::test]
async fn an_order_can_be_taken_back_or_refused_and_its_number_is_not_given_again() {
    let (_folder, store) = store().await;
    let first = store.ask(&brand(), &acknowledge(), NOW).await.expect("asked");
    assert!(store.take_back(first).await.expect("taken back"));
    let second = store.ask(&brand(), &acknowledge(), NOW).await.expect("asked");
    assert_ne!(first, second);
    store.refuse(second, "the brand is not watched", NOW).await.expect("answered");
    let answer = store.answer(second).await.expect("read");
    assert_eq!(answer, Some(Answer::Refused("the brand is not watched".to_owned())));
}

#[tokio::test]
async fn an_order_that_cannot_be_read_is_found_as_such() {
    let (_folder, store) = store().await;
    store.ask(&brand(), &acknowledge(), NOW).await.expect("asked");
    sqlx::query("UPDATE orders SET body = '{'").execute(&store.writer).await.expect("spoilt");
    let found = store.orders_after(OrderId(0)).await.expect("read");
    let error = found[0].order.as_ref().expect_err("no order").to_string();
    assert!(error.starts_with("cannot read the stored order: "), "{error}");
}

#[tokio::test]
async fn an_open_alert_that_ends_is_kept_among_the_past_ones_and_a_pending_one_is_not() {
    let (_folder, store) = store().await;
    let full = full_cycle();
    store.commit(&brand(), &full, NOW).await.expect("committed");
    let mut end = Commit::default();
    let left = |alert: &Option<Alert>| alert.as_ref().and_then(Alert::open).map(|_| Alert::Rested(Turns::default()));
    end.alerts = full.alerts.iter().map(|(key, alert)| (key.clone(), left(alert))).collect();
    store.commit(&brand(), &end, after_s(60)).await.expect("committed");
    let (brand, subject) = (brand(), item().subject);
    let past = || store.past_episodes_of(&brand, &subject, 9);
    let kept = past().await.expect("read");
    let Some(Alert::Open(alert)) = &full.alerts[1].1 else { panic!("the second alert is open") };
    assert_eq!(kept.len(), 1);
    assert_eq!((&kept[0].key, &kept[0].alert, kept[0].closed_at), (&item(), alert.as_ref(), after_s(60)));
    assert_eq!(store.past_episodes_of(&brand, &Subject::Brand, 9).await.expect("read"), [], "it was pending");
    end.alerts.iter_mut().for_each(|(_, alert)| *alert = None);
    store.commit(&brand, &end, after_s(120)).await.expect("committed");
    assert_eq!(past().await.expect("read").len(), 1, "what was left of it is no episode");
    store.prune(after_s(401 * 86_400)).await.expect("pruned");
    assert_eq!(past().await.expect("read"), []);
}

#[tokio::test]
async fn nothing_comes_of_an_order_that_was_taken_back_while_it_was_taken_in() {
    let (_folder, store) = store().await;
    let id = store.ask(&brand(), &Order::Silence(silence()), NOW).await.expect("asked");
    assert!(store.take_back(id).await.expect("taken back"));
    let mut commit = full_cycle();
    commit.answers = vec![(id, Answer::Done)];
    let error = store.commit(&brand(), &commit, NOW).await.expect_err("nobody waits for it");
    assert!(matches!(error, StoreError::TakenBack), "{error}");
    let memory = store.load(&brand()).await.expect("loaded");
    assert!(memory.silences.is_empty() && memory.venues.is_empty() && memory.book.iter().next().is_none());
}

#[tokio::test]
async fn a_silence_that_ends_is_forgotten() {
    let (_folder, store) = store().await;
    store.commit(&brand(), &full_cycle(), NOW).await.expect("committed");
    let mut end = Commit::default();
    end.silences = vec![(silence().id, None)];
    store.commit(&brand(), &end, NOW).await.expect("committed");
    assert!(store.load(&brand()).await.expect("loaded").silences.is_empty());
}
