//! Binds and serves listeners. A listener is bound before any component is compiled. So a port in use is reported at once, and a
//! client that connects early waits for its response. Requests are served once the components are loaded.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;

use stoa_runtime::{Filter, LoadedApp, ServeOptions};

use crate::error::{ListenerRole, UpError};
use crate::stopping::{GRACE_PERIOD, Tasks, stopped};

pub(crate) fn bind(address: SocketAddr, role: ListenerRole) -> Result<TcpListener, UpError> {
    let bound = TcpListener::bind(address).and_then(|listener| {
        listener.set_nonblocking(true)?;
        Ok(listener)
    });
    bound.map_err(|error| match error.kind() {
        io::ErrorKind::AddrInUse => UpError::AddressInUse { address, role },
        _ => UpError::Bind {
            address,
            role,
            error,
        },
    })
}

/// The URL of a listener, such as `http://127.0.0.1:8080`.
pub(crate) fn url(listener: &TcpListener) -> Result<String, UpError> {
    let address = listener.local_addr().map_err(UpError::Listener)?;
    Ok(format!("http://{address}"))
}

/// Serves an application on a listener, until `tasks` are stopped.
pub(crate) fn serve(
    listener: TcpListener,
    app: &Arc<LoadedApp>,
    filter: Option<Filter>,
    tasks: &mut Tasks,
) -> Result<(), UpError> {
    let listener = tokio::net::TcpListener::from_std(listener).map_err(UpError::Listener)?;
    let options = ServeOptions {
        filter,
        grace: GRACE_PERIOD,
    };
    let stop = stopped(tasks.stopping());
    let serving = stoa_runtime::serve(listener, Arc::clone(app), options, stop);
    tasks.add(tokio::spawn(serving));
    Ok(())
}
