//! What an inbox's queues hold.

use super::desired::queue_names;
use super::observed::read_queue;
use crate::error::AwsError;
use crate::installation::Installation;
use crate::names::{InboxQueueName, QueueName};
use crate::owner::Owner;
use crate::ports::{Aws, Counts};
use crate::tags;

/// Those of the owner's queues of that name, the dead-letter queues among them, that hold messages, with SQS's
/// approximate counts. A queue that is not there, or is somebody else's, holds nothing of the owner's.
pub async fn holding(
    aws: &Aws,
    installation: &Installation,
    owner: &Owner,
    name: &InboxQueueName,
) -> Result<Vec<(QueueName, Counts)>, AwsError> {
    let mut holding = Vec::new();
    for (_, queue) in queue_names(name) {
        let Some(seen) = read_queue(aws, &queue).await? else { continue };
        let is_own = tags::check_owner(installation, owner, &seen.tags, "SQS", "queue").is_ok();
        if is_own && seen.facts.counts.total() > 0 {
            holding.push((queue, seen.facts.counts));
        }
    }
    Ok(holding)
}
