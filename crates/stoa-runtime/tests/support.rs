//! Helpers of the tests: start an app with the guests in `guests/`, and send requests over sockets.
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{HeaderMap, Method, Request, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use stoa_manifest::LoadOptions;
use stoa_runtime::{
    AppOptions, Limits, LoadError, LoadedApp, Output, Runtime, RuntimeConfig, ServeOptions, Stream,
    serve,
};
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::runtime::Runtime as Tokio;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

/// The path of the component that was built from a guest.
pub(crate) fn wasm(guest: &str) -> PathBuf {
    built("wasm32-wasip2", guest)
}

/// The path of the module that was built from a guest. Old SDKs build modules instead of components.
pub(crate) fn wasm_module(guest: &str) -> PathBuf {
    built("wasm32-wasip1", &format!("guest-{guest}"))
}

fn built(target: &str, package: &str) -> PathBuf {
    let file = format!("{}.wasm", package.replace('-', "_"));
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target");
    let path = folder.join(target).join("release").join(file);
    assert!(
        path.exists(),
        "{} is missing: run `make wasm` first",
        path.display()
    );
    path
}

/// Records the output of guests.
#[derive(Default)]
pub(crate) struct Printed(Mutex<Vec<(String, Stream, String)>>);

impl Output for Printed {
    fn line(&self, component: &str, stream: Stream, line: &[u8]) {
        let line = String::from_utf8(line.to_vec()).unwrap();
        self.0
            .lock()
            .unwrap()
            .push((component.to_owned(), stream, line));
    }
}

impl Printed {
    pub(crate) fn lines(&self) -> Vec<(String, Stream, String)> {
        self.0.lock().unwrap().clone()
    }
}

/// The settings of an app to start. `{guest-NAME}` in the manifest is replaced by the path of that guest's file.
pub(crate) struct Setup {
    pub(crate) manifest: String,
    pub(crate) limits: Limits,
    pub(crate) options: AppOptions,
    pub(crate) serve: ServeOptions,
    pub(crate) folder: TempDir,
    pub(crate) cache: Option<PathBuf>,
}

impl Setup {
    pub(crate) fn new(manifest: &str) -> Self {
        Self {
            manifest: manifest.to_owned(),
            limits: Limits::default(),
            options: AppOptions::default(),
            serve: ServeOptions::default(),
            folder: tempfile::tempdir().unwrap(),
            cache: Some(shared_cache()),
        }
    }

    pub(crate) fn load(
        &self,
        output: Arc<Printed>,
    ) -> Result<(Runtime, Arc<LoadedApp>), LoadError> {
        let mut text = String::from("spin_manifest_version = 2\n[application]\nname = \"test\"\n");
        text += &self.manifest;
        while let Some(start) = text.find("{guest-") {
            let end = start + text[start..].find('}').unwrap();
            let path = wasm(&text[start + 1..end]);
            text.replace_range(start..=end, path.to_str().unwrap());
        }
        let path = self.folder.path().join("spin.toml");
        std::fs::write(&path, text).unwrap();
        let app =
            stoa_manifest::load(&path, &LoadOptions::default()).unwrap_or_else(|e| panic!("{e}"));
        let config = RuntimeConfig {
            cache_dir: self.cache.clone(),
            limits: self.limits.clone(),
            output,
            ..RuntimeConfig::new(self.folder.path().join("state"))
        };
        let runtime = Runtime::new(config).unwrap();
        let app = runtime.load(&app, self.options.clone())?;
        Ok((runtime, app))
    }

    pub(crate) fn start(self) -> Running {
        let printed = Arc::new(Printed::default());
        let (runtime, app) = self
            .load(Arc::clone(&printed))
            .unwrap_or_else(|e| panic!("{e}"));
        let tokio = stoa_runtime::tokio_runtime(Some(2)).unwrap();
        let listener = tokio.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = oneshot::channel();
        let serving = tokio.spawn(serve(
            listener,
            Arc::clone(&app),
            self.serve.clone(),
            async {
                let _ = stopped.await;
            },
        ));
        let client = Client::builder(TokioExecutor::new()).build_http();
        Running {
            app,
            runtime,
            printed,
            address,
            client,
            stop: Some(stop),
            serving: Some(serving),
            folder: self.folder,
            tokio: Some(tokio),
        }
    }
}

/// The folder for compiled code that all tests share, so that each guest is compiled once.
pub(crate) fn shared_cache() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("compiled")
}

/// A running app; it stops when dropped.
pub(crate) struct Running {
    pub(crate) app: Arc<LoadedApp>,
    pub(crate) runtime: Runtime,
    pub(crate) printed: Arc<Printed>,
    pub(crate) address: SocketAddr,
    pub(crate) folder: TempDir,
    client: Client<HttpConnector, Full<Bytes>>,
    stop: Option<oneshot::Sender<()>>,
    serving: Option<JoinHandle<()>>,
    tokio: Option<Tokio>,
}

/// A complete response.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Answer {
    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }
}

impl Running {
    pub(crate) fn get(&self, path: &str) -> Answer {
        self.wait(self.send(Method::GET, path, Bytes::new()))
    }

    pub(crate) fn post(&self, path: &str, body: impl Into<Bytes>) -> Answer {
        self.wait(self.send(Method::POST, path, body.into()))
    }

    /// Sends a request. The returned future waits for the response.
    pub(crate) fn send(
        &self,
        method: Method,
        path: &str,
        body: Bytes,
    ) -> impl Future<Output = Answer> + Send + 'static {
        let uri = format!("http://{}{path}", self.address);
        let request = Request::builder()
            .method(method)
            .uri(uri)
            .body(Full::new(body));
        let answer = self.client.request(request.unwrap());
        async move {
            let (head, body) = answer.await.unwrap().into_parts();
            Answer {
                status: head.status,
                headers: head.headers,
                body: body.collect().await.unwrap().to_bytes(),
            }
        }
    }

    pub(crate) fn tokio(&self) -> &Tokio {
        self.tokio.as_ref().unwrap()
    }

    pub(crate) fn spawn<F>(&self, work: F) -> JoinHandle<F::Output>
    where
        F: Future<Output: Send> + Send + 'static,
    {
        self.tokio().spawn(work)
    }

    pub(crate) fn wait<F: Future>(&self, work: F) -> F::Output {
        self.tokio().block_on(async {
            tokio::time::timeout(Duration::from_secs(60), work)
                .await
                .expect("the work took longer than 60 s")
        })
    }

    /// Starts the shutdown. The returned handle ends when the shutdown is complete.
    pub(crate) fn stop(&mut self) -> JoinHandle<()> {
        drop(self.stop.take());
        self.serving.take().unwrap()
    }
}

impl Running {
    /// Stops the app. Returns the folder with the app's state, for a restart.
    pub(crate) fn restart_folder(mut self) -> TempDir {
        let stopped = self.stop();
        self.wait(stopped).unwrap();
        std::mem::replace(&mut self.folder, tempfile::tempdir().unwrap())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Some(tokio) = self.tokio.take() {
            tokio.shutdown_background();
        }
    }
}

/// Waits until `condition` returns true, at most 10 s. `description` names the condition in the error.
pub(crate) fn until(description: &str, mut condition: impl FnMut() -> bool) {
    let end = Instant::now() + Duration::from_secs(10);
    while !condition() {
        assert!(
            Instant::now() < end,
            "still false after 10 s: {description}"
        );
        std::thread::sleep(Duration::from_millis(2));
    }
}
