#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use eventing_http::EventFilter;
use surrealdb::engine::any::connect;
use tempfile::TempDir;

use super::*;
use crate::query::Asked;
use crate::store::{EventReader as _, EventStore as _, Location, SurrealStore};
use crate::testing::event;

/// The folder of a database, opened without us.
async fn folder(folder: &TempDir) -> Surreal<Any> {
    database(&format!("rocksdb://{}/rocksdb", folder.path().display())).await
}

async fn database(address: &str) -> Surreal<Any> {
    let db = connect(address).await.unwrap();
    db.use_ns("qsl").use_db("journal").await.unwrap();
    db
}

/// Opens it as a journal; an engine that was just dropped gives its lock back in the background.
async fn opened(folder: &TempDir) -> Result<SurrealStore, StoreError> {
    let location = Location::Folder(folder.path().to_owned());
    for _ in 0..100 {
        match SurrealStore::open(&location).await {
            Err(StoreError::Database { doing: "open", .. }) => {
                tokio::time::sleep(std::time::Duration::from_millis(50)).await;
            }
            other => return other,
        }
    }
    SurrealStore::open(&location).await
}

/// Indexes of a table.
async fn indexes(db: &Surreal<Any>, table: &str) -> Vec<String> {
    let mut told = db.query(format!("RETURN object::keys((INFO FOR TABLE {table}).indexes)")).await.unwrap();
    let mut names: Vec<String> = told.take(0).unwrap();
    names.sort();
    names
}

/// A database of version 2 with so many events of one story, of which the newest came first.
async fn of_version_2(kept: &TempDir, events: usize) -> Surreal<Any> {
    let db = folder(kept).await;
    make_version_2(&db, events).await;
    db
}

async fn make_version_2(db: &Surreal<Any>, events: usize) {
    for step in [include_str!("1.surql"), include_str!("2.surql")] {
        db.query(step).await.unwrap().check().unwrap();
    }
    let rows = "FOR $n IN 1..=$events { CREATE type::record('event_journal', <string>$n) CONTENT {position: $n, \
                eventBridgeIds: ['eb-' + <string>$n], source: 'qsl.teller', detailType: 'Loan.Granted.v1', \
                resource: 'urn:qsl:teller:loan:l-1', bus: 'bank/loans', correlationId: 'story-1', trace: '{}', \
                ts: 1000 - $n, sentAt: 6, kid: 'loans-abc', algorithm: 'ML-DSA-44', envelopeVerified: true, \
                detailCore: '{}', status: 'Granted', body: 'body ' + <string>$n} }; \
                UPSERT journal_state:position SET last = $events; UPSERT journal_state:schema SET last = 2";
    let events = i64::try_from(events).unwrap();
    db.query(rows).bind(("events", events)).await.unwrap().check().unwrap();
}

/// The positions and bodies of the story, in its order.
async fn told(store: &SurrealStore) -> Vec<(u64, String)> {
    let filter = EventFilter { correlation_id: Some("story-1".parse().unwrap()), ..EventFilter::default() };
    let (mut told, mut after) = (Vec::new(), None);
    loop {
        let page = store.events(&Asked { filter: filter.clone(), after, limit: 100, bodies: true }).await.unwrap();
        let entries = page.entries.iter().map(|told| told.read().unwrap());
        told.extend(entries.map(|entry| (entry.position, entry.body.unwrap())));
        after = page.next;
        if after.is_none() {
            return told;
        }
    }
}

fn expected(events: u64) -> Vec<(u64, String)> {
    (1..=events).rev().map(|n| (n, format!("body {n}"))).collect()
}

