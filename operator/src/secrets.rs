//! Secrets with keys in them, as the operator reads and writes them: wiped when done with, never shown, and not quoted
//! in an error. Whatever of ours reads a Secret does it by this.
//!
//! What is beyond this: the text of requests and answers, which the API server's client and its libraries hold in
//! buffers of their own (`docs/security.md` says so).

use std::fmt;
use std::ops::{Deref, DerefMut};

use eventing_service::Unquoted as _;
use k8s_openapi::{ByteString, api::core::v1::Secret};
use kube::{
    Api, Client, Error,
    api::{DeleteParams, ListParams, PostParams},
};
use zeroize::Zeroize as _;

/// A Secret whose data is overwritten when it goes.
#[derive(Clone, Default)]
pub struct Wiped(Secret);

impl Wiped {
    /// Takes a part of the data out.
    pub fn take(&mut self, key: &str) -> Option<ByteString> {
        self.0.data.as_mut()?.remove(key)
    }

    /// Puts a part of the data in. What was there is overwritten.
    pub fn put(&mut self, key: &str, value: ByteString) {
        if let Some(mut before) = self.0.data.get_or_insert_default().insert(key.to_owned(), value) {
            before.0.zeroize();
        }
    }

    /// Removes a part of the data, and overwrites it.
    pub fn destroy(&mut self, key: &str) {
        if let Some(mut gone) = self.take(key) {
            gone.0.zeroize();
        }
    }
}

impl From<Secret> for Wiped {
    fn from(secret: Secret) -> Self {
        Self(secret)
    }
}

impl Deref for Wiped {
    type Target = Secret;

    fn deref(&self) -> &Secret {
        &self.0
    }
}

impl DerefMut for Wiped {
    fn deref_mut(&mut self) -> &mut Secret {
        &mut self.0
    }
}

impl Drop for Wiped {
    fn drop(&mut self) {
        wipe(&mut self.0);
    }
}

impl fmt::Debug for Wiped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Secret").field("name", &self.0.metadata.name).finish_non_exhaustive()
    }
}

/// Overwrites all data of a Secret; the names of its parts stay.
pub fn wipe(secret: &mut Secret) {
    secret.data.iter_mut().flat_map(|data| data.values_mut()).for_each(|bytes| bytes.0.zeroize());
}

/// The Secrets of a namespace. Errors are those of the API server's client, without what was read.
#[derive(Clone)]
pub struct Secrets(Api<Secret>);

impl Secrets {
    /// Those of `namespace`.
    pub fn new(client: Client, namespace: &str) -> Self {
        Self(Api::namespaced(client, namespace))
    }

    /// The one of that name, which must be there.
    pub async fn get(&self, name: &str) -> Result<Wiped, Error> {
        self.0.get(name).await.map(Wiped).map_err(Error::unquoted)
    }

    /// The one of that name, if it is there.
    pub async fn get_opt(&self, name: &str) -> Result<Option<Wiped>, Error> {
        self.0.get_opt(name).await.map(|found| found.map(Wiped)).map_err(Error::unquoted)
    }

    /// Those with these labels.
    pub async fn list(&self, labels: &str) -> Result<Vec<Wiped>, Error> {
        let found = self.0.list(&ListParams::default().labels(labels)).await.map_err(Error::unquoted)?;
        Ok(found.items.into_iter().map(Wiped).collect())
    }

    /// Makes one.
    pub async fn create(&self, secret: &Wiped) -> Result<Wiped, Error> {
        self.0.create(&PostParams::default(), secret).await.map(Wiped).map_err(Error::unquoted)
    }

    /// Writes one anew, as long as it has the version that `secret` has.
    pub async fn replace(&self, name: &str, secret: &Wiped) -> Result<Wiped, Error> {
        self.0.replace(name, &PostParams::default(), secret).await.map(Wiped).map_err(Error::unquoted)
    }

    /// Deletes one. The API server may answer with what it was, which is wiped.
    pub async fn delete(&self, name: &str, parameters: &DeleteParams) -> Result<(), Error> {
        let gone = self.0.delete(name, parameters).await.map_err(Error::unquoted)?;
        drop(gone.map_left(Wiped));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const KEY: &[u8] = b"a-private-key";

    fn secret() -> Wiped {
        let mut secret = Wiped::default();
        secret.metadata.name = Some("skey-1".to_owned());
        secret.put("private", ByteString(KEY.to_vec()));
        secret.put("public", ByteString(b"a-public-key".to_vec()));
        secret
    }

    #[test]
    fn a_secret_does_not_show_itself() {
        let shown = format!("{:?}", secret());
        assert_eq!(shown, r#"Secret { name: Some("skey-1"), .. }"#);
        // What the type of Kubernetes shows, in decimal: that a key is no text does not hide it.
        assert!(format!("{:?}", *secret()).contains("97, 45, 112"));
    }

    #[test]
    fn what_is_wiped_is_all_of_its_data_and_that_it_was_there_stays() {
        let mut secret = secret();
        wipe(&mut secret);
        let data = secret.data.as_ref().unwrap();
        assert_eq!(data.keys().collect::<Vec<_>>(), ["private", "public"]);
        assert!(data.values().all(|bytes| bytes.0.is_empty()));
    }

    #[test]
    fn a_part_that_is_destroyed_or_replaced_is_gone() {
        let mut secret = secret();
        secret.put("private", ByteString(b"another".to_vec()));
        assert_eq!(secret.data.as_ref().unwrap()["private"].0, b"another");
        secret.destroy("private");
        assert!(!secret.data.as_ref().unwrap().contains_key("private"));
        secret.destroy("private");
    }
}
