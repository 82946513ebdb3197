//! Routes, decoding, and which rule answers with which status.

use http::{HeaderValue, Method, StatusCode, header};
use serde_json::json;
use stoa_service::route::{self, Answer, Route};
use stoa_service::sql::Database;
use stoa_service::time::Millis;
use stoa_service::token::{self, AUDIENCE, Claims, ISSUER};
use stoa_service::{Problem, Request, Service, log};

use crate::client;
use crate::config::Config;
use crate::domain::{self, Change, Login, Register, User};
use crate::keys::SigningKey;
use crate::password::{self, Passwords};
use crate::store;
use crate::throttle::{Attempt, Refused};

/// The service's name.
pub const SERVICE: &str = "user";

/// What the handlers work with.
pub struct App {
    /// The settings.
    pub config: Config,
    /// The database.
    pub db: Box<dyn Database>,
    /// What hashes passwords.
    pub passwords: Box<dyn Passwords>,
    /// The wall clock; a test has its own.
    pub clock: Box<dyn Fn() -> Millis>,
}

/// Every route of this service.
pub const ROUTES: &[Route<App>] = &[
    Route::new(Method::GET, "/user", describe),
    Route::new(Method::POST, "/user/register", register),
    Route::new(Method::POST, "/user/login", login),
    Route::new(Method::GET, "/user/me", show),
    Route::new(Method::PATCH, "/user/me", change),
    Route::new(Method::GET, "/user/jwks", key_set),
];

impl Service for App {
    const NAME: &'static str = SERVICE;
    const ROUTES: &'static [Route<Self>] = ROUTES;
}

impl App {
    fn now(&self) -> Millis {
        (self.clock)()
    }

    fn key(&self) -> Result<SigningKey, Problem> {
        match &self.config.key {
            Some(key) => Ok(key.clone()),
            None => Ok(store::generated_key(&*self.db, self.now())?),
        }
    }

    /// The account of the request's token. A token of an account that is gone is no better than none.
    fn caller(&self, request: &Request) -> Result<User, Problem> {
        let token = request.bearer()?;
        let key = self.key()?.decoding_key().map_err(internal)?;
        let claims = token::decode(token, &key)?;
        store::by_id(&*self.db, claims.sub)?.ok_or_else(no_account)
    }
}

fn no_account() -> Problem {
    Problem::unauthorized("Authorization: the token's account does not exist")
}

fn internal(cause: String) -> Problem {
    Problem::new(
        StatusCode::INTERNAL_SERVER_ERROR,
        "internal",
        "something went wrong here; the log says what",
    )
    .caused_by(cause)
}

fn too_many_attempts(refused: Refused) -> Problem {
    match refused {
        Refused::Sql(error) => error.into(),
        Refused::Full { seconds, of } => Problem::new(
            StatusCode::TOO_MANY_REQUESTS,
            "too_many_attempts",
            format!("email, password: too many that did not fit; try again in {seconds} s"),
        )
        .retry_after(seconds)
        .caused_by(format!("no more for this {of}")),
    }
}

fn describe(_: &App, request: &Request) -> Answer {
    request.query([])?;
    route::json(
        StatusCode::OK,
        &json!({
            "service": SERVICE,
            "description": "Accounts and tokens: register, log in, and send the token as `Authorization: Bearer <token>`.",
            "issuer": ISSUER,
            "links": {
                "register": "POST /user/register",
                "login": "POST /user/login",
                "me": "GET /user/me",
                "jwks": "GET /user/jwks",
            },
        }),
    )
}

fn register(app: &App, request: &Request) -> Answer {
    request.query([])?;
    let wanted: Register = request.json()?;
    let email = domain::email(&wanted.email).map_err(Problem::invalid)?;
    domain::new_password(&wanted.password).map_err(Problem::invalid)?;
    let name = domain::name(&wanted.name).map_err(Problem::invalid)?;
    let password = wanted.password.normalized();
    let hash = app.passwords.hash(&password).map_err(internal)?;
    let user = store::add(&*app.db, &email, &name, &hash, app.now())?.ok_or_else(|| {
        Problem::conflict("email_taken", "email: this address has an account already")
    })?;
    let fields = json!({"user_id": user.user_id});
    log::info(request.context(), "registered", fields);
    route::json(StatusCode::CREATED, &user)
}

fn login(app: &App, request: &Request) -> Answer {
    request.query([])?;
    let Login { email, password } = request.json()?;
    // What is not an address has no account, and is looked up all the same: every rejection does the same work. It counts against what
    // was typed, so that two people who mistype do not use up each other's attempts.
    let email = domain::email(&email).unwrap_or(email);
    let address = client::address(request.headers(), app.config.trusted_hops);
    let attempt = Attempt::new(&email, address);
    let admitted = attempt
        .admit(&*app.db, &app.config.login_attempts, app.now())
        .map_err(too_many_attempts)?;
    let account = store::by_email(&*app.db, &email)?;
    let hash = account.as_ref().map(|(_, hash)| hash.as_str());
    let fits = password::check(&*app.passwords, &password, hash).map_err(internal)?;
    let Some((user, _)) = account.filter(|_| fits) else {
        return Err(Problem::new(
            StatusCode::UNAUTHORIZED,
            "invalid_credentials",
            "email, password: no account has these two",
        ));
    };
    admitted.succeeded(&*app.db, app.now())?;
    let ttl = app.config.token_ttl_seconds;
    let issued_at = u64::try_from(app.now() / 1000).unwrap_or_default();
    let fields = json!({"user_id": user.user_id});
    let claims = Claims {
        sub: user.user_id,
        iss: ISSUER.to_owned(),
        aud: AUDIENCE.to_owned(),
        iat: issued_at,
        exp: issued_at + u64::from(ttl),
        email: user.email,
        name: user.name,
        phone: user.phone,
    };
    let key = app.key()?;
    let access_token = token::encode(&claims, &key.encoding_key().map_err(internal)?, key.kid())?;
    log::info(request.context(), "logged in", fields);
    let mut response = route::json(
        StatusCode::OK,
        &json!({"access_token": access_token, "token_type": "Bearer", "expires_in": ttl}),
    )?;
    // RFC 6749, section 5.1: no cache may keep a token.
    let no_store = HeaderValue::from_static("no-store");
    response
        .headers_mut()
        .insert(header::CACHE_CONTROL, no_store);
    Ok(response)
}

fn show(app: &App, request: &Request) -> Answer {
    request.query([])?;
    route::json(StatusCode::OK, &app.caller(request)?)
}

fn change(app: &App, request: &Request) -> Answer {
    let user = app.caller(request)?;
    request.query([])?;
    let Change { name, phone } = request.json()?;
    let name = name.map(|n| domain::name(&n)).transpose();
    let name = name.map_err(Problem::invalid)?;
    let phone = phone.map(|p| p.map(|p| domain::phone(&p)).transpose());
    let phone = phone.transpose().map_err(Problem::invalid)?;
    let phone = phone.as_ref().map(Option::as_deref);
    let user = store::change(&*app.db, user.user_id, name.as_deref(), phone)?;
    route::json(StatusCode::OK, &user.ok_or_else(no_account)?)
}

fn key_set(app: &App, request: &Request) -> Answer {
    request.query([])?;
    let mut response = route::json(StatusCode::OK, &app.key()?.key_set())?;
    response.headers_mut().insert(
        header::CACHE_CONTROL,
        HeaderValue::from_static("public, max-age=300"),
    );
    Ok(response)
}
