//! The delivery token: made once in the pod's life, read back by a sidecar that was restarted. Each delivery carries
//! it, so that a handler can refuse what anybody else posts to its port.

use std::fmt;
use std::io::Write;
use std::path::Path;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// 32 random bytes in base64url.
const LENGTH: usize = 43;

/// The delivery token; `Debug` does not show it.
#[derive(Clone)]
pub struct DeliveryToken(Arc<str>);

impl DeliveryToken {
    /// Reads the token, or makes it where there is none yet.
    ///
    /// # Errors
    /// When the file holds something else, or cannot be written.
    pub fn read_or_create(path: &Path) -> std::io::Result<Self> {
        match Self::read(path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            token => return token,
        }
        let token = URL_SAFE_NO_PAD.encode(rand::random::<[u8; 32]>());
        // Written beside and renamed: nobody ever reads half of it.
        let beside = path.with_extension("new");
        let mut file = std::fs::File::create(&beside)?;
        file.write_all(token.as_bytes())?;
        file.sync_all()?;
        drop(file);
        readable_by_all(&beside)?;
        std::fs::rename(&beside, path)?;
        Ok(Self(Arc::from(token)))
    }

    /// Reads the token.
    ///
    /// # Errors
    /// When there is none, or the file holds something else.
    pub fn read(path: &Path) -> std::io::Result<Self> {
        let text = std::fs::read_to_string(path)?;
        let text = text.trim();
        let shaped = text.len() == LENGTH
            && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'));
        if shaped {
            Ok(Self(Arc::from(text)))
        } else {
            Err(std::io::Error::other(format!("{} does not hold a delivery token", path.display())))
        }
    }

    /// As the value of `Authorization`.
    pub fn bearer(&self) -> String {
        format!("Bearer {}", self.0)
    }

    /// Whether a value of `Authorization` is this token, in a time that tells nothing.
    pub fn matches(&self, authorization: &[u8]) -> bool {
        let expected = self.bearer();
        let difference = expected.bytes().zip(authorization).fold(0, |sum, (a, b)| sum | (a ^ b));
        expected.len() == authorization.len() && difference == 0
    }
}

/// The application runs under another user.
fn readable_by_all(path: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o444))
}

impl fmt::Debug for DeliveryToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DeliveryToken(..)")
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn it_is_made_once_and_read_back() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("token");
        let first = DeliveryToken::read_or_create(&path).unwrap();
        let again = DeliveryToken::read_or_create(&path).unwrap();
        assert_eq!(first.bearer(), again.bearer());
        assert!(first.matches(again.bearer().as_bytes()));
        assert!(!first.matches(b"Bearer "));
        assert!(!format!("{first:?}").contains(&*first.0));
    }

    #[test]
    fn a_file_of_something_else_is_not_overwritten() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("token");
        std::fs::write(&path, "hello").unwrap();
        assert!(DeliveryToken::read_or_create(&path).is_err());
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "hello");
    }
}
