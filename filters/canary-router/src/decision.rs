//! Decides which version a caller gets, and why. The code does not call Envoy, so a test can decide a million times.

use stoa_filter::chance::weighted_choice;

use crate::bytes::split_once;
use crate::config::Config;
use crate::cookie;
use crate::service::Service;

/// Access to the values of a request. Each method may cost a call to Envoy, so the decision reads only the values that it needs.
pub trait Request {
    /// The first value of the header or pseudo header `name`, which is in lower case.
    fn header(&self, name: &str) -> Option<Vec<u8>>;
    /// All values of the header `name`. A request may contain a header more than once. `name` is in lower case.
    fn headers(&self, name: &str) -> Vec<Vec<u8>>;
    /// The caller's SPIFFE identity, from its certificate.
    fn principal(&self) -> Option<Vec<u8>>;
    /// The value of a claim in the token that Envoy has verified.
    fn claim(&self, name: &str) -> Option<Vec<u8>>;
}

/// The reason for the choice of a version. The reasons are checked in this order, and the first reason that applies decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reason {
    /// The kill switch is on, so every request gets the stable version.
    KillSwitch,
    /// A header of the request names the version.
    Header,
    /// A query parameter names the version.
    Query,
    /// A cookie names the version.
    Cookie,
    /// The configuration assigns the version to the user.
    User,
    /// The configuration assigns the version to one of the user's groups.
    Group,
    /// A stable hash of the user id selects the version.
    UserHash,
    /// A stable hash of the session id selects the version.
    SessionHash,
    /// The request is a health check, which gets the stable version.
    HealthCheck,
    /// A hash of a new, random session id selects the version.
    Random,
}

impl Reason {
    /// All reasons, in the order in which they are checked.
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

    /// The part of a counter's name that stands for the reason.
    pub fn counter_name(self) -> &'static str {
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

/// The choice of a version for one service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Choice {
    /// The version's index in [`Service::versions`].
    pub version: usize,
    /// The reason for the choice.
    pub reason: Reason,
    /// True if the request already contains the service's version header, with the name of this version as the only value.
    pub is_set: bool,
}

/// The decision for a request.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Decision {
    /// One choice for each of [`Config::services`], in the same order.
    pub choices: Vec<Choice>,
    /// The id of the new session, if this request begins a session. The caller gets the id in a cookie.
    pub session: Option<u64>,
}

/// Chooses a version for every service. `dice` returns 64 random bits.
pub fn decide(config: &Config, request: &impl Request, dice: impl Fn() -> u64) -> Decision {
    let mut chooser = Chooser {
        config,
        request,
        dice: &dice,
        cookies: None,
        path: None,
        hash_key: None,
        session: None,
    };
    let choices = config.services.iter();
    Decision {
        choices: choices.map(|service| chooser.choose(service)).collect(),
        session: chooser.session,
    }
}

/// Chooses the versions for one request, and keeps the values of the request that were read so far.
struct Chooser<'a, R> {
    config: &'a Config,
    request: &'a R,
    dice: &'a dyn Fn() -> u64,
    cookies: Option<Vec<u8>>,
    path: Option<Vec<u8>>,
    /// The key to hash, and the reason for a choice that uses this key. `None` until a choice needs the key.
    hash_key: Option<(Reason, Vec<u8>)>,
    session: Option<u64>,
}

