//! What proves who asks. A registry says by its first refusal which proof it wants; what it takes is kept for the rest.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use serde::Deserialize;
use ureq::http::Method;

use super::credentials::{self, Login};
use super::transport::{Actions, Answer, Body, Client, Fault, Repository, Request, login_command};
use crate::error::Error;

/// How long a token is good for where its server does not say.
const USUAL_LIFE: Duration = Duration::from_secs(60);

/// How long before its end a token is renewed.
const RENEWED_BEFORE: Duration = Duration::from_secs(10);

/// What is known of the registries of this run.
#[derive(Default)]
pub(super) struct Authorizations {
    known: Mutex<BTreeMap<String, Known>>,
    /// By registry and scope. Held while a token is fetched, so that each is fetched once.
    tokens: Mutex<BTreeMap<(String, String), Token>>,
}

struct Known {
    challenge: Challenge,
    /// Looked up when it is needed first.
    login: Option<Option<Login>>,
}

/// What a registry wants to see.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Challenge {
    Basic,
    Bearer { realm: String, service: String },
}

struct Token {
    header: String,
    renew: Instant,
}

#[derive(Deserialize)]
struct Issued {
    token: Option<String>,
    access_token: Option<String>,
    expires_in: Option<u64>,
}

impl Authorizations {
    /// The header for a request, as far as the registry has asked for one.
    pub(super) fn header(
        &self,
        client: &Client,
        repository: &Repository,
        read_too: Option<&str>,
    ) -> Result<Option<String>, Fault> {
        let challenge = self.known().get(repository.registry).map(|known| known.challenge.clone());
        match challenge {
            None => Ok(None),
            Some(Challenge::Basic) => self.with_login(client, repository, |login| match login {
                Some(Login::Basic(words)) => Some(format!("Basic {words}")),
                Some(Login::Identity(_)) | None => None,
            }),
            Some(Challenge::Bearer { realm, service }) => {
                let key = (repository.registry.to_owned(), scopes(repository, read_too).join(" "));
                let mut tokens = self.tokens.lock().unwrap_or_else(PoisonError::into_inner);
                if let Some(token) = tokens.get(&key).filter(|token| Instant::now() < token.renew) {
                    return Ok(Some(token.header.clone()));
                }
                let request = self.with_login(client, repository, |login| {
                    TokenRequest::new(&realm, &service, &scopes(repository, read_too), login)
                })?;
                let token = client.retry(repository.path, || request.send(client, repository))?;
                let header = token.header.clone();
                tokens.insert(key, token);
                Ok(Some(header))
            }
        }
    }

    /// Takes a refusal in. Returns whether another try, with another header than `used`, makes sense.
    pub(super) fn learn(
        &self,
        repository: &Repository,
        read_too: Option<&str>,
        answer: &Answer,
        used: Option<&str>,
    ) -> bool {
        let headers = answer.headers.get_all("WWW-Authenticate").iter();
        let challenges = headers.filter_map(|value| Challenge::parse(value.to_str().ok()?));
        // A token says less than a password.
        let Some(challenge) = challenges.max_by_key(|challenge| *challenge != Challenge::Basic) else { return false };
        if challenge == Challenge::Basic && used.is_some() {
            return false;
        }
        let key = (repository.registry.to_owned(), scopes(repository, read_too).join(" "));
        let mut tokens = self.tokens.lock().unwrap_or_else(PoisonError::into_inner);
        // Another thread may have fetched a new one since.
        if tokens.get(&key).is_some_and(|token| Some(token.header.as_str()) == used) {
            tokens.remove(&key);
        }
        let mut known = self.known();
        let login = known.remove(repository.registry).and_then(|known| known.login);
        known.insert(repository.registry.to_owned(), Known { challenge, login });
        true
    }

    /// Hands over who one is to the registry.
    fn with_login<T>(
        &self,
        client: &Client,
        repository: &Repository,
        take: impl FnOnce(Option<&Login>) -> T,
    ) -> Result<T, Fault> {
        let mut known = self.known();
        let Some(known) = known.get_mut(repository.registry) else { return Ok(take(None)) };
        if known.login.is_none() {
            let login = credentials::login(repository.registry, client.session.environment);
            known.login = Some(login.map_err(Fault::lasting)?);
        }
        Ok(take(known.login.as_ref().and_then(Option::as_ref)))
    }

