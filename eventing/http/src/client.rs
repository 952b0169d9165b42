//! What the clients share: a connection pool that trusts one CA, a token from a file, problems as errors.

use std::fmt::{self, Write};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use eventing::publish::FieldError;
use reqwest::{Certificate, Client, ClientBuilder, RequestBuilder, Response, StatusCode, Url};
use serde::Deserialize;
use tokio::sync::watch;
use zeroize::Zeroizing;

use crate::retry_after;

/// The most bytes of an answer that is read.
pub(crate) const ANSWER: usize = 32 * 1024 * 1024;
/// The most bytes of a frame, of HTTP/2's 16 KiB to 16 MiB: a batch of signed events comes in one.
const FRAME: u32 = 256 * 1024;
/// How often a connection is asked whether the other end is still there, and how long that may take to answer. A peer
/// that is gone without a word (a node that died) is noticed within twice this, whether something is waited for or not.
const KEEP_ALIVE: Duration = Duration::from_secs(3);

/// A problem document (RFC 9457), as far as it is used.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Problem {
    /// One sentence.
    pub title: String,
    /// More of it.
    pub detail: String,
    /// Our code.
    pub code: String,
    /// The fields at fault.
    pub errors: Vec<FieldError>,
}

/// Why there is no answer, by what the caller does next.
#[derive(Clone, Debug, thiserror::Error)]
pub enum ClientError {
    /// The client itself cannot be made: a bad address or CA.
    #[error("{0}")]
    Setup(String),
    /// Later, perhaps: unreachable, or no token yet.
    #[error("{0}")]
    Unreachable(String),
    /// The service answered with a problem.
    #[error("{status}: {} {}", problem.code, problem.detail)]
    Answered {
        /// The HTTP status.
        status: u16,
        /// What it said.
        problem: Problem,
        /// When to ask again.
        retry_after: Option<Duration>,
    },
    /// An answer that is not what was agreed.
    #[error("an answer that cannot be read: {0}")]
    Unreadable(String),
}

impl ClientError {
    /// The status, where the service answered.
    pub const fn status(&self) -> Option<u16> {
        match self {
            Self::Answered { status, .. } => Some(*status),
            _ => None,
        }
    }
}

/// A token that is in no file. `Debug` does not show it.
#[derive(Clone)]
pub struct Bearer(Zeroizing<String>);

impl Bearer {
    /// This token.
    pub fn new(token: String) -> Self {
        Self(Zeroizing::new(token))
    }
}

impl fmt::Debug for Bearer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Bearer(..)")
    }
}

/// Where the token of a request comes from.
#[derive(Clone, Debug)]
enum Token {
    None,
    /// Read at each request: it rotates.
    File(PathBuf),
    /// Renewed by whoever holds the other end.
    Given(watch::Receiver<Bearer>),
}

/// One of our services.
#[derive(Clone, Debug)]
pub struct Service {
    http: Client,
    base: String,
    token: Token,
}

impl Service {
    /// The service at `base`, trusted by `ca` (PEM) alone. The token file is read at each request: it rotates.
    ///
    /// # Errors
    /// When the address or the CA is none.
    pub fn new(base: &str, ca: &str, token_file: Option<PathBuf>) -> Result<Self, ClientError> {
        let base = Url::parse(base).map_err(|error| setup(&error))?;
        Self::build(&base, client(ca)?, token_file.map_or(Token::None, Token::File))
    }

    /// The same service where it is reached at another address, as through a port-forward: its certificate must be of
    /// the name in `base` all the same.
    ///
    /// # Errors
    /// When the address or the CA is none.
    pub fn through(
        base: &str,
        ca: &str,
        token: watch::Receiver<Bearer>,
        address: SocketAddr,
    ) -> Result<Self, ClientError> {
        let mut base = Url::parse(base).map_err(|error| setup(&error))?;
        let host = base.host_str().ok_or_else(|| setup(&"the address has no host"))?.to_owned();
        // A port in the address wins over that of the override.
        base.set_port(Some(address.port())).map_err(|()| setup(&"the address has no port"))?;
        Self::build(&base, client(ca)?.resolve(&host, address), Token::Given(token))
    }

    fn build(base: &Url, client: ClientBuilder, token: Token) -> Result<Self, ClientError> {
        let http = client.build().map_err(|error| setup(&error))?;
        Ok(Self { http, base: base.as_str().trim_end_matches('/').to_owned(), token })
    }

