//! A registry on loopback that keeps all in memory, and fails in whatever way the test wants.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead as _, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Barrier, Mutex, MutexGuard};
use std::thread;

use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::tls;

/// The one who may push where the registry wants to know who asks: `user:password`, encoded.
pub const LOGIN: &str = "dXNlcjpwYXNzd29yZA==";

/// A registry, until it goes out of scope.
pub struct Registry {
    address: SocketAddr,
    host: String,
    state: Arc<Mutex<State>>,
    listener: Option<thread::JoinHandle<()>>,
}

#[derive(Default)]
struct State {
    /// By repository and digest.
    blobs: BTreeMap<(String, String), Vec<u8>>,
    /// By repository, and digest or tag.
    manifests: BTreeMap<(String, String), Vec<u8>>,
    log: Vec<String>,
    faults: Vec<Fault>,
    asks: Option<Asks>,
    refuses_mounts: bool,
    stored_digest: Option<String>,
    states_no_digest: bool,
    /// What it answers to those that it does not know, where that is not the usual.
    challenge: Option<String>,
    /// It issues no token for two repositories.
    has_narrow_tokens: bool,
    /// How many seconds a token is good for.
    token_life: Option<u64>,
    /// Where tokens are issued.
    realm: String,
    is_over: bool,
    /// What the first blobs wait at until all of them have arrived, each with its own.
    gates: Vec<Arc<Barrier>>,
}

/// How the registry finds out who asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asks {
    Basic,
    Bearer,
}

/// What happens in the place of an answer.
#[derive(Debug, Clone)]
pub enum Reply {
    /// An answer with this status, a header or none, and this body.
    Status(u16, &'static str, &'static str),
    /// It asks who that is, whatever it was shown.
    Unauthorized,
    /// The connection ends in the middle of what is sent.
    Cut,
}

struct Fault {
    request: String,
    times: usize,
    reply: Reply,
}

/// In the place of a request: who asks wants TLS.
const TLS: &str = "TLS";

#[derive(Default)]
struct Request {
    /// As `PUT /v2/team/worker/manifests/v1`.
    line: String,
    query: BTreeMap<String, Vec<String>>,
    authorization: String,
    body: Vec<u8>,
}

struct Answer {
    status: u16,
    headers: Vec<String>,
    body: Vec<u8>,
}

impl Registry {
    pub fn start() -> Self {
        let (socket, address) = listen();
        Self::answering(socket, address.to_string(), format!("http://{address}/token"), |stream, state| {
            serve(stream, state);
        })
    }

    /// One with a certificate of an authority that nobody knows, and its own [proxy](Self::proxy).
    pub fn behind_tls() -> Self {
        let (socket, _) = listen();
        Self::answering(socket, tls::HOST.to_owned(), format!("https://{}/token", tls::HOST), |stream, state| {
            let mut reader = BufReader::new(stream);
            match read_head(&mut reader) {
                Some((request, _)) if request.line.starts_with("CONNECT ") => {
                    let stream = reader.into_inner();
                    if write(&stream, &Answer::new(200), true).is_ok() {
                        serve(tls::accept(stream), state);
                    }
                }
                _ => {}
            }
        })
    }

    fn answering(
        socket: TcpListener,
        host: String,
        realm: String,
        answer: impl Fn(TcpStream, &Mutex<State>) + Clone + Send + 'static,
    ) -> Self {
        let address = socket.local_addr().expect("has an address");
        let state = Arc::new(Mutex::new(State { realm, ..State::default() }));
        let shared = Arc::clone(&state);
        let listener = thread::spawn(move || {
            for stream in socket.incoming().flatten() {
                if lock(&shared).is_over {
                    break;
                }
                let (state, answer) = (Arc::clone(&shared), answer.clone());
                thread::spawn(move || answer(stream, &state));
            }
        });
        Self { address, host, state, listener: Some(listener) }
    }

