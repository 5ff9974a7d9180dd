//! `eightysix status`: how old the knowledge is, what the quota buys, what waits; and an exit code for a watchdog.

use crate::stage::Stage;

const STATUS: [&str; 4] = ["status", "--config", "eightysix.yaml", "--json"];

#[tokio::test]
async fn the_status_is_that_of_the_last_note_and_a_venue_that_nobody_reads_is_named() {
    let stage = Stage::open(2).await;
    let before = stage.eightysix(&STATUS);
    assert_eq!(before.code, Some(1), "there is no database yet: {before:?}");

    let service = stage.start_with_baseline();
    let running = stage.eightysix(&STATUS);
    assert!(running.objects().iter().any(|object| object["brand"] == "sahil"), "{running:?}");
    assert!(service.end("TERM").success());
    let ended = stage.eightysix(&STATUS);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    let objects = ended.objects();
    let [brand, outbox] = objects.as_slice() else { panic!("{objects:?}") };
    assert_eq!((&brand["brand"], &brand["in_time"]), (&"sahil".into(), &true.into()));
    assert_eq!((&brand["worst_age_s"], &brand["one_more_venue_s"]), (&1.into(), &0.28.into()), "{brand}");
    let out = |at: usize| (brand["venues"][at]["in_time"].clone(), brand["venues"][at]["out"].clone());
    assert!([out(0), out(1)].contains(&(true.into(), 1.into())), "105 is out at one venue: {brand}");
    assert_eq!(outbox["outbox"]["waiting"], 0, "{outbox}");

    stage.edit("eightysix.yaml", "requests_per_minute: 290", "requests_per_minute: 290, venues: [1, 2, 3]");
    let shown = stage.eightysix(&STATUS[..3]);
    assert_eq!(shown.code, Some(1), "{shown:?}");
    assert!(shown.stdout.starts_with("sahil: 3 venues, 1 not read in time; "), "{}", shown.stdout);
    assert!(shown.stdout.contains("never read"), "{}", shown.stdout);
    stage.close();
}
