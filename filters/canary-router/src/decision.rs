//! Decides who gets which version, and why. It is pure, so that a test can decide a million times.

use stoa_filter::chance::lightest;

use crate::bytes::split_once;
use crate::config::Config;
use crate::cookie;
use crate::service::Service;

/// The values of a request. Each method may cost a call to Envoy, so values are read only where they are needed.
pub trait Request {
    /// The first value of a header, or a pseudo header, by its name in lower case.
    fn header(&self, name: &str) -> Option<Vec<u8>>;
    /// All values of a header that may be sent more than once.
    fn headers(&self, name: &str) -> Vec<Vec<u8>>;
    /// The caller's SPIFFE identity, from its certificate.
    fn principal(&self) -> Option<Vec<u8>>;
    /// A claim of the token that Envoy has verified.
    fn claim(&self, name: &str) -> Option<Vec<u8>>;
}

/// Why a version was chosen: the first of these that applies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reason {
    /// The kill switch: everyone is on stable.
    KillSwitch,
    /// A header requests it.
    Header,
    /// A query parameter requests it.
    Query,
    /// A cookie requests it.
    Cookie,
    /// The user is on its list.
    User,
    /// One of the user's groups is on its list.
    Group,
    /// A stable hash of the user.
    UserHash,
    /// A stable hash of the session.
    SessionHash,
    /// A health check: stable.
    HealthCheck,
    /// By chance; the session begins here.
    Random,
}

impl Reason {
    /// All of them, in order.
    pub const ALL: [Self; 10] = [
        Self::KillSwitch,
        Self::Header,
        Self::Query,
        Self::Cookie,
        Self::User,
        Self::Group,
        Self::UserHash,
        Self::SessionHash,
        Self::HealthCheck,
        Self::Random,
    ];

    /// The name in counters.
    pub fn word(self) -> &'static str {
        match self {
            Self::KillSwitch => "kill-switch",
            Self::Header => "header",
            Self::Query => "query",
            Self::Cookie => "cookie",
            Self::User => "user",
            Self::Group => "group",
            Self::UserHash => "user-hash",
            Self::SessionHash => "session-hash",
            Self::HealthCheck => "health-check",
            Self::Random => "random",
        }
    }
}

/// The version of one service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Choice {
    /// Its index in [`Service::versions`].
    pub version: usize,
    /// Why.
    pub reason: Reason,
    /// Whether the request's header has this version already.
    pub is_set: bool,
}

/// The decision for a request.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Decision {
    /// One for each of [`Config::services`], in their order.
    pub choices: Vec<Choice>,
    /// The id of a session that begins: the caller gets it in a cookie.
    pub session: Option<u64>,
}

/// Decides for every service. `dice` returns 64 random bits.
pub fn decide(config: &Config, request: &impl Request, dice: impl Fn() -> u64) -> Decision {
    let mut caller = Caller {
        config,
        request,
        dice: &dice,
        cookies: None,
        path: None,
        key: None,
        session: None,
    };
    let choices = config.services.iter();
    Decision {
        choices: choices.map(|service| caller.choose(service)).collect(),
        session: caller.session,
    }
}

/// A request, with the values that were read so far.
struct Caller<'a, R> {
    config: &'a Config,
    request: &'a R,
    dice: &'a dyn Fn() -> u64,
    cookies: Option<Vec<u8>>,
    path: Option<Vec<u8>>,
    /// The key that is hashed, once it is known.
    key: Option<(Reason, Vec<u8>)>,
    session: Option<u64>,
}