    /// Its host, as `127.0.0.1:41234`.
    pub fn host(&self) -> String {
        self.host.clone()
    }

    /// The proxy through which one behind TLS is reached, for `HTTPS_PROXY`.
    pub fn proxy(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The next so many requests that begin like this have this end.
    pub fn answers(&self, request: &str, times: usize, reply: Reply) {
        self.state().faults.push(Fault { request: request.to_owned(), times, reply });
    }

    /// From now on it asks who one is.
    pub fn asks(&self, asks: Asks) {
        self.state().asks = Some(asks);
    }

    /// Its tokens are good for so many seconds.
    pub fn issues_tokens_for(&self, seconds: u64) {
        self.state().token_life = Some(seconds);
    }

    /// It wants every blob to be sent.
    pub fn refuses_mounts(&self) {
        self.state().refuses_mounts = true;
    }

    /// It answers none of the first blobs before so many have arrived.
    pub fn takes_blobs_together(&self, count: usize) {
        let gate = Arc::new(Barrier::new(count));
        self.state().gates = (0..count).map(|_| Arc::clone(&gate)).collect();
    }

    /// It has a manifest that nobody pushed. Returns its digest.
    pub fn holds(&self, repository: &str, manifest: &str) -> String {
        let digest = digest(manifest.as_bytes());
        self.state().manifests.insert((repository.to_owned(), digest.clone()), manifest.as_bytes().to_vec());
        digest
    }

    /// A tag names what another one does.
    pub fn moves_tag(&self, repository: &str, tag: &str, other: &str) {
        let key = |name: &str| (repository.to_owned(), name.to_owned());
        let mut state = self.state();
        let manifest = state.manifests[&key(other)].clone();
        state.manifests.insert(key(tag), manifest);
    }

    /// It has something else under the digest of each blob.
    pub fn spoils_blobs(&self) {
        self.state().blobs.values_mut().for_each(|blob| blob.push(0));
    }

    /// It says of every manifest that it stored something else.
    pub fn stores_something_else(&self) {
        self.state().stored_digest = Some(format!("sha256:{}", "0".repeat(64)));
    }

    /// It answers `HEAD` without the digest.
    pub fn states_no_digest(&self) {
        self.state().states_no_digest = true;
    }

    /// It asks who that is with this header; `REALM` in it is where its tokens are issued.
    pub fn asks_by(&self, header: &str) {
        let mut state = self.state();
        state.challenge = Some(header.replace("REALM", &state.realm));
    }

    /// It issues each token for one repository.
    pub fn issues_narrow_tokens(&self) {
        self.state().has_narrow_tokens = true;
    }

    /// The requests so far that begin like this, without their queries.
    pub fn requests(&self, beginning: &str) -> Vec<String> {
        self.state().log.iter().filter(|line| line.starts_with(beginning)).cloned().collect()
    }

    pub fn forget_requests(&self) {
        self.state().log.clear();
    }

    /// The tags, as `team/worker:v1`, sorted.
    pub fn tags(&self) -> Vec<String> {
        let state = self.state();
        let tags = state.manifests.keys().filter(|(_, name)| !name.starts_with("sha256:"));
        tags.map(|(repository, tag)| format!("{repository}:{tag}")).collect()
    }

    /// The digest of what a tag or digest of a repository names.
    pub fn digest(&self, repository: &str, name: &str) -> Option<String> {
        self.state().manifests.get(&(repository.to_owned(), name.to_owned())).map(|bytes| digest(bytes))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }
}

impl Drop for Registry {
    fn drop(&mut self) {
        self.state().is_over = true;
        // It listens until somebody comes.
        drop(TcpStream::connect(self.address));
        drop(self.listener.take().map(thread::JoinHandle::join));
    }
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

fn listen() -> (TcpListener, SocketAddr) {
    let socket = TcpListener::bind("127.0.0.1:0").expect("binds");
    let address = socket.local_addr().expect("has an address");
    (socket, address)
}

/// Answers the requests of a connection, until there are no more.
fn serve(stream: impl Read + Write, state: &Mutex<State>) {
    let mut reader = BufReader::new(stream);
    while let Some((mut request, length)) = read_head(&mut reader) {
        if request.line == TLS {
            drop(write(reader.get_mut(), &Answer::new(400), false));
            return;
        }
        let fault = lock(state).begin(&request.line);
        if matches!(fault, Some(Reply::Cut)) {
            let half = u64::try_from(length / 2).expect("is short");
            drop(reader.by_ref().take(half).read_to_end(&mut request.body));
            return;
        }
        request.body = vec![0; length];
        if reader.read_exact(&mut request.body).is_err() {
            return;
        }
        let gate = request.line.contains("/blobs/uploads/") && request.line.starts_with("PUT ");
        if let Some(gate) = gate.then(|| lock(state).gates.pop()).flatten() {
            gate.wait();
        }
        let answer = match fault {
            Some(Reply::Status(status, header, body)) => {
                Answer { status, headers: vec![header.to_owned()], body: body.as_bytes().to_vec() }
            }
            Some(Reply::Unauthorized) => lock(state).challenge(),
            // To a proxy: what comes next is for the host.
            None if request.line.starts_with("CONNECT ") => Answer::new(200),
            Some(Reply::Cut) | None => lock(state).answer(&request),
        };
        if write(reader.get_mut(), &answer, request.line.starts_with("HEAD ")).is_err() {
            return;
        }
    }
}

fn read_head(reader: &mut BufReader<impl Read>) -> Option<(Request, usize)> {
    let begun = reader.fill_buf().ok()?;
    if begun.first() == Some(&0x16) {
        let length = begun.len();
        reader.consume(length);
        return Some((Request { line: TLS.to_owned(), ..Request::default() }, 0));
    }
    let mut line = || {
        let mut text = String::new();
        (reader.read_line(&mut text).ok()? > 0).then(|| text.trim_end().to_owned())
    };
    let first = line()?;
    let mut words = first.split(' ');
    let (method, target) = (words.next()?.to_owned(), words.next()?.to_owned());
    let (mut authorization, mut length) = (String::new(), 0);
    loop {
        let header = line()?;
        let Some((name, value)) = header.split_once(':') else { break };
        match name.to_ascii_lowercase().as_str() {
            "authorization" => value.trim().clone_into(&mut authorization),
            "content-length" => length = value.trim().parse().ok()?,
            "transfer-encoding" => panic!("a registry may not take a body without a length"),
            _ => {}
        }
    }
    let (path, query) = target.split_once('?').unwrap_or((&target, ""));
    // A proxy is told the host as well.
    let path = path.strip_prefix("http://").map_or(path, |rest| &rest[rest.find('/').unwrap_or(rest.len())..]);
    let line = format!("{method} {path}");
    Some((Request { line, query: fields(query), authorization, body: Vec::new() }, length))
}

/// The fields of a query or a form.
fn fields(text: &str) -> BTreeMap<String, Vec<String>> {
    let mut fields: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (name, value) in text.split('&').filter_map(|field| field.split_once('=')) {
        let value = value.replace("%3A", ":").replace("%2F", "/").replace("%2C", ",").replace("%20", " ");
        fields.entry(name.to_owned()).or_default().push(value);
    }
    fields
}

fn write(mut stream: impl Write, answer: &Answer, is_head: bool) -> std::io::Result<()> {
    let mut text = format!("HTTP/1.1 {} Whatever\r\nContent-Length: {}\r\n", answer.status, answer.body.len());
    for header in answer.headers.iter().filter(|header| !header.is_empty()) {
        text += &format!("{header}\r\n");
    }
    text += "\r\n";
    let body: &[u8] = if is_head { &[] } else { &answer.body };
    stream.write_all(&[text.as_bytes(), body].concat())?;
    stream.flush()
}

impl State {
    /// Notes a request. Returns what happens in the place of an answer.
    fn begin(&mut self, line: &str) -> Option<Reply> {
        self.log.push(line.to_owned());
        let fault = self.faults.iter_mut().find(|fault| fault.times > 0 && line.starts_with(&fault.request))?;
        fault.times -= 1;
        Some(fault.reply.clone())
    }

