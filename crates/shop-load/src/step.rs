//! The steps of a journey, in the order of the report.

use serde::Serialize;

macro_rules! steps {
    ($($(#[$doc:meta])* $step:ident $word:literal),* $(,)?) => {
        /// A step of a journey: one request.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
        #[serde(rename_all = "snake_case")]
        pub enum Step {
            $($(#[$doc])* $step),*
        }

        impl Step {
            /// All steps, in the order of the report.
            pub const ALL: [Step; [$(Step::$step),*].len()] = [$(Step::$step),*];

            /// The step's name for people, such as `read cart`.
            pub fn name(self) -> &'static str {
                match self {
                    $(Step::$step => $word),*
                }
            }
        }
    };
}

steps! {
    /// Reads the first page of products: `GET /product`.
    List "list",
    /// Reads a further page of products: `GET /product` with a page token.
    NextPage "next page",
    /// Searches products: `GET /product` with a word of a product's name.
    Search "search",
    /// Reads a product: `GET /product/{product_id}`.
    Product "product",
    /// Creates an account: `POST /user/register`.
    Register "register",
    /// Logs in: `POST /user/login`.
    LogIn "log in",
    /// Empties the cart after the shop rejected an order: `DELETE /cart`.
    EmptyCart "empty cart",
    /// Puts a product into the cart: `PUT /cart/items/{sku}`.
    PutInCart "put in cart",
    /// Reads the cart: `GET /cart`.
    ReadCart "read cart",
    /// Places an order: `POST /order`. If the order has no result yet, sending it again also counts as this step.
    Order "order",
    /// Reads an order: `GET /order/{order_id}`.
    ReadOrder "read order",
    /// Sends an order that has a result once more, with the same key: `POST /order`.
    RepeatOrder "repeat order",
    /// Tracks a parcel: `GET /shipping/{tracking_number}`.
    Track "track",
    /// Reads the inbox: `GET /notification`.
    Inbox "inbox",
}
