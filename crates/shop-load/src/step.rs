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
            /// All steps.
            pub const ALL: [Step; [$(Step::$step),*].len()] = [$(Step::$step),*];

            /// Its name for people.
            pub fn word(self) -> &'static str {
                match self {
                    $(Step::$step => $word),*
                }
            }
        }
    };
}

steps! {
    /// `GET /product`
    List "list",
    /// `GET /product` with a page token.
    NextPage "next page",
    /// `GET /product` with a word of a product's name.
    Search "search",
    /// `GET /product/{product_id}`
    Product "product",
    /// `POST /user/register`
    Register "register",
    /// `POST /user/login`
    LogIn "log in",
    /// `DELETE /cart`, after a refused order.
    EmptyCart "empty cart",
    /// `PUT /cart/items/{sku}`
    PutInCart "put in cart",
    /// `GET /cart`
    ReadCart "read cart",
    /// `POST /order`, including each repeat of an order without a result.
    Order "order",
    /// `GET /order/{order_id}`
    ReadOrder "read order",
    /// `POST /order` again, with the key of an order that has a result.
    RepeatOrder "repeat order",
    /// `GET /shipping/{tracking_number}`
    Track "track",
    /// `GET /notification`
    Inbox "inbox",
}
