//! A true consumer of the site's inbox, and what one made of an event before.

use std::sync::Arc;
use std::time::Duration;

use eventing::attributes::Attributes;
use eventing::config::{InboxConfig, VerificationConfig};
use eventing::consumer::keys::{KeyView, channel};
use eventing::consumer::{Clock, Consumer, Delivery, Drain, Handler, Metrics, Settings};
use eventing::keyset::{KeyRing, KeySet, KeyState};
use eventing::time::Millis;
use eventing::verify::{Policy, RawMessage, verify};
use serde_json::json;

use crate::site::{Site, role};

impl Site {
    /// The keys that the inbox's consumers have; or as they were before one was revoked.
    pub(crate) fn ring(&self, is_earlier: bool) -> KeyRing {
        let mut set = self.keys.set.clone();
        if is_earlier {
            set.keys.iter_mut().for_each(|key| key.state = KeyState::Active);
        }
        let mut ring = KeyRing::new([set.bus.clone()]);
        ring.take(KeySet::new(&set).unwrap()).unwrap();
        ring
    }

    /// The inbox as its consumers know it.
    fn inbox_config(&self) -> InboxConfig {
        let config = json!({
            "queueUrl": self.urls[1], "queueArn": self.inbox(), "deadLetterQueueUrl": self.urls[0],
            "deadLetterQueueArn": self.inbox(), "roleArn": role("consumer"), "region": "eu-west-1",
            "buses": ["city/trams"], "services": self.services(), "forward": {"waitTimeSeconds": 1}});
        serde_json::from_value(config).unwrap()
    }

    /// What the journal made of an event that entered its queue then, before a key was revoked.
    pub(crate) fn journalled(&self, body: &str, sent_at: Millis) -> Delivery {
        let attributes = Attributes::new();
        let message = RawMessage { body: body.as_bytes(), attributes: &attributes, sent_at };
        let policy = Policy::new(&VerificationConfig::default(), self.inbox());
        let event = Arc::new(verify(&message, &self.ring(true), &policy, sent_at).unwrap());
        Delivery { event, body: Arc::from(body), attempt: 1, received: sent_at }
    }

    /// A consumer of the inbox, to the end of the test.
    pub(crate) fn consume(&self, handler: Arc<impl Handler>) {
        let (sender, keys) = channel();
        sender.publish(KeyView { ring: Some(Arc::new(self.ring(false))), confirmed: None });
        let settings = Arc::new(Settings::from(&self.inbox_config()));
        let consumer = Consumer {
            queue: Arc::new(eventing_aws::Sqs::new(self.sqs.clone(), &self.urls[1], &self.urls[0], false)),
            handler,
            keys,
            settings: tokio::sync::watch::channel(settings).1,
            memory: Arc::default(),
            claims: None,
            dead_letters: None,
            metrics: Metrics::default(),
            clock: Clock::system(),
        };
        self.runtime.spawn(async move {
            // Whoever holds the keys' other end keeps them.
            let _keys = sender;
            consumer.run(Drain::new(Duration::from_secs(1))).await;
        });
    }
}
