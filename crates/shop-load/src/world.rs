//! The state that all customers share.

use std::collections::VecDeque;
use std::sync::{Mutex, OnceLock, PoisonError};

use hdrhistogram::CreationError;

use crate::account::Account;
use crate::orders::Book;
use crate::plan::{Load, Plan};
use crate::record::Recorder;
use crate::stop::{RunEnd, Stop};
use crate::wire::Product;

/// The state that all customers share.
pub(crate) struct World<T> {
    pub(crate) plan: Plan,
    pub(crate) transport: T,
    pub(crate) record: Recorder,
    pub(crate) book: Book,
    pub(crate) ending: RunEnd,
    catalogue: OnceLock<Vec<Product>>,
    accounts: Mutex<VecDeque<Account>>,
}

impl<T> World<T> {
    pub(crate) fn new(plan: Plan, transport: T, stop: Stop) -> Result<Self, CreationError> {
        let open = matches!(plan.load, Load::Open { .. });
        Ok(Self {
            plan,
            transport,
            record: Recorder::new(open)?,
            book: Book::default(),
            ending: RunEnd::new(stop),
            catalogue: OnceLock::new(),
            accounts: Mutex::default(),
        })
    }

    pub(crate) fn set_catalogue(&self, products: Vec<Product>) {
        let _ = self.catalogue.set(products);
    }

    /// All products, as listed before the load began.
    pub(crate) fn catalogue(&self) -> &[Product] {
        self.catalogue.get().map_or(&[], Vec::as_slice)
    }

    /// Takes a free account. Only one customer may use an account at a time, because an account has one cart.
    pub(crate) fn take_account(&self) -> Option<Account> {
        let mut accounts = self.accounts.lock().unwrap_or_else(PoisonError::into_inner);
        accounts.pop_front()
    }

    /// Makes an account free again, so that another customer can use it.
    pub(crate) fn return_account(&self, account: Account) {
        let mut accounts = self.accounts.lock().unwrap_or_else(PoisonError::into_inner);
        accounts.push_back(account);
    }
}
