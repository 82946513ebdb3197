//! The placement without a mesh: all components run in this process, behind two listeners.

use std::net::TcpListener;
use std::sync::Arc;

use stoa_manifest::App;
use stoa_runtime::{AppOptions, Filter, Runtime};

use crate::document::Document;
use crate::engine::{LoadedPart, Part};
use crate::error::{ListenerRole, UpError};
use crate::listeners::{bind, serve, url};
use crate::notice::{Notice, Reporter};
use crate::options::Options;
use crate::placement::Placement;
use crate::run::Addresses;
use crate::stopping::Tasks;
use crate::timers::Callee;

/// An application whose components all run in this process.
pub(crate) struct Plain {
    components: usize,
    gateway: String,
    /// The main listener. `None` once the listener is served.
    listener: Option<TcpListener>,
}

impl Plain {
    /// Binds the main listener.
    pub(crate) fn prepare(options: &Options, app: &App) -> Result<(Self, Part), UpError> {
        let listener = bind(options.listen, ListenerRole::Gateway)?;
        let plain = Self {
            components: app.components.len(),
            gateway: url(&listener)?,
            listener: Some(listener),
        };
        let part = Part {
            app: app.clone(),
            options: AppOptions::default(),
        };
        Ok((plain, part))
    }
}

impl Placement for Plain {
    type Parts = Part;
    type Loaded = [LoadedPart; 1];

    fn start(&mut self, reporter: &dyn Reporter) -> Result<(), UpError> {
        reporter.notice(Notice::Loading {
            components: self.components,
        });
        Ok(())
    }

    fn load(runtime: &Runtime, part: Part) -> Result<[LoadedPart; 1], UpError> {
        Ok([part.load(runtime)?])
    }

    fn serve(&mut self, _: &[LoadedPart; 1], _: &mut Tasks) -> Result<(), UpError> {
        Ok(())
    }

    async fn ready(&self) -> Result<(), UpError> {
        Ok(())
    }

    fn addresses(&self) -> Result<Addresses, UpError> {
        Ok(Addresses {
            gateway: self.gateway.clone(),
            compiled: None,
            mesh: Vec::new(),
        })
    }

    fn open(
        &mut self,
        operator: TcpListener,
        [part]: &[LoadedPart; 1],
        document: Option<&Arc<Document>>,
        tasks: &mut Tasks,
    ) -> Result<Callee, UpError> {
        let exposed = document.cloned().map(|document| -> Filter {
            Arc::new(move |method, path| document.exposure(method, path))
        });
        if let Some(gateway) = self.listener.take() {
            serve(gateway, &part.loaded, exposed, tasks)?;
        }
        serve(operator, &part.loaded, None, tasks)?;
        Ok(Callee::App(Arc::clone(&part.loaded)))
    }

    async fn close(&self) {}

    async fn stop(self) {}
}
