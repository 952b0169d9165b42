#![allow(clippy::unwrap_used)]

use eventing_http::EventFilter;
use surrealdb::engine::any::connect;
use tempfile::TempDir;

use super::*;
use crate::query::Asked;
use crate::store::{EventReader as _, EventStore as _, Location, SurrealStore};
use crate::testing::event;

/// The folder of a database, opened without us.
async fn folder(folder: &TempDir) -> Surreal<Any> {
    let address = format!("surrealkv://{}", folder.path().display());
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

async fn indexes(db: &Surreal<Any>) -> Vec<String> {
    let mut told = db.query("RETURN object::keys((INFO FOR TABLE event_journal).indexes)").await.unwrap();
    let mut names: Vec<String> = told.take(0).unwrap();
    names.sort();
    names
}

#[tokio::test]
async fn a_database_of_the_version_before_is_brought_to_this_one_with_all_it_holds() {
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
    assert_eq!(page.entries.iter().map(|entry| entry.position).collect::<Vec<_>>(), [1, 2]);
    let db = store.db().await.unwrap();
    assert_eq!(version(&db).await.unwrap(), VERSION);
    let (indexes, new) = (indexes(&db).await, opened(&TempDir::new().unwrap()).await.unwrap());
    assert_eq!(indexes, self::indexes(&new.db().await.unwrap()).await);
    assert!(indexes.contains(&"event_by_ts".to_owned()) && !indexes.contains(&"event_time".to_owned()), "{indexes:?}");
}

#[tokio::test]
async fn a_step_that_was_cut_off_is_made_again() {
    let kept = TempDir::new().unwrap();
    let db = folder(&kept).await;
    db.query(include_str!("1.surql")).await.unwrap().check().unwrap();
    let half: String = include_str!("2.surql").split_inclusive(';').take(4).collect();
    db.query(half).await.unwrap().check().unwrap();
    drop(db);
    let store = opened(&kept).await.unwrap();
    assert_eq!(version(&store.db().await.unwrap()).await.unwrap(), VERSION);
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
