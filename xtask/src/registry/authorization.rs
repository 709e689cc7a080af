//! What proves who asks. A registry says by its first refusal which proof it wants; what it takes is kept for the rest.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use serde::Deserialize;
use ureq::http::Method;

use super::credentials::{Login, Logins};
use super::transport::{Actions, Answer, Body, Client, Fault, Repository, Request, login_command};
use crate::error::Error;

/// How long a token is good for where its server does not say.
const USUAL_LIFE: Duration = Duration::from_secs(60);

/// How long before its end a token is renewed.
const RENEWED_BEFORE: Duration = Duration::from_secs(10);

/// What is known of the registries of this run.
#[derive(Default)]
pub(super) struct Authorizations {
    known: Mutex<BTreeMap<String, Challenge>>,
    /// Read when they are needed first.
    logins: Mutex<Option<Logins>>,
    /// By registry and scope. Held while a token is fetched, so that each is fetched once.
    tokens: Mutex<BTreeMap<(String, String), Token>>,
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
        let challenge = self.known().get(repository.registry).cloned();
        let Some(challenge) = challenge else { return Ok(None) };
        let login = self.login(client, repository)?;
        if let (Challenge::Bearer { .. }, Some(Login::Registry(token))) = (&challenge, &login) {
            return Ok(Some(format!("Bearer {token}")));
        }
        match challenge {
            Challenge::Basic => Ok(match login {
                Some(Login::Basic(words)) => Some(format!("Basic {words}")),
                Some(Login::Identity(_) | Login::Registry(_)) | None => None,
            }),
            Challenge::Bearer { realm, service } => {
                let scopes = scopes(repository, read_too);
                let key = (repository.registry.to_owned(), scopes.join(" "));
                let mut tokens = self.tokens.lock().unwrap_or_else(PoisonError::into_inner);
                if let Some(token) = tokens.get(&key).filter(|token| Instant::now() < token.renew) {
                    return Ok(Some(token.header.clone()));
                }
                let request = TokenRequest::new(&realm, &service, &scopes, login.as_ref());
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
        let challenges = headers.flat_map(|value| Challenge::parse_all(value.to_str().unwrap_or_default()));
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
        self.known().insert(repository.registry.to_owned(), challenge);
        true
    }

    /// Who one is to a repository.
    fn login(&self, client: &Client, repository: &Repository) -> Result<Option<Login>, Fault> {
        let mut logins = self.logins.lock().unwrap_or_else(PoisonError::into_inner);
        if logins.is_none() {
            *logins = Some(Logins::read(client.session.environment).map_err(Fault::lasting)?);
        }
        let found = logins.as_mut().map(|logins| logins.find(repository.registry, repository.path));
        Ok(found.transpose().map_err(Fault::lasting)?.flatten())
    }

    fn known(&self) -> std::sync::MutexGuard<'_, BTreeMap<String, Challenge>> {
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
    /// Reads `Bearer realm="https://…",service="…",scope="…"` and `Basic realm="…"`, of which one header may have several.
    fn parse_all(text: &str) -> Vec<Self> {
        let mut schemes: Vec<(String, BTreeMap<String, String>)> = Vec::new();
        for part in split_at_commas(text) {
            let (name, value) = part.split_once('=').unwrap_or((part, ""));
            // `Bearer realm="…"` begins a challenge, `realm="…"` goes on with one.
            let (scheme, name) = match name.trim().split_once(' ') {
                Some((scheme, name)) => (Some(scheme), name.trim()),
                None if name == part => (Some(part), ""),
                None => (None, name.trim()),
            };
            schemes.extend(scheme.map(|scheme| (scheme.to_ascii_lowercase(), BTreeMap::new())));
            if let Some((_, parameters)) = schemes.last_mut() {
                parameters.insert(name.to_ascii_lowercase(), value.trim().trim_matches('"').to_owned());
            }
        }
        let challenge = |(scheme, mut parameters): (String, BTreeMap<String, String>)| match scheme.as_str() {
            "basic" => Some(Self::Basic),
            "bearer" => {
                let realm = parameters.remove("realm").filter(|realm| !realm.is_empty())?;
                Some(Self::Bearer { realm, service: parameters.remove("service").unwrap_or_default() })
            }
            _ => None,
        };
        schemes.into_iter().filter_map(challenge).collect()
    }
}

/// The parts between commas that are not in quotes; none of them empty.
fn split_at_commas(text: &str) -> impl Iterator<Item = &str> {
    let mut is_quoted = false;
    let parts = text.split(move |character| {
        is_quoted ^= character == '"';
        character == ',' && !is_quoted
    });
    parts.map(str::trim).filter(|part| !part.is_empty())
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
            Some(Login::Registry(_)) | None => fields.extend(scopes.iter().map(|scope| ("scope", scope.as_str()))),
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
            let problem = if self.authorization.is_some() || self.is_form {
                format!("no token of {registry} for these credentials")
            } else {
                "anonymous access was refused".to_owned()
            };
            let error = fault.error.context(problem);
            return Err(Fault { error, ..fault });
        }
        let issued: Option<Issued> = serde_json::from_slice(&answer.body).ok();
        let life = issued.as_ref().and_then(|issued| issued.expires_in).map_or(USUAL_LIFE, Duration::from_secs);
        let token = issued.and_then(|issued| issued.token.or(issued.access_token));
        let token = token.ok_or_else(|| {
            let hint = format!("`{}`", login_command(registry));
            Fault::lasting(
                Error::failure(format!("the token server of {registry} answered without a token")).hint(hint),
            )
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

    fn bearer(realm: &str, service: &str) -> Challenge {
        Challenge::Bearer { realm: realm.into(), service: service.into() }
    }

    #[test]
    fn challenges() {
        use Challenge::Basic;
        for (text, expected) in [
            (r#"Basic realm="x, y""#, vec![Basic]),
            ("basic", vec![Basic]),
            (
                r#"Bearer realm="https://a.example/token",service="a",scope="repository:x:pull,push""#,
                vec![bearer("https://a.example/token", "a")],
            ),
            (r#"bearer scope="a,b=c", Realm="https://a/?b=c""#, vec![bearer("https://a/?b=c", "")]),
            ("Bearer realm=https://a/t,service=s", vec![bearer("https://a/t", "s")]),
            (r#"Bearer realm = "https://a" , service = "s""#, vec![bearer("https://a", "s")]),
            (r#"Bearer realm="https://a"#, vec![bearer("https://a", "")]),
            (r#"Basic realm="x", Bearer realm="https://a",service="s""#, vec![Basic, bearer("https://a", "s")]),
            (r#"Bearer realm="https://a",service="s",Basic realm="x""#, vec![bearer("https://a", "s"), Basic]),
            (r#"Negotiate, Basic realm="x", Bearer service="s""#, vec![Basic]),
            (r#"Bearer service="s""#, vec![]),
            ("Negotiate", vec![]),
            ("", vec![]),
        ] {
            assert_eq!(Challenge::parse_all(text), expected, "{text}");
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
