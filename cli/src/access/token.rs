//! Tokens of the account, by TokenRequest: ten minutes each, for one audience, in no file.

use std::time::Duration;

use eventing_http::Bearer;
use k8s_openapi::api::authentication::v1::{TokenRequest, TokenRequestSpec};
use k8s_openapi::api::core::v1::ServiceAccount;
use kube::Api;
use kube::api::PostParams;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::Access;
use crate::cluster::failed;
use crate::failure::Failure;

/// How long a token holds, in seconds: the least that the API server gives.
const LIFE: i64 = 600;
/// When it is renewed, and when that is tried again where it failed.
const RENEW: Duration = Duration::from_mins(5);
const AGAIN: Duration = Duration::from_secs(20);

/// One token for this audience.
pub async fn one(access: &Access, audience: &str) -> Result<String, Failure> {
    let account = &access.account;
    let api: Api<ServiceAccount> = Api::namespaced(access.cluster.client.clone(), &account.namespace);
    let spec = TokenRequestSpec {
        audiences: vec![audience.to_owned()],
        expiration_seconds: Some(LIFE),
        bound_object_ref: None,
    };
    let request = TokenRequest { spec, ..TokenRequest::default() };
    let doing = format!("take a token of service account {account} (--as, --release-namespace)");
    let answer =
        api.create_token_request(&account.name, &PostParams::default(), &request).await.map_err(failed(&doing))?;
    let token = answer.status.map(|status| status.token).filter(|token| !token.is_empty());
    token.ok_or_else(|| Failure::Remote { doing, why: "the API server gave none".to_owned() })
}

/// A token that is renewed as long as this lives.
pub struct Renewal {
    bearer: watch::Receiver<Bearer>,
    task: JoinHandle<()>,
}

impl Renewal {
    /// The token, as it is at each time.
    pub fn bearer(&self) -> watch::Receiver<Bearer> {
        self.bearer.clone()
    }
}

impl Drop for Renewal {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Takes a token, and goes on renewing it.
pub async fn renewed(access: &Access, audience: &'static str) -> Result<Renewal, Failure> {
    let (sender, bearer) = watch::channel(Bearer::new(one(access, audience).await?));
    let access = access.clone();
    let task = tokio::spawn(async move {
        let mut pause = RENEW;
        loop {
            tokio::select! {
                () = sender.closed() => return,
                () = tokio::time::sleep(pause) => {}
            }
            // While there is none, the last one holds for as long again; then whoever uses it is told.
            pause = match one(&access, audience).await {
                Ok(token) => {
                    sender.send_replace(Bearer::new(token));
                    RENEW
                }
                Err(_) => AGAIN,
            };
        }
    });
    Ok(Renewal { bearer, task })
}
