//! A journal on the ground: its inbox is the ground's, and nobody reads it.

use std::path::Path;
use std::process::Command;

use anyhow::Result;

use crate::ground::{Ground, write};

/// An API server that nobody reaches: whoever asks the journal for something is refused, and it goes on.
const NO_API_SERVER: &str = "\
apiVersion: v1
kind: Config
current-context: none
contexts: [{name: none, context: {cluster: none, user: none}}]
clusters: [{name: none, cluster: {server: \"http://127.0.0.1:9\"}}]
users: [{name: none, user: {}}]
";

impl Ground {
    /// What the chart makes of its values: the journal's program, or one that starts it, with its database in this
    /// folder. It has no arguments yet.
    ///
    /// # Errors
    /// No certificate can be made or written.
    pub fn journal(&self, program: &Path, data: &Path) -> Result<Command> {
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()])?;
        for (name, text) in [
            ("tls/tls.crt", made.cert.pem()),
            ("tls/tls.key", made.signing_key.serialize_pem()),
            ("root/root.sha256", self.roots.to_string()),
            ("kubeconfig", NO_API_SERVER.to_owned()),
        ] {
            write(self.folder.path(), name, &text)?;
        }
        let mut command = Command::new(program);
        command
            .env_clear()
            .env("AWS_ENDPOINT_URL", format!("http://{}", self.aws))
            .env("KUBECONFIG", self.folder.path().join("kubeconfig"))
            .env("QSL_NAMESPACE", self.names.namespace)
            .env("QSL_INBOX", self.names.inbox)
            .env("QSL_DATA_DIR", data)
            .env("QSL_TLS_DIR", self.folder.path().join("tls"))
            .env("QSL_ROOT_DIR", self.folder.path().join("root"))
            .env("QSL_CONFIG_DIR", self.folder.path().join("config"))
            .env("QSL_TOKEN_DIR", self.folder.path().join("tokens"))
            .env("QSL_LISTEN", "127.0.0.1:0")
            .env("QSL_ADMIN_LISTEN", "127.0.0.1:0");
        Ok(command)
    }
}
