//! The outbox: its order, retries when due, dead letters kept and sent anew, and old rows forgotten.

use std::time::Duration;

use super::*;
use crate::alerts::notice::Channel;
use crate::store::{
    DEAD_KEPT, DELIVERED_KEPT, Finish, HISTORY_KEPT, OutboxDepth, OutboxState, Queued, Requeued, Store, StoreError,
};
use crate::units::Uptime;
use crate::vitals::{QueueLook, StoreLook};

struct Outbox {
    store: Store,
    _folder: tempfile::TempDir,
}

impl Outbox {
    async fn with(notices: Vec<Notice>) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let store = Store::open(&folder.path().join("eightysix.db")).await.expect("a new store");
        let mut commit = Commit::default();
        commit.notices = notices;
        store.commit(&brand(), &commit, NOW).await.expect("committed");
        Self { store, _folder: folder }
    }

    async fn waiting(&self, most: u32) -> Vec<Queued> {
        self.store.waiting(&receiver(), Channel::Webhook, most, NOW).await.expect("a look")
    }

    /// Shows what waits: id, when it is due, and attempts so far.
    async fn shown(&self) -> Vec<(String, i64, u32)> {
        let due_s = |queued: &Queued| (queued.due.unix_ms() - NOW.unix_ms()) / 1000;
        let shown = |queued: Queued| (queued.notice.id.as_str().to_owned(), due_s(&queued), queued.attempts);
        self.waiting(9).await.into_iter().map(shown).collect()
    }

    async fn finish(&self, row: i64, finish: Finish, s: i64) {
        self.store.finish(&[(row, finish)], after_s(s)).await.expect("finished");
    }

    /// What another receiver should be told, by its ids.
    async fn untold(&self, s: i64) -> Vec<String> {
        let untold = self.store.untold(&receiver(), after_s(s)).await.expect("looked");
        untold.into_iter().map(|it| it.notice.id.as_str().to_owned()).collect()
    }
}

fn shown(expected: &[(&str, i64, u32)]) -> Vec<(String, i64, u32)> {
    expected.iter().map(|(id, due_s, attempts)| ((*id).to_owned(), *due_s, *attempts)).collect()
}

#[tokio::test]
async fn what_waits_for_a_receivers_channel_comes_oldest_first() {
    let outbox = Outbox::with(vec![webhook("a"), publish("p"), webhook("b"), webhook("c")]).await;
    assert_eq!(outbox.shown().await, shown(&[("a", 0, 0), ("b", 0, 0), ("c", 0, 0)]));
    assert_eq!(outbox.waiting(2).await.len(), 2);
    let other = ReceiverName::new("kitchen");
    let none = outbox.store.waiting(&other, Channel::Webhook, 9, NOW).await.expect("a look");
    assert_eq!(none, [], "another receiver's rows are not touched");
}

#[tokio::test]
async fn a_retry_waits_until_it_is_due_and_a_delivery_is_over() {
    let outbox = Outbox::with(vec![webhook("a"), webhook("b")]).await;
    let rows = outbox.waiting(9).await;
    outbox.finish(rows[0].row, Finish::Retry { at: after_s(100), why: "503".to_owned() }, 1).await;
    outbox.finish(rows[1].row, Finish::Delivered { but: Some("one address was refused".to_owned()) }, 1).await;
    assert_eq!(outbox.shown().await, shown(&[("a", 100, 1)]));
    assert_eq!(outbox.waiting(9).await[0].queued_at, NOW, "patience counts from the beginning");
    outbox.finish(rows[0].row, Finish::Delivered { but: None }, 101).await;
    assert_eq!(outbox.shown().await, []);
    let depth = outbox.store.outbox_depth().await.expect("counted");
    assert_eq!(depth, OutboxDepth { delivered: 2, ..OutboxDepth::default() });
}

#[tokio::test]
async fn dead_letters_are_listed_and_sent_anew_with_new_patience() {
    let outbox = Outbox::with(vec![webhook("a"), webhook("b"), webhook("c")]).await;
    for queued in outbox.waiting(9).await {
        outbox.finish(queued.row, Finish::Dead { why: format!("410 for {}", queued.notice.id) }, 5).await;
    }
    assert_eq!(outbox.shown().await, []);
    let letters = outbox.store.dead_letters().await.expect("listed");
    let shown_letters: Vec<_> = letters.iter().map(|l| (l.summary.as_str(), l.attempts, l.why.as_str())).collect();
    assert_eq!(
        shown_letters,
        [("sold-out: c", 1, "410 for c"), ("sold-out: b", 1, "410 for b"), ("sold-out: a", 1, "410 for a")]
    );
    assert_eq!((letters[0].receiver.as_str(), letters[0].channel.as_str()), ("managers", "webhook"));
    let one = letters[2].row;
    assert_eq!(
        outbox.store.resend(&[one, 9_999], after_s(500)).await.expect("resent").len(),
        1,
        "an unknown row is none"
    );
    let again = outbox.waiting(9).await;
    assert_eq!((again.len(), again[0].attempts, again[0].queued_at), (1, 0, after_s(500)));
    assert_eq!(outbox.store.resend(&[one], after_s(501)).await.expect("resent"), [], "what is on its way stays there");
    outbox.finish(again[0].row, Finish::Delivered { but: None }, 501).await;
    let way = Requeued { receiver: "managers".to_owned(), channel: "webhook".to_owned() };
    let all = outbox.store.resend(&[], after_s(502)).await.expect("resent");
    assert_eq!(all, [way.clone(), way], "no row means all dead letters");
    assert_eq!(outbox.shown().await, shown(&[("b", 502, 0), ("c", 502, 0)]));
}