impl<R: Request> Chooser<'_, R> {
    fn choose(&mut self, service: &Service) -> Choice {
        let values = self.request.headers(&service.header);
        let (version, reason) = self.version_and_reason(service, &values);
        // The header counts as set only if it has exactly one value. A second value could match the route of another version.
        let is_set = service.versions.get(version).is_some_and(
            |version| matches!(values.as_slice(), [value] if value == version.name.as_bytes()),
        );
        Choice {
            version,
            reason,
            is_set,
        }
    }

    fn version_and_reason(&mut self, service: &Service, values: &[Vec<u8>]) -> (usize, Reason) {
        if self.config.everyone_on_stable || service.everyone_on_stable {
            return (service.stable, Reason::KillSwitch);
        }
        if let Some(requested) = self.requested_version(service, values) {
            return requested;
        }
        if self.hash_key.is_none() {
            self.hash_key = Some(self.find_hash_key());
        }
        match &self.hash_key {
            Some((Reason::HealthCheck, _)) | None => (service.stable, Reason::HealthCheck),
            Some((reason, key)) => {
                let entries = service.versions.iter().map(|v| (v.seed, v.weight));
                let version = weighted_choice(key, entries);
                (version.unwrap_or(service.stable), *reason)
            }
        }
    }

    /// Returns the version that the request names, or that the configuration assigns to the user, and the reason. `values` are all
    /// values of the service's own header in the request.
    fn requested_version(
        &mut self,
        service: &Service,
        values: &[Vec<u8>],
    ) -> Option<(usize, Reason)> {
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

    /// Whether `header` may choose the version. If the caller is inside the mesh, every header may choose it. If the caller is
    /// outside the mesh, only the headers in `from_outside` may choose it.
    fn may_choose(&self, service: &Service, header: &str) -> bool {
        service.from_outside.iter().any(|allowed| allowed == header) || self.is_inside()
    }

    fn is_inside(&self) -> bool {
        self.request.principal().is_some_and(|principal| {
            let mut prefixes = self.config.inside_identities.iter();
            prefixes.any(|prefix| principal.starts_with(prefix.as_bytes()))
        })
    }

    /// For a request that names no version: returns the key whose hash selects the version, and the reason for a choice by this
    /// key.
    fn find_hash_key(&mut self) -> (Reason, Vec<u8>) {
        if let Some(user) = self.request.claim(&self.config.subject_claim) {
            return (Reason::UserHash, user);
        }
        if let Some(header) = &self.config.session_header
            && let Some(session) = self.request.header(header)
        {
            return (Reason::SessionHash, session);
        }
        let own_cookie = self.config.cookie.as_ref().map(|cookie| &cookie.name);
        for name in self.config.session_cookie.iter().chain(own_cookie) {
            if let Some(session) = cookie::find(self.cookies(), name) {
                return (Reason::SessionHash, session.to_vec());
            }
        }
        if self.is_health_check() {
            return (Reason::HealthCheck, Vec::new());
        }
        let session = (self.dice)();
        self.session = Some(session);
        (Reason::Random, cookie::format_session(session).into_bytes())
    }

    fn is_health_check(&mut self) -> bool {
        let agents = &self.config.health_checkers;
        let is_checker = self.request.header("user-agent").is_some_and(|agent| {
            let mut agents = agents.iter();
            agents.any(|prefix| agent.starts_with(prefix.as_bytes()))
        });
        let paths = &self.config.health_paths;
        is_checker
            || !paths.is_empty() && {
                let path = self.path().split(|b| *b == b'?').next();
                paths
                    .iter()
                    .any(|health_path| path == Some(health_path.as_bytes()))
            }
    }

    fn cookies(&mut self) -> &[u8] {
        // Several `cookie` headers are joined into one value, separated by semicolons (RFC 9113, section 8.2.3).
        let read = || self.request.headers("cookie").join(&b"; "[..]);
        self.cookies.get_or_insert_with(read)
    }

    fn path(&mut self) -> &[u8] {
        let read = || self.request.header(":path").unwrap_or_default();
        self.path.get_or_insert_with(read)
    }
}

/// The value of the query parameter `name`. If the query contains `name` more than once, the first value counts. The value is not
/// decoded, because the names of versions contain no escaped characters.
fn parameter<'p>(path: &'p [u8], name: &[u8]) -> Option<&'p [u8]> {
    let (_, query) = split_once(path, b'?')?;
    query.split(|b| *b == b'&').find_map(|pair| {
        let (key, value) = split_once(pair, b'=')?;
        (key == name).then_some(value)
    })
}
