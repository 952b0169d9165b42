//! Dead letters, taken out of their queue as they come.

use std::time::Duration;

use aws_sdk_sqs::types::DeleteMessageBatchRequestEntry;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use crate::cloud::DeadLetter;
use crate::ground::{Consumer, Ground};

/// How long a letter that was received is this reader's.
const HOLD_SECONDS: i32 = 60;

/// Takes dead letters of a consumer out of their queue until `stop`, and gives each to `note`.
///
/// # Errors
/// When the queue cannot be read.
pub(crate) async fn take(
    ground: &Ground,
    consumer: Consumer,
    stop: &CancellationToken,
    note: impl Fn(&DeadLetter),
) -> anyhow::Result<()> {
    let url = ground.cloud.queue_url(&consumer.dead_letters()).await?;
    loop {
        let is_last = stop.is_cancelled();
        let found = ground.cloud.receive(&url, HOLD_SECONDS).await?;
        if found.is_empty() {
            if is_last {
                return Ok(());
            }
            sleep(Duration::from_millis(500)).await;
            continue;
        }
        found.iter().for_each(&note);
        let entries = found.into_iter().enumerate().map(|(at, found)| {
            DeleteMessageBatchRequestEntry::builder().id(at.to_string()).receipt_handle(found.receipt_handle).build()
        });
        let entries = entries.collect::<Result<Vec<_>, _>>()?;
        ground.cloud.sqs.delete_message_batch().queue_url(&url).set_entries(Some(entries)).send().await?;
    }
}