    fn answer(&mut self, request: &Request) -> Answer {
        let (method, path) = request.line.split_once(' ').expect("has a method");
        if path == "/token" {
            return self.token(request);
        }
        if path == "/v2/" {
            let is_known = self.asks.is_none() || !request.authorization.is_empty();
            return if is_known { Answer::new(200) } else { self.challenge() };
        }
        let path = path.strip_prefix("/v2/").expect("is of a registry");
        let kind = ["/blobs/", "/manifests/"].into_iter().find(|kind| path.contains(kind)).expect("is known");
        let (repository, name) = path.split_once(kind).expect("was found");
        if !self.allows(repository, kind, request) {
            return self.challenge();
        }
        match (method, kind, name) {
            ("HEAD", "/blobs/", digest) => {
                let is_there = self.blobs.contains_key(&(repository.to_owned(), digest.to_owned()));
                Answer::new(if is_there { 200 } else { 404 })
            }
            ("HEAD", _, name) => {
                let manifest = self.manifests.get(&(repository.to_owned(), name.to_owned()));
                let status = if manifest.is_some() { 200 } else { 404 };
                let stated = manifest.filter(|_| !self.states_no_digest);
                let stated = stated.map(|manifest| format!("Docker-Content-Digest: {}", digest(manifest)));
                Answer { headers: stated.into_iter().collect(), ..Answer::new(status) }
            }
            ("GET", _, name) => {
                let kept = if kind == "/blobs/" { &self.blobs } else { &self.manifests };
                let kept = kept.get(&(repository.to_owned(), name.to_owned()));
                kept.map_or_else(|| Answer::new(404), |bytes| Answer { body: bytes.clone(), ..Answer::new(200) })
            }
            ("POST", "/blobs/", "uploads/") => self.begin_upload(repository, request),
            ("PUT", "/blobs/", _) => self.put_blob(repository, request),
            ("PUT", "/manifests/", name) => self.put_manifest(repository, name, &request.body),
            _ => Answer::new(405),
        }
    }

