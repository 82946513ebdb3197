//! Accounts: made once, logged in, and used again until something about their cart is in doubt.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use http::Method;
use serde_json::json;
use tokio::time::Instant;
use uuid::Uuid;

use crate::answer::{Answer, Failure};
use crate::check;
use crate::session::{Ask, Gone, Session};
use crate::step::Step;
use crate::transport::Transport;
use crate::wire::{Token, User};

const PASSWORD: &str = "correct horse battery";
/// What a journey takes up to its order. A token that is not good for that, and for as long as the order may be repeated, is
/// renewed before.
const REST: Duration = Duration::from_secs(50);
/// How often who is sent away with 429 comes back.
const PATIENCE: u32 = 5;

/// A customer's account.
#[derive(Debug)]
pub(crate) struct Account {
    email: String,
    pub(crate) user_id: Uuid,
    pub(crate) token: String,
    expires: Instant,
    /// Something may be in the cart.
    pub(crate) dirty: bool,
    /// The shop may still empty the cart at any moment, or have an order that nobody heard of: not to be used again.
    pub(crate) doubtful: bool,
    pub(crate) orders: BTreeSet<Uuid>,
    pub(crate) cookies: BTreeMap<String, String>,
}

impl Account {
    /// The next journey logs in again.
    pub(crate) fn log_out(&mut self) {
        self.expires = Instant::now();
    }
}

impl<T: Transport> Session<T> {
    /// An account that nobody else uses, logged in; one that is made now if there is none.
    pub(crate) async fn account(&mut self) -> Result<Account, Gone> {
        let plan = &self.world.plan;
        // The last repeat is sent before its buyer gives up, and then takes its time.
        let needed = REST
            .saturating_add(plan.give_up)
            .saturating_add(plan.timeout);
        match self.world.take_account() {
            None => self.sign_up().await,
            Some(account) if account.expires.duration_since(Instant::now()) > needed => Ok(account),
            Some(mut account) => {
                let email = account.email.clone();
                match self.log_in(&email).await {
                    Ok(token) => {
                        account.log_in(token);
                        Ok(account)
                    }
                    Err(gone) => {
                        self.world.give_back(account);
                        Err(gone)
                    }
                }
            }
        }
    }

    /// Registers and logs in.
    pub(crate) async fn sign_up(&mut self) -> Result<Account, Gone> {
        let email = format!("load-{}@example.com", Uuid::now_v7().simple());
        let body = json!({"email": email, "password": PASSWORD, "name": "Load"});
        let ask = Ask::new(Method::POST, "/user/register").json(body);
        let user = self
            .patiently(Step::Register, &ask, |answer| {
                let user: User = answer.expect(201)?;
                check::user(&user, &email).map_err(Failure::Wrong)?;
                Ok(user)
            })
            .await?;
        let token = self.log_in(&email).await?;
        let mut account = Account {
            email,
            user_id: user.user_id,
            token: String::new(),
            expires: Instant::now(),
            dirty: false,
            doubtful: false,
            orders: BTreeSet::new(),
            cookies: BTreeMap::new(),
        };
        account.log_in(token);
        Ok(account)
    }

    async fn log_in(&mut self, email: &str) -> Result<Token, Gone> {
        let body = json!({"email": email, "password": PASSWORD});
        let ask = Ask::new(Method::POST, "/user/login").json(body);
        self.patiently(Step::LogIn, &ask, |answer| {
            let token: Token = answer.expect(200)?;
            check::token(&token).map_err(Failure::Wrong)?;
            Ok(token)
        })
        .await
    }

    /// Asks, and again where the gateway says that too many do.
    async fn patiently<R>(
        &mut self,
        step: Step,
        ask: &Ask,
        judge: impl Fn(&Answer) -> Result<R, Failure>,
    ) -> Result<R, Gone> {
        let mut left = PATIENCE;
        loop {
            let failure = match self.need(step, ask.clone(), &judge).await {
                Ok(right) => return Ok(right),
                Err(failure) => failure,
            };
            let Failure::Status {
                status: 429,
                retry_after,
                ..
            } = failure
            else {
                return Err(Gone::Failed);
            };
            if left == 0 {
                return Err(Gone::Failed);
            }
            left -= 1;
            // Not all at the same moment.
            let wait = retry_after.unwrap_or(Duration::from_secs(1));
            let wait = wait + Duration::from_secs(1).mul_f64(self.rng.f64());
            self.pause(wait).await?;
        }
    }
}

impl Account {
    fn log_in(&mut self, token: Token) {
        self.token = token.access_token;
        self.expires = Instant::now() + Duration::from_secs(token.expires_in);
    }
}