#[tokio::test]
async fn a_database_of_the_first_version_is_brought_to_this_one_with_all_it_holds() {
    let kept = TempDir::new().unwrap();
    let db = folder(&kept).await;
    db.query(include_str!("1.surql")).await.unwrap().check().unwrap();
    // As a journal of that version wrote it: no bus, and no version told.
    let row = "CREATE event_journal:abab CONTENT {position: 1, eventBridgeIds: ['eb-1'], source: 'qsl.teller', \
               detailType: 'Loan.Granted.v1', resource: 'urn:qsl:teller:loan:l-1', correlationId: 'story-1', \
               trace: '{}', ts: 5, sentAt: 6, kid: 'loans-abc', algorithm: 'ML-DSA-44', envelopeVerified: true, \
               detailCore: '{}', status: 'Granted', body: '{}'}; UPSERT journal_state:position SET last = 1";
    db.query(row).await.unwrap().check().unwrap();
    drop(db);

    let store = opened(&kept).await.unwrap();
    assert_eq!(store.append(&[event("b").build()]).await.unwrap().end, 2);
    let filter = EventFilter { correlation_id: Some("story-1".parse().unwrap()), ..EventFilter::default() };
    let page = store.events(&Asked { filter, after: None, limit: 10, bodies: false }).await.unwrap();
    assert_eq!(page.entries.iter().map(|told| told.read().unwrap().position).collect::<Vec<_>>(), [1, 2]);
    let db = store.db().await.unwrap();
    assert_eq!(version(&db).await.unwrap(), VERSION);
    let new = opened(&TempDir::new().unwrap()).await.unwrap().db().await.unwrap();
    for table in [EVENTS, ENTRIES] {
        assert_eq!(indexes(&db, table).await, indexes(&new, table).await);
    }
    assert!(indexes(&db, EVENTS).await.is_empty());
}

#[tokio::test]
async fn events_of_version_2_are_moved_and_known_by_key_position_story_and_resource() {
    let kept = TempDir::new().unwrap();
    drop(of_version_2(&kept, 120).await);
    let store = opened(&kept).await.unwrap();
    assert_eq!(told(&store).await, expected(120));
    let positions = store.changes(0, 1_000).await.unwrap().iter().map(|entry| entry.position).collect::<Vec<_>>();
    assert_eq!(positions, (1..=120).collect::<Vec<_>>());
    assert_eq!(store.changes(0, 1).await.unwrap()[0].event_key, "1");
    let loan = "urn:qsl:teller:loan:l-1".parse().unwrap();
    assert_eq!(store.projection(&loan).await.unwrap().unwrap().last_updated, 999);
}

#[tokio::test]
async fn a_move_that_was_cut_off_goes_on_where_it_was_and_also_past_a_part_that_was_lost() {
    let kept = TempDir::new().unwrap();
    let db = of_version_2(&kept, 120).await;
    db.query(include_str!("5-before.surql")).await.unwrap().check().unwrap();
    // The second fifty alone, as after a kill that lost the first.
    let transaction = db.clone().begin().await.unwrap();
    assert_eq!(moving::some(&transaction, 50).await.unwrap(), (50, 100));
    transaction.commit().await.unwrap();
    drop(db);
    assert_eq!(told(&opened(&kept).await.unwrap()).await, expected(120));
}

#[tokio::test]
async fn a_step_that_was_cut_off_is_made_again() {
    for (before, cut) in [
        (vec![include_str!("1.surql")], include_str!("2.surql")),
        (vec![include_str!("1.surql"), include_str!("2.surql")], include_str!("5-before.surql")),
    ] {
        let kept = TempDir::new().unwrap();
        let db = folder(&kept).await;
        for step in before {
            db.query(step).await.unwrap().check().unwrap();
        }
        let half: String = cut.split_inclusive(';').take(4).collect();
        db.query(half).await.unwrap().check().unwrap();
        drop(db);
        let store = opened(&kept).await.unwrap();
        assert_eq!(version(&store.db().await.unwrap()).await.unwrap(), VERSION);
    }
}

#[tokio::test]
async fn a_database_of_a_journal_between_two_releases_is_left_alone_and_the_sentence_says_what_to_do() {
    for found in [3, 4] {
        let kept = TempDir::new().unwrap();
        let db = folder(&kept).await;
        migrate(&db).await.unwrap();
        db.query(format!("UPSERT {STATE}:schema SET last = $to")).bind(("to", found)).await.unwrap().check().unwrap();
        drop(db);
        let refused = opened(&kept).await.unwrap_err().to_string();
        assert!(refused.contains(&format!("schema version {found}, which no release")), "{refused}");
        assert!(refused.contains("take a backup"), "{refused}");
    }
}