    /// Whether who asks may do this.
    fn allows(&self, repository: &str, kind: &str, request: &Request) -> bool {
        match self.asks {
            None => true,
            Some(Asks::Basic) => request.authorization == format!("Basic {LOGIN}"),
            Some(Asks::Bearer) => {
                // The token is the scopes that it was asked for.
                let scopes = request.authorization.strip_prefix("Bearer ").unwrap_or_default();
                let reads = request.query.get("from").into_iter().flatten();
                let reads = reads.map(|from| format!("repository:{from}:pull"));
                let is_read =
                    request.line.starts_with("GET ") || request.line.starts_with("HEAD ") && kind == "/manifests/";
                let actions = if is_read { "pull" } else { "pull,push" };
                let mut needed = reads.chain([format!("repository:{repository}:{actions}")]);
                needed.all(|scope| scopes.split(';').any(|has| has == scope))
            }
        }
    }

    fn challenge(&self) -> Answer {
        let challenge = match self.asks {
            Some(Asks::Bearer) => format!("Bearer realm=\"{}\",service=\"test\"", self.realm),
            Some(Asks::Basic) | None => "Basic realm=\"test\"".to_owned(),
        };
        let headers = vec![format!("WWW-Authenticate: {}", self.challenge.as_ref().unwrap_or(&challenge))];
        Answer { status: 401, headers, body: error("UNAUTHORIZED", "authentication required") }
    }