    pub(crate) fn get(&self, path: &str, query: &[(&str, &str)]) -> RequestBuilder {
        let mut url = format!("{}{path}", self.base);
        for (at, (name, value)) in query.iter().enumerate() {
            url.push(if at == 0 { '?' } else { '&' });
            url.push_str(name);
            url.push('=');
            url.push_str(&escape(value));
        }
        self.http.get(url)
    }

    pub(crate) fn post(&self, path: &str) -> RequestBuilder {
        self.http.post(format!("{}{path}", self.base))
    }

    /// Sends a request with the token; an answer is a success, or 304.
    pub(crate) async fn send(&self, request: RequestBuilder, limit: Duration) -> Result<Response, ClientError> {
        let request = match &self.token {
            Token::None => request,
            Token::Given(token) => {
                let token = token.borrow().clone();
                request.bearer_auth(token.0.as_str())
            }
            Token::File(path) => {
                // A projected volume is memory: to have another thread read it takes longer than to read it.
                let token = std::fs::read_to_string(path)
                    .map_err(|error| ClientError::Unreachable(format!("no token: {error}")))?;
                request.bearer_auth(token.trim())
            }
        };
        let response = request.timeout(limit).send().await.map_err(|error| unreachable(&error))?;
        let status = response.status();
        if status.is_success() || status == StatusCode::NOT_MODIFIED {
            return Ok(response);
        }
        let retry_after = retry_after(response.headers(), SystemTime::now());
        let problem = match read(response).await {
            Ok(bytes) => serde_json::from_slice(&bytes).unwrap_or_default(),
            Err(_) => Problem::default(),
        };
        Err(ClientError::Answered { status: status.as_u16(), problem, retry_after })
    }
}

fn setup(error: &dyn fmt::Display) -> ClientError {
    ClientError::Setup(error.to_string())
}

/// A client that trusts one CA and goes straight to where it is sent.
fn client(ca: &str) -> Result<ClientBuilder, ClientError> {
    let authorities = Certificate::from_pem_bundle(ca.as_bytes()).map_err(|error| setup(&error))?;
    Ok(Client::builder()
        .tls_certs_only(authorities)
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .connect_timeout(Duration::from_secs(3))
        .pool_idle_timeout(Duration::from_mins(1))
        .http2_max_frame_size(FRAME)
        .http2_keep_alive_interval(KEEP_ALIVE)
        .http2_keep_alive_timeout(KEEP_ALIVE)
        .http2_keep_alive_while_idle(true))
}

/// A text as one segment of a path or one value of a query, whatever characters it has.
pub(crate) fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'~') {
            out.push(char::from(byte));
        } else {
            // Writing to a String does not fail.
            let _ = write!(out, "%{byte:02X}");
        }
    }
    out
}

/// The body of an answer, bounded.
pub(crate) async fn read(response: Response) -> Result<Vec<u8>, ClientError> {
    read_at_most(response, ANSWER).await
}

/// The body of an answer that may have so many bytes.
pub(crate) async fn read_at_most(mut response: Response, most: usize) -> Result<Vec<u8>, ClientError> {
    let mut bytes = Vec::new();
    while read_on(&mut response, &mut bytes, most).await? {}
    Ok(bytes)
}

/// Reads the next piece of a body, behind what was read of it, which may be so much; false at its end.
pub(crate) async fn read_on(response: &mut Response, read: &mut Vec<u8>, most: usize) -> Result<bool, ClientError> {
    let Some(chunk) = response.chunk().await.map_err(|error| unreachable(&error))? else { return Ok(false) };
    if read.len() + chunk.len() > most {
        return Err(ClientError::Unreadable("it is too large".to_owned()));
    }
    read.extend_from_slice(&chunk);
    Ok(true)
}

/// The body of an answer as JSON.
pub(crate) async fn read_json<T: for<'de> Deserialize<'de>>(response: Response) -> Result<T, ClientError> {
    from_json(&read(response).await?)
}

/// What JSON says.
pub(crate) fn from_json<T: for<'de> Deserialize<'de>>(bytes: &[u8]) -> Result<T, ClientError> {
    serde_json::from_slice(bytes).map_err(|error| ClientError::Unreadable(error.to_string()))
}

fn unreachable(error: &reqwest::Error) -> ClientError {
    let mut text = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(error) = source {
        text.push_str(": ");
        text.push_str(&error.to_string());
        source = error.source();
    }
    ClientError::Unreachable(text)
}

#[cfg(test)]
mod tests {
    use super::escape;

    #[test]
    fn a_correlation_is_one_segment_whatever_it_has() {
        assert_eq!(escape("c-1"), "c-1");
        assert_eq!(escape(".."), "%2E%2E");
        assert_eq!(escape("a/b?c é"), "a%2Fb%3Fc%20%C3%A9");
    }
}
