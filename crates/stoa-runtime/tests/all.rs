//! Built guests, run over real HTTP. One module an area; `support.rs` starts apps and sends requests.
mod cache;
mod counter;
mod dependencies;
mod key_value;
mod limits;
mod load;
mod outbound;
mod output;
mod routing;
mod sqlite;
mod stop;
mod support;
mod variables;