#[tokio::test]
async fn a_late_answer_does_not_bring_a_finished_notice_back() {
    let outbox = Outbox::with(vec![webhook("a")]).await;
    let row = outbox.waiting(1).await[0].row;
    outbox.finish(row, Finish::Delivered { but: None }, 1).await;
    outbox.finish(row, Finish::Retry { at: after_s(2), why: "the first attempt timed out".to_owned() }, 2).await;
    outbox.finish(row, Finish::Dead { why: "the first attempt was refused".to_owned() }, 3).await;
    assert_eq!(outbox.store.dead_letters().await.expect("listed"), []);
    assert_eq!(outbox.shown().await, []);
}

#[tokio::test]
async fn old_rows_are_forgotten_and_dead_letters_later() {
    let outbox = Outbox::with(vec![webhook("a"), webhook("b"), webhook("c")]).await;
    outbox.store.commit(&brand(), &full_cycle(), NOW).await.expect("committed");
    let rows = outbox.waiting(2).await;
    outbox.finish(rows[0].row, Finish::Delivered { but: None }, 0).await;
    outbox.finish(rows[1].row, Finish::Dead { why: "410".to_owned() }, 0).await;
    let prune = |kept: Duration, s: i64| {
        let now = after_s(s).plus(kept);
        let store = outbox.store.clone();
        async move { store.prune(now).await.expect("pruned") }
    };
    assert_eq!(prune(DELIVERED_KEPT, 0).await, 0);
    assert_eq!(prune(DELIVERED_KEPT, 1).await, 1, "the delivered one");
    let depth = outbox.store.outbox_depth().await.expect("counted");
    assert_eq!(depth, OutboxDepth { dead: 5, ..OutboxDepth::default() }, "the refused one, and what was never sent");
    assert_eq!(prune(DEAD_KEPT, 0).await, 0);
    assert_eq!(prune(DEAD_KEPT, 1).await, 1, "the refused one");
    assert_eq!(prune(HISTORY_KEPT, 0).await, 4, "what was given up after a week");
    assert_eq!(prune(HISTORY_KEPT, 1).await, 3, "the lines of the history");
}

#[tokio::test]
async fn published_topics_are_remembered_by_broker() {
    let outbox = Outbox::with(Vec::new()).await;
    let note = |broker: &'static str, topics: &[(&str, bool)]| {
        let topics: Vec<(String, bool)> = topics.iter().map(|(topic, held)| ((*topic).to_owned(), *held)).collect();
        let store = outbox.store.clone();
        async move { store.note_published(broker, &topics).await.expect("noted") }
    };
    note("kitchen", &[("b", true), ("a", true)]).await;
    note("kitchen", &[("a", true), ("b", false), ("never", false)]).await;
    note("bar", &[("c", true)]).await;
    assert_eq!(outbox.store.published_topics("kitchen").await.expect("read"), ["a"]);
    assert_eq!(outbox.store.published_topics("bar").await.expect("read"), ["c"]);
}

#[tokio::test]
async fn what_is_passed_on_is_noted_with_what_the_other_one_is_told_and_goes_on_to_be_tried() {
    let outbox = Outbox::with(vec![webhook("a"), publish("b"), webhook("c"), webhook("d")]).await;
    let rows = outbox.waiting(2).await;
    outbox.finish(rows[0].row, Finish::Delivered { but: None }, 1).await;
    outbox.finish(rows[1].row, Finish::Dead { why: "400".to_owned() }, 1).await;
    assert_eq!(outbox.untold(2).await, ["b", "c", "d"], "on every channel, and what was given up");
    let day_s = 24 * 3600;
    assert_eq!(outbox.untold(day_s + 2).await, ["b", "d"], "not what was given up long ago");

    let ops = ReceiverName::new("ops");
    let told = Notice { receiver: ops.clone(), ..webhook("instead") };
    for _ in 0..2 {
        let passed_on = [rows[1].row, rows[1].row + 1];
        outbox.store.pass_on(&passed_on, &ops, std::slice::from_ref(&told), after_s(3)).await.expect("passed on");
    }
    assert_eq!(outbox.untold(4).await, ["b"]);
    let queued = outbox.store.waiting(&ops, Channel::Webhook, 9, NOW).await.expect("a look");
    assert_eq!(queued.into_iter().map(|queued| queued.notice).collect::<Vec<_>>(), [told], "once");
    assert_eq!(outbox.shown().await, shown(&[("d", 0, 0)]), "it is still tried");
    let dead = outbox.store.dead_letters().await.expect("listed").remove(0);
    assert_eq!((dead.row, dead.passed_to.as_deref()), (rows[1].row, Some("ops")));
    let passed_on = outbox.store.told(&[rows[1].notice.id.clone()]).await.expect("found").remove(0).passed_on;
    assert_eq!(passed_on, Some((ops, after_s(3))));
}