#[tokio::test]
async fn a_database_of_a_newer_journal_is_left_alone_and_the_sentence_says_what_to_do() {
    let kept = TempDir::new().unwrap();
    let db = folder(&kept).await;
    migrate(&db).await.unwrap();
    db.query(format!("UPSERT {STATE}:schema SET last = $to")).bind(("to", VERSION + 1)).await.unwrap().check().unwrap();
    drop(db);
    let refused = opened(&kept).await.unwrap_err();
    let StoreError::Newer { found, known } = refused else { unreachable!("{refused}") };
    assert_eq!((found, known), (VERSION + 1, VERSION));
    let said = refused.to_string();
    assert!(said.contains(&format!("schema version {found}")) && said.contains("run the newer journal"), "{said}");
}

/// The same kept by the engine that journals had once, with a claim and a dead letter.
async fn on_surrealkv(kept: &TempDir, events: usize) {
    let db = database(&format!("surrealkv://{}", kept.path().display())).await;
    make_version_2(&db, events).await;
    let more = "CREATE claim:one CONTENT {handled: true, lapses: 0, attempts: 1, until: 9000000000000}; \
                CREATE dead_letter:one CONTENT {inbox: 'bank/gate', code: 'SIG_INVALID', stage: 'consumer', \
                attempts: 5, failedAt: 7, eventKey: '1'}";
    db.query(more).await.unwrap().check().unwrap();
}

#[tokio::test]
async fn what_surrealkv_held_is_copied_once_and_its_files_are_gone() {
    let kept = TempDir::new().unwrap();
    on_surrealkv(&kept, 120).await;
    // As of a copy that was cut off.
    std::fs::create_dir(kept.path().join("rocksdb")).unwrap();
    std::fs::write(kept.path().join("rocksdb/CURRENT"), "half").unwrap();
    std::fs::write(kept.path().join("rocksdb.copying"), "").unwrap();
    let store = opened(&kept).await.unwrap();
    assert_eq!(told(&store).await, expected(120));
    let db = store.db().await.unwrap();
    assert_eq!(version(&db).await.unwrap(), VERSION);
    let mut rest = db.query("SELECT VALUE handled FROM claim; SELECT VALUE code FROM dead_letter").await.unwrap();
    assert_eq!(rest.take::<Vec<bool>>(0).unwrap(), [true]);
    assert_eq!(rest.take::<Vec<String>>(1).unwrap(), ["SIG_INVALID"]);
    let new = opened(&TempDir::new().unwrap()).await.unwrap().db().await.unwrap();
    for table in TABLES {
        assert_eq!(indexes(&db, table).await, indexes(&new, table).await, "{table}");
    }
    let left: Vec<_> = std::fs::read_dir(kept.path()).unwrap().map(|file| file.unwrap().file_name()).collect();
    assert_eq!(left, ["rocksdb"]);
    drop((store, db));
    assert_eq!(told(&opened(&kept).await.unwrap()).await, expected(120));
}

#[tokio::test]
async fn what_an_older_journal_recorded_after_the_move_is_neither_taken_for_moved_nor_removed() {
    let kept = TempDir::new().unwrap();
    drop(opened(&kept).await.unwrap());
    on_surrealkv(&kept, 3).await;
    let refused = opened(&kept).await.unwrap_err();
    let said = refused.to_string();
    let StoreError::TwoDatabases { files } = refused else { unreachable!("{said}") };
    assert!(said.contains("an older journal") && said.contains("take a backup"), "{said}");
    for file in files {
        assert!(file.exists() && said.contains(&file.display().to_string()), "{said}");
        let removed = if file.is_dir() { std::fs::remove_dir_all(file) } else { std::fs::remove_file(file) };
        removed.unwrap();
    }
    opened(&kept).await.unwrap();
}