    fn known(&self) -> std::sync::MutexGuard<'_, BTreeMap<String, Known>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What a token is to allow.
fn scopes(repository: &Repository, read_too: Option<&str>) -> Vec<String> {
    let actions = if repository.actions == Actions::Pull { "pull" } else { "pull,push" };
    let own = format!("repository:{}:{actions}", repository.path);
    let other = read_too.map(|path| format!("repository:{path}:pull"));
    [own].into_iter().chain(other).collect()
}

impl Challenge {
    /// Reads `Bearer realm="https://…",service="…",scope="…"` or `Basic realm="…"`.
    fn parse(text: &str) -> Option<Self> {
        let (scheme, parameters) = text.trim().split_once(' ').unwrap_or((text, ""));
        if scheme.eq_ignore_ascii_case("basic") {
            return Some(Self::Basic);
        }
        if !scheme.eq_ignore_ascii_case("bearer") {
            return None;
        }
        let mut parameters = parse_parameters(parameters);
        let realm = parameters.remove("realm")?;
        Some(Self::Bearer { realm, service: parameters.remove("service").unwrap_or_default() })
    }
}

/// Reads `name="value",name=value`; values in quotes may hold commas.
fn parse_parameters(mut text: &str) -> BTreeMap<String, String> {
    let mut parameters = BTreeMap::new();
    while let Some((name, rest)) = text.split_once('=') {
        let (value, rest) = match rest.strip_prefix('"') {
            Some(quoted) => quoted.split_once('"').unwrap_or((quoted, "")),
            None => rest.split_once(',').unwrap_or((rest, "")),
        };
        let name = name.trim_matches([',', ' ']).to_ascii_lowercase();
        parameters.insert(name, value.trim().to_owned());
        text = rest;
    }
    parameters
}

/// What is asked of the server that issues tokens.
struct TokenRequest {
    realm: String,
    /// Name and value of each field, encoded: a query, or a form.
    fields: String,
    /// Whether it is a form, which trades an identity token.
    is_form: bool,
    authorization: Option<String>,
}

impl TokenRequest {
    fn new(realm: &str, service: &str, scopes: &[String], login: Option<&Login>) -> Self {
        let mut fields = Vec::new();
        if !service.is_empty() {
            fields.push(("service", service));
        }
        let joined = scopes.join(" ");
        let mut request = Self { realm: realm.to_owned(), fields: String::new(), is_form: false, authorization: None };
        match login {
            Some(Login::Identity(token)) => {
                request.is_form = true;
                fields.extend([("scope", joined.as_str()), ("client_id", "xtask"), ("grant_type", "refresh_token")]);
                fields.push(("refresh_token", token));
            }
            Some(Login::Basic(words)) => {
                request.authorization = Some(format!("Basic {words}"));
                fields.extend(scopes.iter().map(|scope| ("scope", scope.as_str())));
            }
            None => fields.extend(scopes.iter().map(|scope| ("scope", scope.as_str()))),
        }
        let fields: Vec<_> = fields.iter().map(|(name, value)| format!("{name}={}", encode(value))).collect();
        request.fields = fields.join("&");
        request
    }

    fn send(&self, client: &Client, repository: &Repository) -> Result<Token, Fault> {
        let separator = if self.realm.contains('?') { '&' } else { '?' };
        let request = if self.is_form {
            let form = Body::Bytes(self.fields.as_bytes());
            Request::new(Method::POST, self.realm.clone(), "application/x-www-form-urlencoded", form)
        } else {
            let url = format!("{}{separator}{}", self.realm, self.fields);
            Request::new(Method::GET, url, "", Body::Nothing)
        };
        let asked = Instant::now();
        let answer = client.exchange(&request, self.authorization.as_deref())?;
        let registry = repository.registry;
        if answer.status != 200 {
            let fault = answer.refusal(repository);
            let who =
                if self.authorization.is_some() || self.is_form { "the credentials" } else { "nobody in particular" };
            let error = fault.error.context(format!("no token of {registry} for {who}"));
            return Err(Fault { error, ..fault });
        }
        let issued: Option<Issued> = serde_json::from_slice(&answer.body).ok();
        let life = issued.as_ref().and_then(|issued| issued.expires_in).map_or(USUAL_LIFE, Duration::from_secs);
        let token = issued.and_then(|issued| issued.token.or(issued.access_token));
        let token = token.ok_or_else(|| {
            let hint = format!("`{}`", login_command(registry));
            Fault::lasting(Error::failure(format!("what issues tokens for {registry} answered without one")).hint(hint))
        })?;
        Ok(Token { header: format!("Bearer {token}"), renew: asked + life.saturating_sub(RENEWED_BEFORE) })
    }
}

/// A value of a query or form.
fn encode(text: &str) -> String {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    text.bytes().fold(String::new(), |text, byte| match is_plain(byte) {
        true => text + &char::from(byte).to_string(),
        false => text + &format!("%{byte:02X}"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bearer(realm: &str, service: &str) -> Option<Challenge> {
        Some(Challenge::Bearer { realm: realm.into(), service: service.into() })
    }

    #[test]
    fn challenges() {
        for (text, expected) in [
            (r#"Basic realm="x, y""#, Some(Challenge::Basic)),
            ("basic", Some(Challenge::Basic)),
            (
                r#"Bearer realm="https://a.example/token",service="a",scope="repository:x:pull,push""#,
                bearer("https://a.example/token", "a"),
            ),
            (r#"bearer scope="a,b=c", Realm="https://a/?b=c""#, bearer("https://a/?b=c", "")),
            ("Bearer realm=https://a/t,service=s", bearer("https://a/t", "s")),
            (r#"Bearer realm="https://a"#, bearer("https://a", "")),
            (r#"Bearer service="s""#, None),
            ("Negotiate", None),
            ("", None),
        ] {
            assert_eq!(Challenge::parse(text), expected, "{text}");
        }
    }

    #[test]
    fn a_token_is_asked_for_what_it_has_to_allow() {
        let repository = Repository { registry: "ghcr.io", path: "team/worker", actions: Actions::PullAndPush };
        let scopes = scopes(&repository, Some("team/server"));
        let request = TokenRequest::new("https://a/t", "a b", &scopes, Some(&Login::Basic("dTpw".into())));
        let query =
            "service=a%20b&scope=repository%3Ateam%2Fworker%3Apull%2Cpush&scope=repository%3Ateam%2Fserver%3Apull";
        assert_eq!((request.fields.as_str(), request.is_form), (query, false));
        assert_eq!(request.authorization.as_deref(), Some("Basic dTpw"));
        let request = TokenRequest::new("https://a/t", "a", &scopes[..1], Some(&Login::Identity("t+".into())));
        let form = "service=a&scope=repository%3Ateam%2Fworker%3Apull%2Cpush&client_id=xtask&grant_type=refresh_token\
                    &refresh_token=t%2B";
        assert_eq!((request.fields.as_str(), request.is_form, request.authorization), (form, true, None));
    }
}
