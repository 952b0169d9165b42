//! The webhooks: the injector, and validation across objects.
//!
//! In: AdmissionReviews of the API server, over TLS with a certificate of our own authority. Out: a patch, a warning,
//! or a refusal in a sentence.
//!
//! - [`inject`] decides, purely, what a pod gets;
//! - [`validate`] judges an object against those of other names, purely;
//! - [`api`] is the two routes, [`serve`] the server around them.
//!
//! Every replica serves them; neither needs AWS.

pub mod api;
pub mod inject;
pub mod serve;
pub mod validate;

pub use serve::{WebhookServer, WebhookSettings};