    /// A token for whoever is logged in, or has the identity token `identity`.
    fn token(&self, request: &Request) -> Answer {
        let form = fields(&String::from_utf8_lossy(&request.body));
        let is_identity = form.get("refresh_token").is_some_and(|token| token == &["identity"]);
        if request.authorization != format!("Basic {LOGIN}") && !is_identity {
            return Answer::new(401);
        }
        let scopes = request.query.get("scope").or(form.get("scope")).cloned().unwrap_or_default();
        let scopes: Vec<_> = scopes.iter().flat_map(|scopes| scopes.split(' ')).collect();
        if self.has_narrow_tokens && scopes.len() > 1 {
            return Answer { body: error("DENIED", "one repository at a time"), ..Answer::new(403) };
        }
        let name = if is_identity { "access_token" } else { "token" };
        let token = json!({name: scopes.join(";"), "expires_in": self.token_life});
        Answer { body: token.to_string().into_bytes(), ..Answer::new(200) }
    }

    fn begin_upload(&mut self, repository: &str, request: &Request) -> Answer {
        let field = |name: &str| request.query.get(name).and_then(|values| values.first()).cloned();
        if let (Some(digest), Some(from), false) = (field("mount"), field("from"), self.refuses_mounts)
            && let Some(blob) = self.blobs.get(&(from, digest.clone())).cloned()
        {
            self.blobs.insert((repository.to_owned(), digest), blob);
            return Answer::new(201);
        }
        let location = format!("Location: /v2/{repository}/blobs/uploads/{}?state=a%20b", self.log.len());
        Answer { headers: vec![location], ..Answer::new(202) }
    }

    fn put_blob(&mut self, repository: &str, request: &Request) -> Answer {
        let stated = request.query.get("digest").and_then(|digests| digests.first());
        let is_begun = request.query.contains_key("state");
        if !is_begun || stated != Some(&digest(&request.body)) {
            return Answer { body: error("DIGEST_INVALID", "this is something else"), ..Answer::new(400) };
        }
        self.blobs.insert((repository.to_owned(), digest(&request.body)), request.body.clone());
        Answer::new(201)
    }

    /// Stores a manifest, if all that it names is there.
    fn put_manifest(&mut self, repository: &str, name: &str, bytes: &[u8]) -> Answer {
        let document: Value = serde_json::from_slice(bytes).expect("is JSON");
        let list = |key: &str| document[key].as_array().cloned().unwrap_or_default();
        let digests = |values: Vec<Value>| -> BTreeSet<String> {
            values.iter().filter_map(|value| value["digest"].as_str().map(str::to_owned)).collect()
        };
        let key = |digest: String| (repository.to_owned(), digest);
        let blobs = digests(list("layers").into_iter().chain([document["config"].clone()]).collect());
        let is_whole = blobs.into_iter().all(|digest| self.blobs.contains_key(&key(digest)))
            && digests(list("manifests")).into_iter().all(|digest| self.manifests.contains_key(&key(digest)))
            && (!name.starts_with("sha256:") || name == digest(bytes));
        if !is_whole {
            return Answer { body: error("MANIFEST_BLOB_UNKNOWN", "some of it is missing"), ..Answer::new(400) };
        }
        self.manifests.insert((repository.to_owned(), name.to_owned()), bytes.to_vec());
        let stored = self.stored_digest.clone().unwrap_or_else(|| digest(bytes));
        Answer { headers: vec![format!("Docker-Content-Digest: {stored}")], ..Answer::new(201) }
    }
}

impl Answer {
    fn new(status: u16) -> Self {
        Self { status, headers: Vec::new(), body: Vec::new() }
    }
}

fn error(code: &str, message: &str) -> Vec<u8> {
    json!({"errors": [{"code": code, "message": message}]}).to_string().into_bytes()
}

fn digest(bytes: &[u8]) -> String {
    let hex: String = Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect();
    format!("sha256:{hex}")
}
