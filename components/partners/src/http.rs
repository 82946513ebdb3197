//! The routes of all third parties.

use http::Method;
use stoa_service::Service;
use stoa_service::outbound::Outbound;
use stoa_service::route::Route;
use stoa_service::sql::Database;

use crate::config::Config;
use crate::{carrier, messages, pim, processor, script};

/// The name in logs.
pub const SERVICE: &str = "partners";

/// What the handlers work with.
pub struct App {
    /// The settings.
    pub config: Config,
    /// The database.
    pub db: Box<dyn Database>,
    /// The way back to the shop, for the carrier's reports.
    pub outbound: Box<dyn Outbound>,
}

/// Every route. Those that read the books, move a parcel or write a script are never scripted themselves.
pub const ROUTES: &[Route<App>] = &[
    Route::new(Method::GET, "/pim/products/{sku}", pim::show),
    Route::new(Method::POST, "/processor/charges", processor::charge),
    Route::new(Method::GET, "/processor/charges", processor::charges),
    Route::new(Method::POST, "/processor/refunds", processor::refund),
    Route::new(Method::GET, "/processor/ledger", processor::ledger),
    Route::new(Method::POST, "/carrier/shipments", carrier::create),
    Route::new(Method::GET, "/carrier/shipments", carrier::list),
    Route::new(Method::GET, "/carrier/book", carrier::book),
    Route::new(
        Method::POST,
        "/carrier/shipments/{tracking_number}/cancel",
        carrier::cancel,
    ),
    Route::new(
        Method::POST,
        "/carrier/shipments/{tracking_number}/advance",
        carrier::advance,
    ),
    Route::new(Method::POST, "/courier/messages", messages::send_mail),
    Route::new(Method::GET, "/courier/messages", messages::mails),
    Route::new(Method::POST, "/sms/messages", messages::send_sms),
    Route::new(Method::GET, "/sms/messages", messages::texts),
    Route::new(Method::GET, "/script", script::list),
    Route::new(Method::PUT, "/script/{partner}", script::put),
    Route::new(Method::DELETE, "/script/{partner}", script::delete),
];

impl Service for App {
    const NAME: &'static str = SERVICE;
    const ROUTES: &'static [Route<Self>] = ROUTES;
}
