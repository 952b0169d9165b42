//! Chromium, driven by WebDriver (W3C) through Debian's chromedriver: a few requests of JSON, so no client is brought in
//! for them.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};

/// What the page is waited for.
const PATIENCE: Duration = Duration::from_mins(1);
/// The name that WebDriver gives a reference to an element.
const ELEMENT: &str = "element-6066-11e4-a52e-4f735466cecf";
/// Where screenshots go; without it there are none.
const SCREENSHOTS: &str = "QSL_PAGE_SCREENSHOTS";

/// Keys that have no letter, as WebDriver names them.
pub(crate) const TAB: &str = "\u{E004}";
pub(crate) const ENTER: &str = "\u{E007}";

/// A browser with one tab. Dropped, it ends.
pub(crate) struct Browser {
    port: u16,
    session: String,
    http: reqwest::Client,
    _driver: Child,
}

/// How a page looks: light or dark, on a desk or a phone.
#[derive(Clone, Copy)]
pub(crate) struct Look {
    pub(crate) dark: bool,
    pub(crate) phone: bool,
}

pub(crate) const LIGHT: Look = Look { dark: false, phone: false };
pub(crate) const DARK: Look = Look { dark: true, phone: false };
pub(crate) const PHONE: Look = Look { dark: false, phone: true };

/// A chromedriver, what it says, and its port. It takes a free port of IPv6, and ends where somebody has that of IPv4:
/// then there is none.
async fn driver() -> Option<(Child, Lines<BufReader<ChildStdout>>, u16)> {
    let mut driver = Command::new("chromedriver")
        .arg("--port=0")
        .env("TZ", "UTC")
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .expect("chromedriver cannot be started: `cargo xtask tools` installs Debian's chromium and chromium-driver");
    let mut lines = BufReader::new(driver.stdout.take().unwrap()).lines();
    while let Some(line) = lines.next_line().await.unwrap() {
        if let Some((_, port)) = line.split_once("successfully on port ") {
            return Some((driver, lines, port.trim_end_matches('.').parse().unwrap()));
        }
    }
    None
}

impl Browser {
    pub(crate) async fn start() -> Self {
        let mut tries = 0;
        let (driver, mut lines, port) = loop {
            if let Some(started) = driver().await {
                break started;
            }
            tries += 1;
            assert!(tries < 5, "chromedriver ends again and again");
        };
        // It goes on saying things; somebody has to read them.
        tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
        let mut browser = Self { port, session: String::new(), http: reqwest::Client::new(), _driver: driver };
        let arguments = ["--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--lang=en-GB"];
        let wanted = json!({"capabilities": {"alwaysMatch": {
            "goog:chromeOptions": {"args": arguments, "prefs": {"intl.accept_languages": "en-GB"}},
            "goog:loggingPrefs": {"browser": "ALL"},
        }}});
        let session = browser.post("/session", &wanted).await;
        browser.session = session["sessionId"].as_str().unwrap().to_owned();
        browser.look(LIGHT).await;
        browser
    }

    async fn post(&self, path: &str, body: &Value) -> Value {
        self.answer(self.http.post(format!("http://127.0.0.1:{}{path}", self.port)).json(body)).await
    }

    async fn answer(&self, request: reqwest::RequestBuilder) -> Value {
        let response = request.send().await.unwrap();
        let status = response.status();
        let mut answer: Value = response.json().await.unwrap();
        assert!(status.is_success(), "{answer:#}");
        answer["value"].take()
    }

    /// A command of this session.
    async fn command(&self, path: &str, body: &Value) -> Value {
        self.post(&format!("/session/{}{path}", self.session), body).await
    }

    /// A command of Chromium's own protocol.
    async fn own(&self, name: &str, parameters: Value) {
        self.command("/goog/cdp/execute", &json!({"cmd": name, "params": parameters})).await;
    }

    pub(crate) async fn open(&self, address: &str) {
        self.command("/url", &json!({"url": address})).await;
    }

    pub(crate) async fn look(&self, Look { dark, phone }: Look) {
        let (width, height, scale) = if phone { (375, 812, 2.0) } else { (1_280, 900, 1.5) };
        let metrics = json!({"width": width, "height": height, "deviceScaleFactor": scale, "mobile": phone});
        self.own("Emulation.setDeviceMetricsOverride", metrics).await;
        let scheme = if dark { "dark" } else { "light" };
        let features = json!({"features": [{"name": "prefers-color-scheme", "value": scheme}]});
        self.own("Emulation.setEmulatedMedia", features).await;
    }