#[tokio::test]
async fn a_look_says_what_waits_on_each_channel_and_for_how_long_and_writes_nothing() {
    let at = Uptime(Duration::from_secs(7));
    let outbox = Outbox::with(vec![webhook("a"), webhook("b"), publish("p")]).await;
    let rows = outbox.waiting(9).await;
    outbox.finish(rows[0].row, Finish::Retry { at: after_s(100), why: "503".to_owned() }, 1).await;
    outbox.store.try_to_write().await.expect("it takes writes");
    let queue = |channel: &str, waiting, due_s, first_attempts| QueueLook {
        receiver: "managers".to_owned(),
        channel: channel.to_owned(),
        waiting,
        oldest_queued: NOW,
        first_due: after_s(due_s),
        first_attempts,
    };
    let expected = vec![queue("mqtt", 1, 0, 0), queue("webhook", 2, 100, 1)];
    let look = outbox.store.look(true, at).await.expect("a look");
    assert_eq!(look, StoreLook { at, takes_writes: true, queues: expected, dead_letters: 0 });
    outbox.finish(rows[0].row, Finish::Dead { why: "410".to_owned() }, 101).await;
    let look = outbox.store.look(true, at).await.expect("a look");
    assert_eq!((&look.queues[1], look.dead_letters), (&queue("webhook", 1, 0, 0), 1), "the next one is the first");
}

#[tokio::test]
async fn a_database_that_cannot_be_written_takes_no_writes() {
    let outbox = Outbox::with(vec![webhook("a")]).await;
    outbox.store.try_to_write().await.expect("it takes writes");
    sqlx::query("PRAGMA query_only = ON").execute(&outbox.store.writer).await.expect("closed to writes");
    let refused = outbox.store.try_to_write().await.expect_err("nothing can be written");
    assert!(matches!(refused, StoreError::Statement { .. }), "{refused:?}");
    sqlx::query("PRAGMA query_only = OFF").execute(&outbox.store.writer).await.expect("opened again");
    outbox.store.try_to_write().await.expect("it takes writes again");
    assert_eq!(outbox.shown().await, shown(&[("a", 0, 0)]));
}

#[tokio::test]
async fn the_outbox_is_listed_newest_first_by_state_and_receiver_and_counted_by_way() {
    let outbox = Outbox::with(vec![webhook("a"), publish("p"), webhook("b"), webhook("c"), webhook("d")]).await;
    let rows: Vec<i64> = outbox.waiting(9).await.iter().map(|queued| queued.row).collect();
    outbox.finish(rows[0], Finish::Dead { why: "410".to_owned() }, 1).await;
    outbox.finish(rows[1], Finish::Delivered { but: None }, 2).await;
    let listed = async |state, receiver: Option<&str>, before, limit| {
        let receiver = receiver.map(ReceiverName::new);
        let rows = outbox.store.outbox_rows(state, receiver.as_ref(), before, limit).await.expect("listed");
        rows.iter().map(|(told, summary)| (told.row, summary.clone())).collect::<Vec<_>>()
    };
    let all = listed(OutboxState::Waiting, None, None, 9).await;
    let summaries: Vec<&str> = all.iter().map(|(_, summary)| summary.as_str()).collect();
    assert_eq!(summaries, ["sold-out: d", "sold-out: c", "sold-out: p"]);
    // A row at a time is the same list.
    let (mut before, mut paged) = (None, Vec::new());
    while let [row] = &listed(OutboxState::Waiting, None, before, 1).await[..] {
        before = Some(row.0);
        paged.push(row.clone());
    }
    assert_eq!(paged, all);
    let dead = listed(OutboxState::Dead, Some("managers"), None, 9).await;
    assert_eq!(dead, [(rows[0], "sold-out: a".to_owned())]);
    assert_eq!(listed(OutboxState::Dead, Some("nobody"), None, 9).await, []);
    assert_eq!(listed(OutboxState::Delivered, None, None, 9).await, [(rows[1], "sold-out: b".to_owned())]);
    assert_eq!(listed(OutboxState::Expired, None, None, 9).await, []);
    let ways = outbox.store.outbox_by_way().await.expect("counted");
    let way = ways[&(receiver(), "webhook".to_owned())];
    assert_eq!((way.waiting, way.since, way.dead), (2, Some(NOW), 1));
}
