//! The journal, as the consumers of one inbox use it.

use std::path::PathBuf;
use std::sync::Arc;

use eventing::config::ServicesConfig;
use eventing::consumer::{ClaimStore, ClaimStoreAway, ConnectJournal, DeadLetterLog, NotTold};
use eventing::types::InboxId;

use crate::claims::{HttpClaims, away};
use crate::client::{ClientError, Service};
use crate::dead_letters::HttpDeadLetters;

/// Makes clients of the journal that an inbox's configuration names.
#[derive(Clone, Debug)]
pub struct InboxJournal {
    inbox: InboxId,
    token_file: PathBuf,
}

impl InboxJournal {
    /// For consumers of `inbox`; `token_file` is for the journal's own audience.
    pub fn new(inbox: InboxId, token_file: impl Into<PathBuf>) -> Self {
        Self { inbox, token_file: token_file.into() }
    }

    fn service(&self, services: &ServicesConfig) -> Result<Service, ClientError> {
        Service::new(&services.journal, &services.ca, Some(self.token_file.clone()))
    }
}

impl ConnectJournal for InboxJournal {
    fn claims(&self, services: &ServicesConfig) -> Result<Arc<dyn ClaimStore>, ClaimStoreAway> {
        let service = self.service(services).map_err(away)?;
        Ok(Arc::new(HttpClaims::new(service, self.inbox.clone())))
    }

    fn dead_letters(&self, services: &ServicesConfig) -> Result<Option<Arc<dyn DeadLetterLog>>, NotTold> {
        let service = self.service(services).map_err(|error| NotTold(error.to_string()))?;
        Ok(Some(Arc::new(HttpDeadLetters::new(service, self.inbox.clone()))))
    }
}