    /// What a script in the page returns.
    pub(crate) async fn script(&self, script: &str) -> Value {
        self.command("/execute/sync", &json!({"script": script, "args": []})).await
    }

    /// Waits until an expression in the page is true.
    pub(crate) async fn wait(&self, expression: &str) {
        let deadline = tokio::time::Instant::now() + PATIENCE;
        while self.script(&format!("return Boolean({expression})")).await != Value::Bool(true) {
            if tokio::time::Instant::now() > deadline {
                let text = self.script("return document.body.innerText").await;
                panic!("never true: {expression}\nthe page says: {}", text.as_str().unwrap_or_default());
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Waits until there are so many elements.
    pub(crate) async fn wait_count(&self, selector: &str, count: usize) {
        self.wait(&format!("document.querySelectorAll({}).length === {count}", json!(selector))).await;
    }

    /// Waits until an element that is shown says this.
    pub(crate) async fn wait_text(&self, selector: &str, text: &str) {
        let (selector, text) = (json!(selector), json!(text));
        self.wait(&format!("document.querySelector({selector})?.innerText.includes({text})")).await;
    }

    /// The texts of all such elements, with one space for whatever separates their words.
    pub(crate) async fn texts(&self, selector: &str) -> Vec<String> {
        let words = "one.innerText.replace(/\\s+/g, ' ').trim()";
        let script = format!("return [...document.querySelectorAll({})].map((one) => {words})", json!(selector));
        serde_json::from_value(self.script(&script).await).unwrap()
    }

    async fn element(&self, selector: &str) -> String {
        self.wait(&format!("document.querySelector({})", json!(selector))).await;
        let found = self.command("/element", &json!({"using": "css selector", "value": selector})).await;
        found[ELEMENT].as_str().unwrap().to_owned()
    }

    pub(crate) async fn click(&self, selector: &str) {
        let element = self.element(selector).await;
        self.command(&format!("/element/{element}/click"), &json!({})).await;
    }

    /// Puts a text in the place of what a field holds.
    pub(crate) async fn fill(&self, selector: &str, text: &str) {
        let element = self.element(selector).await;
        self.command(&format!("/element/{element}/clear"), &json!({})).await;
        self.command(&format!("/element/{element}/value"), &json!({"text": text})).await;
    }

    /// Presses keys, wherever the focus is.
    pub(crate) async fn press(&self, keys: &str) {
        let strokes: Vec<Value> = keys
            .chars()
            .flat_map(|key| [json!({"type": "keyDown", "value": key}), json!({"type": "keyUp", "value": key})])
            .collect();
        let actions = json!({"actions": [{"type": "key", "id": "keyboard", "actions": strokes}]});
        self.command("/actions", &actions).await;
    }

    /// A picture of what is on the screen, if somebody wants it.
    pub(crate) async fn picture(&self, name: &str) {
        let Some(folder) = std::env::var_os(SCREENSHOTS).map(PathBuf::from) else { return };
        // What moves comes to rest.
        tokio::time::sleep(Duration::from_millis(1_500)).await;
        let address = format!("http://127.0.0.1:{}/session/{}/screenshot", self.port, self.session);
        let picture = self.answer(self.http.get(address)).await;
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join(format!("{name}.png")), STANDARD.decode(picture.as_str().unwrap()).unwrap())
            .unwrap();
    }

    /// What the browser complained of since it was last asked: violations of the policy, and errors of the page. A
    /// request that failed is the page's to deal with.
    pub(crate) async fn complaints(&self) -> Vec<String> {
        let log = self.command("/se/log", &json!({"type": "browser"})).await;
        let lines = log.as_array().unwrap().iter().map(|line| line["message"].as_str().unwrap().to_owned());
        lines.filter(|line| !line.contains("Failed to load resource")).collect()
    }
}

impl Drop for Browser {
    /// The driver ends with the test, but Chromium ends by being asked to.
    fn drop(&mut self) {
        let Ok(mut stream) = TcpStream::connect(("127.0.0.1", self.port)) else { return };
        let head = format!("DELETE /session/{} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n", self.session);
        let _ = stream.set_read_timeout(Some(Duration::from_secs(10)));
        if stream.write_all(head.as_bytes()).is_ok() {
            let _ = stream.read(&mut [0; 16]);
        }
    }
}
