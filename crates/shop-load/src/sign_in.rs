//! Provides accounts for customers: registers and logs in, or reuses a free account.

use std::time::Duration;

use http::Method;
use serde_json::json;
use uuid::Uuid;

use crate::account::Account;
use crate::answer::Answer;
use crate::check::account as check;
use crate::failure::Failure;
use crate::interrupted::Interrupted;
use crate::request::ShopRequest;
use crate::session::Session;
use crate::step::Step;
use crate::transport::Transport;
use crate::wire::{Token, User};

/// Password of all simulated customers.
const PASSWORD: &str = "correct horse battery";
/// Maximum time from the start of a journey to its order. A token that expires within this time, plus the time for repeats of the
/// order, is renewed before the journey.
const JOURNEY_TIME: Duration = Duration::from_secs(50);
/// Maximum number of retries of a registration or log-in that the gateway rejects with 429.
const MAX_RETRIES_AFTER_429: u32 = 5;

impl<T: Transport> Session<T> {
    /// Takes a free account, and logs in again if necessary. Creates a new account if no account is free.
    pub(crate) async fn take_account(&mut self) -> Result<Account, Interrupted> {
        let plan = &self.world.plan;
        // A buyer may send an order for the last time just before giving up. The response to this request may take as long as the
        // request's timeout permits.
        let needed = JOURNEY_TIME
            .saturating_add(plan.give_up)
            .saturating_add(plan.timeout);
        let mut account = match self.world.take_account() {
            None => return self.sign_up().await,
            Some(account) if account.is_valid_for(needed) => return Ok(account),
            Some(account) => account,
        };
        match self.log_in(&account.email).await {
            Ok(token) => {
                account.log_in(token);
                Ok(account)
            }
            Err(interrupted) => {
                self.world.return_account(account);
                Err(interrupted)
            }
        }
    }

    /// Registers a new account, and logs in.
    pub(crate) async fn sign_up(&mut self) -> Result<Account, Interrupted> {
        let email = format!("load-{}@example.com", Uuid::now_v7().simple());
        let body = json!({"email": email, "password": PASSWORD, "name": "Load"});
        let request = ShopRequest::new(Method::POST, "/user/register").json(body);
        let user = self
            .require_with_retries(Step::Register, &request, |answer| {
                let user: User = answer.expect(201)?;
                check::user(&user, &email).map_err(Failure::Wrong)?;
                Ok(user)
            })
            .await?;
        let token = self.log_in(&email).await?;
        Ok(Account::new(email, user.user_id, token))
    }

    async fn log_in(&mut self, email: &str) -> Result<Token, Interrupted> {
        let body = json!({"email": email, "password": PASSWORD});
        let request = ShopRequest::new(Method::POST, "/user/login").json(body);
        self.require_with_retries(Step::LogIn, &request, |answer| {
            let token: Token = answer.expect(200)?;
            check::token(&token).map_err(Failure::Wrong)?;
            Ok(token)
        })
        .await
    }

    /// Sends a request like [`Session::require`], and retries after a rejection with 429.
    async fn require_with_retries<R>(
        &mut self,
        step: Step,
        request: &ShopRequest,
        check: impl Fn(&Answer) -> Result<R, Failure>,
    ) -> Result<R, Interrupted> {
        let mut retries_left = MAX_RETRIES_AFTER_429;
        loop {
            let failure = match self.require(step, request.clone(), &check).await {
                Ok(value) => return Ok(value),
                Err(failure) => failure,
            };
            let Failure::Status {
                status: 429,
                retry_after,
                ..
            } = failure
            else {
                return Err(Interrupted::Failed);
            };
            if retries_left == 0 {
                return Err(Interrupted::Failed);
            }
            retries_left -= 1;
            // Adds up to a second at random, so that the customers do not all retry at the same moment.
            let wait = retry_after.unwrap_or(Duration::from_secs(1));
            let wait = wait + Duration::from_secs(1).mul_f64(self.rng.f64());
            self.pause(wait).await?;
        }
    }
}
