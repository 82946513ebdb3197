//! The saga against the services it calls: each way it can end, each way it can break, and what recovery makes of it.

mod crashes;
mod ends;
mod races;
mod requests;
mod world;
