//! The filter's entry points in Envoy: the root context, which reads the configuration, and a new context for each request.

use std::cell::Cell;
use std::rc::Rc;

use proxy_wasm::traits::{Context, HttpContext, RootContext};
use proxy_wasm::types::ContextType;
use stoa_filter::envoy;

use crate::config::Config;
use crate::delayed;
use crate::stream::Stream;
use crate::worker::{Plugin, now_millis};

proxy_wasm::main! {{
    proxy_wasm::set_root_context(|_| Box::new(Root { plugin: Rc::default() }));
}}

struct Root {
    plugin: Rc<Plugin>,
}

impl Context for Root {}

impl RootContext for Root {
    fn on_configure(&mut self, size: usize) -> bool {
        let Some(config) = envoy::configuration("payment-fault", size, Config::parse) else {
            return false;
        };
        envoy::log_warnings("payment-fault", &config.warnings);
        self.plugin = Rc::new(Plugin {
            config: Some(config),
            ticking: Cell::new(false),
        });
        true
    }

    fn on_tick(&mut self) {
        delayed::release_due(now_millis(), &self.plugin.ticking);
    }

    fn create_http_context(&self, id: u32) -> Option<Box<dyn HttpContext>> {
        Some(Box::new(Stream::new(Rc::clone(&self.plugin), id)))
    }

    fn get_type(&self) -> Option<ContextType> {
        Some(ContextType::HttpContext)
    }
}
