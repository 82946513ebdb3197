//! The HTTP interface: the routes, their handlers, and the status and code of each error.

use http::{HeaderValue, Method, StatusCode, header};
use serde_json::json;
use stoa_service::route::{self, Answer, Route};
use stoa_service::token::{self, AUDIENCE, Claims, ISSUER};
use stoa_service::{Problem, Request, Service, log};

use self::bodies::{Credentials, ProfileChange, Registration};
use crate::app::App;
use crate::client_address;
use crate::domain::{self, User};
use crate::error::Error;
use crate::store::accounts;

mod bodies;

impl Service for App {
    const NAME: &'static str = "user";
    const ROUTES: &'static [Route<Self>] = &[
        Route::new(Method::GET, "/user", describe),
        Route::new(Method::POST, "/user/register", register),
        Route::new(Method::POST, "/user/login", log_in),
        Route::new(Method::GET, "/user/me", show),
        Route::new(Method::PATCH, "/user/me", change),
        Route::new(Method::GET, "/user/jwks", show_key_set),
    ];
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        use StatusCode as S;
        let detail = error.to_string();
        let internal = |cause: String| {
            Self::new(
                S::INTERNAL_SERVER_ERROR,
                "internal",
                "internal error; the log has the cause",
            )
            .caused_by(cause)
        };
        match error {
            Error::Invalid(error) => error.into(),
            Error::EmailTaken => Self::conflict("email_taken", detail),
            Error::InvalidCredentials => Self::new(S::UNAUTHORIZED, "invalid_credentials", detail),
            Error::NoAccount => Self::unauthorized(detail),
            Error::TooManyAttempts { seconds, bucket } => {
                Self::new(S::TOO_MANY_REQUESTS, "too_many_attempts", detail)
                    .retry_after(seconds)
                    .caused_by(format!(
                        "the limit of failed log-ins for this {bucket} is reached"
                    ))
            }
            Error::Password(error) => internal(error.to_string()),
            Error::Key(error) => internal(error.to_string()),
            Error::Database(error) => error.into(),
        }
    }
}

/// Returns the account to which the request's token belongs. Rejects a token whose account no longer exists.
fn authenticated_user(app: &App, request: &Request) -> Result<User, Problem> {
    let token = request.bearer()?;
    let keys = app.signing_keys()?;
    let key = keys.find(&token::key_id(token)?);
    let key = key.ok_or_else(token::unknown_key)?.decoding_key();
    let claims = token::decode(token, &key.map_err(Error::from)?)?;
    Ok(accounts::find(&*app.db, claims.sub)?)
}

fn describe(_: &App, request: &Request) -> Answer {
    request.query([])?;
    route::json(
        StatusCode::OK,
        &json!({
            "service": App::NAME,
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
    let Registration {
        email,
        password,
        name,
    } = request.json()?;
    let email = domain::parse_email(&email)?;
    domain::check_password(password.expose())?;
    let name = domain::parse_name(&name)?;
    let hash = app.passwords.hash(&password.normalized());
    let hash = hash.map_err(Error::from)?;
    let user = accounts::add(&*app.db, &email, &name, &hash, app.now())?;
    let fields = json!({"user_id": user.user_id});
    log::info(request.context(), "user registered", fields);
    route::json(StatusCode::CREATED, &user)
}

fn log_in(app: &App, request: &Request) -> Answer {
    request.query([])?;
    let Credentials { email, password } = request.json()?;
    // Text that is not an e-mail address cannot have an account. The text is still looked up like an e-mail address, so that every
    // rejection takes the same work. The attempt counts for this text, so people with different typing errors do not use up each
    // other's attempts.
    let email = domain::parse_email(&email).unwrap_or(email);
    let address = client_address::find(request.headers(), app.config.trusted_hops);
    let user = app.authenticate(&email, &password, address)?;
    let fields = json!({"user_id": user.user_id});
    let access_token = access_token(app, user)?;
    log::info(request.context(), "user logged in", fields);
    let expires_in = app.config.token_ttl_seconds;
    let mut response = route::json(
        StatusCode::OK,
        &json!({"access_token": access_token, "token_type": "Bearer", "expires_in": expires_in}),
    )?;
    // No cache may store a token (RFC 6749, section 5.1).
    let no_store = HeaderValue::from_static("no-store");
    response
        .headers_mut()
        .insert(header::CACHE_CONTROL, no_store);
    Ok(response)
}

/// Creates a signed token for the user.
fn access_token(app: &App, user: User) -> Result<String, Problem> {
    let issued_at = u64::try_from(app.now() / 1000).unwrap_or_default();
    let claims = Claims {
        sub: user.user_id,
        iss: ISSUER.to_owned(),
        aud: AUDIENCE.to_owned(),
        iat: issued_at,
        exp: issued_at + u64::from(app.config.token_ttl_seconds),
        email: user.email,
        name: user.name,
        phone: user.phone,
    };
    let keys = app.signing_keys()?;
    let key = keys.signing_key();
    let encoding_key = key.encoding_key().map_err(Error::from)?;
    token::encode(&claims, &encoding_key, key.kid())
}

fn show(app: &App, request: &Request) -> Answer {
    request.query([])?;
    route::json(StatusCode::OK, &authenticated_user(app, request)?)
}

fn change(app: &App, request: &Request) -> Answer {
    let user = authenticated_user(app, request)?;
    request.query([])?;
    let ProfileChange { name, phone } = request.json()?;
    let name = name.map(|name| domain::parse_name(&name)).transpose()?;
    let phone = phone.map(|phone| phone.map(|phone| domain::parse_phone(&phone)).transpose());
    let phone = phone.transpose()?;
    let phone = phone.as_ref().map(Option::as_deref);
    let user = accounts::change(&*app.db, user.user_id, name.as_deref(), phone)?;
    route::json(StatusCode::OK, &user)
}

fn show_key_set(app: &App, request: &Request) -> Answer {
    request.query([])?;
    let mut response = route::json(StatusCode::OK, &app.signing_keys()?.key_set())?;
    response.headers_mut().insert(
        header::CACHE_CONTROL,
        HeaderValue::from_static("public, max-age=300"),
    );
    Ok(response)
}