impl<R: Request> Caller<'_, R> {
    fn choose(&mut self, service: &Service) -> Choice {
        let values = self.request.headers(&service.header);
        let (version, reason) = self.version(service, &values);
        // A second value could match another route.
        let is_set = service.versions.get(version).is_some_and(
            |version| matches!(values.as_slice(), [one] if one == version.name.as_bytes()),
        );
        Choice {
            version,
            reason,
            is_set,
        }
    }

    fn version(&mut self, service: &Service, values: &[Vec<u8>]) -> (usize, Reason) {
        if self.config.everyone_on_stable || service.everyone_on_stable {
            return (service.stable, Reason::KillSwitch);
        }
        if let Some(requested) = self.requested(service, values) {
            return requested;
        }
        if self.key.is_none() {
            self.key = Some(self.find_key());
        }
        match &self.key {
            Some((Reason::HealthCheck, _)) | None => (service.stable, Reason::HealthCheck),
            Some((reason, key)) => {
                let lightest = lightest(key, service.versions.iter().map(|v| (v.seed, v.weight)));
                (lightest.unwrap_or(service.stable), *reason)
            }
        }
    }

    /// The version that the request names, or that is fixed for its user. `values` are those of the service's header.
    fn requested(&mut self, service: &Service, values: &[Vec<u8>]) -> Option<(usize, Reason)> {
        if let Some(version) = values.iter().find_map(|value| service.version(value))
            && self.may_choose(service, &service.header)
        {
            return Some((version, Reason::Header));
        }
        for choice in &service.headers {
            let values = self.request.headers(&choice.test.name);
            if choice.test.passes(&values) && self.may_choose(service, &choice.test.name) {
                return Some((choice.version, Reason::Header));
            }
        }
        if let Some(name) = &service.query {
            let query = parameter(self.path(), name.as_bytes());
            if let Some(version) = query.and_then(|value| service.version(value)) {
                return Some((version, Reason::Query));
            }
        }
        if let Some(name) = &service.cookie {
            let value = cookie::find(self.cookies(), name);
            if let Some(version) = value.and_then(|value| service.version(value)) {
                return Some((version, Reason::Cookie));
            }
        }
        if let Some(version) = service.version_of_member(&service.users, || {
            self.request.claim(&self.config.subject_claim)
        }) {
            return Some((version, Reason::User));
        }
        let version = service.version_of_member(&service.groups, || {
            self.request.claim(&self.config.groups_claim)
        })?;
        Some((version, Reason::Group))
    }

    /// Whether a header may choose: always for a caller inside the mesh, and for one outside where it is allowed.
    fn may_choose(&self, service: &Service, header: &str) -> bool {
        service.from_outside.iter().any(|allowed| allowed == header) || self.is_inside()
    }

    fn is_inside(&self) -> bool {
        self.request.principal().is_some_and(|principal| {
            let mut prefixes = self.config.inside.iter();
            prefixes.any(|prefix| principal.starts_with(prefix.as_bytes()))
        })
    }

    /// The key that is hashed where the request names no version.
    fn find_key(&mut self) -> (Reason, Vec<u8>) {
        if let Some(user) = self.request.claim(&self.config.subject_claim) {
            return (Reason::UserHash, user);
        }
        if let Some(header) = &self.config.session_header
            && let Some(session) = self.request.header(header)
        {
            return (Reason::SessionHash, session);
        }
        let ours = self.config.cookie.as_ref().map(|cookie| &cookie.name);
        for name in self.config.session_cookie.iter().chain(ours) {
            if let Some(session) = cookie::find(self.cookies(), name) {
                return (Reason::SessionHash, session.to_vec());
            }
        }
        if self.is_health_check() {
            return (Reason::HealthCheck, Vec::new());
        }
        let session = (self.dice)();
        self.session = Some(session);
        (Reason::Random, cookie::session(session).into_bytes())
    }

    fn is_health_check(&mut self) -> bool {
        let agents = &self.config.health_checkers;
        let is_checker = self.request.header("user-agent").is_some_and(|agent| {
            let mut agents = agents.iter();
            agents.any(|one| agent.starts_with(one.as_bytes()))
        });
        let paths = &self.config.health_paths;
        is_checker
            || !paths.is_empty() && {
                let path = self.path().split(|b| *b == b'?').next();
                paths.iter().any(|one| path == Some(one.as_bytes()))
            }
    }

    fn cookies(&mut self) -> &[u8] {
        // RFC 9113, section 8.2.3: several `cookie` headers are one, joined by semicolons.
        let read = || self.request.headers("cookie").join(&b"; "[..]);
        self.cookies.get_or_insert_with(read)
    }

    fn path(&mut self) -> &[u8] {
        let read = || self.request.header(":path").unwrap_or_default();
        self.path.get_or_insert_with(read)
    }
}

/// The first query parameter of this name. Nothing is decoded: names of versions need no escapes.
fn parameter<'p>(path: &'p [u8], name: &[u8]) -> Option<&'p [u8]> {
    let (_, query) = split_once(path, b'?')?;
    query.split(|b| *b == b'&').find_map(|pair| {
        let (key, value) = split_once(pair, b'=')?;
        (key == name).then_some(value)
    })
}
